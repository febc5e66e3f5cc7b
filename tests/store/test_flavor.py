"""A logged model is a valid MLflow model, found again by run and name, and nothing half made stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml

from splicemachine_ml.errors import (
    ConversionError,
    MissingExtraError,
    ModelStoreError,
    ScoringError,
    TrackingError,
)
from splicemachine_ml.store import flavor
from splicemachine_ml.store.scorer import Scorer


@pytest.fixture
def logistic(case):
    return case("logistic")


@pytest.fixture
def logged(run, logistic):
    return flavor.log_model(logistic.saved, schema=logistic.schema)


def test_the_directory_has_three_flavors(logged, run):
    directory = flavor.model_path(run.info.run_id)
    model = yaml.safe_load((directory / "MLmodel").read_text())
    assert model["flavors"]["spark"] == {
        "pyspark_version": "4.3.0",
        "model_data": "sparkml",
        "code": None,
        "model_class": "pyspark.ml.pipeline.PipelineModel",
    }
    assert model["flavors"]["python_function"]["loader_module"] == "splicemachine_ml.store.pyfunc"
    assert model["flavors"]["splicemachine_ml"]["portable"] is True
    assert model["flavors"]["splicemachine_ml"]["format"] == 1
    assert model["model_id"] == logged.model_id
    assert model["run_id"] == run.info.run_id
    assert {p.name for p in directory.iterdir()} >= {
        "manifest.json",
        "sparkml",
        "portable",
        "requirements.txt",
        "conda.yaml",
        "python_env.yaml",
    }


def test_requirements_are_written_not_inferred(run, logistic, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a subprocess was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    logged = flavor.log_model(logistic.saved)
    directory = flavor.download(logged.model_uri)
    lines = (directory / "requirements.txt").read_text().splitlines()
    assert f"mlflow=={mlflow.__version__}" in lines
    assert any(line.startswith("pyspark==") for line in lines)
    assert any(line.startswith("splicemachine_ml==") for line in lines)
    conda = yaml.safe_load((directory / "conda.yaml").read_text())
    assert conda["dependencies"][-1] == {"pip": lines}
    env = yaml.safe_load((directory / "python_env.yaml").read_text())
    assert env["dependencies"] == ["-r requirements.txt"]
    assert env["python"].count(".") == 2


def test_a_df_of_other_data_is_refused_and_nothing_is_logged(run, logistic, store):
    # The pipeline converts: without a word, the wrong df would cost the model its Spark-free form.
    with pytest.raises(ConversionError, match=r"df does not fit the model.*not in the schema.*trained on"):
        flavor.log_model(logistic.saved, schema={"sepal_length": "double"})
    assert mlflow.search_logged_models(output_format="list") == []


def test_mlflow_lists_the_model_under_its_run(logged, run):
    client = mlflow.MlflowClient()
    assert [m.model_id for m in client.get_run(run.info.run_id).outputs.model_outputs] == [logged.model_id]
    (found,) = client.search_logged_models([run.info.experiment_id])
    assert (found.name, found.source_run_id, found.status) == ("model", run.info.run_id, "READY")
    assert logged.model_uri == f"models:/{logged.model_id}"
    assert (logged.run_id, logged.name, logged.portable, logged.gaps) == (run.info.run_id, "model", True, ())


def test_pyfunc_predicts_what_spark_does_without_spark(logged, logistic):
    model = mlflow.pyfunc.load_model(logged.model_uri, suppress_warnings=True)
    found = model.predict(logistic.rows)  # has columns that are no inputs
    assert found == logistic.answers["prediction"]
    assert type(found) is list
    assert type(found[0]) is float


def test_pyfunc_without_a_schema_takes_dicts_and_the_scoring_servers_inputs(run, logistic):
    model = mlflow.pyfunc.load_model(flavor.log_model(logistic.saved).model_uri, suppress_warnings=True)
    assert model.metadata.signature is None
    scorer_inputs = [c.name for c in Scorer.load(flavor.model_path(run.info.run_id)).inputs]
    rows = logistic.rows[scorer_inputs]
    dicts = rows.astype(object).where(rows.notna(), None).to_dict("records")
    expected = logistic.answers["prediction"]
    assert model.predict(dicts) == expected
    assert model.predict({name: rows[name].tolist() for name in rows}) == expected
    assert model.predict({name: rows[name].to_numpy() for name in rows}) == expected
    with pytest.raises(ScoringError, match="same length"):
        model.predict({name: rows[name].tolist()[: 3 + (name == "term")] for name in rows})


def test_the_signature_has_raw_inputs_only(logged, logistic):
    signature = mlflow.models.get_model_info(logged.model_uri).signature
    types = {column.name: column.type.name for column in signature.inputs.inputs}
    assert types["funded_amnt"] == "long"
    assert types["int_rate"] == "double"
    assert types["term"] == "string"
    assert "features" not in types
    assert "prediction" not in types
    assert set(types) <= set(logistic.schema)
    assert [(c.name, c.type.name) for c in signature.outputs.inputs] == [("prediction", "double")]


def test_a_vector_input_has_a_signature_too(run, case):
    bare = case("bare_logistic")
    logged = flavor.log_model(bare.saved, schema=bare.schema)
    model = mlflow.pyfunc.load_model(logged.model_uri, suppress_warnings=True)
    assert model.predict(bare.rows) == bare.answers["prediction"]


def test_a_pipeline_without_prediction_gives_its_columns(run, case):
    buckets = case("buckets")
    logged = flavor.log_model(buckets.saved, schema=buckets.schema)
    found = mlflow.pyfunc.load_model(logged.model_uri, suppress_warnings=True).predict(buckets.rows)
    if "prediction" in buckets.answers:
        assert found == buckets.answers["prediction"]
    else:
        assert isinstance(found, pd.DataFrame)
        for name in found.columns:
            np.testing.assert_allclose(np.array(found[name].tolist()), np.array(buckets.answers[name]))


def test_a_pipeline_that_needs_spark_is_logged_with_its_gaps(run, case):
    unsupported = case("unsupported")
    logged = flavor.log_model(unsupported.saved, schema=unsupported.schema)
    assert not logged.portable
    assert {gap.uid.split("_")[0] for gap in logged.gaps} >= {"SQLTransformer", "HashingTF"}
    assert all(gap.reason for gap in logged.gaps)
    directory = flavor.model_path(run.info.run_id)
    assert not (directory / "portable").exists()
    assert mlflow.models.Model.load(directory).flavors["splicemachine_ml"]["portable"] is False


def test_several_models_in_a_run(run, logistic, case):
    first = flavor.log_model(logistic.saved, "model")
    other = flavor.log_model(case("linear").saved, "other")
    second = flavor.log_model(case("dt_classifier").saved, "model")
    assert len({first.model_id, other.model_id, second.model_id}) == 3
    run_id = run.info.run_id
    names = {
        name: Scorer.load(flavor.model_path(run_id, name)).spec.stages[-1].kind for name in ("model", "other")
    }
    assert names["other"] == "LinearRegression"
    assert names["model"] != Scorer.load(first.model_uri).spec.stages[-1].kind  # the latest of its name
    with pytest.raises(ModelStoreError, match="no model named 'third'; it has: 'model', 'other'"):
        flavor.model_path(run_id, "third")


def test_every_uri_loads(logged, run, logistic):
    registered = mlflow.register_model(logged.model_uri, "loans")
    artifacts = mlflow.MlflowClient().get_logged_model(logged.model_id).artifact_location
    for uri in (
        logged.model_uri,
        f"runs:/{run.info.run_id}/model",
        f"models:/loans/{registered.version}",
        "models:/loans/latest",
        artifacts,
        Path(artifacts).as_uri(),
    ):
        found = Scorer.load(uri).predict(logistic.rows)
        assert found["prediction"].tolist() == logistic.answers["prediction"], uri


def test_registering_in_the_same_go(run, logistic):
    logged = flavor.log_model(logistic.saved, registered_model_name="loans")
    assert logged.version == 1
    assert Scorer.load("models:/loans/1").spec.pipeline_uid


def test_a_model_of_the_runs_artifacts_is_found(run, logged):
    # as MLflow 2 laid models out
    directory = flavor.model_path(run.info.run_id)
    mlflow.log_artifacts(str(directory), "old")
    assert flavor.model_path(run.info.run_id, "old").name == "old"


def test_a_saved_path_is_as_good_as_what_save_model_returned(run, tmp_path):
    with pytest.raises(ModelStoreError, match="was not written by save_model"):
        flavor.log_model(tmp_path)


def test_no_active_run(store, logistic):
    with pytest.raises(TrackingError, match=r"no run is active.*start_run"):
        flavor.log_model(logistic.saved)
    assert mlflow.MlflowClient().search_runs(["0"]) == []


def test_a_run_or_model_that_does_not_exist(logged, run):
    with pytest.raises(TrackingError, match="'nope'"):
        flavor.model_path("nope")
    for uri in ("models:/m-nope", "runs:/nope/model", "models:/nope/1"):
        with pytest.raises(ModelStoreError, match=f"cannot get the model {uri}"):
            Scorer.load(uri)


def test_a_damaged_model_is_refused_everywhere(logged, run):
    directory = flavor.model_path(run.info.run_id)
    (directory / "portable" / "model.onnx").write_bytes(b"broken")
    for call in (
        lambda: flavor.model_path(run.info.run_id),
        lambda: Scorer.load(logged.model_uri),
        lambda: mlflow.pyfunc.load_model(logged.model_uri, suppress_warnings=True),
    ):
        with pytest.raises(ModelStoreError, match=r"portable/model\.onnx: 6 bytes instead of"):
            call()


@pytest.mark.parametrize("name", ["", "  ", None])
def test_a_model_needs_a_name(run, logistic, store, name):
    with pytest.raises(TrackingError, match="a model needs a name"):
        flavor.log_model(logistic.saved, name)
    assert list(store.rglob("MLmodel")) == []


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("http://127.0.0.1:1/model", ModelStoreError),
        ("s3://bucket/model", ModelStoreError),
        ("gs://bucket/model", MissingExtraError),
    ],
)
def test_what_other_stores_raise_is_told_as_ours(store, monkeypatch, tmp_path, uri, kind):
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(kind, match=uri):
        flavor.download(uri)


def test_a_refused_name_leaves_nothing(run, logistic, store):
    with pytest.raises(TrackingError, match="did not take the model 'a/b'"):
        flavor.log_model(logistic.saved, "a/b")
    assert len(mlflow.MlflowClient().search_logged_models([run.info.experiment_id])) == 0


def test_a_store_that_cannot_be_written_leaves_no_model(run, logistic, store):
    artifacts = Path(run.info.artifact_uri).parent.parent
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "models").write_text("a file where the models' folder must be")
    with pytest.raises(TrackingError, match="did not take the model 'model'"):
        flavor.log_model(logistic.saved)
    assert len(mlflow.MlflowClient().search_logged_models([run.info.experiment_id])) == 0


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", 7])
def test_a_registered_name_that_cannot_be_is_refused_before_anything_is_logged(run, logistic, store, name):
    with pytest.raises(TrackingError, match=r"registered_model_name=.*cannot name a registered model"):
        flavor.log_model(logistic.saved, registered_model_name=name)
    client = mlflow.MlflowClient()
    assert client.get_run(run.info.run_id).outputs.model_outputs == []
    assert list(client.search_registered_models()) == []
    assert list(store.rglob("MLmodel")) == []


def test_a_registry_that_refuses_leaves_no_model_and_no_files(run, logistic, store, monkeypatch):
    # Not mlflow.set_registry_uri: it writes this variable too, and its None leaves it to the tests behind.
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match="did not take the model 'model'"):
        flavor.log_model(logistic.saved, registered_model_name="loans")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI")
    assert len(mlflow.MlflowClient().search_logged_models([run.info.experiment_id])) == 0
    assert [path for path in store.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("deleted", ["run", "experiment"])
def test_logging_to_what_is_deleted_names_the_way_back(store, logistic, deleted):
    client = mlflow.MlflowClient()
    mlflow.set_experiment("loans")
    run = mlflow.start_run().info
    if deleted == "run":
        client.delete_run(run.run_id)
    else:
        client.delete_experiment(run.experiment_id)
    with pytest.raises(TrackingError, match=rf"{deleted}(.|\n)*restore_{deleted}"):
        flavor.log_model(logistic.saved)
    assert [path for path in store.rglob("*") if path.is_file()] == []


def test_nothing_of_the_callers_is_touched(run, logistic):
    before = sorted(p.relative_to(logistic.saved.path) for p in logistic.saved.path.rglob("*"))
    flavor.log_model(logistic.saved, schema=logistic.schema)
    assert sorted(p.relative_to(logistic.saved.path) for p in logistic.saved.path.rglob("*")) == before
