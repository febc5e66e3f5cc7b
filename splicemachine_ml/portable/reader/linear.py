"""Reader functions of the linear models."""

from __future__ import annotations

from typing import Any

import numpy as np

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.saved import SavedStage
from splicemachine_ml.portable.reader.values import matrix, vector


def predictor_columns(saved: SavedStage) -> dict[str, Any]:
    """featuresCol and predictionCol as the keywords of Predictor."""
    return {"features": saved.params.text("featuresCol"), "prediction": saved.params.text("predictionCol")}


def classifier_columns(saved: SavedStage, num_classes: int) -> dict[str, Any]:
    """The columns of a probabilistic classifier and its ``thresholds``, as keywords of Classifier."""
    thresholds = saved.params.numbers("thresholds") if saved.params.is_set("thresholds") else None
    if thresholds is not None and len(thresholds) != num_classes:
        raise saved.corrupt(f"{len(thresholds)} thresholds for {num_classes} classes")
    return {
        **predictor_columns(saved),
        "raw_prediction": saved.params.text("rawPredictionCol"),
        "probability": saved.params.text("probabilityCol"),
        "num_classes": num_classes,
        "thresholds": thresholds,
    }


def _weights(saved: SavedStage) -> dict[str, Any]:
    """Coefficients [d], whether they are sparse, and intercept of a one-row table, as keywords."""
    row = saved.row("coefficients", "intercept")
    coefficients = vector(row["coefficients"])
    return {
        "coefficients": coefficients,
        "num_features": len(coefficients),
        "intercept": float(row["intercept"].as_py()),
        "sparse": _is_sparse(row["coefficients"]),
    }


def _is_sparse(row: Any) -> bool:
    """Whether a VectorUDT or MatrixUDT scalar is of the sparse type (0)."""
    return bool(row["type"].as_py() == 0)


def logistic_regression(saved: SavedStage) -> ir.Stage:
    """LogisticRegressionModel: coefficientMatrix, interceptVector, isMultinomial.

    ``threshold`` follows LogisticRegressionParams.getThreshold: set ``thresholds`` (p, q) win as
    1 / (1 + p / q).
    """
    row = saved.row("numClasses", "numFeatures", "interceptVector", "coefficientMatrix", "isMultinomial")
    coefficients, intercepts = matrix(row["coefficientMatrix"]), vector(row["interceptVector"])
    multinomial = bool(row["isMultinomial"].as_py())
    rows = row["numClasses"].as_py() if multinomial else 1
    if coefficients.shape != (rows, row["numFeatures"].as_py()) or len(intercepts) != rows:
        raise saved.corrupt(
            f"coefficients {coefficients.shape}, intercepts {intercepts.shape}, {rows} expected"
        )
    columns = classifier_columns(saved, rows if multinomial else 2)
    threshold, both = saved.params.number("threshold", 0.5), columns["thresholds"]
    if both is not None and not multinomial:
        with np.errstate(divide="ignore", invalid="ignore"):  # Spark divides by zero silently too
            threshold = float(1.0 / (1.0 + both[0] / both[1]))
    return ir.LogisticRegression(
        **saved.identity,
        **columns,
        num_features=coefficients.shape[1],
        coefficients=coefficients,
        intercepts=intercepts,
        is_multinomial=multinomial,
        threshold=threshold,
        sparse=_is_sparse(row["coefficientMatrix"]),
    )


def linear_svc(saved: SavedStage) -> ir.Stage:
    """LinearSVCModel: two classes, no probability."""
    return ir.LinearSVC(
        **saved.identity,
        **predictor_columns(saved),
        **_weights(saved),
        raw_prediction=saved.params.text("rawPredictionCol"),
        probability="",
        num_classes=2,
        thresholds=None,
        threshold=saved.params.number("threshold"),
    )


def linear_regression(saved: SavedStage) -> ir.Stage:
    """LinearRegressionModel; the huber loss adds a scale that only training used."""
    return ir.LinearRegression(**saved.identity, **predictor_columns(saved), **_weights(saved))
