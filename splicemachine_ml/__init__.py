"""splicemachine_ml: from a Spark notebook to a served model.

The names below are loaded on first use, so that importing the package costs no more than Python itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> module that defines it
_HOME = {
    "MLManager": "splicemachine_ml.manager",
    "SpliceMLContext": "splicemachine_ml.database.context",
    "PySpliceContext": "splicemachine_ml.database.context",
    "Scorer": "splicemachine_ml.store.scorer",
    "Settings": "splicemachine_ml.settings",
    "spark_session": "splicemachine_ml.spark.session",
    "SpliceBinaryClassificationEvaluator": "splicemachine_ml.spark.evaluation",
    "SpliceMultiClassificationEvaluator": "splicemachine_ml.spark.evaluation",
    "SpliceRegressionEvaluator": "splicemachine_ml.spark.evaluation",
}

__all__ = [*_HOME, "__version__"]

if TYPE_CHECKING:
    from splicemachine_ml.database.context import PySpliceContext as PySpliceContext
    from splicemachine_ml.database.context import SpliceMLContext as SpliceMLContext
    from splicemachine_ml.manager import MLManager as MLManager
    from splicemachine_ml.settings import Settings as Settings
    from splicemachine_ml.spark.evaluation import (
        SpliceBinaryClassificationEvaluator as SpliceBinaryClassificationEvaluator,
    )
    from splicemachine_ml.spark.evaluation import (
        SpliceMultiClassificationEvaluator as SpliceMultiClassificationEvaluator,
    )
    from splicemachine_ml.spark.evaluation import SpliceRegressionEvaluator as SpliceRegressionEvaluator
    from splicemachine_ml.spark.session import spark_session as spark_session
    from splicemachine_ml.store.scorer import Scorer as Scorer


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(
            f"module 'splicemachine_ml' has no attribute {name!r}; it has {', '.join(__all__)}"
        )
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
