"""Spark models on disk: what goes in comes back, and a save that lost files is noticed."""

from __future__ import annotations

import json
import os
import shutil
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from pyspark import SparkContext
from pyspark.ml import Transformer
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.spark.completeness import check_complete
from splicemachine_ml.spark.pipeline_io import SavedModel, load_model, save_model, schema_of

pytestmark = pytest.mark.spark


class Doubled(Transformer, DefaultParamsReadable, DefaultParamsWritable):
    """A transformer that exists in Python alone."""

    def _transform(self, dataset):
        return dataset.withColumn("int_rate", dataset["int_rate"] * 2)


@pytest.fixture(scope="module")
def fitted(loans):
    """StringIndexer, a nested pipeline (OneHotEncoder, VectorAssembler) and a forest."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler

    features = Pipeline(
        stages=[
            OneHotEncoder(inputCols=["term_i"], outputCols=["term_v"]),
            VectorAssembler(inputCols=["int_rate", "term_v"], outputCol="features"),
        ]
    )
    stages = [
        StringIndexer(inputCols=["Class", "term"], outputCols=["label", "term_i"]),
        features,
        RandomForestClassifier(numTrees=2, maxDepth=2, seed=7),
    ]
    return Pipeline(stages=stages).fit(loans.limit(500))


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    return save_model(fitted, tmp_path_factory.mktemp("io") / "with space" / "model")


def answers(model, frame) -> list[tuple[float, ...]]:
    rows = model.transform(frame).select("prediction", "probability").collect()
    return [(r.prediction, *r.probability) for r in rows]


def test_a_pipeline_comes_back_with_the_same_answers(fitted, saved, loans):
    from pyspark.ml import PipelineModel

    assert saved == SavedModel(
        path=saved.path,
        model_class="pyspark.ml.pipeline.PipelineModel",
        spark_version="4.3.0",
        uid=fitted.uid,
        bare=False,
    ) or saved.spark_version.startswith("3.")
    back = load_model(saved.path)
    assert isinstance(back, PipelineModel)
    assert [s.uid for s in back.stages] == [s.uid for s in fitted.stages]
    few = loans.limit(50)
    assert answers(back, few) == answers(fitted, few)


def test_a_bare_model_comes_back_bare(fitted, loans, tmp_path):
    from pyspark.ml import PipelineModel
    from pyspark.ml.classification import RandomForestClassificationModel

    forest = fitted.stages[-1]
    saved = save_model(forest, tmp_path / "bare")
    assert (saved.bare, saved.uid) == (True, forest.uid)
    assert saved.model_class == "pyspark.ml.classification.RandomForestClassificationModel"
    back = load_model(saved.path)
    assert isinstance(back, RandomForestClassificationModel)
    assert back.toDebugString == forest.toDebugString
    # for mlflow.spark.load_model the directory is a pipeline
    assert isinstance(PipelineModel.load(f"file://{saved.path}"), PipelineModel)


def test_a_logged_model_directory_loads_its_sparkml(saved, tmp_path):
    shutil.copytree(saved.path, tmp_path / "logged" / "sparkml")
    assert load_model(tmp_path / "logged").uid == saved.uid


def test_the_files_are_those_of_sparks_own_writer(fitted, saved, tmp_path):
    fitted.write().save(f"file://{tmp_path}/theirs")

    def folders(directory):
        return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_dir())

    def metadata(directory):
        found = {}
        for path in directory.rglob("metadata/part-*"):
            content = json.loads(path.read_text())
            del content["timestamp"]
            found[str(path.parent.relative_to(directory))] = content
        return found

    assert folders(saved.path) == folders(tmp_path / "theirs")
    ours, theirs = metadata(saved.path), metadata(tmp_path / "theirs")
    assert len(ours) == 6
    for place, content in theirs.items():
        # of a nested pipeline Spark may say it is Python's
        content["paramMap"].pop("language", None)
        content["class"] = content["class"].replace("pyspark.ml.pipeline", "org.apache.spark.ml")
        assert ours[place] == content


def test_a_stage_of_pythons_own_is_left_to_sparks_writer(fitted, loans, tmp_path):
    from pyspark.ml import PipelineModel

    saved = save_model(PipelineModel([Doubled(), fitted]), tmp_path / "model")
    back = load_model(saved.path)
    assert type(back.stages[0]) is Doubled
    few = loans.limit(20)
    assert answers(back, few) == answers(fitted, few.withColumn("int_rate", few["int_rate"] * 2))


def test_only_what_is_needed_is_left_on_disk(saved):
    assert [p for p in saved.path.rglob("*") if p.name.endswith(".crc")] == []
    assert sorted(p.name for p in saved.path.parent.iterdir()) == ["model"]
    assert json.loads((saved.path / "_splicemachine_ml.json").read_text())["format"] == 1


def test_a_stopped_session_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(SparkContext, "_active_spark_context", None)  # what stop() does
    stage = Doubled()
    with pytest.raises(ModelStoreError, match=f"{stage.uid} lives has been stopped"):
        save_model(stage, tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_unfitted_things_are_refused_by_name(fitted, tmp_path):
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.classification import LogisticRegression

    estimator = LogisticRegression()
    for unfitted in (Pipeline(stages=[estimator]), estimator):
        with pytest.raises(ModelStoreError, match=r"has not been fitted.*fit\(df\)"):
            save_model(unfitted, tmp_path / "no")
    for hiding in (PipelineModel([fitted, estimator]), PipelineModel([PipelineModel([estimator])])):
        with pytest.raises(ModelStoreError, match=f"not been fitted: {estimator.uid}"):
            save_model(hiding, tmp_path / "no")
    with pytest.raises(ModelStoreError, match=r"not builtins\.dict.*log_model"):
        save_model({"a": 1}, tmp_path / "no")
    assert list(tmp_path.iterdir()) == []


def test_a_stage_that_cannot_be_saved_is_refused_by_name(tmp_path):
    from pyspark.ml import PipelineModel, Transformer

    class Mine(Transformer):
        def _transform(self, dataset):
            return dataset

    stage = Mine()
    with pytest.raises(ModelStoreError, match=f"cannot save {stage.uid}.*MLWritable"):
        save_model(PipelineModel([stage]), tmp_path / "no")


def test_a_directory_with_content_is_left_alone(fitted, tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ModelStoreError, match="not an empty directory"):
        save_model(fitted, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_half_made_is_left_when_spark_fails(fitted, tmp_path):
    target = tmp_path / "a,b" / "model"  # Spark would read the comma as two paths
    with pytest.raises(ModelStoreError, match="pattern"):
        save_model(fitted, target)
    assert list(target.parent.iterdir()) == []


def test_a_saved_cross_validator_comes_back(loans, tmp_path):
    from pyspark.ml.evaluation import RegressionEvaluator
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression
    from pyspark.ml.tuning import CrossValidatorModel, ParamGridBuilder, TrainValidationSplit

    frame = VectorAssembler(inputCols=["annual_inc", "int_rate"], outputCol="features").transform(
        loans.limit(200).withColumnRenamed("funded_amnt", "label")
    )
    learner = LinearRegression(maxIter=1)
    search = TrainValidationSplit(
        estimator=learner,
        estimatorParamMaps=ParamGridBuilder().addGrid(learner.regParam, [0.0, 1.0]).build(),
        evaluator=RegressionEvaluator(),
        seed=1,
    ).fit(frame)
    saved = save_model(search, tmp_path / "search")
    back = load_model(saved.path)
    assert type(back) is type(search)
    assert not isinstance(back, CrossValidatorModel)
    assert back.bestModel.coefficients == search.bestModel.coefficients
    shutil.rmtree(next(saved.path.glob("stages/*/bestModel/data")))
    with pytest.raises(ModelStoreError, match="bestModel/data: missing"):
        load_model(saved.path)


@pytest.mark.parametrize(
    ("victims", "message"),
    [
        ("metadata/part-*", "model/metadata: no part file"),
        ("stages/0_*/metadata/part-*", "metadata: no part file"),
        ("stages/0_*/data/part-*", "data: no part file with content .*StringIndexerModel"),
        ("stages/1_*/stages/0_*/data/part-*", "OneHotEncoder.*data: no part file"),
        ("stages/2_*/treesMetadata/part-*", "treesMetadata: no part file"),
        ("**/part-*", "no part file"),
    ],
)
def test_a_lost_file_is_named(saved, tmp_path, victims, message):
    broken = tmp_path / "model"
    shutil.copytree(saved.path, broken)
    gone = list(broken.glob(victims))
    assert gone
    for file in gone:
        file.unlink()
    with pytest.raises(ModelStoreError, match=message) as error:
        check_complete(broken)
    assert "cluster without storage shared" in str(error.value)


@pytest.mark.parametrize(
    "folder", ["stages/2_*/data", "stages/2_*/treesMetadata", "stages/1_*/stages/1_*", "stages"]
)
def test_a_lost_folder_is_named(saved, tmp_path, folder):
    broken = tmp_path / "model"
    shutil.copytree(saved.path, broken)
    gone = next(broken.glob(folder))
    shutil.rmtree(gone)
    with pytest.raises(
        ModelStoreError, match="missing" if folder == "stages" else f"{gone.name}: (missing|no)"
    ):
        check_complete(broken)


def test_empty_and_truncated_files_are_noticed(saved, tmp_path):
    broken = tmp_path / "model"
    shutil.copytree(saved.path, broken)
    data = next(broken.glob("stages/2_*/data/part-*"))
    os.truncate(data, data.stat().st_size // 2)
    with pytest.raises(ModelStoreError, match="truncated"):
        load_model(broken)
    os.truncate(data, 0)
    with pytest.raises(ModelStoreError, match="no part file with content"):
        load_model(broken)
    next(broken.glob("metadata/part-*")).write_text("not json\n")
    with pytest.raises(ModelStoreError, match="metadata: not a stage's metadata"):
        load_model(broken)


def test_loading_names_what_is_wrong_with_the_place(saved, tmp_path, spark):
    with pytest.raises(ModelStoreError, match="there is no model directory"):
        load_model(tmp_path / "absent")
    with pytest.raises(ModelStoreError, match="incomplete"):
        load_model(tmp_path)
    stage = next(saved.path.glob("stages/0_*"))
    with pytest.raises(ModelStoreError, match="StringIndexerModel, not a fitted pipeline"):
        load_model(stage)
    newer = tmp_path / "newer"
    shutil.copytree(saved.path, newer)
    (newer / "_splicemachine_ml.json").write_text('{"format": 2, "bare": false}')
    with pytest.raises(ModelStoreError, match="format 2; upgrade"):
        load_model(newer)


def test_schema_of_spark_and_pandas(loans):
    spark_schema = schema_of(loans.select("funded_amnt", "term", "int_rate"))
    assert spark_schema == {"funded_amnt": "int", "term": "string", "int_rate": "double"}
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "n": [1, 2],
            "f": [1.5, None],
            "s": ["a", None],
            "c": pd.Categorical(["x", "y"]),
            "b": [True, False],
            "o": pd.Series([True, None], dtype=object),
            "t": pd.to_datetime(["2020-01-01", "2020-01-02"]),
            "unknown": pd.Series([None, None], dtype=object),
            "mixed": pd.Series(["a", 1], dtype=object),
            "d": pd.Series([Decimal("1.5"), None], dtype=object),
        }
    )
    assert schema_of(frame) == {
        "i": "bigint",
        "n": "bigint",
        "f": "double",
        "s": "string",
        "c": "string",
        "b": "boolean",
        "o": "boolean",
        "t": "timestamp",
    }
    with pytest.raises(ModelStoreError, match=r"not builtins\.list"):
        schema_of([{"a": 1}])


def test_paths_are_absolute_before_they_become_uris(fitted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save_model(fitted, Path("here")).path == tmp_path / "here"
    assert load_model(Path("here")).uid == fitted.uid
