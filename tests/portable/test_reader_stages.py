"""Every kind of saved stage becomes the IR with the numbers that Spark fitted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader import read_pipeline
from splicemachine_ml.portable.reader.trees import _remembered
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


def test_multilayer_perceptron_weights_are_cut_and_turned():
    pipeline = read("mlp")
    (model,) = only(pipeline, ir.MultilayerPerceptron)
    assert model.layers == (3, 4, 2)
    assert model.thresholds.tolist() == [0.6, 0.4]
    hidden = np.array(fixture("mlp").answers["scaled"]) @ model.weights[0] + model.biases[0]
    margin = (1 / (1 + np.exp(-hidden))) @ model.weights[1] + model.biases[1]
    np.testing.assert_allclose(margin, fixture("mlp").answers["rawPrediction"], rtol=1e-12)


def walk(tree: ir.Tree, row: np.ndarray) -> int:
    """The leaf of one row, by the rules in Tree's docstring."""
    node = 0
    while tree.left[node] != -1:
        value = row[tree.feature[node]]
        if tree.num_categories[node] >= 0:
            left = (value in tree.categories[node]) == tree.is_left[node]
        else:
            left = value <= tree.threshold[node]
        node = int(tree.left[node] if left else tree.right[node])
    return node


@pytest.mark.parametrize("name", ["dt_classifier", "rf_classifier"])
def test_classification_trees_give_sparks_raw_prediction(name):
    pipeline = read(name)
    (model,) = only(pipeline, ir.TreeClassifier)
    raw = []
    for row in assembled(name, pipeline):
        stats = [tree.impurity_stats[walk(tree, row)] for tree in model.trees]
        raw.append(stats[0] if model.kind == "dt" else sum(s / s.sum() for s in stats))
    np.testing.assert_allclose(raw, fixture(name).answers["rawPrediction"], rtol=1e-12)
    assert any(tree.categories for tree in model.trees)
    assert model.weights.tolist() == [1.0] * len(model.trees)


@pytest.mark.parametrize("name", ["dt_regressor", "rf_regressor", "gbt_regressor"])
def test_regression_trees_give_sparks_prediction(name):
    pipeline = read(name)
    (model,) = only(pipeline, ir.TreeRegressor)
    leaves = [[tree.prediction[walk(tree, row)] for tree in model.trees] for row in assembled(name, pipeline)]
    answer = np.mean(leaves, axis=1) if model.kind == "rf" else np.array(leaves) @ model.weights
    np.testing.assert_allclose(answer, fixture(name).answers["prediction"], rtol=1e-12)
    assert model.variance == ("variance" if name == "dt_regressor" else "")


def test_gradient_boosted_classes():
    pipeline = read("gbt_classifier")
    (model,) = only(pipeline, ir.TreeClassifier)
    margin = [
        2 * sum(w * t.prediction[walk(t, row)] for w, t in zip(model.weights, model.trees, strict=True))
        for row in assembled("gbt_classifier", pipeline)
    ]
    probability = 1 / (1 + np.exp(-np.array(margin)))
    np.testing.assert_allclose(
        probability, np.array(fixture("gbt_classifier").answers["probability"])[:, 1], rtol=1e-12
    )
    assert (model.kind, model.num_classes) == ("gbt", 2)
    assert model.weights.tolist() == [1.0, 0.1, 0.1]


@pytest.mark.parametrize(
    ("left", "total", "categories", "is_left"),
    [
        ([0.0], 2, (0.0,), True),
        ([0.0, 2.0], 4, (0.0, 2.0), True),
        ([0.0, 2.0], 3, (1.0,), False),  # 2 <= 3 // 2 is false: the right side is remembered
        ([0.0, 1.0, 3.0], 4, (2.0,), False),
        ([], 1, (), True),
    ],
)
def test_a_categorical_split_remembers_its_smaller_side(left, total, categories, is_left):
    assert _remembered(np.array(left), total) == (categories, is_left)


def test_both_sides_of_categorical_splits_occur_in_the_fixtures():
    sides = {
        side
        for name in ("dt_classifier", "rf_classifier", "gbt_classifier", "rf_regressor")
        for stage in read(name).stages[-1:]
        for tree in stage.trees
        for side in tree.is_left.values()
    }
    assert sides == {True, False}


def test_scalers():
    assembler, indexer, standard, minmax, maxabs, robust, inf, two, pca, binarizer = read("scalers").stages
    assert assembler.inputs == ("funded_amnt", "int_rate", "annual_inc", "inq_last_6mths", "open_il_24m")
    assert (indexer.num_features, indexer.handle_invalid) == (5, "keep")
    assert indexer.category_maps[3][0.0] == 0
    assert set(indexer.category_maps) == {3}
    assert (standard.with_mean, standard.with_std, len(standard.std)) == (True, False, 5)
    assert (minmax.min, minmax.max) == (0.0, 2.0)
    assert (robust.with_centering, robust.with_scaling, len(robust.range)) == (True, True, 5)
    assert (inf.p, two.p) == (math.inf, 2.0)
    assert binarizer.thresholds == (0.5,)
    answers = fixture("scalers").answers
    np.testing.assert_allclose(np.array(answers["v5"]) @ pca.pc, answers["v8"], rtol=1e-11)
    np.testing.assert_allclose(np.array(answers["v2"]) / maxabs.max_abs, answers["v4"], rtol=1e-12)


def test_single_and_multi_column_forms():
    stages = read("buckets").stages
    one, two, quantiles, quantiles_too = (s for s in stages if isinstance(s, ir.Bucketizer))
    assert (one.inputs, one.outputs) == (("int_rate",), ("b1",))
    assert one.splits[0].tolist() == [-math.inf, 8.0, 12.0, 15.5, math.inf]
    assert (two.outputs, two.handle_invalid) == (("b2", "b3"), "keep")
    assert two.splits[1].tolist() == [-1.0, 50.0, 200.0]
    assert len(quantiles.splits[0]) == 4
    assert quantiles_too.inputs == ("annual_inc", "int_rate")
    single, each, shared = (s for s in stages if isinstance(s, ir.Binarizer))
    assert single.thresholds == (10.0,)
    assert each.thresholds == (9.0, 6e4)
    assert shared.thresholds == (20.0, 20.0)
    median, mean = (s for s in stages if isinstance(s, ir.Imputer))
    assert (median.inputs, median.outputs) == (("revol_util",), ("b12",))
    assert mean.missing_value == 0.0
    number, derived = (s for s in stages if isinstance(s, ir.StringIndexer))
    assert number.labels[0][0] == "0"
    assert derived.inputs == ("b13",)


def test_rformula_is_flattened_and_its_label_is_a_column_of_training():
    pipeline = read("rformula")
    kinds = [type(stage).__name__ for stage in pipeline.stages]
    assert kinds[:5] == [
        "StringIndexer",
        "StringIndexer",
        "OneHotEncoder",
        "VectorAssembler",
        "StringIndexer",
    ]
    hot, assembler = pipeline.stages[2:4]
    assert assembler.uid == f"{hot.uid}#2", "RFormula gives both its own uid"
    assert pipeline.stages[4].inputs == ("Class",)
    assert pipeline.stages[4].outputs == ("label",)
    assert pipeline.training_columns == ("label",)


@pytest.mark.parametrize(("name", "label"), [("rformula_number", "annual_inc"), ("rformula_flag", "safe")])
def test_a_number_or_boolean_label_of_rformula_is_renamed(name, label):
    rename = only(read(name), ir.Rename)[0]
    assert rename.input == label
    assert rename.output == ("y" if name == "rformula_number" else "label")


def test_rformula_leaves_a_label_that_is_there_already():
    saved = fixture("rformula_number")
    pipeline = read_pipeline(saved.model, schema={**saved.schema, "y": "double"})
    assert not only(pipeline, ir.Rename)


def test_nested_pipelines_bare_and_tuned_models():
    nested = read("nested")
    assert nested.spark_class == "pyspark.ml.pipeline.PipelineModel"
    assert [type(s).__name__ for s in nested.stages] == [
        "StringIndexer", "VectorAssembler", "LogisticRegression", "IndexToString",
    ]  # fmt: skip
    assert [type(s).__name__ for s in read("bare_gbt").stages] == ["TreeClassifier"]
    tuned = read("tuned")
    assert tuned.spark_class == "org.apache.spark.ml.tuning.CrossValidatorModel"
    assert [type(s).__name__ for s in tuned.stages] == ["LogisticRegression"]
