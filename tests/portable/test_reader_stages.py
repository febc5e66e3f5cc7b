"""Every kind of saved stage becomes the IR with the numbers that Spark fitted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader import read_pipeline
from tests.portable.fixture_files import fixture


def read(name: str) -> ir.Pipeline:
    return read_pipeline(fixture(name).model)


def only(pipeline: ir.Pipeline, kind: type) -> list:
    return [stage for stage in pipeline.stages if isinstance(stage, kind)]


def assembled(name: str, pipeline: ir.Pipeline) -> np.ndarray:
    """The vectors that Spark itself made of the fixture's rows, [N, d]."""
    return np.array(fixture(name).answers[only(pipeline, ir.VectorAssembler)[0].output])


def test_the_usual_front_of_a_pipeline():
    pipeline = read("logistic")
    assert [type(stage).__name__ for stage in pipeline.stages] == [
        "StringIndexer", "StringIndexer", "OneHotEncoder", "Imputer", "VectorAssembler",
        "StandardScaler", "LogisticRegression", "IndexToString", "IndexToString",
    ]  # fmt: skip
    assert pipeline.spark_version == "4.3.0"
    assert pipeline.training_columns == ("label",)
    label, texts, hot, imputer, assembler, scaler, *_ = pipeline.stages
    assert label.labels == (("bad", "good"),)
    assert label.handle_invalid == "error"
    assert texts.inputs == ("term", "verification_status", "emp_length")
    assert texts.labels[0] == ("term_36", "term_60")
    assert texts.handle_invalid == "keep"
    assert hot.category_sizes == tuple(len(words) + 1 for words in texts.labels) == (3, 4, 13)
    assert hot.drop_last is True
    assert imputer.inputs == ("revol_util", "all_util")
    assert math.isnan(imputer.missing_value)
    assert assembler.handle_invalid == "skip"
    assert scaler.with_mean is True
    assert len(scaler.mean) == len(scaler.std) == 22


def test_index_to_string_has_its_own_labels_or_those_of_the_columns_indexer():
    truth, answer = only(read("logistic"), ir.IndexToString)
    assert truth.labels == ("bad", "good")
    assert answer.labels == ("good", "bad")


def test_binary_logistic_regression():
    (model,) = only(read("logistic"), ir.LogisticRegression)
    assert (model.is_multinomial, model.num_classes, model.threshold, model.thresholds) == (
        False,
        2,
        0.4,
        None,
    )
    assert model.coefficients.shape == (1, 22)
    saved = fixture("logistic")
    vectors = np.array(saved.answers["features"])
    margin = vectors @ model.coefficients[0] + model.intercepts[0]
    np.testing.assert_allclose(margin, np.array(saved.answers["rawPrediction"])[:, 1], rtol=1e-12)


def test_binary_thresholds_become_the_threshold_of_the_margin():
    (model,) = only(read("logistic_thresholds"), ir.LogisticRegression)
    assert model.threshold == 1.0 / (1.0 + 0.7 / 0.3)
    assert model.thresholds.tolist() == [0.7, 0.3]


@pytest.mark.parametrize("name", ["logistic_multinomial", "logistic_sparse"])
def test_multinomial_coefficients_dense_and_sparse_give_sparks_margins(name):
    pipeline = read(name)
    (model,) = only(pipeline, ir.LogisticRegression)
    assert model.is_multinomial
    margins = assembled(name, pipeline) @ model.coefficients.T + model.intercepts
    np.testing.assert_allclose(margins, np.array(fixture(name).answers["rawPrediction"]), rtol=1e-12)


def test_linear_svc():
    pipeline = read("svc")
    (model,) = only(pipeline, ir.LinearSVC)
    assert (model.threshold, model.probability, model.num_classes) == (0.1, "", 2)
    margin = assembled("svc", pipeline) @ model.coefficients + model.intercept
    np.testing.assert_allclose(margin, np.array(fixture("svc").answers["rawPrediction"])[:, 1], rtol=1e-12)


@pytest.mark.parametrize("name", ["linear", "linear_huber"])
def test_linear_regression(name):
    pipeline = read(name)
    (model,) = only(pipeline, ir.LinearRegression)
    answer = assembled(name, pipeline) @ model.coefficients + model.intercept
    np.testing.assert_allclose(answer, fixture(name).answers["prediction"], rtol=1e-12)


def test_kmeans_centers_are_in_cluster_order_whatever_the_part_files():
    (model,) = read("bare_kmeans").stages
    saved = fixture("bare_kmeans")
    assert len(list((saved.model / "data").iterdir())) > 1
    rows = np.array(saved.rows["features"])
    nearest = ((rows[:, None] - model.centers[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert nearest.tolist() == saved.answers["prediction"]
