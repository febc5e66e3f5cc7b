"""From a plan to the ONNX graph and the specification the scorer reads beside it."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from splicemachine_ml.errors import ConversionError, UnsupportedStageError
from splicemachine_ml.portable.onnx.context import Action, AnyRule, Context, GraphRule, rule_of
from splicemachine_ml.portable.onnx.describe import describe
from splicemachine_ml.portable.onnx.graph import Cell, X
from splicemachine_ml.portable.onnx.order import evaluation_order
from splicemachine_ml.portable.onnx.table import CONVERTERS
from splicemachine_ml.portable.spec import (
    MODEL_FILE,
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
    described, broken = [], {}
    for at, stage in enumerate(plan.stages):
        described.append(_convert(context, stage))
        broken.update({(at, rule_of(rule).action, place): rule for place, rule in enumerate(context.rules)})
        context.rules.clear()
    outputs, cells = _outputs(context)
    rules, rule_cells = _rules(context, _in_order(plan, broken), len(cells))
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
    nodes = len(context.graph.nodes)
    CONVERTERS[type(stage)](context, stage)
    on_host = isinstance(stage, IndexToString) or any(isinstance(rule, Rule) for rule in context.rules)
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
        size = len(value.cells) if value.kind == "vector" else 0
        outputs.append(OutputSpec(column.name, value.kind, size, len(cells), value.labels))
        cells += value.cells
    return tuple(outputs), cells


def _in_order(plan: Plan, broken: dict[tuple[int, Action, int], AnyRule]) -> list[AnyRule]:
    """The rules in the order in which Spark comes to them."""
    events = {event: at for at, event in enumerate(evaluation_order(plan))}
    found = [key for key in broken if key[:2] in events]
    return [broken[key] for key in sorted(found, key=lambda key: (events[key[:2]], key[2]))]


def _rules(context: Context, ordered: list[AnyRule], start: int) -> tuple[tuple[Rule, ...], list[Cell]]:
    """The final rules; those of the graph get columns of the output from ``start`` on."""
    graph = context.graph
    rules: list[Rule] = []
    tensors: list[str] = []
    at = start
    for rule in ordered:
        if isinstance(rule, GraphRule):
            width = len(rule.rule.columns)
            rules.append(replace(rule.rule, at=tuple(range(at, at + width))))
            tensors.append(rule.tensor)
            at += width
        else:
            rules.append(rule)
    if not tensors:
        return tuple(rules), []
    mask = tensors[0] if len(tensors) == 1 else graph.node("Concat", *tensors, axis=1)
    return tuple(rules), list(graph.value(graph.number(mask), at - start).cells)


def _input(plan: Plan, column: Column) -> InputSpec:
    """Spark's VectorAssembler takes booleans as numbers; nothing else does."""
    readers = [stage for stage in plan.stages if column.name in _reads(stage)]
    booleans = column.spark_type in ("", "boolean") and column.kind == "number"
    booleans &= all(isinstance(stage, VectorAssembler | Rename) for stage in readers)
    return InputSpec(column.name, column.kind, column.size, column.nullable, column.spark_type, booleans)


def _reads(stage: Stage) -> tuple[str, ...]:
    single = (getattr(stage, name, "") for name in ("input", "features"))
    return (*getattr(stage, "inputs", ()), *single)
