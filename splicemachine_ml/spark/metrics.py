"""The numbers behind the evaluators, from counts and sums alone; NumPy, no Spark.

Ratios with a zero denominator are NaN (scikit-learn with zero_division=nan), except MCC, which is then 0 as
in scikit-learn, and the class averages of MultiCounts, where an undefined class counts as 0 (Spark's
MulticlassMetrics and scikit-learn's default).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """Counts of a binary classifier; 1 is positive."""

    tp: int
    fp: int
    tn: int
    fn: int

    def rates(self) -> dict[str, float]:
        """Return the rates by their usual abbreviations."""
        tp, fp, tn, fn = self.tp, self.fp, self.tn, self.fn
        product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)  # Python integers: no overflow
        return {
            "TPR": _ratio(tp, tp + fn),
            "SPC": _ratio(tn, tn + fp),
            "PPV": _ratio(tp, tp + fp),
            "NPV": _ratio(tn, tn + fn),
            "FPR": _ratio(fp, fp + tn),
            "FDR": _ratio(fp, tp + fp),
            "FNR": _ratio(fn, tp + fn),
            "FOR": _ratio(fn, tn + fn),
            "ACC": _ratio(tp + tn, tp + fp + tn + fn),
            "F1": _ratio(2 * tp, 2 * tp + fp + fn),
            "MCC": (tp * tn - fp * fn) / math.sqrt(product) if product else 0.0,
        }


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """Cumulated counts at every distinct score, highest first: rows with a score of at least that.

    ``thresholds``, ``tp``, ``fp``: [m], from all scores, so that areas are exact and ties are one point.
    """

    thresholds: Floats
    tp: Floats
    fp: Floats

    @classmethod
    def of(cls, scores: Floats, positives: Floats, negatives: Floats) -> ScoreCurve:
        """Build the curve from scores [n] (repeats allowed) and the rows of either class at each."""
        thresholds, where = np.unique(-scores, return_inverse=True)
        tp = np.bincount(where, weights=positives, minlength=len(thresholds))
        fp = np.bincount(where, weights=negatives, minlength=len(thresholds))
        return cls(-thresholds, np.cumsum(tp), np.cumsum(fp))

    def roc(self) -> tuple[Floats, Floats]:
        """Return (false positive rate, true positive rate) [m + 1], from (0, 0) to (1, 1)."""
        return _with_start(self.fp / _or_nan(self.fp[-1]), 0.0), _with_start(
            self.tp / _or_nan(self.tp[-1]), 0.0
        )

    def precision_recall(self) -> tuple[Floats, Floats]:
        """Return (precision, recall) [m + 1], beginning at recall 0 with the first point's precision.

        The first point is Spark's (BinaryClassificationMetrics.pr); scikit-learn has precision 1 there.
        """
        precision = self.tp / (self.tp + self.fp)
        return _with_start(precision, precision[0]), _with_start(self.tp / _or_nan(self.tp[-1]), 0.0)

    def area_under_roc(self) -> float:
        """Return the area by trapezoids, scikit-learn's roc_auc_score; NaN when a class is missing."""
        return _area(*self.roc())

    def area_under_pr(self) -> float:
        """Return the area by trapezoids as Spark's areaUnderPR without binning; NaN without positives.

        It is not scikit-learn's average_precision_score, which sums rectangles.
        """
        precision, recall = self.precision_recall()
        return _area(recall, precision)

    def at(self, threshold: float) -> Confusion:
        """Return the counts when rows with a score >= ``threshold`` are called positive."""
        # thresholds fall, so the negated ones rise
        place = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        tp, fp = (float(self.tp[place]), float(self.fp[place])) if place >= 0 else (0.0, 0.0)
        return Confusion(round(tp), round(fp), round(self.fp[-1] - fp), round(self.tp[-1] - tp))


@dataclass(frozen=True, eq=False)
class MultiCounts:
    """``matrix[i, j]``: rows of class ``classes[i]`` called ``classes[j]``."""

    classes: tuple[Any, ...]
    matrix: Floats

    @classmethod
    def of(cls, counts: Mapping[tuple[Any, Any], int]) -> MultiCounts:
        """Build from (label, prediction) -> rows."""
        classes = tuple(sorted({value for pair in counts for value in pair}))
        place = {value: i for i, value in enumerate(classes)}
        matrix = np.zeros((len(classes), len(classes)))
        for (label, prediction), rows in counts.items():
            matrix[place[label], place[prediction]] += rows
        return cls(classes, matrix)

    def per_class(self) -> dict[Any, dict[str, float]]:
        """Return precision, recall, f1 and support (rows) of each class."""
        hits, called, support = np.diag(self.matrix), self.matrix.sum(axis=0), self.matrix.sum(axis=1)
        return {
            value: {
                "precision": _or_zero(hits[i], called[i]),
                "recall": _or_zero(hits[i], support[i]),
                "f1": _or_zero(2 * hits[i], called[i] + support[i]),
                "support": float(support[i]),
            }
            for i, value in enumerate(self.classes)
        }

    def averages(self) -> dict[str, float]:
        """Return accuracy and the averages weighted by support, named as Spark names them."""
        rows = list(self.per_class().values())
        total = float(self.matrix.sum())

        def weighted(name: str) -> float:
            return sum(row[name] * row["support"] for row in rows) / total

        return {
            "f1": weighted("f1"),
            "weightedPrecision": weighted("precision"),
            "weightedRecall": weighted("recall"),
            "accuracy": float(np.trace(self.matrix)) / total,
        }


@dataclass(frozen=True)
class RegressionSums:
    """``rows``, mean and centred sum of squares of the label, sums of squared and absolute errors."""

    rows: int
    mean: float
    spread: float
    squared: float
    absolute: float

    def plus(self, other: RegressionSums) -> RegressionSums:
        """Return the sums of both sets of rows (Chan, Golub, LeVeque 1979: no cancellation)."""
        rows = self.rows + other.rows
        if rows == 0:
            return self
        delta = other.mean - self.mean
        return RegressionSums(
            rows,
            self.mean + delta * other.rows / rows,
            self.spread + other.spread + delta * delta * self.rows * other.rows / rows,
            self.squared + other.squared,
            self.absolute + other.absolute,
        )

    def metrics(self) -> dict[str, float]:
        """Return rmse, mse, r2 and mae.

        r2 of a constant label is 1 without any error, else 0 (scikit-learn's force_finite); of one row NaN.
        """
        mse = self.squared / self.rows
        if self.rows == 1:
            r2 = math.nan
        elif self.spread == 0:
            r2 = 1.0 if self.squared == 0 else 0.0
        else:
            r2 = 1.0 - self.squared / self.spread
        return {"rmse": math.sqrt(mse), "mse": mse, "r2": r2, "mae": self.absolute / self.rows}


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan


def _or_zero(above: float, below: float) -> float:
    return float(above / below) if below else 0.0


def _or_nan(value: float) -> float:
    return float(value) or math.nan


def _with_start(values: Floats, start: float) -> Floats:
    return np.concatenate(([start], values))


def _area(x: Floats, y: Floats) -> float:
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2)
