"""Evaluators of predictions in Spark DataFrames: one Spark pass an input, exact, scikit-learn as the judge.

All three take the columns under the names of every year: ``label_column``, ``labelCol``, ``label_col`` and
``prediction_column``, ``predictionCol``, ``prediction_col``. ``input(df)`` may be called several times (the
rows are pooled), ``get_results()`` gives a Spark DataFrame of one row and ``get_results("dict")`` (also
dict=True, as_dict=True, output_type="dict") a dict.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.spark import figures
from splicemachine_ml.spark.columns import check_columns, number, score_of
from splicemachine_ml.spark.evaluator import Evaluator
from splicemachine_ml.spark.metrics import Confusion, Floats, MultiCounts, RegressionSums, ScoreCurve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class SpliceBinaryClassificationEvaluator(Evaluator):
    """Metrics of a classifier of 0 and 1, and its curves.

    TPR SPC PPV NPV FPR FDR FNR FOR ACC F1 MCC areaUnderROC areaUnderPR, and the counts TP FP TN FN. A rate
    without rows to divide by is NaN, MCC then 0. The areas need scores: ``score_column`` (numbers, or
    vectors whose element 1 is taken); by default ``probability`` when the DataFrame has it, else
    ``rawPrediction`` (its order differs from the probability's for decision trees and naive Bayes).
    Without a score column both areas are NaN, with a warning: hard predictions have no curve.

    Distinct scores come to the driver (about 24 bytes each), so that the areas are exact.
    """

    def __init__(
        self,
        spark: Any = None,
        label_column: str | None = None,
        prediction_column: str | None = None,
        *,
        score_column: str | None = None,
        **old: Any,
    ) -> None:
        super().__init__(spark, label_column, prediction_column, **old)
        self.score_column = score_column
        self._counts: Counter[tuple[float, float]] = Counter()
        self._scores: list[tuple[Floats, Floats, Floats]] = []  # score, positives, negatives
        self._unscored = False

    def input(self, df: Any) -> None:
        """Add the rows of ``df``; ScoringError for columns that are missing or hold more than 0 and 1."""
        from pyspark.sql import functions as fn

        check_columns(df, (self.label_column, self.prediction_column))
        score = score_of(df, self.score_column)
        if score is None:
            warnings.warn(
                "the DataFrame has no probability or rawPrediction column: areaUnderROC and areaUnderPR will "
                "be NaN; name one with score_column=",
                UserWarning,
                stacklevel=2,
            )
        keys = df.select(
            number(df, self.label_column).alias("label"),
            number(df, self.prediction_column).alias("prediction"),
            (fn.lit(0.0) if score is None else score).alias("score"),
        )
        label, prediction, scores, rows = _collect(keys.groupBy("label", "prediction", "score").count())
        self._refuse_values(label, self.label_column, rows)
        self._refuse_values(prediction, self.prediction_column, rows)
        if np.isnan(scores).any():
            raise ScoringError("the score column has null or NaN", column=self.score_column)
        for pair in ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
            self._counts[pair] += int(rows[(label == pair[0]) & (prediction == pair[1])].sum())
        self._unscored = self._unscored or score is None
        self._scores.append((scores, rows * label, rows * (1.0 - label)))

    def confusion(self) -> Confusion:
        """Return the counts at the model's own decisions."""
        self.refuse_empty(sum(self._counts.values()))
        counts = self._counts
        return Confusion(tp=counts[1.0, 1.0], fp=counts[0.0, 1.0], tn=counts[0.0, 0.0], fn=counts[1.0, 0.0])

    def curve(self) -> ScoreCurve:
        """Return the exact curve over all scores; ScoringError when an input had none."""
        self.refuse_empty(sum(self._counts.values()))
        if self._unscored:
            raise ScoringError("an input had no score column: name one with score_column=")
        parts = [np.concatenate(part) for part in zip(*self._scores, strict=True)]
        return ScoreCurve.of(*parts)

    def metrics(self) -> dict[str, float]:
        """Return every metric; see the class."""
        confusion = self.confusion()
        areas = {"areaUnderROC": float("nan"), "areaUnderPR": float("nan")}
        if not self._unscored:
            curve = self.curve()
            areas = {"areaUnderROC": curve.area_under_roc(), "areaUnderPR": curve.area_under_pr()}
        counts = {"TP": confusion.tp, "FP": confusion.fp, "TN": confusion.tn, "FN": confusion.fn}
        return {**confusion.rates(), **areas, **{name: float(value) for name, value in counts.items()}}

    def threshold_table(self, thresholds: Any = None) -> pd.DataFrame:
        """Return counts, precision, recall, FPR and F1 when scores of at least each threshold are called 1.

        Default: 0.05 to 0.95 for probabilities, else 19 quantiles of the distinct scores.
        """
        return figures.threshold_table(self.curve(), thresholds)

    def plotROC(self, ax: Axes | None = None) -> Figure:
        """Return the ROC curve as a figure of its own, or draw it on ``ax``."""
        return figures.roc(self.curve(), ax)

    def plotPR(self, ax: Axes | None = None) -> Figure:
        """Return precision against recall as a figure of its own, or draw it on ``ax``."""
        return figures.precision_recall(self.curve(), ax)

    def plotConfusionMatrix(self, ax: Axes | None = None) -> Figure:
        """Return the confusion matrix as a figure of its own, or draw it on ``ax``."""
        c = self.confusion()
        return figures.confusion_matrix(("0", "1"), np.array([[c.tn, c.fp], [c.fn, c.tp]], float), ax)

    def plotThresholds(self, ax: Axes | None = None) -> Figure:
        """Return precision, recall and F1 against the threshold as a figure, or draw it on ``ax``."""
        return figures.thresholds(self.curve(), ax)

    @staticmethod
    def _refuse_values(values: Floats, column: str, rows: Floats) -> None:
        bad = ~((values == 0.0) | (values == 1.0))
        if bad.any():
            shown = "null or NaN" if np.isnan(values[bad][0]) else f"{values[bad][0]:g}"
            raise ScoringError(
                f"column {column!r} has {shown} ({int(rows[bad].sum())} row(s) are neither 0 nor 1); "
                "a binary evaluator needs 0 and 1, SpliceMultiClassificationEvaluator takes more classes",
                column=column,
            )


class SpliceMultiClassificationEvaluator(Evaluator):
    """f1, weightedPrecision, weightedRecall and accuracy of a classifier of any number of classes.

    Labels and predictions are both numbers (or booleans) or both strings. A class that is never predicted,
    or never true, counts with 0 in the averages, as in Spark and scikit-learn.
    """

    def __init__(
        self,
        spark: Any = None,
        label_column: str | None = None,
        prediction_column: str | None = None,
        **old: Any,
    ) -> None:
        super().__init__(spark, label_column, prediction_column, **old)
        self._counts: Counter[tuple[Any, Any]] = Counter()

    def input(self, df: Any) -> None:
        """Add the rows of ``df``; ScoringError for missing columns, nulls and numbers against strings."""
        check_columns(df, (self.label_column, self.prediction_column))
        both = (self.label_column, self.prediction_column)
        text = {name: str(df.schema[name].dataType.simpleString()) == "string" for name in both}
        if len(set(text.values())) == 2:
            raise ScoringError(
                f"{both[0]!r} and {both[1]!r} cannot be compared: one is a string, the other a number; use "
                "the indexed label, or turn the predictions back with IndexToString"
            )
        keys = df.select(
            *(
                (df[name] if text[name] else number(df, name)).alias(alias)
                for name, alias in zip(both, ("label", "prediction"), strict=True)
            )
        )
        found: Counter[tuple[Any, Any]] = Counter()
        for label, prediction, rows in keys.groupBy("label", "prediction").count().collect():
            for name, value in zip(both, (label, prediction), strict=True):
                if value is None or value != value:
                    raise ScoringError(f"column {name!r} has null or NaN in {rows} row(s)", column=name)
            found[label, prediction] += rows
        self._counts.update(found)

    def counts(self) -> MultiCounts:
        """Return the confusion matrix."""
        self.refuse_empty(sum(self._counts.values()))
        return MultiCounts.of(self._counts)

    def metrics(self) -> dict[str, float]:
        """Return every metric; see the class."""
        return self.counts().averages()

    def per_class(self) -> Mapping[Any, dict[str, float]]:
        """Return precision, recall, f1 and support of each class."""
        return self.counts().per_class()

    def plotConfusionMatrix(self, ax: Axes | None = None) -> Figure:
        """Return the confusion matrix as a figure of its own, or draw it on ``ax``."""
        counts = self.counts()
        names = tuple(f"{c:g}" if isinstance(c, float) else str(c) for c in counts.classes)
        return figures.confusion_matrix(names, counts.matrix, ax)


class SpliceRegressionEvaluator(Evaluator):
    """rmse, mse, r2 and mae; r2 of a constant label is 1 or 0 as in scikit-learn."""

    def __init__(
        self,
        spark: Any = None,
        label_column: str | None = None,
        prediction_column: str | None = None,
        **old: Any,
    ) -> None:
        super().__init__(spark, label_column, prediction_column, **old)
        self._sums = RegressionSums(0, 0.0, 0.0, 0.0, 0.0)

    def input(self, df: Any) -> None:
        """Add the rows of ``df``; ScoringError for columns that are missing, no numbers, null or NaN."""
        from pyspark.sql import functions as fn

        both = (self.label_column, self.prediction_column)
        check_columns(df, both)
        pair = df.select(number(df, both[0]).alias("y"), number(df, both[1]).alias("p"))
        error = fn.col("p") - fn.col("y")
        holes = [fn.sum((fn.isnull(c) | fn.isnan(c)).cast("long")).alias(c + "_holes") for c in ("y", "p")]
        row = pair.agg(
            fn.count("*").alias("rows"),
            fn.avg("y").alias("mean"),
            fn.var_pop("y").alias("variance"),
            fn.sum(error * error).alias("squared"),
            fn.sum(fn.abs(error)).alias("absolute"),
            *holes,
        ).first()
        if not row["rows"]:
            return
        for name, short in zip(both, ("y", "p"), strict=True):
            if row[short + "_holes"]:
                raise ScoringError(
                    f"column {name!r} has null or NaN in {row[short + '_holes']} row(s)", column=name
                )
        rows = int(row["rows"])
        new = RegressionSums(rows, row["mean"], row["variance"] * rows, row["squared"], row["absolute"])
        self._sums = self._sums.plus(new)

    def metrics(self) -> dict[str, float]:
        """Return every metric; see the class."""
        self.refuse_empty(self._sums.rows)
        return self._sums.metrics()


def _collect(grouped: Any) -> list[Floats]:
    """Return the columns of a DataFrame of numbers as float64 arrays, null as NaN."""
    # Arrow moves a million rows in a fraction of the time that Row objects take (toArrow: Spark 4).
    if hasattr(grouped, "toArrow"):
        table = grouped.toArrow()
        return [c.to_numpy(zero_copy_only=False).astype(float) for c in table.combine_chunks().columns]
    frame = grouped.toPandas()
    return [frame[c].to_numpy(dtype=float, na_value=np.nan) for c in frame.columns]
