"""Reader functions of the linear models."""

from __future__ import annotations

from typing import Any

import numpy as np

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.saved import SavedStage
from splicemachine_ml.portable.reader.values import matrix, vectors


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
    table = saved.table("coefficients", "intercept")
    if table.num_rows != 1:
        raise saved.corrupt(f"data has {table.num_rows} rows where Spark writes one")
    return vectors(table.column("coefficients"))[0], float(table.column("intercept")[0].as_py())


def logistic_regression(saved: SavedStage) -> ir.Stage:
    """LogisticRegressionModel: coefficientMatrix, interceptVector, isMultinomial.

    ``threshold`` follows LogisticRegressionParams.getThreshold: set ``thresholds`` (p, q) win as
    1 / (1 + p / q).
    """
    columns = ("numClasses", "numFeatures", "interceptVector", "coefficientMatrix", "isMultinomial")
    table = saved.table(*columns)
    row = saved.row(*columns)
    coefficients = matrix(row["coefficientMatrix"])
    intercepts = vectors(table.column("interceptVector"))[0]
    multinomial = bool(row["isMultinomial"].as_py())
    rows = row["numClasses"].as_py() if multinomial else 1
    if coefficients.shape != (rows, row["numFeatures"].as_py()) or len(intercepts) != rows:
        raise saved.corrupt(
            f"coefficients {coefficients.shape}, intercepts {intercepts.shape}, {rows} expected"
        )
    columns_of = classifier_columns(saved, rows if multinomial else 2)
    threshold, both = saved.params.number("threshold", 0.5), columns_of["thresholds"]
    if both is not None and not multinomial:
        with np.errstate(divide="ignore", invalid="ignore"):  # Spark divides by zero silently too
            threshold = float(1.0 / (1.0 + both[0] / both[1]))
    return ir.LogisticRegression(
        **saved.identity,
        **columns_of,
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
