"""MLManager: the facade over every part, and the whole way once on real loans."""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from splicemachine_ml import MLManager
from splicemachine_ml.errors import DeployError, ModelStoreError, TrackingError, UnsupportedStageError
from tests.tracking import stores

UNKNOWN = "0" * 32
fresh_mlflow, template_store, make_store = stores.fresh_mlflow, stores.template_store, stores.make_store
settings, manager, run = stores.settings, stores.manager, stores.run

# fmt: off
MANAGER_API = {
    "active_experiment", "active_run", "client", "compare_runs", "create_experiment", "create_new_run",
    "current_run_id", "delete_active_run", "deploy_local", "download_artifact", "end_run", "experiment_id",
    "get_deployed_models", "list_artifacts", "lm", "load_scorer", "load_spark_model", "load_table",
    "log_and_stop_timer", "log_artifact", "log_artifacts", "log_batch", "log_dict", "log_evaluator_metrics",
    "log_feature_transformations", "log_figure", "log_image", "log_input", "log_metric", "log_metrics",
    "log_model", "log_model_params", "log_param", "log_params", "log_pipeline_stages", "log_spark_model",
    "log_table", "log_text", "lp", "register_model", "reset_run", "search_experiments",
    "search_model_versions", "search_runs", "set_active_experiment", "set_active_run", "set_tag", "set_tags",
    "st", "start_run", "start_timer", "timer", "undeploy",
}
# MlflowClient of 2019, as the reference lists it
CLIENT_API = {
    "create_experiment", "create_run", "delete_experiment", "download_artifacts", "get_experiment",
    "get_experiment_by_name", "get_run", "get_tracking_uri", "list_artifacts", "list_experiments",
    "list_run_infos", "log_artifact", "log_artifacts", "log_batch", "log_metric", "rename_experiment",
    "restore_experiment", "set_terminated", "set_tracking_uri",
}
# fmt: on


@pytest.mark.parametrize("name", sorted(MANAGER_API | CLIENT_API))
def test_every_name_is_offered_with_help(name):
    assert name in dir(MLManager)
    assert inspect.getdoc(getattr(MLManager, name))


def test_delegated_names_have_real_signatures(manager):
    assert str(inspect.signature(manager.rename_experiment)) == str(
        inspect.signature(manager.client.rename_experiment)
    )
    assert list(inspect.signature(manager.log_text).parameters) == ["text", "artifact_file", "run_id"]
    assert next(iter(inspect.signature(MLManager.log_text).parameters)) == "self"
    assert inspect.signature(manager.search_runs) == inspect.signature(mlflow.search_runs)
    with pytest.raises(TypeError, match="artifact_file"):
        manager.log_text("no file")


def test_the_client_names_do_their_work(manager):
    experiment_id = manager.create_experiment("loans")
    manager.rename_experiment(int(experiment_id), "renamed")
    assert manager.get_experiment(int(experiment_id)).name == "renamed"
    assert manager.get_experiment_by_name("renamed").experiment_id == experiment_id
    assert manager.get_experiment_by_name("loans") is None
    made = manager.create_run(int(experiment_id), run_name="by hand", tags={"a": "1"})
    assert manager.active_run is None
    manager.set_terminated(made.info.run_id, "FAILED")
    stored = manager.get_run(made.info.run_id)
    assert (stored.info.status, stored.info.run_name, stored.data.tags["a"]) == ("FAILED", "by hand", "1")
    manager.delete_run(made.info.run_id)
    manager.restore_run(made.info.run_id)
    manager.delete_experiment(experiment_id)
    manager.restore_experiment(experiment_id)
    assert manager.get_experiment(experiment_id).lifecycle_stage == "active"
    for refused in (
        lambda: manager.get_experiment(99),
        lambda: manager.rename_experiment("99", "x"),
        lambda: manager.create_run("99"),
        lambda: manager.set_terminated(UNKNOWN),
    ):
        with pytest.raises(TrackingError, match=rf"99|{UNKNOWN}") as caught:
            refused()
        assert caught.value.__cause__ is not None


def test_what_is_not_built_says_so_by_name(manager):
    with pytest.raises(AttributeError, match=r"MLManager\.deploy_aws is not built yet; deploy_local"):
        manager.deploy_aws("loans")
    with pytest.raises(AttributeError, match="not offered"):
        manager.deploy_azure("loans")
    with pytest.raises(AttributeError, match="'MLManager' object has no attribute 'log_parm'"):
        manager.log_parm("a", 1)
    for name in ("deploy_aws", "retrain", "flush", "recover"):
        assert not hasattr(manager, name)
        assert name not in dir(manager)


def test_repr_names_store_and_run(manager):
    assert repr(manager) == f"MLManager('{manager.get_tracking_uri()}', active run: None)"
    run_id = manager.create_new_run("Ben").info.run_id
    assert run_id in repr(manager)


def test_mlflow_itself_stays_as_it_was(manager):
    """The original patched 31 functions onto mlflow."""
    import splicemachine_ml.tracking

    assert splicemachine_ml.tracking
    changed = [
        name
        for name, value in vars(mlflow).items()
        if inspect.isfunction(value) and value.__module__.startswith("splicemachine_ml")
    ]
    assert changed == []


def test_autolog_logs_to_the_managers_run(manager, run):
    from sklearn.linear_model import LogisticRegression

    mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
    try:
        LogisticRegression(C=0.5).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    finally:
        mlflow.sklearn.autolog(disable=True, silent=True)
    assert manager.current_run_id == run.info.run_id
    assert manager.active_run.data.params["C"] == "0.5"


def test_evaluator_metrics_and_descriptions_are_logged(manager, run):
    class Evaluator:
        def get_results(self, output_type):
            assert output_type == "dict"
            return {"F1": np.float64(0.5), "ACC": 1}

    manager.log_evaluator_metrics(Evaluator())
    manager._log_description({"Column- a(b)%": "a(b)% -> X", "Hyperparameter- weights": "1," * 5000})
    data = manager.active_run.data
    assert data.metrics == {"F1": 0.5, "ACC": 1.0}
    assert data.params["Column- a_b__"] == "a(b)% -> X"
    assert len(data.params["Hyperparameter- weights"]) == 6000
    assert data.params["Hyperparameter- weights"].endswith("...")


def test_deployments_of_a_fresh_folder(manager):
    frame = manager.get_deployed_models()
    assert frame.empty
    assert {"app_name", "state", "url", "run_id"} <= set(frame.columns)
    with pytest.raises(DeployError, match="no deployment named 'loans'; there are: none"):
        manager.undeploy("loans")
    with pytest.raises(TrackingError, match=UNKNOWN):
        manager.deploy_local("loans", run_id=UNKNOWN)
    assert manager.get_deployed_models().empty


def test_unknown_runs_and_models(manager, run):
    for load in (manager.load_scorer, manager.load_spark_model):
        with pytest.raises(TrackingError, match=UNKNOWN):
            load(UNKNOWN)
        with pytest.raises(ModelStoreError, match=rf"run {run.info.run_id} has no model named 'model'"):
            load()


def test_registering_what_does_not_exist_leaves_no_name(manager, run):
    for source in (f"runs:/{UNKNOWN}/model", f"runs:/{run.info.run_id}/model", f"models:/m-{UNKNOWN}"):
        with pytest.raises(TrackingError, match=r"register_model.*loans"):
            manager.register_model(source, "loans")
    assert manager.search_registered_models() == []


# -- with Spark


@pytest.fixture(scope="module")
def pipeline(spark):
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.feature import StringIndexer, VectorAssembler

    return Pipeline(
        stages=[
            StringIndexer(inputCol="Class", outputCol="label"),
            StringIndexer(inputCol="term", outputCol="term_index"),
            VectorAssembler(inputCols=["funded_amnt", "annual_inc", "term_index"], outputCol="features"),
            LogisticRegression(maxIter=7),
        ]
    )


@pytest.fixture(scope="module")
def fitted(pipeline, loans):
    return pipeline.fit(loans)


@pytest.mark.spark
def test_the_whole_way(manager, pipeline, fitted, loans, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    manager.create_experiment("loans")
    run_id = manager.create_new_run(user_id="Ben").info.run_id
    manager.log_pipeline_stages(pipeline)
    manager.log_feature_transformations(pipeline)
    manager.log_model_params(fitted)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*no Spark-free form")
        logged = manager.log_spark_model(fitted, df=loans, registered_model_name="loans")
    second = manager.log_spark_model(fitted.stages[-1], name="bare")
    manager.end_run()

    stored = manager.get_run(run_id).data
    assert stored.params["Stage0"] == "StringIndexer"
    assert stored.params["Stage3"] == "LogisticRegression"
    assert stored.params["Column- term"].startswith("term -> StringIndexer -> ")
    assert stored.params["model"] == "LogisticRegression"
    assert stored.params["Hyperparameter- maxIter"] == "7"
    assert stored.tags["splice.model_name"] == "bare"
    assert (logged.portable, logged.run_id, logged.version) == (True, run_id, 1)
    assert second.model_id != logged.model_id
    assert [one.name for one in manager.search_registered_models()] == ["loans"]
    assert manager.search_model_versions()[0].run_id == run_id

    expected = fitted.transform(loans).select("prediction", "probability").toPandas()
    live = manager.load_spark_model(run_id)
    assert live.transform(loans).select("prediction", "probability").toPandas().equals(expected)
    assert type(manager.load_spark_model(run_id, "bare")).__name__ == "LogisticRegressionModel"

    rows = loans.toPandas()
    scorer = manager.load_scorer(run_id)
    assert type(scorer).__module__ == "splicemachine_ml.store.scorer"
    scored = scorer.predict(rows)
    assert np.array_equal(scored["prediction"], expected["prediction"])

    deployment = manager.deploy_local("loans", run_id=run_id)
    try:
        assert deployment.state == "InService"
        one = rows[["funded_amnt", "annual_inc", "term", "Class"]].head(2).to_dict("records")
        answer = deployment.invoke(one).json()
        assert "prediction" in str(answer)
        frame = manager.get_deployed_models()
        assert frame["app_name"].tolist() == ["loans"]
        assert frame["run_id"].tolist() == [run_id]
        with pytest.raises(DeployError, match="undeploy it first"):
            manager.deploy_local("loans", run_id=run_id, mode="create")
    finally:
        manager.undeploy("loans")
    assert manager.get_deployed_models().empty
    with pytest.raises(ProcessLookupError):
        os.kill(deployment.pid, 0)
    assert not Path("mlruns").exists()


@pytest.mark.spark
def test_unfitted_pipelines_leave_nothing(manager, run, pipeline):
    with pytest.raises(ModelStoreError, match="has not been fitted"):
        manager.log_spark_model(pipeline)
    assert "splice.model_name" not in manager.active_run.data.tags
    assert list(manager.client.search_logged_models([manager.experiment_id])) == []


@pytest.mark.spark
def test_a_pipeline_without_a_spark_free_form_is_logged_with_one_warning(manager, run, spark, loans):
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import SQLTransformer

    stages = [SQLTransformer(statement=f"SELECT *, {n} AS n{n} FROM __THIS__") for n in (1, 2)]
    model = Pipeline(stages=stages).fit(loans)
    with pytest.warns(UserWarning, match="has no Spark-free form") as caught:
        logged = manager.log_spark_model(model)
    (told,) = [one for one in caught if "Spark-free" in str(one.message)]
    assert told.filename == __file__
    for stage in stages:
        assert stage.uid in str(told.message)
    assert not logged.portable
    back = manager.load_spark_model()
    assert back.transform(loans.limit(1)).select("n1", "n2").collect() == [(1, 2)]
    with pytest.raises(UnsupportedStageError) as unsupported:
        manager.load_scorer()
    assert [uid for uid, _, _ in unsupported.value.gaps] == [stage.uid for stage in stages]
    with pytest.raises(DeployError, match=stages[1].uid):
        manager.deploy_local("loans")
    assert manager.get_deployed_models().empty
    assert isinstance(manager.get_deployed_models(), pd.DataFrame)
