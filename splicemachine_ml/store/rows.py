"""pandas on both sides of the scorer: rows to arrays by column, answers to a DataFrame."""

from __future__ import annotations

import difflib
import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from splicemachine_ml.errors import ScoringError

if TYPE_CHECKING:
    from splicemachine_ml.portable.spec import InputSpec, OutputSpec

Array: TypeAlias = NDArray[Any]


def of_frame(frame: pd.DataFrame, inputs: Mapping[str, InputSpec]) -> dict[str, Array]:
    """Return the input columns of ``frame`` as arrays; its other columns are left out.

    Missing values: NaN of a float column stays NaN; None, pandas.NA and a category's absence are None (null),
    and so is NaN in a column of text, which is what pandas reads for an empty cell.
    """
    missing = [name for name in inputs if name not in frame.columns]
    if missing:
        raise _missing(missing[0], map(str, frame.columns))
    return {name: _of_series(frame[name], column) for name, column in inputs.items()}


def of_dicts(rows: Sequence[Mapping[str, Any]], inputs: Mapping[str, InputSpec]) -> dict[str, Array]:
    """Return dicts as arrays by column. A missing key raises ScoringError with its row.

    Keys that are no inputs stay in, for the scorer to refuse or, the label's column, to ignore.
    """
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ScoringError(f"row {number} is a {type(row).__name__}, not a dict", row=number)
        for name in inputs:
            if name not in row:
                raise _missing(name, map(str, row), number)
    others = {name: None for row in rows for name in row if name not in inputs}
    columns = {name: _of_values([row[name] for row in rows], column) for name, column in inputs.items()}
    return columns | {name: objects([row.get(name) for row in rows]) for name in others}


def of_value(value: Any) -> Array:
    """Return one value as a column of one row."""
    kind = type(value)
    if kind is float or kind is int or kind is bool:
        try:
            return np.array((value,))
        except OverflowError:
            return objects([value])
    return objects([value])


def objects(values: Sequence[Any]) -> Array:
    """Return values as a one-dimensional object array, whatever they are."""
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array


class Answers:
    """Turns the scorer's answers into DataFrames: numbers as float64, vectors as lists of floats, text.

    Columns: numbers first (so that a DataFrame is two blocks), else in the pipeline's order.
    """

    def __init__(self, outputs: Sequence[OutputSpec]) -> None:
        self._numbers = [output.name for output in outputs if output.kind == "number"]
        self._others = [
            (output.name, output.kind == "vector") for output in outputs if output.kind != "number"
        ]
        self._names = [*self._numbers, *(name for name, _ in self._others)]
        self._one = _OneRow(self._numbers, [name for name, _ in self._others])

    def frame(self, answers: Mapping[str, Array], index: pd.Index | None) -> pd.DataFrame:
        """Return the answers as a DataFrame; ``index``: of the rows that were given, None for 0, 1, 2..."""
        kept = answers["row_index"]
        columns = {name: answers[name] for name in self._numbers}
        for name, is_vector in self._others:
            columns[name] = objects(answers[name].tolist()) if is_vector else answers[name]
        if index is None:
            index = pd.Index(kept)
        elif len(kept) != len(index):
            index = index[kept]
        return pd.DataFrame(columns, index=index, columns=self._names)

    def one(self, answers: Mapping[str, Array]) -> pd.DataFrame:
        """Return the answer to a single row, with index 0; empty when the row was dropped."""
        if not self._one.works or len(answers["row_index"]) != 1:
            return self.frame(answers, None)
        return self._one.filled(
            [answers[name][0] for name in self._numbers],
            [
                answers[name][0].tolist() if is_vector else answers[name][0]
                for name, is_vector in self._others
            ],
        )


class _OneRow:
    """A DataFrame of one row whose values are written to the arrays below it, and then copied.

    pandas' constructors need 100 us for a row of mixed types, more than the scorer needs for its answer;
    copying a DataFrame of two blocks needs 20.
    """

    def __init__(self, numbers: list[str], others: list[str]) -> None:
        self._lock = threading.Lock()
        self._floats = np.zeros((1, len(numbers)))
        self._objects = np.full((1, len(others)), None, dtype=object)
        index = pd.Index([0])
        self._frame = pd.concat(
            [
                pd.DataFrame(self._floats, index=index, columns=numbers, copy=False),
                pd.DataFrame(self._objects, index=index, columns=others, copy=False),
            ],
            axis=1,
            copy=False,
        )
        # whether the arrays are still below it is pandas' own affair: try
        probe = self.filled([1.5 + i for i in range(len(numbers))], [str(name) for name in others])
        self.works = probe.iloc[0].tolist() == [*(1.5 + i for i in range(len(numbers))), *others]

    def filled(self, numbers: list[float], others: list[Any]) -> pd.DataFrame:
        with self._lock:
            self._floats[0] = numbers
            for place, value in enumerate(others):
                self._objects[0, place] = value
            return self._frame.copy()


def _of_series(series: Any, column: InputSpec) -> Array:
    if not isinstance(series, pd.Series):
        raise ScoringError(f"the DataFrame has several columns {column.name!r}", column=column.name)
    kind = series.dtype
    if isinstance(kind, np.dtype):
        array = series.to_numpy()
        return _without_text_nan(array, column) if kind.kind == "O" else array
    if isinstance(kind, pd.CategoricalDtype):
        values = objects([*kind.categories.tolist(), None])
        return values[series.cat.codes.to_numpy()]  # code -1, a missing value, is the None at the end
    numbers = getattr(kind, "numpy_dtype", None)  # pandas' nullable and Arrow's numbers
    if isinstance(numbers, np.dtype) and numbers.kind in "iufb":
        plain = series.to_numpy(dtype=numbers, na_value=0)
        mask = series.isna().to_numpy()
        return np.ma.MaskedArray(plain, mask) if mask.any() else plain
    return objects([None if value is pd.NA else value for value in series.tolist()])


def _without_text_nan(array: Array, column: InputSpec) -> Array:
    if column.kind not in ("string", "any"):
        return array
    values = array.tolist()
    is_text = column.kind == "string" or any(type(v) is str for v in values)
    if not is_text or not any(v != v for v in values if type(v) is float):
        return array
    return objects([None if type(v) is float and v != v else v for v in values])


_PLAIN = (frozenset({float}), frozenset({int}), frozenset({bool}))


def _of_values(values: list[Any], column: InputSpec) -> Array:
    kinds = frozenset(map(type, values))
    if kinds in _PLAIN or (column.kind == "number" and kinds and kinds <= {int, float}):
        try:
            return np.array(values)
        except OverflowError:
            return objects(values)
    return objects(values)


def _missing(name: str, given: Iterable[str], row: int | None = None) -> ScoringError:
    names = list(itertools.islice(given, 1000))
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; the closest name given is {near[0]!r}" if near else ""
    place = "" if row is None else f", row {row}"
    return ScoringError(f"column {name!r}{place} is missing{hint}", column=name, row=row)
