"""What the evaluators share: column names of every year, and the forms of get_results()."""

from __future__ import annotations

import builtins
import warnings
from abc import ABC, abstractmethod
from typing import Any

from splicemachine_ml.errors import ScoringError

_OLD_LABEL = ("labelCol", "label_col", "label")
_OLD_PREDICTION = ("predictionCol", "prediction_col", "prediction")
_OLD_IGNORED = ("confusion_matrix",)  # printed a table after each input; plotConfusionMatrix() draws it


class Evaluator(ABC):
    """Columns and result formats, which all evaluators share."""

    def __init__(
        self,
        spark: Any = None,
        label_column: str | None = None,
        prediction_column: str | None = None,
        **old: Any,
    ) -> None:
        if (label_column, prediction_column) == ("prediction", "label"):
            # 2019's positional order; nobody calls the label "prediction" and the prediction "label"
            label_column, prediction_column = "label", "prediction"
        self._spark = spark
        self.label_column: str = _renamed(old, _OLD_LABEL, "label_column", label_column) or "label"
        self.prediction_column: str = (
            _renamed(old, _OLD_PREDICTION, "prediction_column", prediction_column) or "prediction"
        )
        for name in _OLD_IGNORED:
            old.pop(name, None)
        if old:
            raise TypeError(f"{type(self).__name__} got an unexpected keyword argument {next(iter(old))!r}")

    @abstractmethod
    def metrics(self) -> builtins.dict[str, float]:
        """Return every metric of all rows put in so far; ScoringError when there are none."""

    def get_results(
        self,
        output_type: str | bool = "dataframe",
        *,
        dict: bool | None = None,  # the keyword of 2019
        as_dict: bool | None = None,
    ) -> Any:
        """Return the metrics as a Spark DataFrame of one row, or as a dict when one is asked for.

        ``output_type``: "dataframe", "dict" or "pandas"; True is "dict". Raises ScoringError before the first
        row was put in.
        """
        results = self.metrics()
        if dict or as_dict or output_type is True or output_type == "dict":
            return results
        if output_type == "pandas":
            import pandas as pd

            return pd.DataFrame([results])
        if output_type not in ("dataframe", False):
            raise ScoringError(f"output_type is 'dataframe', 'dict' or 'pandas', not {output_type!r}")
        return self._session().createDataFrame([tuple(map(float, results.values()))], list(results))

    def _session(self) -> Any:
        if hasattr(self._spark, "createDataFrame"):
            return self._spark
        from pyspark.sql import SparkSession

        return SparkSession.builder.getOrCreate()

    @staticmethod
    def refuse_empty(rows: float) -> None:
        """Raise ScoringError when nothing has been put in."""
        if not rows:
            raise ScoringError("no rows were evaluated: call input(df) with a DataFrame that is not empty")


def _renamed(old: dict[str, Any], spellings: tuple[str, ...], new: str, given: str | None) -> str | None:
    """Take an argument under one of its old keywords, with a DeprecationWarning."""
    for name in spellings:
        if name in old:
            if given is not None:
                raise TypeError(f"{name} and {new} are the same argument; give one")
            given = old.pop(name)
            warnings.warn(f"{name} is now called {new}", DeprecationWarning, stacklevel=4)
    return given
