"""What the manager passes straight to MLflow: one table, with MLflow's own signatures and help."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import mlflow
from mlflow import MlflowClient

from splicemachine_ml.tracking.base import Tracked
from splicemachine_ml.tracking.refusal import translated


def of_client(function: Callable[..., Any]) -> Any:
    """Make a method of the manager from one of MlflowClient; experiment ids may be numbers."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def method(self: Tracked, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        if isinstance(bound.arguments.get("experiment_id"), int):
            bound.arguments["experiment_id"] = str(bound.arguments["experiment_id"])
        with translated(_call(function, bound.args[1:], bound.kwargs)):
            return function(self.client, *bound.args[1:], **bound.kwargs)

    return method


Prepare = Callable[[Tracked, dict[str, Any]], None]


def on_a_run(tracked: Tracked, arguments: dict[str, Any]) -> None:
    """Refuse the call when no run is active, where MLflow would start one by itself."""
    tracked.require_run(arguments.get("run_id"))


def from_what_exists(tracked: Tracked, arguments: dict[str, Any]) -> None:
    """Refuse to register a model that does not exist, where MLflow would leave a name without versions."""
    uri = str(arguments["model_uri"])
    if uri.startswith(("runs:/", "models:/")):
        tracked.make_current()
        mlflow.models.get_model_info(uri)


def of_module(function: Callable[..., Any], *, prepare: Prepare | None = None) -> Any:
    """Make a method of the manager from a function of the mlflow module.

    ``prepare`` sees the arguments by name before the call, and may change them or refuse.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def method(self: Tracked, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        with translated(_call(function, bound.args, bound.kwargs)):
            if prepare is not None:
                prepare(self, bound.arguments)
            self.make_current()
            return function(*bound.args, **bound.kwargs)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    parameters = list(signature.parameters.values())
    # Without this, help() on the bound method would take the first parameter for self.
    vars(method)["__signature__"] = signature.replace(
        parameters=[own.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD), *parameters]
    )
    return method


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    plain = [repr(one) for one in args if isinstance(one, str | int | float)]
    plain += [f"{key}={one!r}" for key, one in kwargs.items() if isinstance(one, str | int | float)]
    return f"call {function.__name__}({', '.join(plain)})"


class Delegated(Tracked):
    """MLflow's operations under their own names; where the manager's meaning differs, it is not here."""

    # -- of the MlflowClient
    create_run = of_client(MlflowClient.create_run)
    delete_experiment = of_client(MlflowClient.delete_experiment)
    delete_run = of_client(MlflowClient.delete_run)
    get_experiment = of_client(MlflowClient.get_experiment)
    get_experiment_by_name = of_client(MlflowClient.get_experiment_by_name)
    get_metric_history = of_client(MlflowClient.get_metric_history)
    get_parent_run = of_client(MlflowClient.get_parent_run)
    get_run = of_client(MlflowClient.get_run)
    rename_experiment = of_client(MlflowClient.rename_experiment)
    restore_experiment = of_client(MlflowClient.restore_experiment)
    restore_run = of_client(MlflowClient.restore_run)
    set_terminated = of_client(MlflowClient.set_terminated)
    update_run = of_client(MlflowClient.update_run)

    # -- of the mlflow module
    register_model = of_module(mlflow.register_model, prepare=from_what_exists)
    search_experiments = of_module(mlflow.search_experiments)
    search_model_versions = of_module(mlflow.search_model_versions)
    search_registered_models = of_module(mlflow.search_registered_models)

    # -- of the mlflow module, on the active run
    get_artifact_uri = of_module(mlflow.get_artifact_uri, prepare=on_a_run)
    log_dict = of_module(mlflow.log_dict, prepare=on_a_run)
    log_figure = of_module(mlflow.log_figure, prepare=on_a_run)
    log_image = of_module(mlflow.log_image, prepare=on_a_run)
    log_input = of_module(mlflow.log_input, prepare=on_a_run)
    log_table = of_module(mlflow.log_table, prepare=on_a_run)
    log_text = of_module(mlflow.log_text, prepare=on_a_run)
