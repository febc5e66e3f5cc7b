"""Stages, lineage and hyperparameters as text."""

from __future__ import annotations

import pytest

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.spark.describe import feature_transformations, model_params, pipeline_stages

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def pipeline(spark):
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import (
        Imputer,
        IndexToString,
        OneHotEncoder,
        StandardScaler,
        StringIndexer,
        VectorAssembler,
    )

    encode = Pipeline(
        stages=[
            StringIndexer(inputCols=["term", "sub_grade"], outputCols=["term_i", "grade_i"]),
            OneHotEncoder(inputCols=["term_i", "grade_i"], outputCols=["term_v", "grade_v"]),
        ]
    )
    return Pipeline(
        stages=[
            StringIndexer(inputCol="Class", outputCol="label"),
            encode,
            Imputer(inputCols=["annual_inc"], outputCols=["annual_inc"]),
            VectorAssembler(inputCols=["int_rate", "annual_inc", "term_v", "grade_v"], outputCol="raw"),
            StandardScaler(inputCol="raw", outputCol="features"),
            RandomForestClassifier(numTrees=2, maxDepth=2, seed=5),
            IndexToString(inputCol="prediction", outputCol="said", labels=["good", "bad"]),
        ]
    )


@pytest.fixture(scope="module")
def fitted(pipeline, loans):
    return pipeline.fit(loans.limit(300))


STAGES = [
    "StringIndexer",
    "StringIndexer",
    "OneHotEncoder",
    "Imputer",
    "VectorAssembler",
    "StandardScaler",
    "RandomForestClassifier",
    "IndexToString",
]


def test_stages_have_the_same_names_fitted_and_unfitted(pipeline, fitted):
    expected = {f"Stage{i}": name for i, name in enumerate(STAGES)}
    assert pipeline_stages(pipeline) == expected
    assert pipeline_stages(fitted) == expected


def test_every_raw_column_has_its_way(pipeline, fitted):
    tail = "VectorAssembler -> StandardScaler -> features"
    expected = {
        "Column- Class": "Class -> StringIndexer -> label",
        "Column- term": f"term -> StringIndexer -> OneHotEncoder -> {tail}",
        "Column- sub_grade": f"sub_grade -> StringIndexer -> OneHotEncoder -> {tail}",
        "Column- annual_inc": f"annual_inc -> Imputer -> {tail}",
        "Column- int_rate": f"int_rate -> {tail}",
    }
    assert feature_transformations(pipeline) == expected
    assert feature_transformations(fitted) == expected


def test_a_column_that_goes_two_ways_has_both(spark):
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import Bucketizer, SQLTransformer, VectorAssembler, VectorSizeHint

    two = Pipeline(
        stages=[
            SQLTransformer(statement="SELECT * FROM __THIS__"),
            Bucketizer(inputCol="a", outputCol="a_b", splits=[0.0, 1.0, 2.0]),
            VectorAssembler(inputCols=["a", "b"], outputCol="features"),
            VectorSizeHint(inputCol="features", size=2),  # checks in place
        ]
    )
    assert feature_transformations(two) == {
        "Column- a": "a -> Bucketizer -> a_b; a -> VectorAssembler -> VectorSizeHint -> features",
        "Column- b": "b -> VectorAssembler -> VectorSizeHint -> features",
    }


def test_a_formula_names_its_terms(spark):
    from pyspark.ml.feature import RFormula

    formula = RFormula(formula="Class ~ term + int_rate:annual_inc - 1")
    assert feature_transformations(formula) == {
        "Column- term": "term -> RFormula -> features",
        "Column- int_rate": "int_rate -> RFormula -> features",
        "Column- annual_inc": "annual_inc -> RFormula -> features",
        "Column- Class": "Class -> RFormula -> label",
    }
    assert feature_transformations(RFormula(formula="y ~ ."))["Column- ."] == ". -> RFormula -> features"


def test_params_of_the_model_in_a_pipeline_and_of_a_bare_one(pipeline, fitted):
    params = model_params(fitted)
    assert params["model"] == "RandomForestClassifier"
    assert params["Hyperparameter- numTrees"] == "2"
    assert params["Hyperparameter- maxDepth"] == "2"
    assert params["Hyperparameter- impurity"] == "gini"  # a default that was not set
    assert params["Hyperparameter- seed"] == "5"
    assert model_params(fitted.stages[-2]) == params
    unfitted = model_params(pipeline)
    assert {k: params[k] for k in unfitted if k in params} == unfitted
    assert all(isinstance(v, str) for v in params.values())


def test_params_of_another_stage(fitted):
    assert model_params(fitted, 0)["Hyperparameter- inputCol"] == "Class"
    assert model_params(fitted, -4)["model"] == "VectorAssembler"
    with pytest.raises(ModelStoreError, match="8 stages, none at index 9"):
        model_params(fitted, 9)


def test_params_of_a_search_are_the_best_models(loans):
    from pyspark.ml.evaluation import RegressionEvaluator
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression
    from pyspark.ml.tuning import ParamGridBuilder, TrainValidationSplit

    learner = LinearRegression(labelCol="funded_amnt", maxIter=1)
    search = TrainValidationSplit(
        estimator=learner,
        estimatorParamMaps=ParamGridBuilder().addGrid(learner.regParam, [0.5]).build(),
        evaluator=RegressionEvaluator(labelCol="funded_amnt"),
        seed=1,
    )
    frame = VectorAssembler(inputCols=["annual_inc", "int_rate"], outputCol="features").transform(
        loans.limit(100)
    )
    params = model_params(search.fit(frame))
    assert params["model"] == "LinearRegression"
    assert params["Hyperparameter- regParam"] == "0.5"
    described = model_params(search)
    assert described["model"] == "TrainValidationSplit"
    assert described["Hyperparameter- estimator"] == learner.uid


def test_long_values_fit_mlflow(spark):
    from pyspark.ml.feature import IndexToString

    params = model_params(IndexToString(inputCol="p", outputCol="s", labels=["x" * 50] * 200))
    assert len(params["Hyperparameter- labels"]) == 6000
    assert params["Hyperparameter- labels"].endswith("...")


def test_a_name_the_user_chose_does_not_become_the_class(spark):
    from pyspark.ml.feature import StringIndexerModel

    mine = StringIndexerModel.from_labels(["a"], inputCol="c", outputCol="i")
    mine._resetUid("my_indexer")
    assert pipeline_stages(mine) == {"Stage0": "StringIndexer"}


def test_other_things_are_refused(spark):
    for call in (pipeline_stages, feature_transformations, model_params):
        with pytest.raises(ModelStoreError, match="not dict; parameters of other models"):
            call({})
