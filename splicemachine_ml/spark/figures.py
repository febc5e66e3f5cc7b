"""Curves and tables of a classifier as matplotlib figures that touch no global state (no pyplot).

Every function draws on ``ax`` when one is given and returns its figure, else a new Figure, which a notebook
shows and log_figure stores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from splicemachine_ml.spark.metrics import Floats, ScoreCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MAX_POINTS = 2000  # a line of a million points is no better to look at, and megabytes as SVG


def roc(curve: ScoreCurve, ax: Axes | None = None) -> Figure:
    """Draw the true against the false positive rate."""
    axes = _axes(ax)
    x, y = _thinned(*curve.roc())
    axes.plot(x, y, label=f"area {curve.area_under_roc():.4f}")
    axes.plot([0, 1], [0, 1], linestyle=":", color="gray", label="chance")
    return _finished(axes, "ROC", "false positive rate", "true positive rate")


def precision_recall(curve: ScoreCurve, ax: Axes | None = None) -> Figure:
    """Draw precision against recall."""
    axes = _axes(ax)
    precision, recall = curve.precision_recall()
    x, y = _thinned(recall, precision)
    axes.plot(x, y, label=f"area {curve.area_under_pr():.4f}")
    share = float(curve.tp[-1] / (curve.tp[-1] + curve.fp[-1]))
    axes.axhline(share, linestyle=":", color="gray", label=f"positives {share:.4f}")
    return _finished(axes, "Precision and recall", "recall", "precision")


def thresholds(curve: ScoreCurve, ax: Axes | None = None) -> Figure:
    """Draw precision, recall and F1 against the threshold."""
    axes = _axes(ax)
    table = threshold_table(curve)
    for name in ("precision", "recall", "F1"):
        axes.plot(table["threshold"], table[name], marker=".", label=name)
    return _finished(axes, "Thresholds", "threshold", "")


def confusion_matrix(classes: Sequence[str], matrix: Floats, ax: Axes | None = None) -> Figure:
    """Draw the counts ``matrix[true, predicted]``, shaded by the share of the true class."""
    axes = _axes(ax)
    totals = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 20:  # beyond, numbers would overlap
        for (i, j), count in np.ndenumerate(matrix):
            color = "white" if share[i, j] > 0.5 else "black"
            axes.text(j, i, f"{int(count)}", ha="center", va="center", color=color)
        axes.set_xticks(range(len(classes)), classes, rotation=45 if len(classes) > 6 else 0)
        axes.set_yticks(range(len(classes)), classes)
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="true")
    return cast("Figure", axes.figure)


def threshold_table(curve: ScoreCurve, thresholds: Any = None) -> pd.DataFrame:
    """Return a row a threshold: TP, FP, TN, FN, precision, recall, FPR, F1 of "score >= threshold"."""
    if thresholds is None:
        probabilities = curve.thresholds[-1] >= 0.0 and curve.thresholds[0] <= 1.0
        shares = np.arange(1, 20) / 20
        thresholds = shares if probabilities else np.unique(np.quantile(curve.thresholds, shares))
    rows = []
    for threshold in np.asarray(thresholds, dtype=float):
        counts = curve.at(threshold)
        rates = counts.rates()
        rows.append(
            {
                "threshold": float(threshold),
                "TP": counts.tp,
                "FP": counts.fp,
                "TN": counts.tn,
                "FN": counts.fn,
                "precision": rates["PPV"],
                "recall": rates["TPR"],
                "FPR": rates["FPR"],
                "F1": rates["F1"],
            }
        )
    return pd.DataFrame(rows)


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=(6, 5), layout="constrained").add_subplot()


def _finished(axes: Axes, title: str, x: str, y: str) -> Figure:
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.legend()
    return cast("Figure", axes.figure)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= _MAX_POINTS:
        return x, y
    keep = np.unique(np.linspace(0, len(x) - 1, _MAX_POINTS).round().astype(int))
    return x[keep], y[keep]
