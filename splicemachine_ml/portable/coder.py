"""One StringIndexer input on the host: values to label positions, numbers spelled as Java would."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import repeat
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable import java_text
from splicemachine_ml.portable.spec import Encoder, InputSpec

WHOLE_TYPES = frozenset({"tinyint", "smallint", "int", "bigint"})
Codes = NDArray[np.float64]


def is_null(value: Any) -> bool:
    """None and pandas.NA or NaT, without importing pandas: Spark's null, which is not NaN."""
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def is_nan(value: Any) -> bool:
    """NaN of any number type."""
    return isinstance(value, float | np.floating | Decimal) and bool(value != value)


class Coder:
    """Codes of one raw column: the label's position, ``unseen`` = number of labels for all else."""

    def __init__(self, encoder: Encoder, column: InputSpec) -> None:
        self.column = column
        self.labels = encoder.labels
        self.unseen = len(encoder.labels)
        self.texts = {label: position for position, label in enumerate(encoder.labels)}

    @cached_property
    def doubles(self) -> dict[int, int]:
        """Bits of a double to position."""
        return java_text.double_keys(self.labels)

    @cached_property
    def floats(self) -> dict[int, int]:
        """Bits of a float to position."""
        return java_text.float_keys(self.labels)

    @cached_property
    def wholes(self) -> dict[int, int]:
        """Whole number to position."""
        return java_text.whole_keys(self.labels)

    def one(self, array: NDArray[Any]) -> float:
        """The code of a single value, shape (1,)."""
        value = array.item()
        if type(value) is str and self.column.kind != "number":
            return self.texts.get(value, self.unseen)
        return float(self.codes(array)[0])

    def codes(self, array: NDArray[Any]) -> Codes:
        """One code a row, as float64. ScoringError when a value is of no type Spark would index."""
        if array.ndim != 1:
            self._refuse(f"must be one-dimensional, not {list(array.shape)}")
        if isinstance(array, np.ma.MaskedArray):
            codes = self.codes(np.asarray(array.data))
            return np.where(np.ma.getmaskarray(array), float(self.unseen), codes)
        kind = array.dtype.kind
        if kind == "O":
            return self._object_codes(array)
        if kind in "UT":
            if self.column.kind == "number":
                self._refuse_first(array, "a number")
            return self._look_up(self.texts.get, array.tolist())
        if kind in "iuf" and self.column.kind != "string":
            return self._number_codes(array)
        if kind == "f" and bool(np.isnan(array).all()):  # a text column of nothing but nulls
            return np.full(len(array), float(self.unseen))
        return self._refuse_first(array, "text" if self.column.kind == "string" else "text or a number")

    def _look_up(self, get: Callable[[Any, int], int], values: list[Any]) -> Codes:
        return np.fromiter(map(get, values, repeat(self.unseen)), np.float64, len(values))

    def _number_codes(self, array: NDArray[Any]) -> Codes:
        """Numbers as the column's Spark type spells them; without a known type their own dtype decides."""
        spark_type, kind = self.column.spark_type, array.dtype.kind
        if spark_type.startswith("decimal"):
            return self._look_up(self.texts.get, [self._decimal_text(value) for value in array.tolist()])
        if spark_type in WHOLE_TYPES and kind == "f":
            whole = np.isfinite(array) & (array == np.trunc(array))
            values = [int(value) if good else None for value, good in zip(array.tolist(), whole, strict=True)]
            return self._look_up(self.wholes.get, values)
        if kind in "iu" and spark_type not in ("double", "float"):
            return self._look_up(self.wholes.get, array.tolist())
        if spark_type == "float" or (array.dtype.itemsize <= 4 and kind == "f" and not spark_type):
            with np.errstate(over="ignore"):
                singles = array.astype(np.float32)
            return self._look_up(self.floats.get, java_text.bits(singles).tolist())
        return self._look_up(self.doubles.get, java_text.bits(array.astype(np.float64)).tolist())

    def _decimal_text(self, value: Any) -> str | None:
        """A decimal column's text has all digits of its scale."""
        if is_null(value) or is_nan(value):
            return None
        _, _, scale = self.column.spark_type.rstrip(")").partition(",")
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return f"{number.quantize(Decimal(1).scaleb(-int(scale or 0)), ROUND_HALF_UP):f}"

    def _object_codes(self, array: NDArray[Any]) -> Codes:
        values = array.tolist()
        try:
            codes = self._look_up(self.texts.get, values)
        except TypeError:  # something unhashable: look at each value to say which
            codes = np.full(len(values), float(self.unseen))
        if self.column.kind == "number":
            suspects: Any = range(len(values))
        else:  # a hit is a string; only misses can be of another type
            suspects = np.flatnonzero(codes == self.unseen).tolist()
        for row in suspects:
            codes[row] = self._object_code(row, values[row])
        return codes

    def _object_code(self, row: int, value: Any) -> float:
        if is_null(value):
            return float(self.unseen)
        if isinstance(value, str) and self.column.kind != "number":
            return float(self.texts.get(value, self.unseen))
        if self.column.kind == "string":
            if is_nan(value):
                return float(self.unseen)
        elif isinstance(value, Decimal):
            text = self._decimal_text(value) if self.column.spark_type.startswith("decimal") else f"{value:f}"
            return float(self.texts.get(text or "", self.unseen))
        elif isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
            if isinstance(value, int) and not -(2**63) <= value < 2**64:
                return float(self.unseen)
            return float(self._number_codes(np.array([value]))[0])
        wanted = {"string": "text", "number": "a number", "any": "text or a number"}[self.column.kind]
        return self._refuse_value(row, value, wanted)

    def _refuse_first(self, array: NDArray[Any], wanted: str) -> NoReturn:
        self._refuse_value(0, array[0] if len(array) else array.dtype, wanted)

    def _refuse_value(self, row: int, value: Any, wanted: str) -> NoReturn:
        found = f"{str(value)[:60]!r} ({type(value).__name__})"
        raise ScoringError(
            f"column {self.column.name!r}, row {row}: expected {wanted}, found {found}",
            column=self.column.name,
            row=row,
        )

    def _refuse(self, problem: str) -> NoReturn:
        raise ScoringError(f"column {self.column.name!r} {problem}", column=self.column.name)
