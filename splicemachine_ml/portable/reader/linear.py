"""Reader functions of the linear models."""

from __future__ import annotations

from typing import Any

import numpy as np

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.saved import SavedStage
from splicemachine_ml.portable.reader.values import matrix, vector


def predictor_columns(saved: SavedStage) -> dict[str, str]:
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


def _coefficients(saved: SavedStage) -> tuple[ir.Floats, float]:
    """coefficients [d] and intercept of a one-row table."""
    row = saved.row("coefficients", "intercept")
    return vector(row["coefficients"]), float(row["intercept"].as_py())


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
    )


def linear_svc(saved: SavedStage) -> ir.Stage:
    """LinearSVCModel: two classes, no probability."""
    coefficients, intercept = _coefficients(saved)
    return ir.LinearSVC(
        **saved.identity,
        **predictor_columns(saved),
        num_features=len(coefficients),
        raw_prediction=saved.params.text("rawPredictionCol"),
        probability="",
        num_classes=2,
        thresholds=None,
        coefficients=coefficients,
        intercept=intercept,
        threshold=saved.params.number("threshold"),
    )


def linear_regression(saved: SavedStage) -> ir.Stage:
    """LinearRegressionModel; the huber loss adds a scale that only training used."""
    coefficients, intercept = _coefficients(saved)
    return ir.LinearRegression(
        **saved.identity,
        **predictor_columns(saved),
        num_features=len(coefficients),
        coefficients=coefficients,
        intercept=intercept,
    )
