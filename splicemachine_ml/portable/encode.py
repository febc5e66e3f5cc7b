"""The host's half of scoring: columns as they arrive become the graph's matrix ``x`` [N, k].

Right-typed arrays pass with a handful of C-level checks; everything else is looked at value by value, so
that a refusal can name the column and the row.
"""

from __future__ import annotations

import difflib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import attrgetter, itemgetter
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable.coder import WHOLE_TYPES, Coder, is_null
from splicemachine_ml.portable.spec import InputSpec, ScoringSpec

_NUMERIC = frozenset(np.dtype(code) for code in "bBhHiIlLqQefd")
_NUMBER_TYPES = (int, float, Decimal, np.number)
_DTYPE = attrgetter("dtype")
_ORDER = ("number", "vector", "code", "null")  # how build() lays x out; any other order is scored as a batch


@dataclass(eq=False)
class Batch:
    """Checked columns of N rows; ``parts[i]`` fills the spec's ``layout[i]`` (None: zeros)."""

    rows: int
    parts: list[NDArray[Any] | None]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)


class Matrix:
    """Builds ``x`` for one specification. Holds no state that a call changes."""

    def __init__(self, spec: ScoringSpec) -> None:
        self.spec = spec
        self.width = spec.x_width
        self.inputs = {column.name: column for column in spec.inputs}
        self.coders = [Coder(encoder, self.inputs[encoder.column]) for encoder in spec.encoders]
        self._flagged = {slot.column for slot in spec.layout if slot.role == "null"}
        self._known = frozenset([*self.inputs, *spec.optional])
        self._numbers = [slot.column for slot in spec.layout if slot.role == "number"]
        self._vectors = [(slot.column, (1, slot.size)) for slot in spec.layout if slot.role == "vector"]
        self._codes = [
            (slot.column, self.coders[slot.encoder]) for slot in spec.layout if slot.role == "code"
        ]
        self._nulls = [
            (slot.column, self.inputs[slot.column].spark_type in WHOLE_TYPES)
            for slot in spec.layout
            if slot.role == "null"
        ]
        order = [_ORDER.index(slot.role) for slot in spec.layout]
        floats = any(self.inputs[name].spark_type == "float" for name in self._numbers)
        self._has_fast_row = order == sorted(order) and bool(order) and not floats
        self._get = _getter(self._numbers)
        self._pack = struct.Struct(f"{self.width - sum(shape[1] for _, shape in self._vectors)}d").pack

    def one_row(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
        """x of a single, right-typed row; None when the row needs the careful way (`batch`)."""
        if not self._has_fast_row or (
            len(columns) != len(self.inputs) and not self._known.issuperset(columns)
        ):
            return None
        try:
            numbers = self._get(columns)
            if not _NUMERIC.issuperset(map(_DTYPE, numbers)):
                return None
            row = [number for array in numbers for (number,) in (array.tolist(),)]
            rest = self._rest_of_row(columns, row)
        except (KeyError, AttributeError, ValueError, TypeError, struct.error):
            return None  # missing, no array, not one row, masked: batch() says what
        return rest

    def _rest_of_row(self, columns: Mapping[str, Any], row: list[float]) -> NDArray[np.float64] | None:
        """Append codes and null flags to the numbers of a row and make x of it."""
        for name, coder in self._codes:
            array = columns[name]
            if type(array) is not np.ndarray or array.shape != (1,):
                return None
            row.append(coder.one(array))
        for name, is_whole in self._nulls:
            array = columns[name]
            if type(array) is not np.ndarray or array.dtype not in _NUMERIC:
                return None
            row.append(float(is_whole and array.dtype.kind == "f" and bool(np.isnan(array).any())))
        x = np.frombuffer(self._pack(*row)).reshape(1, -1)
        return x if not self._vectors else self._with_vectors(columns, x)

    def _with_vectors(
        self, columns: Mapping[str, Any], row: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        parts = []
        for name, shape in self._vectors:
            array = columns[name]
            if type(array) is not np.ndarray or array.shape != shape or array.dtype not in _NUMERIC:
                return None
            parts.append(array.astype(np.float64, copy=False))
        count = len(self._numbers)
        return np.concatenate([row[:, :count], *parts, row[:, count:]], axis=1)

    def batch(self, columns: Mapping[str, Any]) -> Batch:
        """Check all columns; ScoringError names the column, and the row when one is to blame."""
        self._check_names(columns)
        arrays = {name: _as_array(name, columns[name]) for name in self.inputs}
        rows = _common_length(arrays)
        checked: dict[str, tuple[NDArray[Any], NDArray[np.bool_] | None]] = {}
        parts: list[NDArray[Any] | None] = []
        for slot in self.spec.layout:
            column = self.inputs[slot.column]
            if slot.role == "code":
                parts.append(self.coders[slot.encoder].codes(arrays[slot.column]))
                continue
            if slot.column not in checked:
                read = self._vector if column.kind == "vector" else self._number
                checked[slot.column] = read(column, arrays[slot.column])
            parts.append(checked[slot.column][slot.role == "null"])
        return Batch(rows, parts, arrays)

    def fill(self, batch: Batch, low: int, high: int) -> NDArray[np.float64]:
        """x for the rows ``low`` to ``high`` of a batch."""
        x = np.empty((high - low, self.width))
        for slot, part in zip(self.spec.layout, batch.parts, strict=True):
            if part is None:
                x[:, slot.start] = 0.0
            elif part.ndim == 2:
                x[:, slot.start : slot.start + slot.size] = part[low:high]
            else:
                x[:, slot.start] = part[low:high]
        return x

    def _check_names(self, columns: Mapping[str, Any]) -> None:
        given = set(columns)
        unknown = sorted(map(str, given - self.inputs.keys() - set(self.spec.optional)))
        missing = [name for name in self.inputs if name not in given]
        if missing:
            _refuse(missing[0], f"column {missing[0]!r} is missing{_nearest(missing[0], unknown)}")
        if unknown:
            names = [*self.inputs, *self.spec.optional]
            _refuse(unknown[0], f"unknown column {unknown[0]!r}{_hint(unknown[0], names)}")

    def _number(
        self, column: InputSpec, array: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """The column's numbers (NaN where null) and, when the graph asks, where it is null."""
        kind, flagged = array.dtype.kind, column.name in self._flagged
        if array.ndim != 1:
            _refuse(column.name, f"column {column.name!r} must be one-dimensional, not {list(array.shape)}")
        if isinstance(array, np.ma.MaskedArray):
            mask = np.ma.getmaskarray(array)
            numbers, _ = self._number(column, np.asarray(array.data))
            return np.where(mask, np.nan, numbers), mask
        if kind in "iuf" and array.dtype in _NUMERIC:
            is_cut = flagged and kind == "f" and column.spark_type in WHOLE_TYPES
            if column.spark_type == "float" and array.dtype != np.float32:
                array = _singles(array)
            return array, np.isnan(array) if is_cut else None
        if kind == "b" and column.booleans:
            return array, None
        if kind != "O":
            _refuse_value(column.name, 0, array[0] if len(array) else array.dtype, "a number")
        values = array.tolist()
        for row, value in enumerate(values):
            is_number = isinstance(value, _NUMBER_TYPES) and not isinstance(value, bool | np.complexfloating)
            is_flag = column.booleans and isinstance(value, bool | np.bool_)
            if not (is_number or is_flag or is_null(value)):
                _refuse_value(column.name, row, value, "a number")
        mask = np.array([is_null(value) for value in values], bool)
        try:
            plain = [np.nan if null else float(value) for value, null in zip(values, mask, strict=True)]
        except OverflowError as error:
            message = f"column {column.name!r} holds a whole number too large for a double"
            raise ScoringError(message, column=column.name) from error
        numbers = np.array(plain, np.float64)
        return _singles(numbers) if column.spark_type == "float" else numbers, mask

    def _vector(
        self, column: InputSpec, array: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """The vectors [N, size] (NaN where null) and where they are null."""
        size = column.size
        if array.dtype in _NUMERIC:
            if array.ndim != 2 or array.shape[1] != size:
                _refuse(column.name, f"column {column.name!r} must be [N, {size}], not {list(array.shape)}")
            return array, None
        if array.dtype.kind != "O":
            _refuse_value(column.name, 0, array[0] if len(array) else array.dtype, f"a vector of {size}")
        x, mask = np.full((len(array), size), np.nan), np.zeros(len(array), bool)
        for row, value in enumerate(array):
            mask[row] = is_null(value)
            if mask[row] and column.name not in self._flagged:
                _refuse(column.name, f"column {column.name!r}, row {row}: the vector is null", row)
            if not mask[row]:
                x[row] = _one_vector(column, row, value)
        return x, mask


def _one_vector(column: InputSpec, row: int, value: Any) -> NDArray[np.float64]:
    dense = value.toArray() if hasattr(value, "toArray") else value
    if isinstance(dense, np.ndarray | list | tuple):
        numbers = np.asarray(dense)
        if numbers.shape == (column.size,) and numbers.dtype in _NUMERIC:
            return numbers
    return _refuse_value(column.name, row, value, f"a vector of {column.size}")


def _as_array(name: str, value: Any) -> NDArray[Any]:
    if type(value) is np.ndarray:
        return value
    try:
        return value if isinstance(value, np.ma.MaskedArray) else np.asarray(value)
    except ValueError as error:
        raise ScoringError(f"column {name!r} is ragged: {error}", column=name) from error


def _common_length(arrays: dict[str, NDArray[Any]]) -> int:
    first, rows = "", -1
    for name, array in arrays.items():
        if array.ndim == 0:
            _refuse(name, f"column {name!r} is a single value; pass an array with one entry a row")
        if rows < 0:
            first, rows = name, len(array)
        elif len(array) != rows:
            _refuse(name, f"column {name!r} has {len(array)} rows, but {first!r} has {rows}")
    return max(rows, 0)


def _getter(names: Sequence[str]) -> Any:
    if not names:
        return lambda _: ()
    get = itemgetter(*names)
    return get if len(names) > 1 else lambda columns: (get(columns),)


def _singles(array: NDArray[Any]) -> NDArray[Any]:
    """What a Spark column of type float would hold."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _hint(name: str, candidates: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(candidates), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _nearest(name: str, given: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(given), 1)
    return f"; the closest name given is {close[0]!r}" if close else ""


def _refuse(name: str, message: str, row: int | None = None) -> NoReturn:
    raise ScoringError(message, column=name, row=row)


def _refuse_value(name: str, row: int, value: Any, wanted: str) -> NoReturn:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    found = f"{shown} ({type(value).__name__})"
    _refuse(name, f"column {name!r}, row {row}: expected {wanted}, found {found}", row)
