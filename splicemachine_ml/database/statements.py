"""Statements with parameters on one connection: bind, run, fetch, describe."""

from __future__ import annotations

import datetime as dt
import math
import numbers
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from pyspark.sql import Row

from splicemachine_ml.database.embedded import translated
from splicemachine_ml.database.types import DECIMAL_CODES, TIME_CODE, Column
from splicemachine_ml.errors import DatabaseError

_LONG = range(-(2**63), 2**63)


@contextmanager
def prepared(java: Any, statement: str) -> Iterator[Any]:
    """Give the prepared statement to the block and close it after."""
    with translated(statement):
        handle = java.prepareStatement(statement)
    try:
        yield handle
    finally:
        with translated(statement):
            handle.close()


def run(java: Any, statement: str, parameters: Sequence[Any] | None = None) -> int:
    """Run anything but keep no result; return the number of rows changed (0 for a query or DDL)."""
    with prepared(java, statement) as handle:
        bind(handle, statement, parameters)
        with translated(statement):
            handle.execute()
            return max(0, int(handle.getUpdateCount()))


def update(java: Any, statement: str, parameters: Sequence[Any] | None = None) -> int:
    """Run a statement that changes something; return the number of rows changed. A query is an error."""
    with prepared(java, statement) as handle:
        bind(handle, statement, parameters)
        with translated(statement):
            return int(handle.executeUpdate())


def query(java: Any, statement: str, parameters: Sequence[Any] | None = None) -> list[Row]:
    """Run a query and return its rows, with upper-case names and Python values.

    Every value is one call into Java (about 7,000 values a second): for much data use df().
    """
    with prepared(java, statement) as handle:
        columns = _columns_of(handle, statement)
        bind(handle, statement, parameters)
        make = Row(*(column.name.upper() for column in columns))
        with translated(statement):
            result = handle.executeQuery()
            rows: list[Row] = []
            while result.next():
                rows.append(make(*(_value(result, i, column) for i, column in enumerate(columns, start=1))))
            result.close()
        return rows


def describe(java: Any, statement: str) -> list[Column]:
    """Return the columns a query would have, without running it."""
    with prepared(java, statement) as handle:
        return _columns_of(handle, statement)


def _columns_of(handle: Any, statement: str) -> list[Column]:
    with translated(statement):
        meta = handle.getMetaData()
        if meta is None:
            raise DatabaseError("not a query; use execute or executeUpdate for a statement without rows")
        return [
            Column(
                name=str(meta.getColumnLabel(i)),
                code=int(meta.getColumnType(i)),
                kind=str(meta.getColumnTypeName(i)),
                size=int(meta.getPrecision(i)),
                scale=int(meta.getScale(i)),
                nullable=meta.isNullable(i) != 0,
                filled=False,
            )
            for i in range(1, int(meta.getColumnCount()) + 1)
        ]


def bind(handle: Any, statement: str, parameters: Sequence[Any] | None) -> None:
    """Give each ``?`` of a prepared statement its value; raises DatabaseError naming the parameter."""
    if isinstance(parameters, str | bytes):
        raise DatabaseError(f"parameters must be a list, not {type(parameters).__name__}: write [value]")
    values = list(parameters or ())
    with translated(statement):
        meta = handle.getParameterMetaData()
        wanted = int(meta.getParameterCount())
        if wanted != len(values):
            raise DatabaseError(
                f"the statement has {wanted} parameter(s) (?) and {len(values)} value(s) came"
            )
        for number, value in enumerate(values, start=1):
            if value is None:
                handle.setNull(number, meta.getParameterType(number))
            else:
                _bind_one(handle, number, value)


def _bind_one(handle: Any, number: int, value: Any) -> None:
    # bool before the integers: it is one of them. NumPy's scalars register as numbers too.
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        handle.setBoolean(number, bool(value))
    elif isinstance(value, numbers.Integral):
        whole = int(value)
        if whole in _LONG:
            handle.setLong(number, whole)
        else:
            handle.setBigDecimal(number, Decimal(whole))
    elif isinstance(value, Decimal) and value.is_finite():
        handle.setBigDecimal(number, value)
    elif isinstance(value, numbers.Real) and math.isfinite(float(value)):
        handle.setDouble(number, float(value))
    elif isinstance(value, numbers.Real | Decimal):
        raise DatabaseError(f"parameter {number} is {value}; the database has no such number, use None")
    elif isinstance(value, str):
        handle.setString(number, value)
    elif isinstance(value, bytes | bytearray):
        handle.setBytes(number, bytes(value))
    elif isinstance(value, dt.datetime | dt.date | dt.time):
        # As text the database reads itself: java.sql.Timestamp would move times that summer time skips.
        handle.setString(number, _text(value, number))
    else:
        raise DatabaseError(
            f"parameter {number} is {type(value).__name__}; allowed are None, bool, int, float, Decimal, "
            "str, bytes, date, time and datetime"
        )


def _text(value: dt.datetime | dt.date | dt.time, number: int) -> str:
    if isinstance(value, dt.datetime | dt.time) and value.tzinfo is not None:
        raise DatabaseError(
            f"parameter {number} has a time zone and a TIMESTAMP column has none; "
            "choose one: value.astimezone(zone).replace(tzinfo=None)"
        )
    return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()


def _value(result: Any, index: int, column: Column) -> Any:
    code = column.code
    if code in (16, -7):
        value: Any = result.getBoolean(index)
    elif code in DECIMAL_CODES:
        return result.getBigDecimal(index)
    elif code in (5, 4, -5):
        value = result.getLong(index)
    elif code in (6, 7, 8):
        value = result.getDouble(index)  # py4j would hand a Java float over in its short decimal form
    elif code in (-2, -3, -4, 2004):
        content = result.getBytes(index)
        return None if content is None else bytes(content)
    else:
        return _from_text(result.getString(index), code)
    return None if result.wasNull() else value


def _from_text(text: str | None, code: int) -> Any:
    if text is None:
        return None
    if code == 91:
        return dt.date.fromisoformat(text)
    if code == TIME_CODE:
        return dt.time.fromisoformat(text)
    if code == 93:
        # Nanoseconds in the database, microseconds in Python: the rest is cut, as Spark does.
        whole, _, fraction = text.partition(".")
        return dt.datetime.fromisoformat(whole).replace(microsecond=int(fraction[:6].ljust(6, "0")))
    return text
