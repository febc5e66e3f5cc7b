"""DataFrames into tables: all rows or none, and no value changed on the way."""

from __future__ import annotations

import uuid
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from splicemachine_ml.database import catalog, statements
from splicemachine_ml.database.embedded import EmbeddedConnection, translated
from splicemachine_ml.database.sql import TableName, quote
from splicemachine_ml.database.types import Column, check_fit, staging_type
from splicemachine_ml.errors import DatabaseError

_TEXT = (T.StringType, T.CharType, T.VarcharType)
_FLOATING = (T.FloatType, T.DoubleType)
Pairs = list[tuple[T.StructField, Column]]


def insert(connection: EmbeddedConnection, frame: DataFrame, table: TableName) -> int:
    """Append a DataFrame to a table by column name, whatever the case; return the number of rows.

    Spark writes into a staging table of our own, and one INSERT ... SELECT moves the rows: they all arrive
    or none does, NULL texts work (see types.staging_type), and a frame read from the same table is safe.
    Raises DatabaseError, with nothing in the table, for columns and values that do not fit.
    """
    with connection.use() as java:
        name = catalog.resolve(java, table)
        pairs = match(frame.schema, catalog.columns(java, name), name)
    stage = TableName(name.schema, f"SPLICEML_STAGE_{uuid.uuid4().hex.upper()}")
    numbered = [f"C{i}" for i in range(1, len(pairs) + 1)]
    definitions = ", ".join(
        f"{quote(own)} {staging_type(field)}" for own, (field, _) in zip(numbered, pairs, strict=True)
    )
    with connection.use() as java:
        statements.run(java, f"CREATE TABLE {stage.sql} ({definitions})")
    try:
        # C1, C2, ... : whatever the columns are called, Spark and the staging table agree.
        plain = frame.select(
            *(F.col(_tick(field.name)).alias(own) for own, (field, _) in zip(numbered, pairs, strict=True))
        )
        _fill(connection, plain, stage, pairs, name)
        with connection.use() as java:
            _check_staged(java, stage, pairs, name)
            into, picked = (", ".join(map(quote, names)) for names in ([c.name for _, c in pairs], numbered))
            # One statement: the database takes it back as a whole when a row breaks a rule.
            move = f"INSERT INTO {name.sql} ({into}) SELECT {picked} FROM {stage.sql}"  # noqa: S608  (quoted)
            return statements.update(java, move)
    finally:
        with connection.use() as java:
            statements.run(java, f"DROP TABLE {stage.sql}")


def match(schema: T.StructType, columns: list[Column], table: TableName) -> Pairs:
    """Pair the fields of a DataFrame with the columns of a table; every misfit by name is one error."""
    fields = by_upper_name(schema)
    wanted = {column.name.upper(): column for column in columns}
    extra = [field.name for key, field in fields.items() if key not in wanted]
    lacking = [column.name for key, column in wanted.items() if key not in fields and not column.filled]
    if extra or lacking:
        problems = [
            f"{table} has no column {', '.join(extra)}" if extra else "",
            f"the DataFrame has no column {', '.join(lacking)}" if lacking else "",
        ]
        raise DatabaseError(
            f"cannot insert: {'; '.join(filter(None, problems))}. {table} has "
            f"{', '.join(column.name for column in columns)}; the DataFrame has {', '.join(schema.names)}."
        )
    pairs = [(fields[key], column) for key, column in wanted.items() if key in fields]
    for field, column in pairs:
        check_fit(field, column)
    return pairs


def by_upper_name(schema: T.StructType) -> dict[str, T.StructField]:
    """Index the fields by upper-case name; two that differ by case only are a DatabaseError."""
    fields: dict[str, T.StructField] = {}
    for field in schema.fields:
        if other := fields.get(field.name.upper()):
            raise DatabaseError(
                f"columns {other.name} and {field.name} are the same column to the database; rename one"
            )
        fields[field.name.upper()] = field
    return fields


def longest_texts(frame: DataFrame, names: list[str]) -> dict[str, int]:
    """Return the length of the longest value of each text column, in UTF-16 units as the database counts."""
    if not names:
        return {}
    with translated(None):
        (row,) = frame.agg(*(F.max(_length(F.col(_tick(name)))) for name in names)).collect()
    return {name: int(value or 0) for name, value in zip(names, row, strict=True)}


def _fill(
    connection: EmbeddedConnection, plain: DataFrame, stage: TableName, pairs: Pairs, table: TableName
) -> None:
    # One writer at the end of whatever tasks compute the frame: two writers in the same table wait for each
    # other (79k rows: 1.6 s against 2.4 s).
    writer = plain.repartition(1).write.format("jdbc").options(**connection.options())
    try:
        with translated(f"INSERT INTO {table.sql}"):
            writer.option("dbtable", stage.sql).mode("append").save()
    except DatabaseError as error:
        # The database says that a number is out of range, not which one: ask Spark, now that it matters.
        if problems := _not_finite(plain, pairs):
            raise _refused(table, problems, "22003") from error
        raise


def _not_finite(plain: DataFrame, pairs: Pairs) -> list[str]:
    suspects = [
        (f"C{i}", column)
        for i, (field, column) in enumerate(pairs, start=1)
        if isinstance(field.dataType, _FLOATING)
    ]
    if not suspects:
        return []
    bad = [F.isnan(own) | (F.abs(F.col(own)) == float("inf")) for own, _ in suspects]
    try:
        (counts,) = plain.agg(*(F.count(F.when(condition, 1)) for condition in bad)).collect()
    except (Py4JError, PySparkException):
        return []  # the frame itself fails: the first error says it
    return [
        f"column {column.name} has {count} value(s) that are NaN or infinite, and a database has no such "
        "numbers (make them null first)"
        for (_, column), count in zip(suspects, counts, strict=True)
        if count
    ]


def _check_staged(java: Any, stage: TableName, pairs: Pairs, table: TableName) -> None:
    # By name what the database would refuse without one, and texts whose trailing blanks it would cut.
    checks: list[tuple[str, Column]] = []
    for i, (field, column) in enumerate(pairs, start=1):
        own = quote(f"C{i}")
        if not column.nullable:
            checks.append((f"COUNT(CASE WHEN {own} IS NULL THEN 1 END)", column))
        if isinstance(field.dataType, _TEXT) and column.longest is not None:
            checks.append((f"MAX(LENGTH({own}))", column))
    if not checks:
        return
    asked = ", ".join(check for check, _ in checks)
    (values,) = statements.query(java, f"SELECT {asked} FROM {stage.sql}")  # noqa: S608  (quoted names)
    problems = []
    for (check, column), value in zip(checks, values, strict=True):
        if check.startswith("COUNT") and value:
            problems.append(f"column {column.name} is NOT NULL and has {value} null(s)")
        elif check.startswith("MAX") and (value or 0) > (column.longest or 0):
            problems.append(
                f"column {column.name} is {column.sql} and the longest value has {value} characters"
            )
    if problems:
        raise _refused(table, problems, "22001" if "longest" in problems[0] else "23502")


def _refused(table: TableName, problems: list[str], sqlstate: str) -> DatabaseError:
    return DatabaseError(f"nothing was written to {table}: " + "; ".join(problems), sqlstate=sqlstate)


def _length(value: Any) -> Any:
    # A character beyond the 16-bit plane counts twice in Java's strings, and so in VARCHAR(n).
    return F.octet_length(F.encode(value, "UTF-16BE")) / 2


def _tick(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
