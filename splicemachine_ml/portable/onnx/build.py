"""From a plan to the ONNX graph and the specification the scorer reads beside it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from splicemachine_ml.errors import ConversionError, UnsupportedStageError
from splicemachine_ml.portable.onnx.context import Context, GraphRule, constant_where
from splicemachine_ml.portable.onnx.describe import describe
from splicemachine_ml.portable.onnx.graph import Cell, Value, X
from splicemachine_ml.portable.onnx.table import CONVERTERS
from splicemachine_ml.portable.spec import (
    MODEL_FILE,
    NULL_INDEX,
    InputSpec,
    OutputSpec,
    Rule,
    ScoringSpec,
    StageSpec,
)
from splicemachine_ml.portable.stages import (
    Column,
    IndexToString,
    Plan,
    Rename,
    Stage,
    StringIndexer,
    VectorAssembler,
)


def build(plan: Plan) -> tuple[bytes, ScoringSpec]:
    """The serialised ONNX model (one float64 input ``x``, one output) and its specification.

    Raises UnsupportedStageError with every stage that has no converter, ConversionError when columns do not
    fit together.
    """
    gaps = [
        (stage.uid, type(stage).__name__, "no ONNX converter")
        for stage in plan.stages
        if type(stage) not in CONVERTERS
    ]
    if gaps:
        raise UnsupportedStageError(gaps)
    context = Context(plan)
    described = [_convert(context, stage) for stage in plan.stages]
    outputs, cells = _outputs(context)
    rules, rule_cells = _rules(context, len(cells))
    width = sum(slot.size for slot in context.layout)
    y = context.graph.tensor([*cells, *rule_cells]) if cells or rule_cells else ""
    if not y:
        raise ConversionError(f"pipeline {plan.pipeline.uid} has no output to compute")
    y = context.graph.node("Identity", y) if y == X else y
    model = context.graph.model(width, y, len(cells) + len(rule_cells))
    spec = ScoringSpec(
        pipeline_uid=plan.pipeline.uid,
        spark_version=plan.pipeline.spark_version,
        model_file=MODEL_FILE,
        model_sha256=hashlib.sha256(model).hexdigest(),
        inputs=tuple(_input(plan, column) for column in plan.inputs),
        optional=tuple(column.name for column in plan.optional),
        layout=tuple(context.layout),
        encoders=tuple(context.encoders),
        rules=rules,
        outputs=outputs,
        stages=tuple(described),
    )
    return model, spec


def _convert(context: Context, stage: Stage) -> StageSpec:
    """Run the stage's converter and note where the work went."""
    nodes, rules = len(context.graph.nodes), len(context.rules)
    CONVERTERS[type(stage)](context, stage)
    new = context.rules[rules:]
    on_host = isinstance(stage, IndexToString) or any(isinstance(rule, Rule) for rule in new)
    on_host |= any((stage.uid, output) in context.codes for output in getattr(stage, "outputs", ()))
    moves_columns = not isinstance(stage, StringIndexer | IndexToString | Rename)
    in_graph = len(context.graph.nodes) > nodes or (moves_columns and not on_host)
    return describe(stage, on_host=on_host, in_graph=in_graph)


def _outputs(context: Context) -> tuple[tuple[OutputSpec, ...], list[Cell]]:
    outputs: list[OutputSpec] = []
    cells: list[Cell] = []
    for column in context.plan.outputs:
        value = context.values.get(column.name)
        if value is None:
            raise ConversionError(f"no stage writes the output column {column.name!r}")
        nullable = value.kind == "string" and value.null is not None
        if nullable:
            value = _with_null_index(context, value)
        size = len(value.cells) if value.kind == "vector" else 0
        uid = next((s.uid for s in context.plan.stages if getattr(s, "output", "") == column.name), "")
        outputs.append(OutputSpec(column.name, value.kind, size, len(cells), value.labels, nullable, uid))
        cells += value.cells
    return tuple(outputs), cells


def _with_null_index(context: Context, value: Value) -> Value:
    assert value.null is not None  # noqa: S101 - the caller asked
    index = constant_where(context.graph, value.null, NULL_INDEX, context.tensor(value))
    return context.graph.value(index, 1, "number").but(kind="string", labels=value.labels)


def _rules(context: Context, start: int) -> tuple[tuple[Rule, ...], list[Cell]]:
    """All rules in stage order; those of the graph get columns of the output from ``start`` on."""
    graph = context.graph
    tensors = [rule.tensor for rule in context.rules if isinstance(rule, GraphRule)]
    rules: list[Rule] = []
    at = start
    for rule in context.rules:
        if isinstance(rule, GraphRule):
            rules.append(replace(rule.rule, at=(at,)))
            at += 1
        else:
            rules.append(rule)
    if not tensors:
        return tuple(rules), []
    mask = tensors[0] if len(tensors) == 1 else graph.node("Concat", *tensors, axis=1)
    return tuple(rules), list(graph.value(graph.number(mask), len(tensors)).cells)


def _input(plan: Plan, column: Column) -> InputSpec:
    """Spark's VectorAssembler takes booleans as numbers; nothing else does."""
    readers = [stage for stage in plan.stages if column.name in _reads(stage)]
    booleans = column.spark_type in ("", "boolean") and column.kind == "number"
    booleans &= all(isinstance(stage, VectorAssembler | Rename) for stage in readers)
    return InputSpec(column.name, column.kind, column.size, column.nullable, column.spark_type, booleans)


def _reads(stage: Stage) -> tuple[str, ...]:
    single = (getattr(stage, name, "") for name in ("input", "features"))
    return (*getattr(stage, "inputs", ()), *single)
