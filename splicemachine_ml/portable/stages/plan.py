"""A whole pipeline, and the same made ready to score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from splicemachine_ml.portable.stages.base import Stage


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A fitted pipeline, nested pipelines flattened, in order of execution.

    Uids are unique here: where Spark gave one to several stages (RFormula does), later ones end in "#2".
    ``training_columns``: the columns that only fitting reads (labelCol, weightCol, ... of the models):
    transform() works without them, so scoring accepts and ignores them.
    """

    uid: str
    spark_class: str
    spark_version: str
    stages: tuple[Stage, ...]
    training_columns: tuple[str, ...] = ()


Kind: TypeAlias = Literal["number", "string", "any", "vector"]


@dataclass(frozen=True)
class Column:
    """A column as the scorer sees it.

    ``kind``: "number" (float64), "string", "any" (a StringIndexer's raw input whose Spark type is unknown:
    the NumPy dtype of what arrives decides how it is spelled as text, as Spark casts it) or "vector".
    ``size`` is a vector's width, else 0. ``spark_type`` is the simpleString of the training schema
    ("int", "double", "string", ...), "" when the model was logged without a DataFrame; columns that stages
    write have one too, for a later StringIndexer spells them as text ("int" behind KMeans, an Imputer's as
    its input, else "double"). A number of unknown type counts as double.
    """

    name: str
    kind: Kind
    size: int = 0
    nullable: bool = True
    spark_type: str = ""


@dataclass(frozen=True, eq=False)
class Plan:
    """A pipeline made ready to score.

    ``stages``: the ones that the outputs need, in order. ``inputs``: raw columns those read. ``optional``:
    raw columns that only dropped stages read (the label of a training pipeline), that only fitting reads, or
    that are just there in the schema: accepted and ignored. An Imputer's column filled in place is
    "name (imputed)" in ``stages`` and ``columns``.
    ``columns``: every column that occurs in ``stages``, by name. ``outputs``: what score() returns.
    """

    pipeline: Pipeline
    stages: tuple[Stage, ...]
    inputs: tuple[Column, ...]
    optional: tuple[Column, ...]
    outputs: tuple[Column, ...]
    columns: dict[str, Column]
