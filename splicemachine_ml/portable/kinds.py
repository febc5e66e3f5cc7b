"""What every column of a pipeline is (number, text, vector), from its stages and the training schema."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.wiring import Demand, demand, describe, readers_of, reads, writes

_INTEGERS = frozenset({"tinyint", "smallint", "int", "bigint"})
_TEXT = re.compile(r"(string|varchar\(\d+\)|char\(\d+\))( collate .+)?")
_VECTOR = re.compile(r"vector(?:\((\d{1,9})\))?")
_WHOLE = re.compile(r"-?\d+")
_ALLOWED: dict[Demand, str] = {
    "text": "a string or a number",
    "number": "a number",
    "scalar": "a number or a boolean",
    "either": "a number or a vector",
    "loose": "a number, a boolean or a vector",
    "vector": "a vector",
}


def column_of_type(name: str, spark_type: str) -> ir.Column | None:
    """The column for a Spark simpleString; None for a type that no stage reads (dates, arrays, structs).

    ``vector(3)`` is understood beside Spark's own ``vector``, for callers who know the width.
    """
    kind = spark_type.strip().lower()
    if match := _VECTOR.fullmatch(kind):
        return ir.Column(name, "vector", int(match[1] or 0), spark_type="vector")
    if kind in _INTEGERS or kind in {"float", "double", "boolean"} or kind.startswith("decimal"):
        return ir.Column(name, "number", spark_type=kind)
    return ir.Column(name, "string", spark_type="string") if _TEXT.fullmatch(kind) else None


@dataclass(frozen=True)
class Kinds:
    """All columns (vector widths still 0 unless the schema gave them), and those that may yet be vectors.

    ``undecided``: raw columns without a known type that only VectorAssemblers read. They stand as numbers.
    """

    columns: dict[str, ir.Column]
    undecided: frozenset[str]


def find_kinds(
    stages: Iterable[ir.Stage],
    raw: Iterable[str],
    schema: Mapping[str, str] | None,
    vectors: Collection[str] = (),
) -> Kinds:
    """Kinds of the raw columns and of everything the stages make of them, in order.

    ``vectors`` names undecided columns that turned out to be vectors. ConversionError names column and stage
    where a stage reads what Spark would refuse.
    """
    stages = tuple(stages)
    columns: dict[str, ir.Column] = {}
    undecided = set()
    whole = _spelled_whole(stages)
    for name in raw:
        asked = {demand(stage): stage for column, stage in readers_of(stages) if column == name}
        if name in vectors:
            columns[name] = ir.Column(name, "vector", spark_type="vector")
        elif schema is not None:
            columns[name] = _from_schema(name, asked, schema)
        else:
            columns[name] = _from_demands(name, asked)
            if columns[name].kind == "number" and name in whole:
                columns[name] = replace(columns[name], spark_type="bigint")
            if set(asked) == {"loose"}:
                undecided.add(name)
    for stage in stages:
        for name in reads(stage):
            if not _accepts(demand(stage), columns[name]):
                raise _refused(stage, name, columns[name].spark_type or columns[name].kind)
        columns.update((c.name, c) for c in _outputs(stage, columns))
    return Kinds(columns, frozenset(undecided))


def _from_schema(name: str, asked: Mapping[Demand, ir.Stage], schema: Mapping[str, str]) -> ir.Column:
    stage = next(iter(asked.values()))
    if name not in schema:
        near = get_close_matches(name, list(schema), 1)
        hint = f"; did you mean {near[0]!r}?" if near else f" ({', '.join(list(schema)[:20])})"
        raise ConversionError(f"{describe(stage)} reads column {name!r}, which is not in the schema{hint}")
    column = column_of_type(name, schema[name])
    if column is None:
        raise _refused(stage, name, schema[name])
    return column


def _from_demands(name: str, asked: Mapping[Demand, ir.Stage]) -> ir.Column:
    """Without a schema: what the stages that read the column need it to be."""
    scalar = next((asked[w] for w in ("text", "number", "scalar") if w in asked), None)
    if "vector" in asked:
        if scalar is not None:
            raise ConversionError(
                f"column {name!r} is a vector for {describe(asked['vector'])} and a single value for "
                f"{describe(scalar)}: it cannot be both"
            )
        return ir.Column(name, "vector", spark_type="vector")
    # beside a stage that takes numbers only, a StringIndexer's column must be a number too
    return ir.Column(name, "any" if set(asked) <= {"text"} else "number")


def _spelled_whole(stages: Iterable[ir.Stage]) -> set[str]:
    """Columns that were integers when the pipeline was fitted, as the labels of their StringIndexer show.

    Spark spells an integer 3 and a double 3.0. An Imputer leaves the type as it is, so its input counts too.
    """
    source: dict[str, str] = {}
    found = set()
    for stage in stages:
        if isinstance(stage, ir.Imputer):
            source.update(zip(stage.outputs, stage.inputs, strict=True))
        elif isinstance(stage, ir.StringIndexer):
            for name, labels in zip(stage.inputs, stage.labels, strict=True):
                if labels and all(_WHOLE.fullmatch(label) for label in labels):
                    while name in source:
                        name = source[name]
                    found.add(name)
    return found


def _accepts(wish: Demand, column: ir.Column) -> bool:
    """Whether Spark's transformSchema would let a stage read the column."""
    if column.kind == "vector":
        return wish in {"vector", "either", "loose"}
    if column.kind in {"string", "any"}:
        return wish == "text"
    return wish in ({"scalar", "loose"} if column.spark_type == "boolean" else set(_ALLOWED) - {"vector"})


def _refused(stage: ir.Stage, name: str, is_a: str) -> ConversionError:
    wish = _ALLOWED[demand(stage)]
    return ConversionError(f"{describe(stage)} reads column {name!r}, a {is_a}; Spark takes {wish} there")


def _outputs(stage: ir.Stage, columns: Mapping[str, ir.Column]) -> list[ir.Column]:
    """The columns a stage adds, with the Spark type that a later StringIndexer would spell as text."""
    double = {c: ir.Column(c, "number", nullable=False, spark_type="double") for c in writes(stage)}
    if isinstance(stage, ir.StringIndexer):
        return list(double.values())
    if isinstance(stage, ir.Imputer):  # ImputerModel casts back to the type of its input
        pairs = zip(stage.inputs, stage.outputs, strict=True)
        return [
            ir.Column(out, "number", nullable=False, spark_type=columns[name].spark_type or "double")
            for name, out in pairs
        ]
    if isinstance(stage, ir.Bucketizer | ir.Binarizer):
        pairs = zip(stage.inputs, stage.outputs, strict=True)
        return [
            _vector(out)
            if columns[name].kind == "vector"
            else ir.Column(out, "number", nullable=columns[name].nullable, spark_type="double")
            for name, out in pairs
        ]
    if isinstance(stage, ir.IndexToString):
        return [
            ir.Column(stage.output, "string", nullable=columns[stage.input].nullable, spark_type="string")
        ]
    if isinstance(stage, ir.Rename):  # RFormulaModel casts its label to double
        return [
            ir.Column(stage.output, "number", nullable=columns[stage.input].nullable, spark_type="double")
        ]
    if isinstance(stage, ir.KMeans):
        return [ir.Column(c, "number", nullable=False, spark_type="int") for c in writes(stage)]
    if isinstance(stage, ir.Classifier):
        return [_vector(c) if c != stage.prediction else double[c] for c in writes(stage)]
    if isinstance(stage, ir.Predictor):
        return list(double.values())
    return [_vector(c) for c in writes(stage)]


def _vector(name: str) -> ir.Column:
    return ir.Column(name, "vector", nullable=False, spark_type="vector")
