"""Columns of a Spark DataFrame by name, as numbers, with errors that name them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from splicemachine_ml.errors import ScoringError

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "boolean", "decimal")


def check_columns(df: Any, names: Iterable[str]) -> None:
    """Raise ScoringError unless ``df`` is a Spark DataFrame that has the columns."""
    known = getattr(df, "columns", None)
    if known is None or not hasattr(df, "groupBy"):
        raise ScoringError(f"a Spark DataFrame is needed, not {type(df).__name__}")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(known)}"
            raise ScoringError(f"the DataFrame has no column {name!r}{hint}", column=name)


def number(df: Any, name: str) -> Any:
    """Return the column as double; ScoringError when it holds neither numbers nor booleans."""
    kind = type_of(df, name)
    if not kind.startswith(_NUMBERS):
        raise ScoringError(
            f"column {name!r} is of type {kind}, a number is needed; index strings with StringIndexer",
            column=name,
        )
    return _column(df, name).cast("double")


def score_of(df: Any, name: str | None) -> Any:
    """Return the scores as a double column, or None when no name is given and there is none.

    Without a name: ``probability``, else ``rawPrediction``. Of a vector or an array, element 1 (the
    positive class) is taken.
    """
    if name is None:
        name = next((c for c in ("probability", "rawPrediction") if c in df.columns), None)
        if name is None:
            return None
    check_columns(df, [name])
    kind = type_of(df, name)
    if kind == "vector":
        from pyspark.ml.functions import vector_to_array

        return vector_to_array(_column(df, name)).getItem(1)
    if kind.startswith("array<"):
        return _column(df, name).getItem(1).cast("double")
    return number(df, name)


def type_of(df: Any, name: str) -> str:
    """Return the column's Spark type as simpleString ("vector" for vectors)."""
    return str(df.schema[name].dataType.simpleString())


def _column(df: Any, name: str) -> Any:
    from pyspark.sql import functions as fn

    return fn.col("`" + name.replace("`", "``") + "`")  # names with dots are names, not paths
