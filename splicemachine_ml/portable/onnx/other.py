"""Models that are neither linear nor trees."""

from __future__ import annotations

import numpy as np

from splicemachine_ml.portable.onnx.context import Context
from splicemachine_ml.portable.stages import KMeans


def kmeans(context: Context, stage: KMeans) -> None:
    """The first centre at the smallest squared distance; a NaN in the features raises.

    Spark: mllib.clustering.EuclideanDistanceMeasure.findClosest (``require(norm >= 0)`` refuses NaN).
    Distances are summed squares, not |x|^2 - 2xc + |c|^2, which would break ties by rounding.
    ONNX: Sub, ReduceSum, ArgMin.
    """
    graph = context.graph
    value = context.vector(stage, stage.features, stage.num_features)
    x = context.tensor(value)
    if value.may_nan:
        bad = graph.any_column(graph.node("IsNaN", x))
        context.graph_rule(stage, [stage.features], "error", "NaN in the features of KMeans", bad)
    difference = graph.node("Sub", graph.node("Unsqueeze", x, graph.constant([1], np.int64)),
                            graph.constant([stage.centers]))  # fmt: skip
    square = graph.node("Mul", difference, difference)
    distance = graph.node("ReduceSum", square, graph.constant([2], np.int64), keepdims=0)
    nearest = graph.number(graph.node("ArgMin", distance, axis=1, keepdims=1))
    context.define_number(stage.prediction, nearest, upper=len(stage.centers))
