"""SpliceMLContext: SQL and DataFrames on the database, the way Splice Machine notebooks write it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from splicemachine_ml.database import catalog, history, reading, statements, tables, writing
from splicemachine_ml.database.embedded import EmbeddedConnection
from splicemachine_ml.database.sql import dropped_if_exists, parse_table, split_statements
from splicemachine_ml.database.types import spark_type
from splicemachine_ml.database.urls import parse_url
from splicemachine_ml.errors import DatabaseError
from splicemachine_ml.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

Parameters = Sequence[Any]


class SpliceMLContext:
    """The database through a Spark session.

    Without a ``url`` (argument, ``settings.database_url``) it is the embedded database in
    ``settings.state_dir``: Derby inside Spark's own Java process, open to one process at a time. Names
    without a schema belong to the user's own (``user``, default SPLICE). Column names of results are in
    upper case. Every refusal of the database is a DatabaseError with its SQLSTATE.

    TIMESTAMP columns have no time zone: an instant is written and read as the clock of Java's default zone
    shows it, so times that summer time skips or repeats are the one thing that may shift.
    """

    def __init__(
        self,
        spark: SparkSession | str | None = None,
        url: str | None = None,
        *,
        user: str | None = None,
        password: str | None = None,
        settings: Settings | None = None,
        **old: Any,
    ) -> None:
        session, given = history.context_arguments(spark, url, old)
        resolved = settings or Settings.load()
        state = resolved.state_dir
        address = given if given is not None else resolved.database_url
        self.spark = session
        self._connection = EmbeddedConnection(
            session, parse_url(address, user=user, password=password, state_dir=state), state
        )

    def __repr__(self) -> str:
        url = self._connection.url
        return f"SpliceMLContext({url.base!r}, user={url.user!r})"

    def __enter__(self) -> SpliceMLContext:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def df(self, sql: str, to_lower: bool = False, *, params: Parameters | None = None) -> DataFrame:
        """Return a query's rows as a DataFrame, its names in upper case (``to_lower``: lower).

        Spark reads them when an action needs them, and again for the next action. With ``params`` (one
        for each ``?``) the rows are fetched at once, which is slow beyond some thousand.
        """
        query = self._one(sql)
        self._needs_spark("df")
        with self._connection.use() as java:
            columns = statements.describe(java, query)
            rows = None if params is None else statements.query(java, query, params)
        if rows is None:
            frame = reading.read(self.spark, self._connection.options(), query, columns)
        else:
            fields = [T.StructField(column.name.upper(), spark_type(column)) for column in columns]
            frame = self.spark.createDataFrame([tuple(row) for row in rows], T.StructType(fields))
        return frame.toDF(*(name.lower() for name in frame.columns)) if to_lower else frame

    def execute(self, sql: str, params: Parameters | None = None) -> None:
        """Run one or several statements, separated by semicolons; each is committed when it ends."""
        self._run(sql, params)

    def executeUpdate(self, sql: str, params: Parameters | None = None) -> int:
        """Run statements that change something; return how many rows they changed in all."""
        return self._run(sql, params, only_updates=True)

    def executeQuery(self, sql: str, params: Parameters | None = None) -> list[Row]:
        """Run one query and return its rows, for answers of a few thousand rows at most."""
        query = self._one(sql)
        with self._connection.use() as java:
            return statements.query(java, query, params)

    @contextmanager
    def transaction(self) -> Iterator[SpliceMLContext]:
        """Make the block's statements one transaction: committed at its end, undone by an exception.

        df and insert work through connections of Spark and are refused inside.
        """
        with self._connection.atomic():
            yield self

    def createTable(
        self, df: DataFrame | T.StructType, table: str, primary_keys: Any = None, *old_order: Any, **more: Any
    ) -> None:
        """Create an empty table with the columns of a DataFrame or a StructType.

        ``primary_keys``: column names. ``types={column: "VARCHAR(40)" or a Spark type}`` chooses a type;
        text is sized by the DataFrame's data otherwise. ``drop_table=True`` replaces a table that exists,
        which is an error otherwise. Old argument orders are understood, see database/history.py.
        """
        wanted = history.creation(df, table, primary_keys, old_order, more)
        tables.create(self._connection, wanted)

    def insert(self, df: DataFrame, table: str, to_upper: bool = True, create_table: bool = False) -> int:
        """Append a DataFrame to a table, columns matched by name whatever the case; return the row count.

        All rows or none. Missing and extra columns, types that do not fit, NaN, too long text and nulls in
        NOT NULL columns raise DatabaseError with nothing written. ``create_table`` makes the table
        first when it is missing; ``to_upper`` is accepted from old notebooks.
        """
        frame, name = history.swapped(df, table)
        self._needs_spark("insert")
        created = create_table and not self.tableExists(name)
        if created:
            self.createTable(frame, name)
        try:
            return writing.insert(self._connection, frame, parse_table(name))
        except DatabaseError:
            if created:
                self.dropTable(name)
            raise

    def tableExists(self, *name: str) -> bool:
        """Whether a table or view exists: ``"table"``, ``"schema.table"`` or ``"schema", "table"``."""
        with self._connection.use() as java:
            return catalog.exists(java, parse_table(*name))

    def getSchema(self, *name: str) -> T.StructType:
        """Return a table's columns as Spark reads them, upper-case names, nullable as declared."""
        with self._connection.use() as java:
            columns = catalog.columns(java, parse_table(*name))
        return T.StructType(
            [T.StructField(column.name.upper(), spark_type(column), column.nullable) for column in columns]
        )

    def dropTable(self, *name: str) -> None:
        """Drop a table; one that does not exist is a DatabaseError."""
        tables.drop(self._connection, parse_table(*name))

    def dropTableIfExists(self, *name: str) -> None:
        """Drop a table if it is there."""
        tables.drop(self._connection, parse_table(*name), missing_ok=True)

    def close(self) -> None:
        """Release the database, so that another process can open it; this context is of no use after.

        Other contexts of the same process open the database again when they need it.
        """
        self._connection.close()

    shutdown = close
    _dropTableIfExists = dropTableIfExists

    def _run(self, sql: str, params: Parameters | None, *, only_updates: bool = False) -> int:
        pieces = split_statements(sql)
        if not pieces:
            raise DatabaseError("there is no statement in this text")
        if params is not None and len(pieces) > 1:
            raise DatabaseError(f"parameters go with one statement and this text has {len(pieces)}")
        changed = 0
        for piece in pieces:
            if table := dropped_if_exists(piece):
                tables.drop(self._connection, table, missing_ok=True)
                continue
            with self._connection.use() as java:
                changed += (statements.update if only_updates else statements.run)(java, piece, params)
        return changed

    def _one(self, sql: str) -> str:
        pieces = split_statements(sql)
        if len(pieces) != 1:
            raise DatabaseError(f"one query, please: this text has {len(pieces)} statements (see execute)")
        return pieces[0]

    def _needs_spark(self, method: str) -> None:
        # Statements go on after spark.stop(), because Java does; what Spark itself reads or writes cannot.
        if self.spark.sparkContext._jsc is None:  # noqa: SLF001  (how a stopped context is told)
            raise DatabaseError(f"{method} needs Spark and this session has been stopped; start another one")
        if self._connection.in_transaction:
            raise DatabaseError(
                f"{method} goes through Spark's own connections, which wait for an open transaction: use "
                "execute and executeQuery inside transaction(), or call it outside"
            )


PySpliceContext = SpliceMLContext
