"""Tracking stores for tests: each test its own SQLite file, copied from one that MLflow migrated once."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import fluent

from splicemachine_ml import MLManager, Settings

_ENVIRONMENT = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_RUN_ID",
    "SPLICEMACHINE_ML_TRACKING_URI",
)


def forget() -> None:
    """Put MLflow's process-wide state back to that of a fresh process."""
    while mlflow.active_run():
        fluent._active_run_stack.get().pop()
    fluent._active_experiment_id = None
    mlflow.set_tracking_uri(None)
    for name in _ENVIRONMENT:
        os.environ.pop(name, None)


@pytest.fixture
def fresh_mlflow() -> Iterator[None]:
    """MLflow as in a fresh process, before and after the test."""
    before = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    forget()
    yield
    forget()
    os.environ.update(before)


@pytest.fixture(scope="session")
def template_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite store; making one takes seconds, copying it milliseconds."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    home = tmp_path_factory.mktemp("store")
    SqlAlchemyStore(f"sqlite:///{home}/mlflow.db", str(home / "mlartifacts"))
    return home / "mlflow.db"


@pytest.fixture
def make_store(template_store: Path) -> Callable[[Path], str]:
    """Make an empty store in a folder; returns its URI."""

    def make(home: Path) -> str:
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(template_store, home / "mlflow.db")
        with closing(sqlite3.connect(home / "mlflow.db")) as connection:
            connection.execute("UPDATE experiments SET artifact_location = ?", [f"{home}/mlartifacts/0"])
            connection.commit()
        return f"sqlite:///{home}/mlflow.db"

    return make


@pytest.fixture
def settings(tmp_path: Path, make_store: Callable[[Path], str]) -> Settings:
    return Settings.load(
        environ={},
        tracking_uri=make_store(tmp_path),
        artifact_root=str(tmp_path / "mlartifacts"),
        state_dir=str(tmp_path / "state"),
    )


@pytest.fixture
def manager(fresh_mlflow: None, settings: Settings) -> MLManager:
    """A manager on an empty store of its own."""
    return MLManager(settings=settings)


@pytest.fixture
def run(manager: MLManager) -> mlflow.ActiveRun:
    """An active run of the manager."""
    return manager.create_new_run(user_id="Ben")
