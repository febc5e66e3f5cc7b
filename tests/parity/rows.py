"""The rows that pipelines are compared on: generated, spoiled on purpose, and set on the edge of splits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from splicemachine_ml.portable import stages as ir

NAN, INF = math.nan, math.inf
# what people and machines write into text columns: numbers as text, nothing, other scripts, look-alikes
TEXTS = (
    "a",
    "b",
    "1",
    "1.0",
    "",
    " a",
    "A",
    "é",
    "e\u0301",
    "İ",
    "i\u0307",
    "\U0001f600",
    "日本",
    "NaN",
    "null",
)
UNSEEN = ("zz", "1.00", "01", "\U0001f601", "I", "a ", "nan")

SCHEMA = {
    "rid": pa.int64(),
    "a": pa.float64(),  # normal
    "b": pa.float64(),  # quarters: many ties, exact sums
    "c": pa.float64(),  # constant
    "k": pa.float64(),  # categories 1, 2, 3 (0 is unseen)
    "m": pa.float64(),  # categories 0 to 9
    "i": pa.int32(),
    "l": pa.int64(),
    "f": pa.float32(),
    "d": pa.decimal128(10, 2),
    "g": pa.bool_(),
    "s": pa.string(),
    "t": pa.string(),
    "label": pa.float64(),
    "label3": pa.float64(),
    "target": pa.float64(),
}
DDL = {
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.int32(): "int",
    pa.float32(): "float",
    pa.decimal128(10, 2): "decimal(10,2)",
    pa.string(): "string",
    pa.bool_(): "boolean",
}


def clean(count: int, seed: int) -> pa.Table:
    """``count`` rows with nothing wrong in them; labels depend on a, b, k and m."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=count), np.round(rng.normal(size=count) * 4) / 4
    k, m = rng.integers(1, 4, count), rng.integers(0, 10, count)
    score = a + 0.5 * b + 0.7 * (m % 3) + 0.3 * k + 0.3 * rng.normal(size=count)
    texts, whole = np.array(TEXTS, dtype=object), rng.integers(0, 8, count)
    columns = {
        "rid": np.arange(count),
        "a": a,
        "b": b,
        "c": np.full(count, 3.0),
        "k": k.astype(float),
        "m": m.astype(float),
        "i": whole,
        "l": whole * 10**15,
        "f": (rng.integers(1, 9, count) / 10 * 10.0 ** rng.integers(-5, 12, count)).astype(np.float32),
        "d": [Decimal(int(value)) / 4 for value in rng.integers(0, 12, count)],
        "g": rng.random(count) < 0.5,
        "s": texts[rng.integers(0, len(texts), count)],
        "t": texts[[0, 1, 2, 3, 5, 6]][rng.zipf(1.6, count) % 6],  # no "": OneHotEncoder cannot name it
        "label": (score > np.median(score)).astype(float),
        "label3": np.digitize(score, np.quantile(score, [0.3, 0.7])).astype(float),
        "target": np.round(10 * score + b, 6),
    }
    return pa.table({name: pa.array(columns[name], kind) for name, kind in SCHEMA.items()})


def spoil(
    table: pa.Table, odd: Mapping[str, Sequence[Any]], *, share: float = 0.1, seed: int = 7
) -> pa.Table:
    """The table with ``share`` of the cells of each column in ``odd`` replaced by one of its odd values."""
    rng = np.random.default_rng(seed)
    for name, values in odd.items():
        cells = table.column(name).to_pylist()
        for row in np.flatnonzero(rng.random(len(cells)) < share):
            cells[row] = values[rng.integers(len(values))]
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(cells, table.schema.field(name).type, from_pandas=False))
    return table


def one(row: pa.Table, changes: Mapping[str, Any]) -> pa.Table:
    """The row with some cells changed."""
    return spoil(row, {name: [value] for name, value in changes.items()}, share=2.0)


def flawless(table: pa.Table, survivors: Sequence[int]) -> pa.Table:
    """The first of the ``survivors`` without null and NaN in it."""
    for row in survivors:
        if not any(value is None or value != value for value in table.slice(row, 1).to_pylist()[0].values()):
            return table.slice(row, 1)
    raise AssertionError("no flawless row")


def joined(*tables: pa.Table) -> pa.Table:
    """One table below the other, numbered anew."""
    table = pa.concat_tables(tables)
    return table.set_column(table.schema.get_field_index("rid"), "rid", pa.array(np.arange(len(table))))


def on_the_edge(plan: ir.Plan, table: pa.Table, limit: int = 400) -> pa.Table:
    """Rows that stand on a tree's thresholds and one unit in the last place beside them.

    Works on plans whose first assembler reads raw columns, so that feature j is its j-th input.
    """
    inputs = next(stage for stage in plan.stages if isinstance(stage, ir.VectorAssembler)).inputs
    edges = {
        (inputs[tree.feature[node]], float(tree.threshold[node]))
        for stage in plan.stages
        for tree in getattr(stage, "trees", ())
        for node in np.flatnonzero((tree.feature >= 0) & (tree.num_categories < 0))
    }
    beside = [
        (name, value)
        for name, edge in sorted(edges)[:limit]
        for value in (edge, np.nextafter(edge, -INF), np.nextafter(edge, INF))
        if pa.types.is_float64(table.schema.field(name).type)
    ]
    rows = table.slice(0, len(beside)).to_pylist()
    for row, (name, value) in zip(rows, beside, strict=True):
        row[name] = value
    return pa.Table.from_pylist(rows, schema=table.schema)


def schema_of(table: pa.Table) -> dict[str, str]:
    """The table's columns and their Spark types."""
    return {field.name: DDL[field.type] for field in table.schema}


def columns_of(table: pa.Table, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The table's columns as the scorer takes them: plain arrays, or objects with None where null occurs."""
    return {name: _array(table.column(name)) for name in names}


def vectors_of(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    """The columns side by side: a vector a row, None where the first column is null."""
    parts = [table.column(name).to_pylist() for name in names]
    cells = np.empty(len(table), dtype=object)
    for row, values in enumerate(zip(*parts, strict=True)):
        cells[row] = None if values[0] is None else np.array(values, dtype=float)
    return cells


def _array(column: pa.ChunkedArray) -> np.ndarray:
    if column.null_count == 0 and (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return column.to_numpy()
    cells = np.empty(len(column), dtype=object)
    cells[:] = column.to_pylist()
    return cells
