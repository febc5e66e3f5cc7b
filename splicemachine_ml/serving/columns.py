"""From the values of a request body to the arrays that ``Scorer.score`` takes.

Null and NaN are two things: a number column with nulls becomes a masked array, a text column holds None.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.errors import ScoringError

Array: TypeAlias = NDArray[Any]
Columns: TypeAlias = dict[str, Array]
Values: TypeAlias = Mapping[str, Sequence[Any]]

_INTEGER_TYPES = frozenset({"tinyint", "smallint", "int", "bigint"})
_JSON_NAMES = {
    "str": "text",
    "bool": "a boolean",
    "NoneType": "null",
    "list": "a list",
    "dict": "an object",
    "tuple": "a list",
    "int": "a number",
    "float": "a number",
}


class Input(Protocol):
    """What the codecs need to know of an input column; ``portable.spec.InputSpec`` is one."""

    @property
    def name(self) -> str:
        """The column's name."""

    @property
    def kind(self) -> str:
        """One of number, string, any or vector."""

    @property
    def size(self) -> int:
        """The width of a vector, else 0."""

    @property
    def spark_type(self) -> str:
        """Spark's simpleString of the training column, empty when unknown."""

    @property
    def booleans(self) -> bool:
        """Whether true and false may stand for 1 and 0."""


def from_values(column: Input, values: Sequence[Any]) -> Array:
    """Return JSON values of one column as an array [N] ([N, size] for a vector).

    Raises ScoringError with column and row for a value that the column cannot hold: text is never read as
    a number, and a number never as text.
    """
    if column.kind == "vector":
        return _vectors(column, values)
    kinds = set(map(type, values))
    if column.kind == "number":
        allowed = {int, float, bool} if column.booleans else {int, float}
        _check(column, values, kinds, allowed, "numbers")
        return _numbers(column, values, type(None) in kinds, kinds <= {int, type(None)})
    if column.kind == "string":
        _check(column, values, kinds, {str}, "text")
        return _objects(values)
    _check(column, values, kinds, {str, int, float, bool}, "text or numbers")
    return _anything(values, kinds - {type(None)}, type(None) in kinds)


def from_text(column: Input, cells: Sequence[str]) -> Array:
    """Return CSV cells of one column as an array; an empty cell is null.

    Raises ScoringError with column and row for a cell that is not a number of a number column, or not a
    JSON list of numbers of a vector column.
    """
    if column.kind == "number":
        values = _parse_numbers(column, cells)
        return _numbers(column, values, None in values, column.spark_type in _INTEGER_TYPES)
    if column.kind == "vector":
        return _vectors(column, [_parse_vector(column, row, cell) for row, cell in enumerate(cells)])
    return _objects([cell or None for cell in cells])


def from_array(column: Input, array: Array) -> Array:
    """Return one column of a NumPy body: numbers as float64 (integers as int64), text as str objects.

    Raises ScoringError for a type or width that the column cannot hold.
    """
    width = column.size if column.kind == "vector" else 0
    if (array.ndim != 2 or array.shape[1] != width) if width else array.ndim != 1:
        found = array.shape[1] if array.ndim == 2 else "no"
        expected = f"{width} values a row" if width else "one value a row"
        raise ScoringError(
            f"column {column.name!r} takes {expected}; the array has {found}", column=column.name
        )
    kind = array.dtype.kind
    if kind in "US" and column.kind in ("string", "any"):
        return _objects(_decoded(column, array))
    if kind in "iu" and column.kind in ("number", "any"):
        return _whole(column, array)
    if kind == "b" and column.kind == "any":
        return array.astype(np.bool_)
    if kind in "fiub" and column.kind != "string":
        return array.astype(np.float64)
    takes = "text" if column.kind == "string" else "numbers"
    raise ScoringError(f"column {column.name!r} takes {takes}, not {array.dtype}", column=column.name)


def _decoded(column: Input, array: Array) -> list[str]:
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        # NumPy keeps whatever 32 bits were sent, and Python fails on what is no character
        points = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))).view(np.uint32)
        if points.max() > sys.maxunicode:
            raise ScoringError(f"column {column.name!r} has text that is not Unicode", column=column.name)
    try:
        texts: list[str] = (np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array).tolist()
    except UnicodeDecodeError as error:
        raise ScoringError(f"column {column.name!r} has text that is no UTF-8", column=column.name) from error
    return texts


def _whole(column: Input, array: Array) -> Array:
    # uint64 is the one type that int64 does not hold: astype would turn its upper half negative
    if array.dtype.kind == "u" and (beyond := np.flatnonzero(array > np.iinfo(np.int64).max)).size:
        raise _beyond(column, int(beyond[0]), int(array[beyond[0]]))
    return array.astype(np.int64)


def _check(column: Input, values: Sequence[Any], kinds: set[type], allowed: set[type], takes: str) -> None:
    if kinds <= allowed | {type(None)}:
        return
    for row, value in enumerate(values):
        if value is not None and type(value) not in allowed:
            found = _JSON_NAMES.get(type(value).__name__, type(value).__name__)
            raise ScoringError(
                f"column {column.name!r} takes {takes}, row {row} has {found}: {_short(value)}",
                column=column.name,
                row=row,
            )


def _numbers(column: Input, values: Sequence[Any], nulls: bool, integers: bool) -> Array:
    # int64 keeps what a double cannot: a bigint that a StringIndexer spells as text
    dtype: Any = np.int64 if integers and column.spark_type in _INTEGER_TYPES else np.float64
    filled = [0 if value is None else value for value in values] if nulls else values
    try:
        data = np.array(filled, dtype=dtype)
    except OverflowError as error:
        row = next(i for i, value in enumerate(filled) if not _fits(value, dtype))
        raise _beyond(column, row, filled[row]) from error
    return np.ma.MaskedArray(data, [value is None for value in values]) if nulls else data


def _fits(value: Any, dtype: Any) -> bool:
    try:
        dtype(value)
    except OverflowError:
        return False
    return True


def _beyond(column: Input, row: int, value: Any) -> ScoringError:
    return ScoringError(
        f"column {column.name!r}, row {row}: {_short(value)} is out of range", column=column.name, row=row
    )


def _anything(values: Sequence[Any], kinds: set[type], nulls: bool) -> Array:
    # the type decides how a StringIndexer spells the value, so ints stay ints and floats floats
    if nulls or not kinds or not (kinds <= {int, float} or kinds == {bool}):
        return _objects(values)
    if kinds == {int} and any(abs(value) >= 2**63 for value in values):
        return _objects(values)
    return np.array(values)


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _vectors(column: Input, values: Sequence[Any]) -> Array:
    for row, value in enumerate(values):
        whole = isinstance(value, list) and set(map(type, value)) <= {int, float}
        if not whole or len(value) != column.size:
            found = (
                f"{len(value)} values" if isinstance(value, list) else _JSON_NAMES.get(type(value).__name__)
            )
            raise ScoringError(
                f"column {column.name!r} takes a list of {column.size} numbers, row {row} has {found}",
                column=column.name,
                row=row,
            )
    try:
        return np.array(values, dtype=np.float64).reshape(len(values), column.size)
    except OverflowError as error:
        raise ScoringError(f"column {column.name!r} has a number out of range", column=column.name) from error


def _parse_numbers(column: Input, cells: Sequence[str]) -> list[Any]:
    integers = column.spark_type in _INTEGER_TYPES
    if "" not in cells and "_" not in "".join(cells):
        with suppress(ValueError):  # the slow way below finds the row
            return list(map(int if integers else float, cells))
    values: list[Any] = []
    for row, cell in enumerate(cells):
        try:
            values.append(_parse_number(cell, integers, column.booleans))
        except ValueError as error:
            raise ScoringError(
                f"column {column.name!r} takes numbers, row {row} has {_short(cell)}",
                column=column.name,
                row=row,
            ) from error
    return values


def _parse_number(cell: str, integer: bool, boolean: bool) -> float | None:
    if not cell:
        return None
    if "_" in cell:  # Python reads 1_000 as a number, nobody else does
        raise ValueError(cell)
    if boolean and cell.lower() in ("true", "false"):
        return float(cell.lower() == "true")
    if integer and cell.lstrip("+-").isdecimal():
        return int(cell)
    return float(cell)


def _parse_vector(column: Input, row: int, cell: str) -> Any:
    try:
        return json.loads(cell) if cell else None
    except (ValueError, RecursionError) as error:
        raise ScoringError(
            f'column {column.name!r} takes a list such as "[1.0, 2.0]", row {row} has {_short(cell)}',
            column=column.name,
            row=row,
        ) from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
