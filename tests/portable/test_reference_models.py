"""What Spark 4.3 was seen to answer, model by model, held against the NumPy reference."""

from __future__ import annotations

import numpy as np
import pytest

from splicemachine_ml.portable import reference
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reference.models import argmax, softmax
from splicemachine_ml.portable.reference.values import compressed
from tests.portable.by_hand import ERROR, INF, NAN, check, named, plan, vector

IO = {"features": "x", "prediction": "o", "num_features": 2}


def answers(stage, rows, *outputs):
    one = plan([stage], [vector(size=2)], outputs)
    found = reference.score(one, {"x": np.array(rows, dtype=float)})
    return [found[name].tolist() for name in outputs]


def logistic(raw="", probability="", threshold=0.5, **changes):
    columns = {"raw_prediction": raw, "probability": probability, "num_classes": 2, "thresholds": None}
    fit = {"coefficients": np.array([[1.0, 0.0]]), "intercepts": np.zeros(1), "is_multinomial": False}
    return named(ir.LogisticRegression, **(IO | columns | fit | {"threshold": threshold} | changes))


MARGINS = [[0.0, 0], [NAN, 0], [INF, 0], [-INF, 0], [-1000, 0], [-30, 0], [1, 0]]


@pytest.mark.parametrize(
    ("threshold", "columns", "expected"),
    [
        (0.5, {"raw": "r"}, [0, 0, 1, 0, 0, 0, 1]),
        (0.5, {"probability": "p"}, [0, 0, 1, 0, 0, 0, 1]),
        (0.5, {}, [0, 0, 1, 0, 0, 0, 1]),
        # a threshold of 0: any margin, any probability that 1 - p0 leaves above 0, any score above 0
        (0.0, {"raw": "r", "probability": "p"}, [1, 0, 1, 0, 1, 1, 1]),
        (0.0, {"probability": "p"}, [1, 0, 1, 0, 0, 1, 1]),
        (0.0, {}, [1, 0, 1, 0, 0, 1, 1]),
        (1.0, {"raw": "r"}, [0, 0, 0, 0, 0, 0, 0]),
        (1.0, {}, [0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_binary_logistic_regression_takes_one_of_three_ways(threshold, columns, expected):
    assert answers(logistic(threshold=threshold, **columns), MARGINS, "o") == [expected]


def test_the_second_probability_is_what_the_first_leaves():
    (probability,) = answers(logistic(probability="p"), [[-40.0, 0]], "p")
    assert probability == [[1.0, 0.0]]  # not exp(-40): Spark computes 1 - p0


def test_sparse_coefficients_do_not_meet_what_they_skip():
    rows = [[1.0, NAN], [1.0, INF], [NAN, 0.0]]
    skipping = answers(logistic(raw="r", sparse=True), rows, "r")[0]
    np.testing.assert_array_equal(skipping, [[-1, 1], [-1, 1], [NAN, NAN]])
    np.testing.assert_array_equal(answers(logistic(raw="r"), rows, "r")[0], np.full((3, 2), NAN))
    line = {"coefficients": np.array([0.0, 2.0]), "intercept": 1.0}
    stage = named(ir.LinearRegression, **IO, **line, sparse=True)
    assert answers(stage, [[NAN, 1.0]], "o") == [[3.0]]


def test_linear_svc_is_strictly_above_its_threshold():
    columns = {"raw_prediction": "r", "probability": "", "num_classes": 2, "thresholds": None}
    fit = {"coefficients": np.array([1.0, 0.0]), "intercept": 0.0, "threshold": 0.25}
    found = answers(named(ir.LinearSVC, **IO, **columns, **fit), [[0.25, 0], [0.5, 0], [NAN, 0]], "o", "r")
    assert found[0] == [0.0, 1.0, 0.0]
    assert found[1][:2] == [[-0.25, 0.25], [-0.5, 0.5]]


def test_softmax_gives_all_to_the_first_infinity():
    raw = np.array([[-INF, INF, INF], [INF, -INF, -INF], [1.0, INF, 2.0], [NAN, 1.0, INF], [-INF, 0.0, 0.0]])
    expected = [[NAN, 1, NAN], [1, NAN, NAN], [0, 1, 0], [NAN, 0, 1], [0, 0.5, 0.5]]
    np.testing.assert_array_equal(softmax(raw), expected)


def test_argmax_overlooks_nan_except_in_front():
    scores = np.array([[1.0, 2.0, 2.0], [NAN, 5.0, 1.0], [1.0, NAN, 3.0], [-INF, -INF, -INF]])
    assert argmax(scores).tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    ("thresholds", "expected"), [((0.5, 0.5), [1, 0]), ((0.0, 1.0), [0, 0]), ((1.0, 0.0), [1, 0])]
)
def test_thresholds_divide_and_a_zero_wins_unless_its_class_has_no_chance(thresholds, expected):
    # leaves of (1, 3) and (4, 0): with thresholds (1, 0) the second is 0 / 0 in the second row
    stage = tree_stage(np.array([[0, 0], [1, 3], [4, 0]]), thresholds=np.array(thresholds), probability="p")
    assert answers(stage, [[0.0, 0], [1.0, 0]], "o") == [expected]


def stump(stats, prediction=(0.0, 0.0, 1.0), categories=None, is_left=True):
    """x[0] <= 0.5, or x[0] in ``categories``."""
    return ir.Tree(
        feature=np.array([0, -1, -1]),
        threshold=np.array([0.5, 0.0, 0.0]),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        prediction=np.array(prediction),
        impurity_stats=np.array(stats, dtype=float),
        num_categories=np.array([-1 if categories is None else 4, -1, -1]),
        categories={} if categories is None else {0: categories},
        is_left={} if categories is None else {0: is_left},
    )


def tree_stage(stats, thresholds=None, raw="", probability="", kind="dt", count=1, **how):
    columns = {"raw_prediction": raw, "probability": probability, "num_classes": 2, "thresholds": thresholds}
    trees = tuple(stump(stats, **how) for _ in range(count))
    return named(ir.TreeClassifier, **IO, **columns, kind=kind, trees=trees, weights=np.ones(count))


COUNTS = [[0, 0], [6, 2], [0, 0]]


def test_nan_and_the_unseen_go_to_the_other_side():
    rows = [[0.5, 0], [np.nextafter(0.5, 1), 0], [NAN, 0], [-INF, 0]]
    assert answers(tree_stage(COUNTS), rows, "o") == [[0, 1, 1, 0]]
    rows = [[0.0, 0], [-0.0, 0], [2.0, 0], [9.0, 0], [0.5, 0], [NAN, 0]]
    assert answers(tree_stage(COUNTS, categories=(0.0,)), rows, "o") == [[0, 0, 1, 1, 1, 1]]
    assert answers(tree_stage(COUNTS, categories=(0.0,), is_left=False), rows, "o") == [[1, 1, 0, 0, 0, 0]]


def test_counts_of_a_tree_and_shares_of_a_forest():
    assert answers(tree_stage(COUNTS, raw="r", probability="p"), [[0, 0], [1, 0]], "r", "p") == [
        [[6, 2], [0, 0]],
        [[0.75, 0.25], [0, 0]],
    ]
    forest = tree_stage(COUNTS, raw="r", probability="p", kind="rf", count=3)
    assert answers(forest, [[0, 0]], "r", "p", "o") == [[[2.25, 0.75]], [[0.75, 0.25]], [0.0]]


def test_a_bare_tree_answers_with_its_leaf_whatever_the_thresholds():
    thresholds = np.array([0.9, 0.1])
    assert answers(tree_stage(COUNTS, thresholds=thresholds), [[0, 0]], "o") == [[0.0]]
    assert answers(tree_stage(COUNTS, thresholds=thresholds, probability="p"), [[0, 0]], "o") == [[1.0]]


def test_boosted_trees():
    stage = tree_stage(COUNTS, raw="r", probability="p", kind="gbt", count=2, prediction=(0, 0.0, -1.0))
    raw, probability, answer = answers(stage, [[0, 0], [1, 0]], "r", "p", "o")
    assert raw == [[0, 0], [2, -2]]
    assert answer == [0, 0]  # a margin of zero is class 0
    assert probability == [[0.5, 0.5], [1 / (1 + np.exp(-4.0)), 1 - 1 / (1 + np.exp(-4.0))]]


def test_regression_trees_and_their_variance():
    tree = stump([[0, 0, 0], [4, 8, 20], [0, 0, 0]], prediction=(0, 2.0, 5.0))
    columns = IO | {"kind": "dt", "trees": (tree,), "weights": np.ones(1), "variance": "v"}
    assert answers(named(ir.TreeRegressor, **columns), [[0, 0], [1, 0]], "o", "v") == [[2, 5], [1, 0]]
    forest = columns | {"kind": "rf", "trees": (tree,) * 3, "weights": np.ones(3), "variance": ""}
    assert answers(named(ir.TreeRegressor, **forest), [[0, 0]], "o") == [[2.0]]
    boosted = forest | {"kind": "gbt", "weights": np.array([1.0, 0.5, 0.25])}
    assert answers(named(ir.TreeRegressor, **boosted), [[0, 0]], "o") == [[3.5]]


def test_kmeans():
    stage = named(ir.KMeans, **IO, centers=np.array([[0.0, 0], [2, 0], [2, 0]]))
    table = [
        ([1.0, 5], 0.0),
        ([1.5, 0], 1.0),
        ([INF, 0], 0.0),
        ([-INF, INF], 0.0),
        ([NAN, 0], ERROR),
        (None, ERROR),
    ]
    check(stage, vector(size=2), table)


def test_perceptron():
    columns = {
        "raw_prediction": "r",
        "probability": "p",
        "num_classes": 2,
        "thresholds": np.array([0.9, 0.1]),
    }
    weights, biases = (np.eye(2), np.eye(2) * 2), (np.zeros(2), np.array([0.5, 0.0]))
    fields = IO | columns | {"layers": (2, 2, 2), "weights": weights, "biases": biases}
    raw, answer = answers(named(ir.MultilayerPerceptron, **fields), [[0, 0]], "r", "o")
    assert raw == [[1.5, 1.0]]
    assert answer == [1.0]
    bare = named(ir.MultilayerPerceptron, **(fields | {"raw_prediction": "", "probability": ""}))
    assert answers(bare, [[0, 0]], "o") == [[0.0]]  # predict() heeds no thresholds


def test_when_a_vector_is_sparse():
    # Spark 4.3, every size up to 60: sparse up to this many values that are not zero
    most = {2: -1, 3: 0, 4: 1, 5: 1, 6: 2, 7: 3, 8: 3, 9: 4, 20: 11, 60: 38}
    for size, limit in most.items():
        for count in range(size + 1):
            row = np.zeros((1, size))
            row[0, :count] = NAN
            stored = compressed(row).stored
            assert stored.sum() == (count if count <= limit else size), (size, count)
