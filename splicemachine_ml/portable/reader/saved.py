"""One saved stage, as the reader functions of the catalog see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypedDict

import pyarrow as pa

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.portable.reader.disk import read_table
from splicemachine_ml.portable.reader.values import Params
from splicemachine_ml.portable.stages import Stage


class Refused(Exception):
    """Raised by a reader function: this stage has no Spark-free form, and why. The walk collects them."""


class Identity(TypedDict):
    """What every Stage dataclass starts with."""

    uid: str
    spark_class: str


@dataclass(frozen=True)
class SavedStage:
    """A stage's directory with its metadata parsed.

    ``nested`` reads a directory below this one as stages (pipelines, RFormula, tuning); ``schema`` is the
    training schema when it is known, column to Spark's simpleString.
    """

    directory: Path
    params: Params
    nested: Callable[[Path], tuple[Stage, ...]]
    schema: Mapping[str, str]

    @property
    def identity(self) -> Identity:
        """The keyword arguments common to all stages."""
        meta = self.params.metadata
        return {"uid": meta.uid, "spark_class": meta.spark_class}

    def table(self, *columns: str, name: str = "data") -> pa.Table:
        """The stage's Parquet data; ModelStoreError when one of ``columns`` is not in it."""
        table = read_table(self.directory, name)
        missing = [c for c in columns if table.column_names.count(c) != 1]
        if missing:
            raise self.corrupt(f"{name} lacks the column(s) {', '.join(missing)}")
        return table

    def row(self, *columns: str) -> dict[str, Any]:
        """The single data row of a model, as Arrow scalars by column name."""
        table = self.table(*columns)
        if table.num_rows != 1:
            raise self.corrupt(f"data has {table.num_rows} rows where Spark writes one")
        return {c: table.column(c)[0] for c in table.column_names}

    def corrupt(self, what: str) -> ModelStoreError:
        """The error for content that Spark would not have written."""
        return ModelStoreError(f"{self.directory}: {what}; the saved model is corrupt: save it again")

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """A string parameter with a closed set of meanings; another one is Refused by name."""
        value = self.params.text(name, default)
        if value not in allowed:
            raise Refused(f"{name}={value!r} is not converted; {' or '.join(map(repr, allowed))} would be")
        return value


Reader: TypeAlias = Callable[[SavedStage], Stage | tuple[Stage, ...]]
