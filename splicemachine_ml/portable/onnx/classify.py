"""From raw predictions to probabilities and a class, as every Spark classifier does it."""

from __future__ import annotations

import numpy as np

from splicemachine_ml.portable.onnx.context import Context
from splicemachine_ml.portable.onnx.graph import Graph, Value
from splicemachine_ml.portable.stages import Classifier, TreeClassifier


def sigmoid_of_minus(graph: Graph, x: str) -> str:
    """1 / (1 + exp(x)). Not ONNX Sigmoid: onnxruntime's is 0 beyond 37 in double."""
    return graph.node("Reciprocal", graph.node("Add", graph.node("Exp", x), graph.constant([[1.0]])))


def pair(graph: Graph, first: str, second: str) -> Value:
    """Two [N, 1] tensors side by side."""
    return Value((*graph.value(first).cells, *graph.value(second).cells), "vector")


def complement(graph: Graph, first: str) -> str:
    """1 - p."""
    return graph.node("Sub", graph.constant([[1.0]]), first)


def softmax(graph: Graph, raw: str) -> str:
    """Each score's share of the exponentials, where the first infinite score wins outright.

    Spark: ml.impl.Utils.softmax, which multiplies the losers of an infinite score by zero and so makes NaN of
    the infinite ones among them. ONNX: Softmax (all NaN beside an infinity), CumSum to find the first.
    """
    axis, one = graph.constant([1], np.int64), graph.constant([[1.0]])
    infinite = graph.node("IsInf", raw, detect_negative=0)
    counted = graph.node("CumSum", graph.number(infinite), graph.constant(1, np.int64))
    wins = graph.node("And", infinite, graph.node("Equal", counted, one))
    lost = graph.node("Where", wins, one, graph.node("Mul", raw, graph.constant([[0.0]])))
    any_infinite = graph.truth(graph.node("ReduceMax", counted, axis, keepdims=1))
    return graph.node("Where", any_infinite, lost, graph.node("Softmax", raw, axis=1))


def normalized(graph: Graph, raw: str, *, may_vanish: bool) -> str:
    """Each row over its sum, a zero row (when ``may_vanish``) unchanged.

    Spark: ProbabilisticClassificationModel.normalizeToProbabilitiesInPlace.
    """
    total = graph.node("ReduceSum", raw, graph.constant([1], np.int64), keepdims=1)
    if not may_vanish:
        return graph.node("Div", raw, total)
    is_zero = graph.node("Equal", total, graph.constant([[0.0]]))
    return graph.node("Div", raw, graph.node("Where", is_zero, graph.constant([[1.0]]), total))


def first_largest(graph: Graph, scores: str) -> str:
    """The position of the largest score, the first of equals (Vector.argmax). ONNX: ArgMax."""
    return graph.number(graph.node("ArgMax", scores, axis=1, keepdims=1))


def above(graph: Graph, score: str, limit: float) -> str:
    """1.0 where score [N, 1] is strictly above the limit. ONNX: Greater."""
    return graph.number(graph.node("Greater", score, graph.constant([[limit]])))


def define_classes(
    context: Context, stage: Classifier, raw: Value, probability: Value | None, prediction: str
) -> None:
    """Write the three columns of a classifier; what nobody reads is pruned later."""
    context.define(stage.raw_prediction, raw)
    if probability is not None:
        context.define(stage.probability, probability)
    context.define_number(stage.prediction, prediction, upper=stage.num_classes)


def predicted_class(graph: Graph, stage: Classifier, raw: Value, probability: Value) -> str:
    """The class of a model without a rule of its own.

    Spark: ProbabilisticClassificationModel.transform: argmax of the raw prediction when that column is on
    (of the probability otherwise); with thresholds argmax of p / t, where NaN (also of 0 / 0) never wins.
    """
    if stage.thresholds is None:
        scores = raw if stage.raw_prediction or not stage.probability else probability
        return first_largest(graph, graph.tensor(scores.cells))
    scaled = graph.node("Div", graph.tensor(probability.cells), graph.constant([stage.thresholds]))
    # a tree's probabilities are numbers; NaN in front would win ArgMax
    if (stage.thresholds == 0).any() or not isinstance(stage, TreeClassifier):
        scaled = graph.node("Where", graph.node("IsNaN", scaled), graph.constant([[-np.inf]]), scaled)
    return first_largest(graph, scaled)
