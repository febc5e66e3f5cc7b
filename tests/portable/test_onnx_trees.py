"""TreeEnsemble against a tree walk in plain Python."""

import numpy as np
import pytest

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages
from tests.portable.onnx_plans import among, leaf, predict, predictor, split, tree, walk

WEIRD = [
    np.nan,
    np.inf,
    -np.inf,
    -1.0,
    0.0,
    -0.0,
    0.5,
    1.0,
    1.7,
    2.0,
    63.0,
    64.0,
    65.0,
    99.0,
    150.0,
    1e18,
    -1e300,
]


def random_tree(rng, depth, features, classes, categories=0):
    stats = rng.integers(0, 20, classes).astype(float)
    if depth == 0 or rng.random() < 0.1:
        return leaf(float(rng.normal()), tuple(stats))
    children = [random_tree(rng, depth - 1, features, classes, categories) for _ in range(2)]
    feature = int(rng.integers(0, features))
    if categories and feature % 2:
        size = int(rng.integers(1, categories // 2 + 1))
        chosen = rng.choice(categories, size, replace=False)
        return among(feature, chosen, categories, *children, is_left=bool(rng.random() < 0.5))
    return split(feature, float(rng.normal()), *children)


def forest(seed, trees=7, classes=2, categories=0, depth=5):
    rng = np.random.default_rng(seed)
    return tuple(tree(random_tree(rng, depth, 6, classes, categories)) for _ in range(trees))


def rows(seed, count=300, categories=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 6))
    if categories:
        x[:, 1::2] = rng.integers(-2, categories + 3, (count, 3))
    x[: len(WEIRD)] = np.array(WEIRD)[:, None]
    return x


def classifier(kind, trees, classes=2, **fields):
    return predictor(
        stages.TreeClassifier,
        6,
        kind=kind,
        trees=trees,
        weights=np.ones(len(trees)),
        num_classes=classes,
        **fields,
    )


def regressor(kind, trees, weights=None, variance=""):
    weights = np.ones(len(trees)) if weights is None else weights
    return predictor(stages.TreeRegressor, 6, kind=kind, trees=trees, weights=weights, variance=variance)


def votes(trees, x, classes):
    total = np.zeros((len(x), classes))
    for at, row in enumerate(x):
        for a_tree in trees:
            counts = a_tree.impurity_stats[walk(a_tree, row)]
            if counts.sum():
                total[at] += counts / counts.sum()
    return total


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("categories", [0, 4, 32, 70, 150])
def test_a_forest_sums_normalised_leaves(classes, categories):
    trees = forest(classes, classes=classes, categories=categories)
    x = rows(1, categories=categories)
    answer = predict(classifier("rf", trees, classes), x)
    raw = votes(trees, x, classes)
    np.testing.assert_array_equal(answer["rawPrediction"], raw)
    np.testing.assert_allclose(answer["probability"], raw / raw.sum(axis=1, keepdims=True), rtol=1e-15)
    np.testing.assert_array_equal(answer["prediction"], raw.argmax(axis=1))


@pytest.mark.parametrize("is_left", [True, False])
@pytest.mark.parametrize("size", [2, 10, 64, 65, 101, 300])
def test_unseen_categories_go_to_the_side_that_is_not_remembered(size, is_left):
    chosen = np.arange(0, size, 2)
    a_tree = tree(among(2, chosen, size, leaf(1.0, (1.0, 0.0, 0.0)), leaf(2.0, (1.0, 0.0, 0.0)), is_left))
    values = np.array([*WEIRD, *range(-1, size + 2), size + 0.5, 2.5, 1e9])
    x = np.zeros((len(values), 6))
    x[:, 2] = values
    expected = [1.0 if (value in set(chosen)) == is_left else 2.0 for value in values]
    np.testing.assert_array_equal(predict(regressor("dt", (a_tree,)), x)["prediction"], expected)


def test_a_decision_tree_gives_counts_and_a_class():
    trees = forest(4, trees=1, classes=3)
    x = rows(2)
    answer = predict(classifier("dt", trees, 3), x)
    counts = np.array([trees[0].impurity_stats[walk(trees[0], row)] for row in x])
    np.testing.assert_array_equal(answer["rawPrediction"], counts)
    total = counts.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(answer["probability"], counts / np.where(total == 0, 1, total))
    np.testing.assert_array_equal(answer["prediction"], counts.argmax(axis=1))


def test_a_decision_tree_without_raw_and_probability_gives_the_nodes_prediction():
    a_tree = tree(split(0, 0.0, leaf(2.0, (5.0, 0.0, 1.0)), leaf(1.0, (5.0, 0.0, 1.0))))
    stage = classifier("dt", (a_tree,), 3, raw_prediction="", probability="")
    np.testing.assert_array_equal(predict(stage, [[-1.0] * 6, [1.0] * 6])["prediction"], [2.0, 1.0])


def test_boosted_trees_use_the_logistic_of_twice_the_margin():
    trees = forest(5, trees=9, classes=3)
    weights = np.linspace(0.1, 1.0, 9)
    x = rows(3)
    stage = predictor(stages.TreeClassifier, 6, kind="gbt", trees=trees, weights=weights)
    answer = predict(stage, x)
    margin = np.array(
        [sum(w * t.prediction[walk(t, row)] for t, w in zip(trees, weights, strict=True)) for row in x]
    )
    np.testing.assert_allclose(answer["rawPrediction"], np.stack([-margin, margin], axis=1), rtol=1e-13)
    first = 1 / (1 + np.exp(2 * margin))
    np.testing.assert_allclose(answer["probability"], np.stack([first, 1 - first], axis=1), rtol=1e-13)
    np.testing.assert_array_equal(answer["prediction"], margin > 0)


def test_a_margin_of_zero_is_class_zero():
    stage = predictor(
        stages.TreeClassifier, 6, kind="gbt", trees=(tree(leaf(0.0, (1.0, 1.0, 1.0))),), weights=np.ones(1)
    )
    answer = predict(stage, np.zeros((1, 6)))
    assert answer["prediction"][0] == 0.0
    np.testing.assert_array_equal(answer["probability"], [[0.5, 0.5]])


@pytest.mark.parametrize("kind", ["dt", "rf", "gbt"])
def test_regression(kind):
    trees = forest(6, trees=1 if kind == "dt" else 8, classes=3, categories=9)
    weights = np.linspace(0.5, 1.5, len(trees))
    x = rows(4, categories=9)
    leaves = np.array([[t.prediction[walk(t, row)] for t in trees] for row in x])
    expected = {"dt": leaves[:, 0], "rf": leaves.sum(axis=1) / len(trees), "gbt": leaves @ weights}[kind]
    np.testing.assert_allclose(
        predict(regressor(kind, trees, weights), x)["prediction"], expected, rtol=1e-13, atol=1e-14
    )


def test_variance_is_that_of_the_leaf():
    values = np.array([1.0, 2.0, 4.0])
    moments = (3.0, values.sum(), (values**2).sum())
    a_tree = tree(split(0, 0.0, leaf(1.0, moments), leaf(0.0, (0.0, 0.0, 0.0))))
    answer = predict(regressor("dt", (a_tree,), variance="variance"), [[-1.0] * 6, [1.0] * 6])
    np.testing.assert_allclose(answer["variance"], [values.var(), 0.0], rtol=1e-14)


def test_a_lone_leaf_and_an_empty_leaf():
    trees = (tree(leaf(3.0, (0.0, 4.0))), tree(leaf(1.0, (0.0, 0.0))))
    answer = predict(classifier("rf", trees), rows(5))
    np.testing.assert_array_equal(answer["rawPrediction"], [[0.0, 1.0]] * 300)
    np.testing.assert_array_equal(predict(regressor("dt", trees[:1]), rows(5))["prediction"], [3.0] * 300)


def test_an_all_zero_vote_has_no_probabilities():
    answer = predict(classifier("dt", (tree(leaf(0.0, (0.0, 0.0, 0.0))),), 3), np.zeros((2, 6)))
    np.testing.assert_array_equal(answer["probability"], np.zeros((2, 3)))


def test_thresholds_move_the_class_and_zero_over_zero_never_wins():
    a_tree = tree(split(0, 0.0, leaf(0.0, (6.0, 3.0, 1.0)), leaf(0.0, (6.0, 4.0, 0.0))))
    x = [[-1.0] * 6, [1.0] * 6]
    moved = classifier("dt", (a_tree,), 3, thresholds=np.array([0.9, 0.3, 0.5]))
    np.testing.assert_array_equal(predict(moved, x)["prediction"], [1.0, 1.0])
    zero = classifier("dt", (a_tree,), 3, thresholds=np.array([0.5, 0.5, 0.0]))
    np.testing.assert_array_equal(predict(zero, x)["prediction"], [2.0, 0.0])


def test_a_threshold_is_compared_in_double():
    close = np.nextafter(0.1, 1)
    a_tree = tree(split(0, 0.1, leaf(1.0), leaf(2.0)))
    x = np.zeros((2, 6))
    x[:, 0] = [0.1, close]
    np.testing.assert_array_equal(predict(regressor("dt", (a_tree,)), x)["prediction"], [1.0, 2.0])


def test_a_feature_is_not_both_categorical_and_continuous():
    # a fraction in a categorical feature is replaced before the trees see it; a threshold would see that too
    both = split(1, 0.5, among(1, (0.0, 1.0), 4, leaf(1.0), leaf(2.0)), leaf(3.0))
    with pytest.raises(ConversionError, match="feature 1 both by categories and by a threshold"):
        predict(regressor("dt", (tree(both),)), np.zeros((1, 6)))
