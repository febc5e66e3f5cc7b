"""The embedded engine: Derby inside Spark's own Java process, one connection a context."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

from splicemachine_ml.database.sql import redact
from splicemachine_ml.database.urls import EmbeddedUrl
from splicemachine_ml.errors import DatabaseError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SHUT_DOWN = "08006"  # what Derby says when one database has shut down as it was told to
_BOOTED_ELSEWHERE = ("XSDB6", "XSDBX")


class EmbeddedConnection:
    """The connection of one context. Its methods may be called from several threads, one at a time."""

    def __init__(self, spark: SparkSession, url: EmbeddedUrl, state_dir: Path) -> None:
        refuse_other_processes(spark, url.base)
        self.url = url
        self._jvm: Any = spark._jvm  # noqa: SLF001  (the way into Spark's Java process; it has no public one)
        self._lock = threading.RLock()
        self._java: Any = None
        self._closed = False
        self._depth = 0
        with translated(None):
            # Before Derby starts, so that derby.log does not land in the working directory.
            system = self._jvm.java.lang.System
            if system.getProperty("derby.system.home") is None:
                state_dir.mkdir(parents=True, exist_ok=True)
                system.setProperty("derby.system.home", str(state_dir.resolve()))
        with self.use():
            pass

    @property
    def in_transaction(self) -> bool:
        """Whether this context has a transaction open."""
        return self._depth > 0

    @contextmanager
    def use(self) -> Iterator[Any]:
        """Give the Java connection to one thread; open it again if another context shut the database down."""
        with self._lock:
            if self._closed:
                raise DatabaseError(f"this context is closed; create another one for {self.url.base}")
            with translated(None):
                if self._java is None or (self._java.isClosed() and not self.in_transaction):
                    self._java = self._open()
            yield self._java

    @contextmanager
    def atomic(self) -> Iterator[Any]:
        """Make the statements of the block one transaction; inside another one, a part of that."""
        with self.use() as java:
            self._depth += 1
            try:
                if self._depth == 1:
                    with translated(None):
                        java.setAutoCommit(False)
                yield java
                if self._depth == 1:
                    with translated("COMMIT"):
                        java.commit()
            except BaseException:
                if self._depth == 1:
                    _roll_back(java)
                raise
            finally:
                self._depth -= 1
                if not self.in_transaction:
                    _end(java)

    def close(self) -> None:
        """Close the connection and shut the database down, so that another process can open it.

        Other contexts of this process open it again when they next need it. Closing twice is fine.
        """
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                if self._java is not None and not self._java.isClosed():
                    self._java.close()
                self._jvm.java.sql.DriverManager.getConnection(self.url.shutdown, self._properties())
            except Py4JJavaError as error:
                found = as_database_error(error, None)
                if found.sqlstate not in (_SHUT_DOWN, "XJ004"):  # XJ004: another context was quicker
                    raise found from error
            except (Py4JError, OSError):
                return  # Spark has stopped and its Java process, with the database, is gone

    def options(self) -> dict[str, str]:
        """Options of Spark's JDBC source for this database."""
        options = {"url": self.url.base, "user": self.url.user}
        return options | ({"password": self.url.password} if self.url.password else {})

    def _properties(self) -> Any:
        properties = self._jvm.java.util.Properties()
        properties.setProperty("user", self.url.user)
        if self.url.password:
            properties.setProperty("password", self.url.password)
        return properties

    def _open(self) -> Any:
        try:
            return self._jvm.java.sql.DriverManager.getConnection(self.url.connect, self._properties())
        except Py4JJavaError as error:
            states = [state for state, _ in _sql_exceptions(error.java_exception)]
            if any(state in _BOOTED_ELSEWHERE for state in states):
                raise DatabaseError(
                    f"another process has the embedded database {self.url.base} open, and only one at a "
                    "time can. Close it there (close() on its context, or end that notebook), or give "
                    "this process its own state_dir (SPLICEMACHINE_ML_STATE_DIR).",
                    sqlstate=next(state for state in states if state in _BOOTED_ELSEWHERE),
                ) from error
            if "XJ004" in states:
                raise DatabaseError(
                    f"there is no database at {self.url.base}; add ;create=true to its URL to make one",
                    sqlstate="XJ004",
                ) from error
            raise as_database_error(error, None) from error


def refuse_other_processes(spark: SparkSession, base: str) -> None:
    """Raise DatabaseError when Spark's work is not all done in the one process that holds the database."""
    way_out = "Use a local Spark (spark_session()); JDBC servers come with a later release."
    if ".connect." in type(spark).__module__ or not hasattr(spark, "_jvm"):
        raise DatabaseError(
            f"the embedded database {base} lives in Spark's own Java process, which a Spark Connect session "
            f"cannot reach. {way_out}"
        )
    if spark.sparkContext._jsc is None:  # noqa: SLF001  (how a stopped context is told)
        raise DatabaseError("this Spark session has been stopped; start another one with spark_session()")
    master = spark.sparkContext.master
    if not master.startswith("local") or master.startswith("local-cluster"):
        raise DatabaseError(
            f"the embedded database {base} cannot be opened by the executors of {master}. {way_out}"
        )


@contextmanager
def translated(statement: str | None) -> Iterator[None]:
    """Turn what Java or Spark raises in the block into a DatabaseError naming the statement."""
    try:
        yield
    except (Py4JError, PySparkException, ConnectionError) as error:
        raise as_database_error(error, statement) from error


def as_database_error(error: Exception, statement: str | None) -> DatabaseError:
    """Say what the database said, without Java's stack trace, with the statement's literals hidden."""
    origin = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    found = list(_sql_exceptions(origin))
    where = f"\nStatement: {redact(statement)}" if statement else ""
    if found:
        state, message = found[-1]
        return DatabaseError(f"{message} (SQLSTATE {state}){where}", sqlstate=state)
    if origin is None and isinstance(error, Py4JError | ConnectionError):
        return DatabaseError(
            f"Spark's Java process does not answer; the session has been stopped or has died. Start another "
            f"one with spark_session() and create the context again.{where}"
        )
    message = str(origin.getMessage() if origin is not None else error)
    return DatabaseError(f"Spark could not do it: {_reason(message)}{where}")


def _reason(message: str) -> str:
    # Spark's first line says it, but for an exception of a Python worker: there it is the traceback's last.
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["it gave no reason"]
    first, traceback, _ = lines[0].partition("Traceback (most recent call last):")
    return first + [line for line in lines if not line.startswith("SQLSTATE")][-1] if traceback else lines[0]


def _sql_exceptions(throwable: Any) -> Iterator[tuple[str, str]]:
    # (SQLSTATE, message) of every java.sql.SQLException in the chain, the innermost last: it has the reason.
    for _ in range(20):
        if throwable is None:
            return
        try:
            following = throwable.getNextException()
        except Py4JError:  # no such method: another kind of exception
            following = None
        else:
            yield str(throwable.getSQLState()), str(throwable.getMessage()).strip()
        throwable = throwable.getCause() if following is None else following


def _roll_back(java: Any) -> None:
    # The error that brought us here is the one to report: a connection that broke has rolled back itself.
    try:
        if not java.isClosed():
            java.rollback()
    except (Py4JError, OSError):
        return


def _end(java: Any) -> None:
    try:
        if not java.isClosed():
            java.setAutoCommit(True)
    except (Py4JError, OSError):
        return
