"""What ``Scorer.score`` returned to response bodies: JSON, CSV, JSON lines and .npy.

Doubles are written with ``repr``: reading them back gives the same bits. JSON has no NaN and infinity; they
are the strings "NaN", "Infinity" and "-Infinity", which is how Spark's to_json writes them. ``row_index``
(which row of the request each answer belongs to) is there exactly when handleInvalid="skip" dropped rows.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from splicemachine_ml.serving.columns import Array

Answer = Mapping[str, Array]

_STRICT = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def encode_json(answer: Answer, rows: int) -> bytes:
    """Return {"predictions": [{output: value, ...}, ...]}, with "row_index" when rows were dropped."""
    payload: dict[str, Any] = {"predictions": _records(_outputs(answer))}
    if _dropped(answer, rows):
        payload["row_index"] = answer["row_index"].tolist()
    return _dumps(payload)


def encode_json_lines(answer: Answer, rows: int) -> bytes:
    """Return one JSON object a line; it carries "row_index" when rows were dropped."""
    records = _records(answer if _dropped(answer, rows) else _outputs(answer))
    return b"".join(_dumps(record) + b"\n" for record in records)


def encode_csv(answer: Answer, rows: int, header: bool = True) -> bytes:
    """Return one line a row; a vector output takes one column an element: probability_0, probability_1, ...

    ``header`` is the Accept type's parameter (present unless absent is asked for).
    """
    names: list[str] = []
    cells: list[list[Any]] = []
    for name, values in (answer if _dropped(answer, rows) else _outputs(answer)).items():
        if values.ndim == 1:
            names.append(name)
            cells.append(_spelled(values))
        else:
            for i in range(values.shape[1]):
                names.append(f"{name}_{i}")
                cells.append(_spelled(values[:, i]))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if header:
        writer.writerow(names)
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
