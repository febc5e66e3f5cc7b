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


def _of_client(function: Callable[..., Any]) -> Any:
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


def _of_module(function: Callable[..., Any], *, needs_run: bool = False) -> Any:
    """Make a method of the manager from a function of the mlflow module; ``needs_run``: on a run.

    MLflow would start a run by itself where none is active; here that is an error that says so.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def method(self: Tracked, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        with translated(_call(function, bound.args, bound.kwargs)):
            if needs_run:
                self._session.run_id(bound.arguments.get("run_id"))
            self._session.ready()
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
    return f"do {function.__name__}({', '.join(plain)})"


class Delegated(Tracked):
    """MLflow's operations under their own names; where the manager's meaning differs, it is not here."""

    # -- of the MlflowClient
    create_run = _of_client(MlflowClient.create_run)
    delete_experiment = _of_client(MlflowClient.delete_experiment)
    delete_run = _of_client(MlflowClient.delete_run)
    get_experiment = _of_client(MlflowClient.get_experiment)
    get_experiment_by_name = _of_client(MlflowClient.get_experiment_by_name)
    get_metric_history = _of_client(MlflowClient.get_metric_history)
    get_parent_run = _of_client(MlflowClient.get_parent_run)
    get_run = _of_client(MlflowClient.get_run)
    rename_experiment = _of_client(MlflowClient.rename_experiment)
    restore_experiment = _of_client(MlflowClient.restore_experiment)
    restore_run = _of_client(MlflowClient.restore_run)
    set_terminated = _of_client(MlflowClient.set_terminated)
    update_run = _of_client(MlflowClient.update_run)

    # -- of the mlflow module
    register_model = _of_module(mlflow.register_model)
    search_experiments = _of_module(mlflow.search_experiments)
    search_model_versions = _of_module(mlflow.search_model_versions)
    search_registered_models = _of_module(mlflow.search_registered_models)

    # -- of the mlflow module, on the active run
    get_artifact_uri = _of_module(mlflow.get_artifact_uri, needs_run=True)
    log_dict = _of_module(mlflow.log_dict, needs_run=True)
    log_figure = _of_module(mlflow.log_figure, needs_run=True)
    log_image = _of_module(mlflow.log_image, needs_run=True)
    log_input = _of_module(mlflow.log_input, needs_run=True)
    log_table = _of_module(mlflow.log_table, needs_run=True)
    log_text = _of_module(mlflow.log_text, needs_run=True)
