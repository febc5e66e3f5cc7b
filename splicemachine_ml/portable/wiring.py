"""Which columns a stage reads and writes, what it asks of them, and which stages an answer needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir

MultiColumn: TypeAlias = ir.StringIndexer | ir.OneHotEncoder | ir.Imputer | ir.Bucketizer | ir.Binarizer
SingleColumn: TypeAlias = (
    ir.IndexToString
    | ir.VectorIndexer
    | ir.StandardScaler
    | ir.MinMaxScaler
    | ir.MaxAbsScaler
    | ir.RobustScaler
    | ir.Normalizer
    | ir.PCA
    | ir.Rename
)

# What a stage asks of a column it reads, as its transformSchema checks it in Spark:
#   text      StringType or NumericType, not boolean       (StringIndexer)
#   number    NumericType, not boolean                     (Imputer, Bucketizer, OneHotEncoder, IndexToString)
#   scalar    NumericType or boolean                       (RFormula's label)
#   either    NumericType or vector                        (Binarizer)
#   loose     NumericType, boolean or vector               (VectorAssembler)
#   vector    vector                                       (scalers and models)
Demand: TypeAlias = Literal["text", "number", "scalar", "either", "loose", "vector"]

_DEMANDS: dict[type[ir.Stage], Demand] = {
    ir.StringIndexer: "text",
    ir.IndexToString: "number",
    ir.OneHotEncoder: "number",
    ir.Imputer: "number",
    ir.Bucketizer: "number",
    ir.Binarizer: "either",
    ir.VectorAssembler: "loose",
    ir.Rename: "scalar",
}


def reads(stage: ir.Stage) -> tuple[str, ...]:
    """The columns a stage reads, in its own order."""
    if isinstance(stage, MultiColumn | ir.VectorAssembler):
        return tuple(stage.inputs)
    if isinstance(stage, SingleColumn):
        return (stage.input,)
    if isinstance(stage, ir.Predictor):
        return (stage.features,)
    raise ConversionError(f"{describe(stage)} is of no known kind: it has no wiring")


def writes(stage: ir.Stage) -> tuple[str, ...]:
    """The columns a stage adds, in the order transform() adds them; switched off ones are left out."""
    if isinstance(stage, MultiColumn):
        return tuple(stage.outputs)
    if isinstance(stage, ir.VectorAssembler | SingleColumn):
        return (stage.output,)
    if isinstance(stage, ir.Classifier):
        return tuple(c for c in (stage.raw_prediction, stage.probability, stage.prediction) if c)
    if isinstance(stage, ir.TreeRegressor):
        return tuple(c for c in (stage.prediction, stage.variance) if c)
    if isinstance(stage, ir.Predictor):
        return (stage.prediction,) if stage.prediction else ()
    raise ConversionError(f"{describe(stage)} is of no known kind: it has no wiring")


def demand(stage: ir.Stage) -> Demand:
    """What the stage asks of every column that it reads."""
    return _DEMANDS.get(type(stage), "vector")


def describe(stage: ir.Stage) -> str:
    """A stage as errors name it: short class and uid."""
    return f"{stage.spark_class.rsplit('.', 1)[-1]} {stage.uid}"


def drops_rows(stage: ir.Stage) -> bool:
    """Whether the stage leaves rows out (handleInvalid="skip")."""
    return getattr(stage, "handle_invalid", "") == "skip"


def single_writers(stages: tuple[ir.Stage, ...]) -> tuple[ir.Stage, ...]:
    """The stages with every column written once, and never after somebody has read it.

    Spark refuses an output column that exists, except in ImputerModel (it is ``withColumns`` there, and
    filling in place is common): what an Imputer writes over gets a name of its own, which later stages read.
    Any other stage that does it was not accepted by Spark either: ConversionError.
    """
    writer: dict[str, ir.Stage] = {}
    reader: dict[str, ir.Stage] = {}
    now: dict[str, str] = {}  # Spark's name -> the name in the plan
    taken = {c for stage in stages for c in (*reads(stage), *writes(stage))}
    result = []
    for stage in stages:
        for column in reads(stage):
            reader.setdefault(column, stage)
        renamed = _with_inputs(stage, now)
        for column in writes(stage):
            if column in writer or column in reader:
                before = reader.get(column) or writer[column]
                if not isinstance(renamed, ir.Imputer) or writer.get(column) is stage:
                    raise ConversionError(
                        f"{describe(stage)} writes column {column!r}, which {describe(before)} has already "
                        "read or written: give it another output column"
                    )
                now[column] = _fresh(column, taken)
            writer[column] = stage
        if isinstance(renamed, ir.Imputer):
            renamed = replace(renamed, outputs=tuple(now.get(c, c) for c in renamed.outputs))
        result.append(renamed)
    return tuple(result)


def _with_inputs(stage: ir.Stage, names: dict[str, str]) -> ir.Stage:
    """The stage reading ``names[c]`` where it read c."""
    if not any(c in names for c in reads(stage)):
        return stage
    changed: Any
    if isinstance(stage, MultiColumn | ir.VectorAssembler):
        changed = {"inputs": tuple(names.get(c, c) for c in stage.inputs)}
    else:
        field = "features" if isinstance(stage, ir.Predictor) else "input"
        changed = {field: names[reads(stage)[0]]}
    return replace(stage, **changed)


def _fresh(column: str, taken: set[str]) -> str:
    name = f"{column} (imputed)"
    while name in taken:
        name += "'"
    taken.add(name)
    return name


@dataclass(frozen=True)
class Needed:
    """The stages (columns that nobody asks for cut away) that given outputs need, and the raw columns."""

    stages: tuple[ir.Stage, ...]
    raw: tuple[str, ...]
    dropped_raw: tuple[str, ...]


def needed_for(stages: tuple[ir.Stage, ...], outputs: Collection[str], training: Collection[str]) -> Needed:
    """Walk back from ``outputs`` and keep what they are made of.

    A stage that drops rows stays even when nobody reads its output, for the rows that come out depend on it;
    not so for ``training`` columns (a label's indexer), which transform() does without when the label is
    missing (StringIndexerModel skips input columns that do not exist).
    """
    wanted = set(outputs)
    kept: list[ir.Stage] = []
    for stage in reversed(stages):
        outs = writes(stage)
        asked = {c for c in outs if c in wanted or (drops_rows(stage) and c not in training)}
        if asked:
            cut = _cut(stage, asked)
            kept.append(cut)
            wanted.update(reads(cut))
    kept.reverse()
    written = {c for stage in stages for c in writes(stage)}
    raw = tuple(dict.fromkeys(c for stage in kept for c in reads(stage) if c not in written))
    everything = dict.fromkeys(c for stage in stages for c in reads(stage) if c not in written)
    return Needed(tuple(kept), raw, tuple(c for c in everything if c not in raw))


def _cut(stage: ir.Stage, asked: set[str]) -> ir.Stage:
    """A multi-column stage reduced to the outputs asked for; any other stage as it is."""
    if not isinstance(stage, MultiColumn) or asked.issuperset(stage.outputs):
        return stage
    at = [i for i, c in enumerate(stage.outputs) if c in asked]
    per_column = ("inputs", "outputs", "labels", "category_sizes", "surrogates", "splits", "thresholds")
    changed: Any = {f: tuple(getattr(stage, f)[i] for i in at) for f in per_column if hasattr(stage, f)}
    return replace(stage, **changed)


def readers_of(stages: Iterable[ir.Stage]) -> Iterator[tuple[str, ir.Stage]]:
    """Every (column, stage that reads it)."""
    for stage in stages:
        for column in reads(stage):
            yield column, stage
