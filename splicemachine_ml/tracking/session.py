"""One tracking store as seen by one manager: its address, its client, the active run and experiment."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
from mlflow import ActiveRun, MlflowClient
from mlflow.entities import Run, RunStatus
from mlflow.store.db.db_types import DATABASE_ENGINES
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import fluent
from mlflow.tracking.default_experiment import DEFAULT_EXPERIMENT_ID
from mlflow.utils.uri import resolve_uri_if_local

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.refusal import shown_uri, translated
from splicemachine_ml.tracking.sender import DirectSender, Sender

_SQLITE = "sqlite:///"


class Session:
    """The tracking store of one manager. Making one reads and writes nothing outside the process.

    MLflow keeps the active run per thread, but the tracking URI and the active experiment per process.
    The session sets both as MLflow's own calls would, and repairs what a process-wide value cannot hold:

    - a relative SQLite path is fixed to the working directory of now, so that a later chdir moves nothing;
    - an experiment chosen in a worker thread holds for that thread, and leaves the others alone;
    - an experiment id left over from another tracking store does not count here.
    """

    def __init__(self, uri: str, artifact_root: str) -> None:
        self.uri = _absolute(uri)
        self.artifact_root = resolve_uri_if_local(artifact_root) if _is_database(self.uri) else None
        self._here = threading.local()
        self._lock = threading.Lock()
        self._ready = False
        self._foreign: str | None = None
        self.activate()

    def __repr__(self) -> str:
        """Name the store; a password in its address stays out."""
        return f"Session({shown_uri(self.uri)!r})"

    @property
    def client(self) -> MlflowClient:
        """A client of this store; the first one creates a SQLite store that is not there yet."""
        with translated(f"open the tracking store {shown_uri(self.uri)}"):
            self._prepare()
            return MlflowClient(tracking_uri=self.uri)

    @property
    def sender(self) -> Sender:
        """Where every parameter, metric and tag goes through."""
        return DirectSender(self.client, shown_uri(self.uri))

    def activate(self) -> None:
        """Make this store MLflow's own, so that fluent calls see what the manager sees."""
        if _absolute(mlflow.get_tracking_uri()) != self.uri:
            self._foreign = _process_experiment()
        if self.uri.startswith(("http:", "https:")):
            logging.getLogger("mlflow.tracking.request_header.registry").addFilter(_worth_telling)
        # Also when equal: MLflow may have resolved its default, which a child process would not inherit.
        mlflow.set_tracking_uri(self.uri)

    def ready(self) -> None:
        """Have the store open and MLflow's own, for calls of the mlflow module."""
        self._prepare()
        self.activate()

    def active_run_id(self) -> str | None:
        """Id of MLflow's active run in this thread."""
        run = mlflow.active_run()
        return str(run.info.run_id) if run else None

    def run_id(self, given: str | None = None) -> str:
        """Return ``given``, else the active run's id; raises TrackingError when no run is active."""
        run_id = given or self.active_run_id()
        if not run_id:
            raise TrackingError(
                "no run is active in this thread: start one with create_new_run(user_id) or start_run(), "
                "or go back to one with set_active_run(run_id)"
            )
        return run_id

    def end_run(self, status: str) -> None:
        """End this thread's active run, if any, with a status of mlflow.entities.RunStatus."""
        allowed = [RunStatus.to_string(one) for one in RunStatus.all_status()]
        if status not in allowed:
            raise TrackingError(f"a run cannot end as {status!r}; choose one of {', '.join(allowed)}")
        run_id = self.active_run_id()
        with translated(f"end run {run_id} in {shown_uri(self.uri)}"):
            self.activate()
            mlflow.end_run(status)

    def experiment_id(self) -> str:
        """Id of the active experiment: chosen here or by mlflow.set_experiment, the last call counts."""
        self.activate()
        process = _process_experiment()
        if process == self._foreign:
            process = None
        chosen: str | None = getattr(self._here, "experiment", None)
        mine = (process or chosen) if _in_main_thread() else (chosen or process)
        if mine:
            return mine
        with translated("find the active experiment"):
            self._prepare()
            if _process_experiment() is None:
                return str(fluent._get_experiment_id())  # noqa: SLF001 (reads MLFLOW_EXPERIMENT_NAME and _ID)
        return str(DEFAULT_EXPERIMENT_ID)

    def choose_experiment(self, experiment_id: str) -> None:
        """Make an existing experiment the active one: of the process, or of this worker thread."""
        self._here.experiment = experiment_id
        if not _in_main_thread():
            return
        self.activate()
        with translated(f"make experiment {experiment_id} active"):
            self._prepare()
            mlflow.set_experiment(experiment_id=experiment_id)
        self._foreign = None

    def resume(self, run: Run, *, nested: bool) -> ActiveRun:
        """Make an existing run this thread's active run, and its experiment the active one."""
        run_id, experiment_id = run.info.run_id, run.info.experiment_id
        self.choose_experiment(experiment_id)
        if _process_experiment() in (None, experiment_id):
            return mlflow.start_run(run_id=run_id, nested=nested)
        # MLflow refuses to resume a run outside the experiment of the process, which a worker thread
        # leaves to the main thread. So this does what start_run does from there on.
        self.client.update_run(run_id, status="RUNNING")
        active = ActiveRun(self.client.get_run(run_id))
        fluent._active_run_stack.get().append(active)  # noqa: SLF001
        return active

    def artifact_location(self, experiment_name: str) -> str | None:
        """Where a new experiment keeps its artifacts; None leaves it to the tracking server."""
        if self.artifact_root is None:
            return None
        folder = re.sub(r"[^\w-]", "_", experiment_name)
        return f"{self.artifact_root.rstrip('/')}/{folder}"

    def _prepare(self) -> None:
        # MLflow creates a SQLite store on first use: with log lines on the user's screen, with the
        # artifacts of the default experiment in ./mlruns, and racing when two threads come at once.
        with self._lock:
            if not self._ready and _is_sqlite_file(self.uri) and self.artifact_root:
                database = Path(self.uri.removeprefix(_SQLITE))
                database.parent.mkdir(parents=True, exist_ok=True)
                with _one_at_a_time(database), _quiet("mlflow.store.db.utils", "alembic"):
                    if not database.exists() or database.stat().st_size == 0:
                        SqlAlchemyStore(self.uri, self.artifact_root)
            self._ready = True


def _process_experiment() -> str | None:
    # What mlflow.set_experiment stored last; MLflow has no public getter for it.
    active: str | None = fluent._active_experiment_id  # noqa: SLF001
    return active


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_database(uri: str) -> bool:
    return urlsplit(uri).scheme.split("+")[0] in DATABASE_ENGINES


def _is_sqlite_file(uri: str) -> bool:
    return uri.startswith(_SQLITE) and uri != _SQLITE and ":memory:" not in uri


def _absolute(uri: str | os.PathLike[str]) -> str:
    text = os.fspath(uri)
    if _is_sqlite_file(text):
        return _SQLITE + str(Path(text.removeprefix(_SQLITE)).absolute())
    if isinstance(uri, os.PathLike):
        return Path(uri).absolute().as_uri()
    return text


@contextmanager
def _one_at_a_time(database: Path) -> Iterator[None]:
    if not os.access(database.parent, os.W_OK):
        yield  # nothing is created where nothing can be written
        return
    lock = database.with_name(f".{database.name}.lock")
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _worth_telling(record: logging.LogRecord) -> bool:
    # The plugin sagemaker-mlflow takes every tracking URI for an ARN and fails on those that are none, at
    # each request; MLflow logs that and goes on. (A filter is added once, however often it is given.)
    return not (isinstance(record.args, tuple) and any(isinstance(one, IndexError) for one in record.args))


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels: list[Any] = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
