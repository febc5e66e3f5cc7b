"""Linear models and the perceptron: one matrix product a layer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from splicemachine_ml.portable.onnx import classify
from splicemachine_ml.portable.onnx.context import Context
from splicemachine_ml.portable.onnx.graph import Graph
from splicemachine_ml.portable.stages import (
    Classifier,
    Floats,
    LinearRegression,
    LinearSVC,
    LogisticRegression,
    MultilayerPerceptron,
    Predictor,
)


def logistic_regression(context: Context, stage: LogisticRegression) -> None:
    """Margins, then sigmoid (binary) or softmax (multinomial).

    Spark: classification.LogisticRegressionModel. Binary: raw (-m, m), p0 = 1 / (1 + exp(m)), p1 = 1 - p0;
    class 1 when m > log(t / (1 - t)) (raw column on), p1 > t (probability on), else score > t. ONNX: Gemm.
    """
    graph = context.graph
    margins = _margins(context, stage, stage.coefficients.T, stage.intercepts)
    if stage.is_multinomial:
        _define_softmax(context, stage, margins)
        return
    negative = graph.node("Neg", margins)
    first = classify.sigmoid_of_minus(graph, margins)
    second = classify.complement(graph, first)
    if stage.raw_prediction:
        prediction = classify.above(graph, margins, _logit(stage.threshold))
    elif stage.probability:
        prediction = classify.above(graph, second, stage.threshold)
    else:
        prediction = classify.above(graph, classify.sigmoid_of_minus(graph, negative), stage.threshold)
    raw = classify.pair(graph, negative, margins)
    classify.define_classes(context, stage, raw, classify.pair(graph, first, second), prediction)


def linear_svc(context: Context, stage: LinearSVC) -> None:
    """Raw (-m, m), class 1 when m > threshold. Spark: classification.LinearSVCModel. ONNX: Gemm."""
    graph = context.graph
    margin = _margins(context, stage, stage.coefficients.reshape(-1, 1), np.array([stage.intercept]))
    raw = classify.pair(graph, graph.node("Neg", margin), margin)
    classify.define_classes(context, stage, raw, None, classify.above(graph, margin, stage.threshold))


def linear_regression(context: Context, stage: LinearRegression) -> None:
    """x . w + b. Spark: regression.LinearRegressionModel. ONNX: Gemm."""
    weights = stage.coefficients.reshape(-1, 1)
    context.define_number(stage.prediction, _margins(context, stage, weights, np.array([stage.intercept])))


def multilayer_perceptron(context: Context, stage: MultilayerPerceptron) -> None:
    """Affine layers with sigmoids between; the last layer is raw, its softmax the probability.

    Spark: ml.ann.FeedForwardModel (multiLayerPerceptron, softmaxOnTop). With the raw and probability columns
    off, MultilayerPerceptronClassificationModel.predict overlooks the thresholds. ONNX: Gemm.
    """
    graph = context.graph
    layer = _features(context, stage)
    last = len(stage.weights) - 1
    for at, (weights, biases) in enumerate(zip(stage.weights, stage.biases, strict=True)):
        layer = _affine(graph, layer, weights, biases)
        if at < last:
            layer = classify.sigmoid_of_minus(graph, graph.node("Neg", layer))
    is_bare = not stage.raw_prediction and not stage.probability
    _define_softmax(context, replace(stage, thresholds=None) if is_bare else stage, layer)


def _define_softmax(context: Context, stage: Classifier, margins: str) -> None:
    graph = context.graph
    raw = graph.value(margins, stage.num_classes)
    probability = graph.value(classify.softmax(graph, margins), stage.num_classes)
    prediction = classify.predicted_class(graph, stage, raw, probability)
    classify.define_classes(context, stage, raw, probability, prediction)


def _features(context: Context, stage: Predictor) -> str:
    return context.tensor(context.vector(stage, stage.features, stage.num_features))


def _margins(
    context: Context,
    stage: LogisticRegression | LinearSVC | LinearRegression,
    weights: Floats,
    biases: Floats,
) -> str:
    """x times weights [d, m] plus biases [m]; zeros of sparse coefficients do not meet their features.

    Spark: linalg.BLAS.dot and gemv, which skip what a sparse vector or matrix does not store, so that 0 * NaN
    never happens there. ONNX: Gemm on the features that count, one a group of classes with the same ones.
    """
    value = context.vector(stage, stage.features, stage.num_features)
    if not stage.sparse or (weights != 0).all():
        return _affine(context.graph, context.tensor(value), weights, biases)
    classes = range(weights.shape[1])
    alike = (weights[:, :1] != 0) == (weights != 0)
    groups = [list(classes)] if alike.all() else [[at] for at in classes]
    parts = []
    for group in groups:
        used = np.flatnonzero(weights[:, group[0]])
        if len(used):
            x = context.graph.tensor([value.cells[at] for at in used])
            parts.append(_affine(context.graph, x, weights[used][:, group], biases[group]))
        else:  # the intercepts alone: no number is less than itself
            x = context.graph.tensor(value.cells[:1])
            zero = context.graph.number(context.graph.node("Less", x, x))
            parts.append(context.graph.node("Add", zero, context.graph.constant([biases[group]])))
    return parts[0] if len(parts) == 1 else context.graph.node("Concat", *parts, axis=1)


def _affine(graph: Graph, x: str, weights: Floats, biases: Floats) -> str:
    """x [N, d] times weights [d, m] plus biases [m]."""
    return graph.node("Gemm", x, graph.constant(weights), graph.constant(biases))


def _logit(threshold: float) -> float:
    """The margin at which the probability is the threshold, infinite at the ends as in Spark."""
    if threshold in (0.0, 1.0):
        return math.copysign(math.inf, threshold - 0.5)
    return math.log(threshold / (1.0 - threshold))
