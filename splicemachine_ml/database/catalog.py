"""What tables and columns there are, asked of the JDBC driver."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from splicemachine_ml.database.embedded import translated
from splicemachine_ml.database.sql import TableName
from splicemachine_ml.database.types import Column
from splicemachine_ml.errors import DatabaseError


def resolve(java: Any, name: TableName) -> TableName:
    """Return the name with its schema: the user's own where none was given."""
    if name.schema is not None:
        return name
    with translated(None):
        return TableName(str(java.getSchema()), name.table)


def exists(java: Any, name: TableName) -> bool:
    """Whether there is a table or view of that name."""
    full = resolve(java, name)
    return full.table in _tables(java, full.schema)


def columns(java: Any, name: TableName) -> list[Column]:
    """Return a table's columns in order; a table that does not exist is a DatabaseError."""
    full = resolve(java, name)
    found: list[Column] = []
    # The driver takes patterns, in which _ is any character: compare again.
    with translated(None):
        for row in _rows(java.getMetaData().getColumns(None, full.schema, full.table, None)):
            if (row.getString("TABLE_SCHEM"), row.getString("TABLE_NAME")) == (full.schema, full.table):
                found.append(_column(row))
    if not found:
        raise missing(java, full)
    return found


def missing(java: Any, name: TableName) -> DatabaseError:
    """Return the error for a table that does not exist, with the one that was perhaps meant."""
    full = resolve(java, name)
    others = _tables(java, full.schema)
    near = get_close_matches(full.table, others, n=1)
    hint = f"; did you mean {full.schema}.{near[0]}?" if near else ""
    held = f"schema {full.schema} has {', '.join(others[:20])}" if others else f"{full.schema} has no tables"
    return DatabaseError(f"there is no table {full}{hint} ({held})", sqlstate="42X05")


def _tables(java: Any, schema: str | None) -> list[str]:
    with translated(None):
        return sorted(
            str(row.getString("TABLE_NAME"))
            for row in _rows(java.getMetaData().getTables(None, schema, None, None))
            if row.getString("TABLE_SCHEM") == schema
        )


def _rows(result: Any) -> Iterator[Any]:
    try:
        while result.next():
            yield result
    finally:
        result.close()


def _column(row: Any) -> Column:
    return Column(
        name=str(row.getString("COLUMN_NAME")),
        code=int(row.getInt("DATA_TYPE")),
        kind=str(row.getString("TYPE_NAME")),
        size=int(row.getInt("COLUMN_SIZE")),
        scale=int(row.getInt("DECIMAL_DIGITS")),
        nullable=row.getInt("NULLABLE") != 0,
        filled=row.getString("COLUMN_DEF") is not None or row.getString("IS_AUTOINCREMENT") == "YES",
    )
