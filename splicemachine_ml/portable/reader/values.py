"""Spark's parameter values, vectors and matrices as NumPy and plain Python values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.portable.reader.disk import LIMITS, Metadata
from splicemachine_ml.portable.stages import Floats, Ints

# DoubleParam.jsonEncode (org.apache.spark.ml.param): what JSON has no number for is written as a string.
_SPECIAL = {"NaN": np.nan, "Inf": np.inf, "-Inf": -np.inf}
_MISSING: Any = object()


@dataclass
class Params:
    """The effective parameters of a stage (set values over defaults); notes which ones were looked at.

    ``used`` lets the walk refuse a parameter that no reader knows: it might change the answer.
    Each accessor raises ModelStoreError for a value of the wrong type, and for a missing parameter unless
    ``default`` is given.
    """

    metadata: Metadata
    place: Path
    used: set[str] = field(default_factory=set)

    def names(self) -> set[str]:
        """Every parameter that has a value."""
        return {*self.metadata.explicit, *self.metadata.defaults}

    def is_set(self, name: str) -> bool:
        """Whether the user set it (a default does not count)."""
        self.used.add(name)
        return name in self.metadata.explicit

    def text(self, name: str, default: str = _MISSING) -> str:
        """A string."""
        value: str = self._checked(name, default, str, "a string")
        return value

    def flag(self, name: str, default: bool = _MISSING) -> bool:
        """A boolean."""
        value: bool = self._checked(name, default, bool, "true or false")
        return value

    def number(self, name: str, default: float = _MISSING) -> float:
        """A double, infinity and NaN included."""
        return self._double(name, self._value(name, default))

    def numbers(self, name: str) -> Floats:
        """An array of doubles."""
        values = self._list(name, self._value(name, _MISSING))
        return np.array([self._double(name, v) for v in values], dtype=np.float64)

    def number_lists(self, name: str) -> tuple[Floats, ...]:
        """An array of arrays of doubles."""
        rows = self._list(name, self._value(name, _MISSING))
        return tuple(
            np.array([self._double(name, v) for v in self._list(name, row)], dtype=np.float64) for row in rows
        )

    def texts(self, name: str, default: tuple[str, ...] = _MISSING) -> tuple[str, ...]:
        """An array of strings."""
        values = self._list(name, self._value(name, default))
        if not all(isinstance(v, str) for v in values):
            raise self._wrong(name, values, "an array of strings")
        return tuple(values)

    def integers(self, name: str) -> tuple[int, ...]:
        """An array of integers."""
        values = self._list(name, self._value(name, _MISSING))
        if not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
            raise self._wrong(name, values, "an array of integers")
        return tuple(values)

    def columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Input and output columns of a stage that has inputCol/outputCol and inputCols/outputCols.

        The default map always has outputCol, so what was *set* tells the single from the multi-column form.
        """
        if self.is_set("inputCols"):
            self.used |= {"inputCol", "outputCol"}
            inputs, outputs = self.texts("inputCols"), self.texts("outputCols")
        else:
            self.used.add("outputCols")
            inputs, outputs = (self.text("inputCol"),), (self.text("outputCol"),)
        if len(inputs) != len(outputs):
            raise ModelStoreError(
                f"{self.place}: {len(inputs)} input columns but {len(outputs)} output columns"
            )
        return inputs, outputs

    def extra_int(self, name: str, default: int = _MISSING) -> int:
        """An integer that stands beside the parameter maps (numFeatures, numClasses)."""
        value = self.metadata.extra.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LIMITS.width:
            raise self._wrong(name, None if value is _MISSING else value, "a sensible integer")
        return value

    def _value(self, name: str, default: Any) -> Any:
        self.used.add(name)
        value = self.metadata.explicit.get(name, self.metadata.defaults.get(name, default))
        if value is _MISSING:
            raise ModelStoreError(f"{self.place}: the metadata lacks the parameter {name}")
        return value

    def _checked(self, name: str, default: Any, kind: type, meaning: str) -> Any:
        value = self._value(name, default)
        if not isinstance(value, kind):
            raise self._wrong(name, value, meaning)
        return value

    def _list(self, name: str, value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise self._wrong(name, value, "an array")
        if len(value) > LIMITS.width:
            raise ModelStoreError(f"{self.place}: {name} has {len(value)} values, {LIMITS.width} are allowed")
        return list(value)

    def _double(self, name: str, value: Any) -> float:
        if isinstance(value, str) and value in _SPECIAL:
            return float(_SPECIAL[value])
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self._wrong(name, value, "a number")
        return float(value)

    def _wrong(self, name: str, value: Any, meaning: str) -> ModelStoreError:
        return ModelStoreError(f"{self.place}: {name} is {str(value)[:80]!r}, not {meaning}")


def decode_vector(kind: int, size: int | None, indices: Ints | None, values: Floats) -> Floats:
    """A VectorUDT row (org.apache.spark.ml.linalg.VectorUDT) as a dense [d] array; type 0 sparse, 1 dense.

    Raises ValueError when the pieces do not fit together.
    """
    if kind == 1:
        return values
    if kind != 0 or size is None or indices is None:
        raise ValueError(f"a vector of type {kind} with size {size} is not what VectorUDT writes")
    if not 0 <= size <= LIMITS.width:
        raise ValueError(f"a vector of {size} values; 0 to {LIMITS.width} are allowed")
    if len(indices) != len(values) or (len(indices) and not 0 <= indices.min() <= indices.max() < size):
        raise ValueError(
            f"the indices of a sparse vector do not fit its {len(values)} values and size {size}"
        )
    dense = np.zeros(size)
    dense[indices] = values
    return dense


@dataclass(frozen=True)
class RawMatrix:
    """The fields of a MatrixUDT row; ``col_ptrs`` and ``row_indices`` are None for a dense matrix."""

    kind: int
    rows: int
    cols: int
    col_ptrs: Ints | None
    row_indices: Ints | None
    values: Floats
    transposed: bool


def decode_matrix(raw: RawMatrix) -> Floats:
    """A MatrixUDT row (org.apache.spark.ml.linalg.MatrixUDT) as a dense [rows, cols] array.

    Dense values are column-major unless transposed; sparse ones are CSC, or CSR when transposed.
    Raises ValueError when the pieces do not fit together.
    """
    if raw.rows < 0 or raw.cols < 0 or raw.rows * raw.cols > LIMITS.cells:
        raise ValueError(f"a matrix of {raw.rows} x {raw.cols}; at most {LIMITS.cells} cells are allowed")
    major, minor = (raw.rows, raw.cols) if raw.transposed else (raw.cols, raw.rows)
    if raw.kind == 1:
        if len(raw.values) != major * minor:
            raise ValueError(f"{len(raw.values)} values for a matrix of {raw.rows} x {raw.cols}")
        by_major = raw.values.reshape(major, minor)
    else:
        by_major = _decode_sparse(raw, major, minor)
    return np.ascontiguousarray(by_major if raw.transposed else by_major.T)


def _decode_sparse(raw: RawMatrix, major: int, minor: int) -> Floats:
    pointers, indices = raw.col_ptrs, raw.row_indices
    if raw.kind != 0 or pointers is None or indices is None:
        raise ValueError(f"a matrix of type {raw.kind} is not what MatrixUDT writes")
    steps = np.diff(pointers)
    fits = len(pointers) == major + 1 and pointers[0] == 0 and pointers[-1] == len(indices) == len(raw.values)
    if not fits or (len(steps) and steps.min() < 0):
        raise ValueError("the column pointers of a sparse matrix do not fit its values")
    if len(indices) and not 0 <= indices.min() <= indices.max() < minor:
        raise ValueError("an index of a sparse matrix lies outside of it")
    dense = np.zeros((major, minor))
    dense[np.repeat(np.arange(major), steps), indices] = raw.values
    return dense


def vectors(column: pa.ChunkedArray) -> list[Floats]:
    """Every row of a VectorUDT column, dense. ValueError when they are too large together."""
    rows: list[Floats] = []
    cells = 0
    for row in column:
        rows.append(vector(row))
        cells += len(rows[-1])
        if cells > LIMITS.cells:
            raise ValueError(f"vectors of more than {LIMITS.cells} values together")
    return rows


def vector(row: Any) -> Floats:
    """One VectorUDT scalar as a dense array."""
    return decode_vector(
        _integer(row, "type"),
        _integer(row, "size") if row["size"].is_valid else None,
        _numpy(row, "indices", np.int64) if row["indices"].is_valid else None,
        _numpy(row, "values", np.float64),
    )


def matrix(row: Any) -> Floats:
    """One MatrixUDT scalar as a dense array."""
    sparse = row["type"].as_py() == 0
    return decode_matrix(
        RawMatrix(
            kind=_integer(row, "type"),
            rows=_integer(row, "numRows"),
            cols=_integer(row, "numCols"),
            col_ptrs=_numpy(row, "colPtrs", np.int64) if sparse else None,
            row_indices=_numpy(row, "rowIndices", np.int64) if sparse else None,
            values=_numpy(row, "values", np.float64),
            transposed=bool(row["isTransposed"].as_py()),
        )
    )


def _integer(row: Any, name: str) -> int:
    value = row[name].as_py()
    if not isinstance(value, int):
        raise ValueError(f"{name} is {value!r}, not an integer")
    return value


def _numpy(row: Any, name: str, dtype: type[Any]) -> Any:
    if not row[name].is_valid:
        raise ValueError(f"{name} is null")
    return array(row[name].values, dtype)


def array(values: pa.Array | pa.ChunkedArray, dtype: type[Any]) -> Any:
    """An Arrow array without nulls as a NumPy array of its own (nothing points into the file's buffers)."""
    if values.null_count:
        raise ValueError("null where Spark writes a number")
    return np.array(
        values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy(),
        dtype=dtype,
    )
