"""Argument orders of old notebooks (PySpliceContext, 2018 to 2022), told apart by their types."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import types as T

Types = Mapping[str, str | T.DataType]
# stacklevel: _warn, the reader of arguments that calls it, the method, the notebook's cell
_CELL = 4


@dataclass(frozen=True)
class Creation:
    """What a createTable call asks for; ``frame`` is a DataFrame or a StructType."""

    frame: Any
    table: str
    keys: Sequence[str] | Mapping[str, str]
    types: Types
    drop: bool


def context_arguments(spark: Any, url: Any, old: dict[str, Any]) -> tuple[Any, str | None]:
    """Return (spark, url) of a constructor call in any of its historical forms."""
    old = dict(old)
    if "useH2O" in old or isinstance(url, bool):
        old.pop("useH2O", None)
        url = None if isinstance(url, bool) else url
        _warn("useH2O is ignored: H2O frames need no switch here")
    if "JDBC_URL" in old:
        url = old.pop("JDBC_URL")
        _warn("JDBC_URL is now called url")
    if "sparkSession" in old:
        spark = old.pop("sparkSession")
        _warn("sparkSession is now called spark")
    if old:
        raise TypeError(f"SpliceMLContext has no argument {', '.join(sorted(old))}")
    if isinstance(spark, str):
        spark, url = url, spark
        _warn("the session comes first now: SpliceMLContext(spark, url)")
    if spark is None:
        raise TypeError("SpliceMLContext needs a Spark session: SpliceMLContext(spark_session())")
    return spark, url


def swapped(frame: Any, table: Any) -> tuple[Any, Any]:
    """Return (frame, table) whichever came first."""
    if isinstance(frame, str):
        _warn("the DataFrame comes first now: (df, table)")
        return table, frame
    return frame, table


def creation(frame: Any, table: Any, keys: Any, positional: Sequence[Any], named: dict[str, Any]) -> Creation:
    """Read a createTable call: ours, (df, table, new_schema, drop_table, types) or
    (df, table, primary_keys, create_table_options, to_upper, drop_table).
    """
    named = dict(named)
    if isinstance(frame, str):
        _warn("the DataFrame comes first now: (df, table)")
        frame, table = table, frame
    if isinstance(keys, bool):
        _warn("new_schema is ignored: the schema is made when it is missing")
        given = dict(zip(("drop_table", "types"), positional, strict=False))
        keys = None
    else:
        given = dict(zip(("create_table_options", "to_upper", "drop_table"), positional, strict=False))
    given |= {key: value for key, value in named.items() if value is not None}
    for ignored in ("new_schema", "create_table_options", "to_upper"):
        if given.pop(ignored, None) not in (None, True, False, ""):
            _warn(f"{ignored} is ignored: it has no meaning in the embedded database")
    drop, types = given.pop("drop_table", False), given.pop("types", None)
    if given or len(positional) > 3:
        raise TypeError(f"createTable has no argument {', '.join(sorted(given)) or 'beyond the sixth'}")
    return Creation(frame, table, keys or [], types or {}, bool(drop))


def _warn(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=_CELL)
