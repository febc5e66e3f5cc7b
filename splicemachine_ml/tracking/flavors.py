"""Models of MLflow's other flavors, by the name of their module."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from splicemachine_ml.errors import MissingExtraError, TrackingError
from splicemachine_ml.tracking.base import Tracked
from splicemachine_ml.tracking.refusal import translated


class Flavors(Tracked):
    """log_model."""

    def log_model(self, model: Any, module: str | ModuleType, name: str = "model", **more: Any) -> Any:
        """Log a model with another MLflow flavor, such as "mlflow.sklearn"; return MLflow's ModelInfo.

        ``more`` goes to that module's log_model. Spark ML models: log_spark_model.
        """
        run_id = self.require_run()
        flavor = _flavor(module)
        with translated(f"log model {name!r} to run {run_id}"):
            self.make_current()
            return flavor.log_model(model, name=name, **more)


def _flavor(module: str | ModuleType) -> Any:
    if isinstance(module, str):
        try:
            found: Any = import_module(module)
        except (ModuleNotFoundError, TypeError, ValueError) as error:
            missing = getattr(error, "name", None)
            if missing is not None and not module.startswith(missing):
                raise MissingExtraError(
                    f"{module} needs the package {missing}: pip install {missing}"
                ) from error
            raise TrackingError(
                f"there is no module {module!r}; MLflow's flavors are mlflow.sklearn, mlflow.xgboost, "
                "mlflow.pytorch, mlflow.onnx and so on"
            ) from error
    else:
        found = module
    if not callable(getattr(found, "log_model", None)):
        raise TrackingError(f"{module!r} is not an MLflow flavor: it has no log_model")
    return found
