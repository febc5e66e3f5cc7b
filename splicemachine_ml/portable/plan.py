"""Make a pipeline ready to score: what goes in, what comes out, and the stages in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.kinds import column_of_type, find_kinds
from splicemachine_ml.portable.widths import IsVector, find_widths
from splicemachine_ml.portable.wiring import (
    Needed,
    describe,
    needed_for,
    reads,
    single_writers,
    writes,
)


def make_plan(pipeline: ir.Pipeline, schema: Mapping[str, str] | None = None) -> ir.Plan:
    """Resolve columns, outputs and needed stages of a pipeline.

    ``schema`` is the training DataFrame's, column to simpleString ("int", "string", "vector", ...; also
    "vector(n)"). Without one, a column that only StringIndexers read is of kind "any", other raw columns are
    doubles (integers where an indexer's labels show it), and a column of an assembler is a vector where only
    that adds up.

    Outputs: the columns of every model in the pipeline plus every IndexToString's; in a pipeline without a
    model, the columns that no later stage reads. Stages, and columns of multi-column stages, that these do
    not need are dropped (the label's StringIndexer), except when they drop rows.
    ``optional`` columns: read by dropped stages only, named by the models' labelCol or weightCol, or just
    present in the schema.

    ``inputs`` are in the schema's order; without a schema, in the order in which the stages read them.

    Where an Imputer fills its columns in place, the filled column is called "name (imputed)" in the plan.

    Raises ConversionError, naming column and stage, for what Spark's transformSchema refuses, for a column
    written twice, and for a vector whose width nothing tells.
    """
    stages = single_writers(pipeline.stages)
    outputs = _outputs(pipeline, stages)
    need = needed_for(stages, outputs, pipeline.training_columns)
    schema = {**schema} if schema else None
    columns = _solve(need, schema)
    return ir.Plan(
        pipeline=pipeline,
        stages=need.stages,
        inputs=tuple(columns[c] for c in _ordered(need.raw, schema)),
        optional=_optional(stages, pipeline.training_columns, need, schema),
        outputs=tuple(columns[c] for c in outputs),
        columns=columns,
    )


def _outputs(pipeline: ir.Pipeline, stages: tuple[ir.Stage, ...]) -> tuple[str, ...]:
    """Names of the answer's columns, in the order transform() adds them."""
    models = any(isinstance(stage, ir.Predictor) for stage in stages)
    read = {c for stage in stages for c in reads(stage)}
    named = {c for stage in pipeline.stages for c in writes(stage)}
    names: list[str] = []
    for stage in stages:
        if isinstance(stage, ir.Predictor | ir.IndexToString):
            names.extend(writes(stage))
        elif not models:
            ends = [c for c in writes(stage) if c not in read and c not in pipeline.training_columns]
            if hidden := [c for c in ends if c not in named]:
                raise ConversionError(
                    f"{describe(stage)} overwrites its input and nothing reads the result {hidden[0]!r}: "
                    "without a model behind it, give it an output column of its own"
                )
            names.extend(ends)
    if not names:
        raise ConversionError(f"no stage of {pipeline.uid} writes a column: there is nothing to score")
    return tuple(names)


def _ordered(raw: tuple[str, ...], schema: Mapping[str, str] | None) -> list[str]:
    """The raw columns as the training DataFrame had them: rows sent without names come in that order."""
    position = {name: i for i, name in enumerate(schema or ())}
    return sorted(raw, key=lambda name: position.get(name, len(position)))


def _solve(need: Needed, schema: Mapping[str, str] | None) -> dict[str, ir.Column]:
    """Every column of the needed stages, vectors with their width."""
    vectors: set[str] = set()
    while True:  # each round turns one more undecided column into a vector
        kinds = find_kinds(need.stages, need.raw, schema, vectors)
        try:
            widths = find_widths(need.stages, kinds)
        except IsVector as e:
            vectors.add(e.column)
            continue
        return {
            name: replace(column, size=widths[name]) if column.kind == "vector" else column
            for name, column in kinds.columns.items()
        }


def _optional(
    stages: tuple[ir.Stage, ...], training: tuple[str, ...], need: Needed, schema: Mapping[str, str] | None
) -> tuple[ir.Column, ...]:
    """Raw columns that may come along and are ignored."""
    taken = {*need.raw, *(c for stage in stages for c in writes(stage))}
    names = dict.fromkeys((*need.dropped_raw, *training, *(schema or ())))
    return tuple(_ignored(name, (schema or {}).get(name, "")) for name in names if name not in taken)


def _ignored(name: str, spark_type: str) -> ir.Column:
    return (column_of_type(name, spark_type) if spark_type else None) or ir.Column(
        name, "any", spark_type=spark_type
    )
