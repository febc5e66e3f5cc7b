"""What has no Spark-free form is refused by name, all of it at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splicemachine_ml.errors import UnsupportedStageError
from splicemachine_ml.portable.reader import read_pipeline
from tests.portable.fixture_files import fixture
from tests.portable.test_reader_corrupt import (
    copy,  # noqa: F401 - a fixture
    rewrite,
)


def gaps(model: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(UnsupportedStageError) as caught:
        read_pipeline(model)
    return list(caught.value.gaps)


def short(model: Path) -> list[str]:
    return [kind.rsplit(".", 1)[-1] for _, kind, _ in gaps(model)]


def test_all_unsupported_stages_at_once_in_order():
    found = gaps(fixture("unsupported").model)
    assert [kind.rsplit(".", 1)[-1] for _, kind, _ in found] == [
        "SQLTransformer", "Tokenizer", "HashingTF", "NaiveBayesModel",
    ]  # fmt: skip
    assert all(uid.split("_")[0] in kind for uid, kind, _ in found)
    assert all(reason for *_, reason in found)


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("one_vs_rest", "OneVsRestModel", "vote"),
        ("leaf_col", "RandomForestClassificationModel", "leafCol"),
        ("kmeans_cosine", "KMeansModel", "distanceMeasure='cosine'"),
        ("rformula_interaction", "Interaction", "a:b"),
    ],
)
def test_a_parameter_or_stage_that_is_not_converted_is_named(name, kind, reason):
    ((_, found, why),) = gaps(fixture(name).model)
    assert found.endswith(kind)
    assert reason in why


def test_a_parameter_nobody_knows_is_refused_not_ignored(copy):  # noqa: F811
    model = copy("bare_logistic")
    rewrite(model, paramMap={"calibration": "isotonic"})
    ((_, _, reason),) = gaps(model)
    assert "calibration" in reason


def test_another_loss_of_a_boosted_classifier_is_refused(copy):  # noqa: F811
    model = copy("bare_gbt")
    rewrite(model, paramMap={"lossType": "exponential"})
    assert "lossType='exponential'" in gaps(model)[0][2]


def test_labels_that_lived_in_the_data_frame(copy):  # noqa: F811
    model = copy("nested")
    path = next(model.rglob("*IndexToString*")) / "metadata"
    rewrite(path.parent, paramMap={"inputCol": "annual_inc", "outputCol": "answer"})
    ((_, kind, reason),) = gaps(model)
    assert kind.endswith("IndexToString")
    assert "set labels" in reason
    assert "'annual_inc'" in reason


@pytest.mark.parametrize(
    ("spark_class", "reason"),
    [
        ("com.example.Mine", "custom class"),
        ("__main__.MyTransformer", "custom class"),
        ("org.apache.spark.ml.classification.LogisticRegression", "never fitted"),
        ("org.apache.spark.ml.Pipeline", "never fitted"),
        ("org.apache.spark.ml.feature.StringIndexer", "never fitted"),
        ("org.apache.spark.ml.feature.IDF", "never fitted"),
        ("org.apache.spark.ml.feature.FromTheFuture", "not a stage that this version knows"),
        ("pyspark.ml.classification.OneVsRestModel", "vote"),
    ],
)
def test_other_classes_get_a_clear_reason(copy, spark_class, reason):  # noqa: F811
    model = copy("bare_logistic")
    rewrite(model, **{"class": spark_class})
    ((_, kind, why),) = gaps(model)
    assert kind == spark_class
    assert reason in why


def test_pyspark_ml_connects_own_format(tmp_path):
    content = {
        "class": "pyspark.ml.connect.feature.StandardScalerModel", "uid": "s_1", "sparkVersion": "4.3.0",
        "paramMap": {}, "defaultParamMap": {}, "type": "spark_connect", "core_model_path": "s.sklearn.pkl",
    }  # fmt: skip
    (tmp_path / "metadata.json").write_text(json.dumps(content))
    assert "Python object" in gaps(tmp_path)[0][2]


def test_the_message_lists_every_stage_and_the_way_out():
    with pytest.raises(UnsupportedStageError, match=r"4 stage\(s\)(.|\n)*NaiveBayes(.|\n)*load_spark_model"):
        read_pipeline(fixture("unsupported").model)
