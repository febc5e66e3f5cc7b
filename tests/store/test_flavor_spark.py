"""A model that Spark fitted, logged and read back by every reader MLflow has."""

from __future__ import annotations

import mlflow
import pytest

from splicemachine_ml.spark.pipeline_io import load_model, save_model, schema_of
from splicemachine_ml.store import flavor
from splicemachine_ml.store.scorer import Scorer

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def frame(loans):
    return loans.select("Class", "term", "int_rate", "annual_inc", "funded_amnt").limit(400)


@pytest.fixture(scope="module")
def fitted(frame):
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import DecisionTreeClassifier
    from pyspark.ml.feature import StringIndexer, VectorAssembler

    stages = [
        StringIndexer(inputCol="Class", outputCol="label"),
        StringIndexer(inputCol="term", outputCol="term_i", handleInvalid="keep"),
        VectorAssembler(inputCols=["int_rate", "annual_inc", "funded_amnt", "term_i"], outputCol="features"),
        DecisionTreeClassifier(maxDepth=3),
    ]
    return Pipeline(stages=stages).fit(frame)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    return save_model(fitted, tmp_path_factory.mktemp("flavor") / "model")


@pytest.fixture(scope="module")
def expected(fitted, frame):
    return [row.prediction for row in fitted.transform(frame).select("prediction").collect()]


@pytest.fixture
def logged(run, saved, frame):
    return flavor.log_model(saved, schema=schema_of(frame))


def test_spark_pyfunc_and_scorer_read_the_same_model(logged, run, frame, expected):
    from pyspark.ml import PipelineModel

    by_mlflow = mlflow.spark.load_model(f"runs:/{run.info.run_id}/model")
    assert mlflow.spark.load_model(logged.model_uri).uid == by_mlflow.uid
    assert isinstance(by_mlflow, PipelineModel)
    assert [r.prediction for r in by_mlflow.transform(frame).select("prediction").collect()] == expected
    assert load_model(flavor.model_path(run.info.run_id)).uid == by_mlflow.uid
    local = frame.toPandas()
    assert Scorer.load(logged.model_uri).predict(local)["prediction"].tolist() == expected
    assert mlflow.pyfunc.load_model(logged.model_uri, suppress_warnings=True).predict(local) == expected


def test_pyfunc_runs_as_a_spark_function(logged, spark, frame, expected):
    score = mlflow.pyfunc.spark_udf(spark, logged.model_uri, result_type="double", env_manager="local")
    inputs = [c.name for c in Scorer.load(logged.model_uri).inputs]
    found = frame.withColumn("scored", score(*inputs)).select("scored").collect()
    assert [row.scored for row in found] == expected


def test_a_bare_model_comes_back_bare(run, fitted, tmp_path):
    from pyspark.ml.classification import DecisionTreeClassificationModel

    tree = fitted.stages[-1]
    logged = flavor.log_model(save_model(tree, tmp_path / "tree").path)
    back = load_model(flavor.model_path(run.info.run_id))
    assert isinstance(back, DecisionTreeClassificationModel)
    assert back.toDebugString == tree.toDebugString
    assert mlflow.spark.load_model(logged.model_uri).stages[0].toDebugString == tree.toDebugString


def test_pyfunc_falls_back_to_spark_where_it_must(run, fitted, frame, expected, tmp_path):
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import SQLTransformer

    wider = SQLTransformer(statement="SELECT *, abs(int_rate) AS unused FROM __THIS__")
    saved = save_model(PipelineModel([wider, fitted]), tmp_path / "wider")
    logged = flavor.log_model(saved, schema=schema_of(frame))
    assert not logged.portable
    assert [gap.uid for gap in logged.gaps] == [wider.uid]
    model = mlflow.pyfunc.load_model(logged.model_uri, suppress_warnings=True)
    assert model.predict(frame.toPandas()) == expected
