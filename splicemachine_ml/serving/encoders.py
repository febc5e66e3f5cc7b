"""What ``Scorer.score`` returned to response bodies: JSON, CSV, JSON lines and .npy.

Doubles are written with ``repr``: reading them back gives the same bits. JSON has no NaN and infinity; they
are the strings "NaN", "Infinity" and "-Infinity", which is how Spark's to_json writes them. ``row_index``
(which row of the request each answer belongs to) is there exactly when handleInvalid="skip" dropped rows.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from splicemachine_ml.serving.columns import Array

Answer = Mapping[str, Array]

_PIECE_ROWS = 4096
_STRICT = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def encode_json(answer: Answer, rows: int) -> bytes:
    """Return {"predictions": [{output: value, ...}, ...]}, with "row_index" when rows were dropped."""
    pieces = [_dumps(_records(piece))[1:-1] for piece in _pieces(_outputs(answer))]
    end = b"]"
    if _dropped(answer, rows):
        end = b'],"row_index":' + _dumps(answer["row_index"].tolist())
    return b'{"predictions":[' + b",".join(pieces) + end + b"}"


def encode_json_lines(answer: Answer, rows: int) -> bytes:
    """Return one JSON object a line; it carries "row_index" when rows were dropped."""
    records = _records(answer if _dropped(answer, rows) else _outputs(answer))
    return b"".join(_dumps(record) + b"\n" for record in records)


def encode_csv(answer: Answer, rows: int, header: bool = True) -> bytes:
    """Return one line a row; a vector output takes one column an element: probability_0, probability_1, ...

    ``header`` is the Accept type's parameter (present unless absent is asked for).
    """
    shown = answer if _dropped(answer, rows) else _outputs(answer)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow([name for column, values in shown.items() for name in _headings(column, values)])
    for piece in _pieces(shown):
        cells = [_spelled(part) for values in piece.values() for part in _flat(values)]
        writer.writerows(zip(*cells, strict=True))
    return out.getvalue().encode()


def encode_npy(answer: Answer, rows: int) -> bytes:
    """Return a structured array [M] with one field an output, vectors as sub-arrays, text as unicode."""
    shown = {
        name: values.astype(np.str_) if values.dtype == object else values
        for name, values in (answer if _dropped(answer, rows) else _outputs(answer)).items()
    }
    dtype = np.dtype([(name, values.dtype, values.shape[1:]) for name, values in shown.items()])
    table = np.empty(len(answer["row_index"]), dtype=dtype)
    for name, values in shown.items():
        table[name] = values
    out = io.BytesIO()
    np.lib.format.write_array(out, table, allow_pickle=False)
    return out.getvalue()


def encode_error(message: str, *, column: str | None = None, row: int | None = None, **more: Any) -> bytes:
    """Return the body of every error: {"error", "column", "row"} and what else helps the client."""
    return _dumps({"error": message, "column": column, "row": row, **more})


def _pieces(columns: Answer) -> Iterator[Answer]:
    # In pieces: one C call over a large answer would keep every other thread, and so /ping, waiting.
    length = len(next(iter(columns.values()), ()))
    if length <= _PIECE_ROWS:
        if length:
            yield columns
        return
    for start in range(0, length, _PIECE_ROWS):
        yield {name: values[start : start + _PIECE_ROWS] for name, values in columns.items()}


def _headings(name: str, values: Array) -> list[str]:
    return [name] if values.ndim == 1 else [f"{name}_{i}" for i in range(values.shape[1])]


def _flat(values: Array) -> list[Array]:
    return [values] if values.ndim == 1 else list(values.T)


def _dropped(answer: Answer, rows: int) -> bool:
    return len(answer["row_index"]) != rows


def _outputs(answer: Answer) -> Answer:
    return {name: values for name, values in answer.items() if name != "row_index"}


def _records(columns: Answer) -> list[dict[str, Any]]:
    names = list(columns)
    values = [array.tolist() for array in columns.values()]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _spelled(values: Array) -> list[Any]:
    plain: list[Any] = values.tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [_finite(value) for value in plain]
    return plain


def _dumps(payload: Any) -> bytes:
    try:
        return _STRICT.encode(payload).encode()
    except ValueError:  # a NaN or an infinity: rare, so only then is every value looked at
        return _STRICT.encode(_finite(payload)).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        if value != value:
            return "NaN"
        if value in (float("inf"), float("-inf")):
            return "Infinity" if value > 0 else "-Infinity"
    elif isinstance(value, list):
        return [_finite(item) for item in value]
    elif isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return value
