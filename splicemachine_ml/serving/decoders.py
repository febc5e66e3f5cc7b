"""Request bodies to columns: CSV, JSON, JSON lines and NumPy's .npy.

Columns that the model does not read are ignored (clients send whole records); a missing one is an error.
Whatever is wrong with a body is a ScoringError, with the column and the 0-based row where they are known.
"""

from __future__ import annotations

import ast
import csv
import io
import json
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any

import numpy as np

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.serving.columns import Array, Columns, Input, Values, from_array, from_text, from_values

Inputs = Sequence[Input]

NPY_MAGIC = b"\x93NUMPY"
_NPY_MAX_HEADER = 65536
_PIECE_ROWS = 4096
_MOST_NAMES = 1000  # looked through for a similar one; a body may hold a million


def decode_csv(text: str, inputs: Inputs, header: str = "") -> Columns:
    """Read RFC 4180 text. ``header`` is the content type's parameter: present, absent or "" to look.

    Without the parameter the first line is a header when it names at least half of the inputs. Without a
    header the cells come in the order of the model's inputs. An empty cell is null.
    """
    rows = _csv_rows(text)
    names = [column.name for column in inputs]
    known = set(names)
    if header == "present" or (not header and 2 * len(known & set(rows[0])) >= len(known) > 0):
        names = rows.pop(0)
        repeated = sorted(name for name, count in Counter(names).items() if count > 1 and name in known)
        if repeated:
            raise ScoringError(f"the header names column {repeated[0]!r} more than once", column=repeated[0])
    for row, cells in enumerate(rows):
        if len(cells) != len(names):
            raise ScoringError(
                f"row {row} has {len(cells)} cells instead of {len(names)}: {_listed(names)}", row=row
            )
    positions = {name: at for at, name in enumerate(names)}
    columns: Columns = {}
    for column in inputs:
        at = _pick(positions, column.name)
        columns[column.name] = from_text(column, [cells[at] for cells in rows])
    return columns


def decode_json(text: str, inputs: Inputs) -> Columns:
    """Read one JSON document in any of the shapes that model servers take.

    A record or a list of records; {"instances": [...]} or {"dataframe_records": [...]}; {"columns", "data"}
    or {"dataframe_split": {...}}; {"inputs": {column: values}}. Rows given as lists are in input order.
    NaN and Infinity are read as Python's json does; null is null.
    """
    payload = _loads(text, "the body")
    names = {column.name for column in inputs}
    if isinstance(payload, dict):
        for key, read in _WRAPPERS.items():
            if key in payload and key not in names:
                return _typed(read(payload[key], inputs), inputs)
        if "columns" in payload and "data" in payload and not {"columns", "data"} & names:
            return _typed(_from_split(payload, inputs), inputs)
        payload = [payload]
    return _typed(_from_rows(payload, inputs), inputs)


def decode_json_lines(text: str, inputs: Inputs) -> Columns:
    """Read one JSON record (or list in input order) a line; blank lines do not count as rows."""
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    return _typed(_from_rows([_loads(line, f"row {i}", i) for i, line in enumerate(lines)], inputs), inputs)


def decode_npy(body: bytes, inputs: Inputs) -> Columns:
    """Read a .npy array: numbers [N, inputs] in input order, or a structured array [N] with column names.

    A vector input takes ``size`` of the columns. Objects (pickles) are refused, and the size that the
    header claims is compared with the body before anything is allocated.
    """
    array = _npy_array(body)
    if array.dtype.names is not None:
        if array.ndim != 1:
            raise ScoringError(f"a structured array must have shape [N], not {list(array.shape)}")
        table = {name: array[name] for name in array.dtype.names}
        return {column.name: from_array(column, _pick(table, column.name)) for column in inputs}
    widths = [column.size if column.kind == "vector" else 1 for column in inputs]
    if array.ndim != 2 or array.shape[1] != sum(widths):
        raise ScoringError(
            f"the array has shape {list(array.shape)}; the model takes [N, {sum(widths)}]: "
            f"{_listed(column.name for column in inputs)}"
        )
    columns: Columns = {}
    start = 0
    for column, width in zip(inputs, widths, strict=True):
        part = array[:, start : start + width]
        if column.kind == "string":
            raise ScoringError(
                f"column {column.name!r} takes text, which a plain array cannot carry beside numbers; "
                "send a structured array, CSV or JSON",
                column=column.name,
            )
        columns[column.name] = from_array(column, part if column.kind == "vector" else part[:, 0])
        start += width
    return columns


def _csv_rows(text: str) -> list[list[str]]:
    # In pieces: one C call over a large body would keep every other thread, and so /ping, waiting.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        while piece := list(islice(reader, _PIECE_ROWS)):
            rows += piece
    except csv.Error as error:
        raise ScoringError(f"the body is not CSV: {error}") from error
    while rows and not rows[-1]:
        rows.pop()
    if not rows:
        raise ScoringError("the body is empty; send one line of CSV a row")
    return rows


# ---------------------------------------------------------------- JSON shapes


def _loads(text: str, what: str, row: int | None = None) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ScoringError(f"{what} is nested too deeply", row=row) from error
    except ValueError as error:
        raise ScoringError(f"{what} is not JSON: {error}", row=row) from error


def _typed(values: Values, inputs: Inputs) -> Columns:
    return {column.name: from_values(column, values[column.name]) for column in inputs}


def _from_rows(rows: Any, inputs: Inputs) -> Values:
    if not isinstance(rows, list):
        raise ScoringError(f"expected a list of records, not {type(rows).__name__}")
    if rows and isinstance(rows[0], dict):
        return _from_records(rows, inputs)
    if len(inputs) == 1 and rows and not isinstance(rows[0], list):
        rows = [[value] for value in rows]  # one input: a row may be the bare value
    return _from_lists(rows, [column.name for column in inputs])


def _from_records(rows: list[Any], inputs: Inputs) -> Values:
    table: dict[str, list[Any]] = {}
    for column in inputs:
        try:
            table[column.name] = [row[column.name] for row in rows]
        except (KeyError, TypeError, IndexError) as error:
            raise _bad_record(rows, column.name) from error
    return table


def _bad_record(rows: list[Any], name: str) -> ScoringError:
    for row, record in enumerate(rows):
        if not isinstance(record, dict):
            return ScoringError(f"row {row} is {type(record).__name__}, the rows before are records", row=row)
        if name not in record:
            return _missing(name, record, row)
    raise AssertionError(name)  # called only when one of the rows is bad


def _from_lists(rows: Any, names: Sequence[str]) -> Values:
    if not isinstance(rows, list):
        raise ScoringError(f"expected a list of rows, not {type(rows).__name__}")
    for row, values in enumerate(rows):
        if not isinstance(values, list):
            raise ScoringError(f"row {row} is {type(values).__name__}, not a list of values", row=row)
        if len(values) != len(names):
            raise ScoringError(
                f"row {row} has {len(values)} values instead of {len(names)}: {_listed(names)}", row=row
            )
    return {name: [values[i] for values in rows] for i, name in enumerate(names)}


def _from_split(payload: Any, inputs: Inputs) -> Values:
    if not isinstance(payload, dict) or "columns" not in payload or "data" not in payload:
        raise ScoringError('the split form needs "columns" and "data"')
    names = payload["columns"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ScoringError('"columns" must be a list of names')
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ScoringError(f'"columns" names {repeated[0]!r} more than once', column=repeated[0])
    table = _from_lists(payload["data"], names)
    return {column.name: _pick(table, column.name) for column in inputs}


def _from_columns(payload: Any, inputs: Inputs) -> Values:
    if not isinstance(payload, dict):
        return _from_rows(payload, inputs)
    table = {column.name: _pick(payload, column.name) for column in inputs}
    if not any(isinstance(values, list) for values in table.values()):
        return {name: [value] for name, value in table.items()}
    lengths: dict[str, int] = {}
    for name, values in table.items():
        if not isinstance(values, list):
            raise ScoringError(f"column {name!r} must be a list of values as the others are", column=name)
        lengths[name] = len(values)
        first = next(iter(lengths))
        if lengths[name] != lengths[first]:
            raise ScoringError(
                f"column {name!r} has {lengths[name]} values, column {first!r} has {lengths[first]}",
                column=name,
            )
    return table


_WRAPPERS = {
    "instances": _from_rows,
    "dataframe_records": _from_rows,
    "dataframe_split": _from_split,
    "inputs": _from_columns,
}


def _pick(table: Any, name: str) -> Any:
    if name not in table:
        raise _missing(name, table, None)
    return table[name]


def _missing(name: str, present: Iterable[str], row: int | None) -> ScoringError:
    present = list(islice(present, _MOST_NAMES))
    close = get_close_matches(name, present, 1)
    where = "" if row is None else f" in row {row}"
    hint = f"; the closest name sent is {close[0]!r}" if close else f"; there is {_listed(present)}"
    return ScoringError(f"column {name!r} is missing{where}{hint}", column=name, row=row)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") or "nothing"


# ---------------------------------------------------------------- .npy


def _npy_array(body: bytes) -> Array:
    """Read the array without numpy.load, which allocates what the header claims before it looks.

    Source of the layout: NumPy's documentation of numpy.lib.format, versions 1.0 to 3.0.
    """
    if body[:6] != NPY_MAGIC or len(body) < 10 or body[6] not in (1, 2, 3):
        raise ScoringError("the body is not a .npy array (numpy.save writes one)")
    size = 2 if body[6] == 1 else 4
    start = 8 + size
    (length,) = struct.unpack("<H" if size == 2 else "<I", body[8:start].ljust(size, b"\0"))
    if length > min(_NPY_MAX_HEADER, len(body) - start):
        raise ScoringError("the .npy header is cut short or too long")
    try:
        header = ast.literal_eval(body[start : start + length].decode("utf-8" if body[6] == 3 else "latin-1"))
        dtype = np.lib.format.descr_to_dtype(header["descr"])
        shape, order = tuple(map(int, header["shape"])), "F" if header["fortran_order"] else "C"
    except (ValueError, TypeError, KeyError, IndexError, SyntaxError, RecursionError, MemoryError) as error:
        raise ScoringError("the .npy header is damaged") from error
    if dtype.hasobject:
        raise ScoringError("the .npy array holds Python objects; send numbers, text or a structured array")
    count = 1
    for extent in shape:
        count *= extent
    if (
        dtype.itemsize == 0
        or min(shape, default=0) < 0
        or count * dtype.itemsize != len(body) - start - length
    ):
        raise ScoringError(
            f"the .npy header says shape {list(shape)} of {dtype}, which is not the size of the data"
        )
    flat = np.frombuffer(body, dtype=dtype, offset=start + length)
    try:
        return flat.reshape(shape, order=order)  # type: ignore[call-overload,no-any-return]
    except ValueError as error:  # no rows, but extents whose product NumPy cannot hold
        raise ScoringError(f"the .npy header's shape {list(shape)} is too large") from error
