"""MLflow's refusals, told as ours: the object, the reason and the way out."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from splicemachine_ml.errors import MissingExtraError, TrackingError

# Part of MLflow's message or error code -> what the user can do; the first match counts.
_WAYS_OUT = (
    (
        "Changing param",
        "A parameter keeps its first value: log it under another name, or start another run with "
        "create_new_run().",
    ),
    ("Current state is deleted", "restore_run(run_id) or restore_experiment(experiment_id) brings it back."),
    ("deleted state", "restore_run(run_id) brings a deleted run back."),
    ("RESOURCE_DOES_NOT_EXIST", "search_runs() and search_experiments() list what exists."),
    ("RESOURCE_ALREADY_EXISTS", "Choose another name, or use the one that is there."),
    ("file store", "Give a database instead, such as sqlite:///mlflow.db."),
    ("API request to", "Check the tracking URI and that its server is up."),
)


def shown_uri(text: str) -> str:
    """Return a URI, or a text with URIs in it, without users and passwords, for messages and reprs."""
    text = re.sub(r"//[^/\s]*@", "//", text)
    return re.sub(r"(?i)([?&;](?:password|passwd|pwd|token|secret)=)[^&;\s]*", r"\1...", text)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn whatever MLflow or its database raises while ``doing`` something into a TrackingError.

    ``doing`` is an infinitive with its object ("start a run in experiment 3"); the cause stays chained.
    A package that MLflow lacks (the driver of a database) is a MissingExtraError.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        # MLflow's message on an unreachable server has its address as it was given; a traceback shows it.
        error.args = tuple(shown_uri(one) if isinstance(one, str) else one for one in error.args)
        code = getattr(error, "error_code", "")
        # MLflow explains at length after an empty line; the first paragraph is the reason.
        reason = str(error).split("\n\n")[0].strip().rstrip(".")
        ways = (way for mark, way in _WAYS_OUT if mark in f"{code} {error}")
        raise TrackingError(f"could not {doing}: {reason}. {next(ways, '')}".rstrip()) from error
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"could not {doing}: the package {error.name} is not installed; pip install {error.name}"
        ) from error
    except OSError as error:
        raise TrackingError(f"could not {doing}: {error}") from error


def deprecated(old: str, new: str, *, level: int = 3) -> None:
    """Tell the caller's caller that the spelling ``old`` still works and that ``new`` replaces it."""
    warnings.warn(f"{old} is an old spelling; use {new}", DeprecationWarning, stacklevel=level)
