"""Imputer, Bucketizer, Binarizer, VectorAssembler, VectorIndexer and Rename."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable.onnx.context import WHOLE_TYPES, Action, Context
from splicemachine_ml.portable.onnx.graph import DOMAIN_ML, Value, X, tensor_attribute
from splicemachine_ml.portable.stages import (
    Binarizer,
    Bucketizer,
    Imputer,
    Rename,
    Stage,
    VectorAssembler,
    VectorIndexer,
)

_SMALLEST = 5e-324


def imputer(context: Context, stage: Imputer) -> None:
    """Null and the missing value become the surrogate, cast to the column's type.

    Spark: feature.ImputerModel (``when(isNull).when(=== missingValue).otherwise().cast(inputType)``).
    ONNX: IsNaN or Equal, Where.
    """
    graph, is_nan = context.graph, np.isnan(stage.missing_value)
    values = [_number(context, stage, name) for name in stage.inputs]
    surrogates = [
        cast_to(surrogate, value.spelling) for surrogate, value in zip(stage.surrogates, values, strict=True)
    ]
    x = graph.tensor([value.cells[0] for value in values])
    if is_nan:  # null is NaN in x, so one question answers both
        hit = graph.node("IsNaN", x)
    else:
        hit = graph.node("Equal", x, graph.constant([[stage.missing_value]]))
        flags = [context.nulls(value) or _never(context, value) for value in values]
        hit = graph.node("Or", hit, flags[0] if len(flags) == 1 else graph.node("Concat", *flags, axis=1))
    filled = graph.node("Where", hit, graph.constant([surrogates]), x)
    cells = graph.value(filled, len(values)).cells
    for output, cell, value, surrogate in zip(stage.outputs, cells, values, surrogates, strict=True):
        may_nan = bool(np.isnan(surrogate)) or (value.may_nan and not is_nan)
        context.define(output, Value((cell,), "number", may_nan=may_nan, spelling=value.spelling))


def cast_to(number: float, spark_type: str) -> float:
    """A double cast to the column's Spark type: cut for whole numbers, rounded half up for decimals."""
    if np.isnan(number) or np.isinf(number):
        return number
    if spark_type in WHOLE_TYPES:
        return float(int(number))
    if spark_type == "float":
        return float(np.float32(number))
    if spark_type.startswith("decimal"):
        scale = int(spark_type[spark_type.index(",") + 1 : -1]) if "," in spark_type else 0
        return float(Decimal(repr(number)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP))
    return number


def bucketizer(context: Context, stage: Bucketizer) -> None:
    """The number of inner splits at or below x; the last bucket is closed, NaN has its own under keep.

    Spark: feature.Bucketizer.binarySearchForBuckets: out of range raises whatever handleInvalid says, and
    Arrays.binarySearch puts -0.0 below 0.0. All columns at once, the splits padded with NaN, which nothing
    reaches. ONNX: GreaterOrEqual, ReduceSum.
    """
    graph, count = context.graph, len(stage.inputs)
    values = [_number(context, stage, name) for name in stage.inputs]
    x = graph.tensor([value.cells[0] for value in values])
    if any(split == 0 and not np.signbit(split) for splits in stage.splits for split in splits):
        negative_zero = graph.node("Equal", graph.node("Reciprocal", x), graph.constant([[-np.inf]]))
        x = graph.node("Where", negative_zero, graph.constant([[-_SMALLEST]]), x)
    _bucketizer_rules(context, stage, values, x)
    inner = np.full((count, max(len(splits) for splits in stage.splits) - 2), np.nan)
    for row, splits in zip(inner, stage.splits, strict=True):
        row[: len(splits) - 2] = splits[1:-1]
    cubes = graph.node("Unsqueeze", x, graph.constant([2], np.int64))
    passed = graph.number(graph.node("GreaterOrEqual", cubes, graph.constant([inner])))
    bucket = graph.node("ReduceSum", passed, graph.constant([2], np.int64), keepdims=0)
    keep = stage.handle_invalid == "keep"
    if any(value.may_nan for value in values):
        extra = [[float(len(splits) - 1) if keep else np.nan for splits in stage.splits]]
        bucket = graph.node("Where", graph.node("IsNaN", x), graph.constant(extra), bucket)
    cells = graph.value(bucket, count).cells
    graph.whole.update((bucket, at) for at in range(count))
    for at, (output, value, splits) in enumerate(zip(stage.outputs, values, stage.splits, strict=True)):
        nulls = context.nulls(value) if stage.handle_invalid != "skip" else None
        made = Value((cells[at],), "number", may_nan=False, upper=len(splits) - 1 + keep, spelling="double")
        if nulls is not None:
            filled = graph.node("Where", nulls, graph.constant([[np.nan]]), graph.tensor([cells[at]]))
            made = graph.value(filled, 1, "number").but(null=nulls, spelling="double", upper=made.upper)
            graph.whole.add((filled, 0))
        context.define(output, made)


def _bucketizer_rules(context: Context, stage: Bucketizer, values: list[Value], x: str) -> None:
    graph = context.graph
    if stage.handle_invalid == "skip":
        _nan_rules(context, stage, dict(zip(stage.inputs, values, strict=True)), "skip", "null or NaN")
    elif stage.handle_invalid == "error":
        for name, value in zip(stage.inputs, values, strict=True):
            if value.may_nan:
                bad = graph.node("IsNaN", graph.tensor(value.cells))
                nulls = context.nulls(value)
                if nulls is not None:
                    bad = graph.node("And", bad, graph.node("Not", nulls))
                context.graph_rule(stage, [name], "error", "NaN (set handleInvalid to allow it)", bad)
    bounded = [at for at, splits in enumerate(stage.splits) if np.isfinite(splits[[0, -1]]).any()]
    if not bounded:
        return
    cells = graph.value(x, len(values)).cells
    tested = graph.tensor([cells[at] for at in bounded])
    low, high = (graph.constant([[stage.splits[at][end] for at in bounded]]) for end in (0, -1))
    outside = graph.node("Or", graph.node("Less", tested, low), graph.node("Greater", tested, high))
    names = [stage.inputs[at] for at in bounded]
    ranges = ", ".join(f"[{stage.splits[at][0]}, {stage.splits[at][-1]}]" for at in bounded)
    context.graph_rule(stage, names, "error", f"value out of Bucketizer bounds {ranges}", outside)


def binarizer(context: Context, stage: Binarizer) -> None:
    """1.0 above the threshold; null and NaN numbers give 0.0.

    Spark: feature.Binarizer. In a vector a NaN passes a negative threshold (``!(value <= t)``).
    ONNX: Greater, LessOrEqual.
    """
    graph = context.graph
    for name, output, threshold in zip(stage.inputs, stage.outputs, stage.thresholds, strict=True):
        value = context.column(stage, name)
        if value.kind == "vector":
            value = context.vector(stage, name, len(value.cells))
        if value.kind == "string":
            raise ConversionError(f"{stage.uid}: Binarizer cannot read the text column {name!r}")
        x, limit = context.tensor(value), graph.constant([[threshold]])
        if value.kind == "vector" and threshold < 0:
            above = graph.node("Not", graph.node("LessOrEqual", x, limit))
        else:
            above = graph.node("Greater", x, limit)
        if value.kind == "number":
            context.define_number(output, graph.number(above), upper=2)
        else:
            made = graph.value(graph.number(above), len(value.cells)).but(may_nan=False)
            graph.whole.update((cell.tensor, cell.index) for cell in made.cells)
            context.define(output, made.but(compressed=made.cells))


def vector_assembler(context: Context, stage: VectorAssembler) -> None:
    """Numbers and vectors side by side.

    Spark: feature.VectorAssembler: error and skip look for null and NaN numbers and null vectors (a NaN
    inside a vector passes); keep turns null into NaN. ONNX: Slice, Gather, Concat, when somebody needs it.
    """
    values = {name: context.column(stage, name) for name in stage.inputs}
    for name, value in values.items():
        if value.kind == "string":
            raise ConversionError(f"{stage.uid}: VectorAssembler cannot read the text column {name!r}")
    if stage.handle_invalid == "keep":
        for value in values.values():
            if value.kind == "vector" and value.raw:
                context.null_slot(value.raw)  # tells the host that a null vector is NaN here
    else:
        _nan_rules(context, stage, values, stage.handle_invalid, "null or NaN while assembling a vector")
    cells = tuple(cell for name in stage.inputs for cell in values[name].cells)
    keep = stage.handle_invalid == "keep"
    may_nan = any(value.may_nan and (keep or value.kind == "vector") for value in values.values())
    context.define(stage.output, Value(cells, "vector", may_nan=may_nan, compressed=cells))


def _nan_rules(
    context: Context, stage: Stage, values: dict[str, Value], action: Action, message: str
) -> None:
    """Report null and NaN numbers and null vectors: raw columns on the host, derived ones in the graph."""
    names = {name: value for name, value in values.items() if value.kind == "number" and value.may_nan}
    raw = {name: value.cells[0].index for name, value in names.items() if value.cells[0].tensor == X}
    context.host_rule(stage, list(raw), action, message, at=list(raw.values()))
    derived = [name for name in names if name not in raw]
    if derived:
        bad = context.graph.node("IsNaN", context.graph.tensor([values[name].cells[0] for name in derived]))
        context.graph_rule(stage, derived, action, message, bad)
    for name, value in values.items():
        if value.kind != "vector":
            continue
        slot = context.null_slot(value.raw) if value.raw and action == "skip" else None
        if slot is not None:
            context.host_rule(stage, [name], action, "null vector", at=[slot], codes=[1])
        elif value.null is not None:
            context.graph_rule(stage, [name], action, "null vector", value.null)


def vector_indexer(context: Context, stage: VectorIndexer) -> None:
    """Categorical features become their index, the others pass.

    Spark: feature.VectorIndexerModel: unknown values raise, drop the row or become the map's size. A zero
    that a sparse vector does not store passes unseen. ONNX: LabelEncoder, a feature each.
    """
    graph = context.graph
    value = context.vector(stage, stage.input, stage.num_features)
    cells, bad = list(value.cells), []
    known_zeros = all(0.0 in categories for categories in stage.category_maps.values())
    is_sparse = None if known_zeros else sparse_rows(context, value)
    for feature, categories in sorted(stage.category_maps.items()):
        x = graph.tensor([value.cells[feature]])
        count = float(len(categories))
        index = graph.node(
            "LabelEncoder",
            x,
            domain=DOMAIN_ML,
            **{
                "keys_tensor": tensor_attribute("keys_tensor", list(categories)).t,
                "values_tensor": tensor_attribute("values_tensor", list(categories.values())).t,
                "default_tensor": tensor_attribute("default_tensor", [count]).t,
            },
        )
        if is_sparse is not None and value.compressed is not None and 0.0 not in categories:
            stored = graph.tensor([value.compressed[feature]])
            absent = graph.node("And", is_sparse, graph.node("Equal", stored, graph.constant([[0.0]])))
            index = graph.node("Where", absent, graph.constant([[0.0]]), index)
        bad.append(graph.node("Equal", index, graph.constant([[count]])))
        cells[feature] = graph.value(index).cells[0]
        graph.whole.add((index, 0))
    context.define(stage.output, value.but(cells=tuple(cells), raw=""))
    if bad and stage.handle_invalid != "keep":
        unknown = bad[0] if len(bad) == 1 else graph.any_column(graph.node("Concat", *bad, axis=1))
        action = stage.handle_invalid
        context.graph_rule(stage, [stage.input], action, "value unknown to VectorIndexer", unknown)


def sparse_rows(context: Context, value: Value) -> str | None:
    """Where Spark holds the vector sparse (bool [N, 1]): ``3 * nnz + 4 < 2 * size``; None for nowhere.

    Spark: Vector.compressed, as 4.3 was seen to decide for every size up to 60; OneHotEncoder's always are.
    """
    if value.compressed is not None and value.one_hot:
        return context.graph.constant([[True]], np.bool_)
    if value.compressed is None or len(value.compressed) <= 2:
        return None
    graph, size = context.graph, len(value.compressed)
    is_zero = graph.number(graph.node("Equal", graph.tensor(value.compressed), graph.constant([[0.0]])))
    zeros = graph.node("ReduceSum", is_zero, graph.constant([1], np.int64), keepdims=1)
    # 3 * (size - zeros) + 4 < 2 * size  <=>  3 * zeros > size + 4, in whole numbers zeros > (size + 4) // 3
    return graph.node("Greater", zeros, graph.constant([[float((size + 4) // 3)]]))


def rename(context: Context, stage: Rename) -> None:
    """The same column under a second name; costs no node."""
    context.define(stage.output, context.column(stage, stage.input))


def _never(context: Context, value: Value) -> str:
    """False for every row, [N, 1]."""
    x = context.tensor(value)
    return context.graph.node("Less", x, x)


def _number(context: Context, stage: Stage, name: str) -> Value:
    value = context.column(stage, name)
    if value.kind != "number":
        raise ConversionError(f"{stage.uid} ({stage.spark_class}) needs a number in column {name!r}")
    return value
