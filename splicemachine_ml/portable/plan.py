"""Make a pipeline ready to score: what goes in, what comes out, and the stages in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.kinds import column_of_type, find_kinds, is_integer
from splicemachine_ml.portable.widths import IsVector, find_widths
from splicemachine_ml.portable.wiring import (
    Needed,
    check_single_writer,
    describe,
    needed_for,
    reads,
    writes,
)


def make_plan(pipeline: ir.Pipeline, schema: Mapping[str, str] | None = None) -> ir.Plan:
    """Resolve columns, outputs and needed stages of a pipeline.

    ``schema`` is the training DataFrame's, column to simpleString ("int", "string", "vector", ...; also
    "vector(n)"). Without one, a column that only StringIndexers read is of kind "any", other raw columns are
    doubles, and a column of an assembler is a vector where only that adds up.

    Outputs: the columns of every model in the pipeline plus every IndexToString's; in a pipeline without a
    model, the columns that no later stage reads. Stages, and columns of multi-column stages, that these do
    not need are dropped (the label's StringIndexer), except when they drop rows.
    ``optional`` columns: read by dropped stages only, named by the models' labelCol or weightCol, or just
    present in the schema.

    Raises ConversionError, naming column and stage, for what Spark's transformSchema refuses, for a column
    written twice, and for a vector whose width nothing tells.
    """
    check_single_writer(pipeline.stages)
    outputs = _outputs(pipeline)
    if not outputs:
        raise ConversionError(
            f"{pipeline.uid}: no stage of the pipeline writes a column, nothing can be scored"
        )
    need = needed_for(pipeline.stages, outputs, pipeline.training_columns)
    schema = {**schema} if schema else None
    columns = _solve(need, schema)
    stages = tuple(_in_type_of_column(stage, columns) for stage in need.stages)
    return ir.Plan(
        pipeline=pipeline,
        stages=stages,
        inputs=tuple(columns[c] for c in need.raw),
        optional=_optional(pipeline, need, schema),
        outputs=tuple(columns[c] for c in outputs),
        columns=columns,
    )


def _outputs(pipeline: ir.Pipeline) -> tuple[str, ...]:
    """Names of the answer's columns, in the order transform() adds them."""
    models = any(isinstance(stage, ir.Predictor) for stage in pipeline.stages)
    read = {c for stage in pipeline.stages for c in reads(stage)}
    names: list[str] = []
    for stage in pipeline.stages:
        if isinstance(stage, ir.Predictor | ir.IndexToString):
            names.extend(writes(stage))
        elif not models:
            names.extend(c for c in writes(stage) if c not in read and c not in pipeline.training_columns)
    return tuple(names)


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


def _optional(pipeline: ir.Pipeline, need: Needed, schema: Mapping[str, str] | None) -> tuple[ir.Column, ...]:
    """Raw columns that may come along and are ignored."""
    taken = {*need.raw, *(c for stage in pipeline.stages for c in writes(stage))}
    names = dict.fromkeys((*need.dropped_raw, *pipeline.training_columns, *(schema or ())))
    return tuple(_ignored(name, (schema or {}).get(name, "")) for name in names if name not in taken)


def _ignored(name: str, spark_type: str) -> ir.Column:
    return (column_of_type(name, spark_type) if spark_type else None) or ir.Column(
        name, "any", spark_type=spark_type
    )


def _in_type_of_column(stage: ir.Stage, columns: Mapping[str, ir.Column]) -> ir.Stage:
    """An Imputer with its surrogates as Spark leaves them in the column's own type.

    ImputerModel.transform casts its answer back to the input column's type: integers lose the fraction,
    float loses digits, decimal(p, s) is rounded half up to s places.
    """
    if not isinstance(stage, ir.Imputer):
        return stage
    types = (columns[c].spark_type for c in stage.inputs)
    cast = tuple(_cast(s, t, stage) for s, t in zip(stage.surrogates, types, strict=True))
    return replace(stage, surrogates=cast)


def _cast(value: float, spark_type: str, stage: ir.Stage) -> float:
    if is_integer(spark_type) and np.isfinite(value):
        return float(int(value))
    if spark_type == "float":
        return float(np.float32(value))
    if spark_type.startswith("decimal") and np.isfinite(value):
        try:
            scale = int(spark_type.rstrip(") ").rsplit(",", 1)[1])
        except (IndexError, ValueError) as e:
            raise ConversionError(
                f"{describe(stage)} reads a column of the type {spark_type!r}, not a decimal(p,s)"
            ) from e
        return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP))
    return value
