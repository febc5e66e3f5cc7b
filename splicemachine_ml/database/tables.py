"""Making and dropping tables."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from pyspark.sql import types as T

from splicemachine_ml.database import catalog, statements
from splicemachine_ml.database.embedded import EmbeddedConnection
from splicemachine_ml.database.history import Creation
from splicemachine_ml.database.sql import TableName, parse_table, quote
from splicemachine_ml.database.types import checked_type, column_type
from splicemachine_ml.database.writing import by_upper_name, longest_texts
from splicemachine_ml.errors import DatabaseError


def create(connection: EmbeddedConnection, wanted: Creation) -> None:
    """Create the table; with ``wanted.drop`` an existing one is replaced in the same transaction."""
    name = parse_table(wanted.table)
    definition = _definition(wanted, name)
    with connection.atomic() as java:
        full = catalog.resolve(java, name)
        if catalog.exists(java, full):
            if not wanted.drop:
                raise DatabaseError(
                    f"there is a table {full} already; drop_table=True replaces it", sqlstate="X0Y32"
                )
            statements.run(java, f"DROP TABLE {full.sql}")
        statements.run(java, f"CREATE TABLE {full.sql} ({definition})")


def _definition(wanted: Creation, name: TableName) -> str:
    # The columns and the key, in SQL.
    frame = wanted.frame
    schema: T.StructType = frame if isinstance(frame, T.StructType) else frame.schema
    fields = by_upper_name(schema)
    if not fields:
        raise DatabaseError(f"cannot create {name}: there are no columns")
    keys = [_known(key, fields, "primary key") for key in wanted.keys]
    chosen = {_known(key, fields, "types"): checked_type(key, given) for key, given in wanted.types.items()}
    for key in set(fields) - set(chosen):
        column_type(fields[key], None)  # refuse what no column holds before Spark measures the texts
    lengths = {} if schema is frame else longest_texts(frame, _unsized(fields, chosen))
    lines: list[str] = []
    for key, field in fields.items():
        kind = chosen.get(key) or column_type(field, lengths.get(field.name))
        if key in keys and kind.startswith(("CLOB", "BLOB")):
            raise DatabaseError(f"column {field.name} is {kind} and cannot be a key; choose one with types=")
        lines.append(f"{quote(key)} {kind}{' NOT NULL' if key in keys else ''}")
    if keys:
        lines.append(f"PRIMARY KEY ({', '.join(map(quote, keys))})")
    return ", ".join(lines)


def drop(connection: EmbeddedConnection, name: TableName, *, missing_ok: bool = False) -> None:
    """Drop a table; one that is not there is a DatabaseError unless ``missing_ok``."""
    with connection.use() as java:
        full = catalog.resolve(java, name)
        if catalog.exists(java, full):
            statements.run(java, f"DROP TABLE {full.sql}")
        elif not missing_ok:
            raise catalog.missing(java, full)


def _known(name: str, fields: Iterable[str], what: str) -> str:
    key = name.upper()
    if key in fields:
        return key
    near = get_close_matches(key, fields, n=1)
    raise DatabaseError(
        f"{what}: there is no column {name}"
        + (f"; did you mean {near[0]}?" if near else "")
        + f" (columns: {', '.join(fields)})"
    )


def _unsized(fields: dict[str, T.StructField], chosen: dict[str, str]) -> list[str]:
    # The texts whose length decides the type; a varchar(n) of the schema says it itself.
    return [
        field.name
        for key, field in fields.items()
        if type(field.dataType) is T.StringType and key not in chosen
    ]
