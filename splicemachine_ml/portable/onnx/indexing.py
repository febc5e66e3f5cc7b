"""StringIndexer, IndexToString and OneHotEncoder: between labels, positions and 0/1 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from onnx import TensorProto

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import java_text
from splicemachine_ml.portable.onnx.context import WHOLE_TYPES, Context
from splicemachine_ml.portable.onnx.graph import DOMAIN_ML, Cell, Value, X, tensor_attribute
from splicemachine_ml.portable.stages import IndexToString, OneHotEncoder, StringIndexer

_MOVED = -5e-324
_UNSEEN = "null or unseen label (set handleInvalid to 'keep' or 'skip' before fitting to allow it)"


def string_indexer(context: Context, stage: StringIndexer) -> None:
    """A value's position among the labels; n for null and unseen ones, which error and skip then report.

    Spark: feature.StringIndexerModel. Raw columns are coded by the host (spec.Encoder); ONNX for the
    others: LabelEncoder double>double.
    """
    raw_names, slots, sizes = [], [], []
    for name, output, labels in zip(stage.inputs, stage.outputs, stage.labels, strict=True):
        slot = context.codes.get((stage.uid, output))
        keep = stage.handle_invalid == "keep"
        upper = len(labels) + keep
        if slot is not None:
            raw_names.append(name)
            slots.append(slot)
            sizes.append(len(labels))
            value = Value((Cell(X, slot),), "number", may_nan=False, upper=upper, spelling="double")
            context.define(output, value)
        else:
            _index_in_graph(context, stage, name, output, labels)
    if stage.handle_invalid != "keep":
        context.host_rule(stage, raw_names, stage.handle_invalid, _UNSEEN, at=slots, codes=sizes)


def _index_in_graph(
    context: Context, stage: StringIndexer, name: str, output: str, labels: Sequence[str]
) -> None:
    graph, count = context.graph, len(labels)
    value = context.column(stage, name)
    if value.kind == "vector":
        raise ConversionError(f"{stage.uid}: StringIndexer cannot read the vector column {name!r}")
    keys = _keys_of(value, labels)
    x = _without_negative_zero(context, value, keys)
    code = graph.node(
        "LabelEncoder",
        x,
        domain=DOMAIN_ML,
        **{
            "keys_tensor": tensor_attribute("keys_tensor", list(keys) or [np.inf]).t,
            "values_tensor": tensor_attribute("values_tensor", list(keys.values()) or [count]).t,
            "default_tensor": tensor_attribute("default_tensor", [count]).t,
        },
    )
    unseen = graph.constant([[float(count)]])
    nulls = context.nulls(value)
    if nulls is not None:
        code = graph.node("Where", nulls, unseen, code)
    keep = stage.handle_invalid == "keep"
    context.define_number(output, code, upper=count + keep)
    if stage.handle_invalid != "keep":
        bad = graph.node("Equal", code, unseen)
        if stage.handle_invalid == "skip" and any(key != key for key in keys):
            bad = graph.node("Or", bad, graph.node("IsNaN", x))  # na.drop runs before the lookup
        context.graph_rule(stage, [name], stage.handle_invalid, _UNSEEN, bad)


def _keys_of(value: Value, labels: Sequence[str]) -> dict[float, int]:
    """What each label stands for in the column: a position (text), or the number Java spells like that."""
    if value.kind == "string":
        positions = {label: at for at, label in enumerate(labels)}
        return {float(at): positions[label] for at, label in enumerate(value.labels) if label in positions}
    if value.spelling in WHOLE_TYPES or (not value.spelling and all(map(_is_whole, labels))):
        return {float(key): at for key, at in java_text.whole_keys(labels).items()}
    if value.spelling == "float":
        singles = java_text.float_keys(labels)
        numbers = np.array(list(singles), np.int32).view(np.float32).tolist()
        return _with_moved_zero(numbers, singles.values())
    doubles = java_text.double_keys(labels)
    return _with_moved_zero(np.array(list(doubles), np.int64).view(np.float64).tolist(), doubles.values())


def _with_moved_zero(numbers: Iterable[float], positions: Iterable[int]) -> dict[float, int]:
    """-0.0 and 0.0 are two labels but one LabelEncoder key: -0.0 moves to an infinitesimal."""
    return {
        _MOVED if number == 0.0 and np.signbit(number) else number: position
        for number, position in zip(numbers, positions, strict=True)
    }


def _is_whole(label: str) -> bool:
    return bool(java_text.whole_keys([label]))


def _without_negative_zero(context: Context, value: Value, keys: dict[float, int]) -> str:
    """The column with -0.0 moved as in ``_with_moved_zero``, where that makes a difference."""
    graph, x = context.graph, context.tensor(value)
    if value.upper is not None or value.kind == "string" or value.spelling in WHOLE_TYPES:
        return x
    if 0.0 not in keys and _MOVED not in keys:
        return x
    is_negative = graph.node("Equal", graph.node("Reciprocal", x), graph.constant([[-np.inf]]))
    return graph.node("Where", is_negative, graph.constant([[_MOVED]]), x)


def index_to_string(context: Context, stage: IndexToString) -> None:
    """The graph hands on the index, cut towards zero; the host turns it into text.

    Spark: feature.IndexToString. Spark 4 casts in ANSI mode: null, NaN and what has no label raise.
    """
    graph, count = context.graph, len(stage.labels)
    value = context.column(stage, stage.input)
    if value.kind != "number":
        raise ConversionError(f"{stage.uid}: IndexToString reads column {stage.input!r}, which is no number")
    if value.upper is None or value.upper > count or value.null is not None:
        x = context.tensor(value)
        inside = graph.node("Less", x, graph.constant([[float(count)]]))
        known = graph.node("And", inside, graph.node("Greater", x, graph.constant([[-1.0]])))
        message = f"the index has no label, there are {count}"
        context.graph_rule(stage, [stage.input], "error", message, graph.node("Not", known))
        whole = graph.number(graph.node("Cast", x, to=TensorProto.INT64))
        value = graph.value(whole, 1, "number")
    context.define(stage.output, Value(value.cells, "string", may_nan=False, labels=stage.labels))


def one_hot_encoder(context: Context, stage: OneHotEncoder) -> None:
    """One 0/1 column a category; a fraction is cut off, what is out of range is an error or the extra slot.

    Spark: feature.OneHotEncoderModel. ONNX: Floor, Equal, Cast (OneHot has no double).
    """
    keep = stage.handle_invalid == "keep"
    for name, output, size in zip(stage.inputs, stage.outputs, stage.category_sizes, strict=True):
        value = context.column(stage, name)
        if value.kind != "number":
            raise ConversionError(f"{stage.uid}: OneHotEncoder reads column {name!r}, which is no number")
        fits = value.upper is not None and value.upper <= size + keep
        nulls = context.nulls(value)
        cell = value.cells[0]
        if not fits:
            cell = _checked_category(context, stage, name, size, nulls)
        width = size + (keep and not stage.drop_last) - (stage.drop_last and not keep)
        cells = tuple(Cell(cell.tensor, cell.index, float(at)) for at in range(width))
        encoded = Value(cells, "vector", null=nulls, may_nan=nulls is not None)
        if nulls is not None and width:
            graph = context.graph
            filled = graph.node("Where", nulls, graph.constant([[np.nan]]), graph.tensor(cells))
            encoded = graph.value(filled, width).but(null=nulls)
        context.define(output, encoded.but(compressed=cells, one_hot=True))


def _checked_category(
    context: Context, stage: OneHotEncoder, name: str, size: int, nulls: str | None
) -> Cell:
    """The whole category; out of range it is ``size`` under keep and a broken rule under error."""
    graph = context.graph
    x = context.tensor(context.values[name])
    low = graph.node("GreaterOrEqual", x, graph.constant([[0.0]]))
    valid = graph.node("And", low, graph.node("Less", x, graph.constant([[float(size)]])))
    category = graph.node("Where", valid, graph.node("Floor", x), graph.constant([[float(size)]]))
    if stage.handle_invalid == "error":
        bad = graph.node("Not", valid)
        if nulls is not None:
            bad = graph.node("And", bad, graph.node("Not", nulls))
        message = f"category outside [0, {size}) (set handleInvalid to 'keep' before fitting to allow it)"
        context.graph_rule(stage, [name], "error", message, bad)
    return graph.value(category).cells[0]
