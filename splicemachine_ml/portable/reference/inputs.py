"""What the caller gave, checked and turned into columns."""

from __future__ import annotations

import difflib
import numbers as numeric
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable.reference.values import Bools, Rows, Values, dense
from splicemachine_ml.portable.stages import Column, Plan


def read(plan: Plan, columns: Mapping[str, NDArray[Any]]) -> Rows:
    """The raw columns as rows to score.

    Raises:
        ScoringError: a column is missing, unknown, of another length than the first or of a wrong type.
    """
    known = {column.name: column for column in (*plan.inputs, *plan.optional)}
    for name in columns:
        if name not in known:
            raise ScoringError(f"Unknown column {name!r}{_meant(name, known)}.", column=name)
    for column in plan.inputs:
        if column.name not in columns:
            near = _meant(column.name, columns)
            raise ScoringError(f"Column {column.name!r} is missing{near}.", column=column.name)
    arrays = {name: _array(values) for name, values in columns.items()}
    count = len(next(iter(arrays.values()), np.empty(0)))
    for name, array in arrays.items():
        if len(array) != count:
            raise ScoringError(f"Column {name!r} has {len(array)} rows, the first {count}.", column=name)
    return Rows({column.name: _values(column, arrays[column.name]) for column in plan.inputs}, count)


def _meant(name: str, names: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _array(values: Any) -> NDArray[Any]:
    """An array as it is; a masked one as objects, with None where it is masked."""
    if isinstance(values, np.ma.MaskedArray):
        plain = np.ma.getdata(values).astype(object)
        plain[np.ma.getmaskarray(values)] = None
        return np.asarray(plain)
    return np.asarray(values)


def _values(column: Column, array: NDArray[Any]) -> Values:
    if column.kind == "vector":
        return _vectors(column, array)
    null = np.array([_is_null(value) for value in array], dtype=bool)
    if column.kind == "string":
        # a float NaN is how pandas writes a missing text
        null |= np.array([isinstance(value, float) and value != value for value in array], dtype=bool)
        _all_are(str, array, null, column)
        return Values(array.astype(object), null, spark_type="string")
    if column.kind == "any" and any(isinstance(value, str) for value in array):
        _all_are(str, array, null, column)
        return Values(array.astype(object), null, spark_type="")
    if column.spark_type != "boolean" and column.kind == "any":
        _no_booleans(array, null, column)
    return _numbers(column, array, null)


def _numbers(column: Column, array: NDArray[Any], null: Bools) -> Values:
    _all_are((numeric.Number, np.bool_), array, null, column)
    data = np.array([np.nan if none else float(value) for value, none in zip(array, null, strict=True)])
    raw: NDArray[Any] = array
    if column.spark_type == "float":
        # what Spark's own column would hold
        data = data.astype(np.float32).astype(np.float64)
        raw = data
    return Values(data.reshape(len(array)), null, spark_type=column.spark_type, raw=raw)


def _vectors(column: Column, array: NDArray[Any]) -> Values:
    if array.dtype != object or array.ndim == 2:
        null = np.zeros(len(array), bool)
        data = np.asarray(array, dtype=np.float64).reshape(len(array), -1)
        if len(array) and data.shape[1] != column.size:
            wide = f"vectors of {data.shape[1]}, not {column.size}"
            raise ScoringError(f"Column {column.name!r} holds {wide} numbers.", column=column.name)
        return dense(data.reshape(len(array), column.size), null)
    null = np.array([_is_null(value) for value in array], dtype=bool)
    data = np.full((len(array), column.size), np.nan)
    for row, value in enumerate(array):
        if null[row]:
            continue
        if np.shape(value) != (column.size,):
            message = f"Row {row}, column {column.name!r}: not a vector of {column.size} numbers."
            raise ScoringError(message, column=column.name, row=row)
        data[row] = value
    return dense(data, null)


def _is_null(value: Any) -> bool:
    # pandas.NA by name: nothing here imports pandas
    return value is None or type(value).__name__ == "NAType"


def _all_are(kind: Any, array: NDArray[Any], null: Bools, column: Column) -> None:
    """Raises ScoringError unless every value that is not null is a ``kind``."""
    for row, value in enumerate(array):
        if not null[row] and not isinstance(value, kind) and not isinstance(value, Decimal):
            _wrong(column, row, value)
        if kind is str and isinstance(value, Decimal):
            _wrong(column, row, value)


def _no_booleans(array: NDArray[Any], null: Bools, column: Column) -> None:
    """Spark's StringIndexer refuses boolean columns; a bool is a number to Python, so look for it."""
    for row, value in enumerate(array):
        if not null[row] and isinstance(value, bool | np.bool_):
            _wrong(column, row, value)


def _wrong(column: Column, row: int, value: Any) -> None:
    kind = type(value).__name__
    wanted = "text" if column.kind == "string" else "a number"
    raise ScoringError(
        f"Row {row}, column {column.name!r}: {value!r} is a {kind}, not {wanted}.",
        column=column.name,
        row=row,
    )
