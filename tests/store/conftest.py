"""Saved pipelines of tests/portable with Spark's answers, and an empty MLflow store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from splicemachine_ml.store.directory import SavedDirectory, assemble
from tests.tracking.stores import fresh_mlflow, make_store, template_store  # noqa: F401

FIXTURES = Path(__file__).parent.parent / "portable" / "fixtures"


class Case:
    """A pipeline that Spark saved: where, the schema, some rows, and what transform() added to them."""

    def __init__(self, name: str) -> None:
        content: dict[str, Any] = json.loads((FIXTURES / name / "answers.json").read_text(encoding="utf-8"))
        self.schema: dict[str, str] = content["schema"]
        self.rows = pd.DataFrame(content["rows"])
        self.answers: dict[str, list[Any]] = content["answers"]
        self.saved = SavedDirectory(
            FIXTURES / name / "model", "pyspark.ml.pipeline.PipelineModel", "4.3.0", f"uid_{name}", False
        )


@pytest.fixture(scope="session")
def case() -> Callable[[str], Case]:
    return Case


@pytest.fixture
def model_directory(tmp_path) -> Path:
    """A model directory with everything but MLflow's own files."""
    logistic = Case("logistic")
    assemble(logistic.saved, tmp_path / "model", logistic.schema)
    return tmp_path / "model"


@pytest.fixture
def store(fresh_mlflow, make_store, tmp_path) -> Path:  # noqa: F811
    """MLflow on an empty SQLite store; returns the folder of its artifacts."""
    mlflow.set_tracking_uri(make_store(tmp_path / "store"))
    return tmp_path / "store" / "mlartifacts"


@pytest.fixture
def run(store):
    """An active run."""
    with mlflow.start_run() as active:
        yield active
