"""Scalers, Normalizer and PCA: vector in, vector of float64 out."""

from __future__ import annotations

import numpy as np

from splicemachine_ml.portable.onnx.context import Context
from splicemachine_ml.portable.onnx.features import sparse_rows
from splicemachine_ml.portable.onnx.graph import Value
from splicemachine_ml.portable.stages import (
    PCA,
    Floats,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)


def standard_scaler(context: Context, stage: StandardScaler) -> None:
    """(x - mean) * (1 / std), a zero std giving 0.

    Spark: feature.StandardScalerModel (multiplies by the reciprocal). ONNX: Sub, Mul.
    """
    shift = stage.mean if stage.with_mean else None
    scale = _reciprocal(stage.std, at_zero=0.0) if stage.with_std else None
    _shift_and_scale(context, stage, shift, scale)


def robust_scaler(context: Context, stage: RobustScaler) -> None:
    """(x - median) * (1 / range), a zero range giving 0.

    Spark: feature.RobustScalerModel, by way of StandardScalerModel. ONNX: Sub, Mul.
    """
    shift = stage.median if stage.with_centering else None
    scale = _reciprocal(stage.range, at_zero=0.0) if stage.with_scaling else None
    _shift_and_scale(context, stage, shift, scale)


def max_abs_scaler(context: Context, stage: MaxAbsScaler) -> None:
    """x * (1 / maxAbs), a zero maximum leaving x alone. Spark: feature.MaxAbsScalerModel. ONNX: Mul."""
    _shift_and_scale(context, stage, None, _reciprocal(stage.max_abs, at_zero=1.0))


def min_max_scaler(context: Context, stage: MinMaxScaler) -> None:
    """(x - low) * ((max - min) / (high - low)) + min; a constant column gives the midpoint, NaN stays NaN.

    Spark: feature.MinMaxScalerModel. ONNX: Sub, Mul, Add, Where.
    """
    graph = context.graph
    low, high = stage.original_min, stage.original_max
    value = context.vector(stage, stage.input, len(low))
    spread = high - low
    constant = spread == 0
    scale = (stage.max - stage.min) / np.where(constant, 1.0, spread)
    x = context.tensor(value)
    scaled = graph.node("Mul", graph.node("Sub", x, graph.constant([low])), graph.constant([scale]))
    if stage.min != 0:
        scaled = graph.node("Add", scaled, graph.constant([[stage.min]]))
    if constant.any():
        is_number = graph.node("Not", graph.node("IsNaN", x))
        use_middle = graph.node("And", graph.constant([constant], np.bool_), is_number)
        scaled = graph.node("Where", use_middle, graph.constant([[(stage.min + stage.max) / 2.0]]), scaled)
    made = graph.value(scaled, len(low))
    context.define(stage.output, made.but(compressed=made.cells))


def normalizer(context: Context, stage: Normalizer) -> None:
    """x / ||x||_p, a zero vector unchanged.

    Spark: mllib.feature.Normalizer and Vectors.norm (the infinity norm overlooks NaN). ONNX: ReduceSum, Div.
    """
    graph = context.graph
    value = context.column(stage, stage.input)
    value = context.vector(stage, stage.input, len(value.cells))
    x = context.tensor(value)
    axes = graph.constant([1], np.int64)
    if stage.p == 1:
        norm = graph.node("ReduceSum", graph.node("Abs", x), axes, keepdims=1)
    elif stage.p == 2:
        norm = graph.node("Sqrt", graph.node("ReduceSum", graph.node("Mul", x, x), axes, keepdims=1))
    elif np.isinf(stage.p):
        size = graph.node("Abs", graph.node("Where", graph.node("IsNaN", x), graph.constant([[0.0]]), x))
        norm = graph.node("ReduceMax", size, axes, keepdims=1)
    else:
        powers = graph.node("Pow", graph.node("Abs", x), graph.constant([[stage.p]]))
        total = graph.node("ReduceSum", powers, axes, keepdims=1)
        norm = graph.node("Pow", total, graph.constant([[1.0 / stage.p]]))
    is_zero = graph.node("Equal", norm, graph.constant([[0.0]]))
    divided = graph.node("Div", x, graph.node("Where", is_zero, graph.constant([[1.0]]), norm))
    is_sparse = sparse_rows(context, value) if value.may_nan else None
    if is_sparse is not None:  # a zero that is not stored stays zero even when the norm is NaN
        absent = graph.node("And", is_sparse, graph.node("Equal", x, graph.constant([[0.0]])))
        divided = graph.node("Where", absent, x, divided)
    context.define(
        stage.output,
        graph.value(divided, len(value.cells)).but(compressed=value.compressed, one_hot=value.one_hot),
    )


def pca(context: Context, stage: PCA) -> None:
    """x times the components, not centred. Spark: feature.PCAModel. ONNX: MatMul."""
    size, components = stage.pc.shape
    value = context.vector(stage, stage.input, size)
    product = context.graph.node("MatMul", context.tensor(value), context.graph.constant(stage.pc))
    context.define(stage.output, context.graph.value(product, components))


def _reciprocal(divisor: Floats, *, at_zero: float) -> Floats:
    return np.where(divisor == 0, at_zero, 1.0 / np.where(divisor == 0, 1.0, divisor))


def _shift_and_scale(
    context: Context,
    stage: StandardScaler | RobustScaler | MaxAbsScaler,
    shift: Floats | None,
    scale: Floats | None,
) -> None:
    """StandardScalerModel.getTransformFunc, which three Spark scalers share."""
    known = shift if shift is not None else scale
    value: Value = context.column(stage, stage.input)
    if known is None:
        context.define(stage.output, value)
        return
    value = context.vector(stage, stage.input, len(known))
    tensor = context.tensor(value)
    if shift is not None:
        tensor = context.graph.node("Sub", tensor, context.graph.constant([shift]))
    if scale is not None:
        tensor = context.graph.node("Mul", tensor, context.graph.constant([scale]))
    made = context.graph.value(tensor, len(known))
    context.define(
        stage.output,
        made if shift is not None else made.but(compressed=value.compressed, one_hot=value.one_hot),
    )
