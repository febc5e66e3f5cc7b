"""The arithmetic of the evaluators against scikit-learn, on random and on edge data; no Spark."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from splicemachine_ml.spark.metrics import Confusion, MultiCounts, RegressionSums, ScoreCurve

# few distinct values, so that ties are the rule
pairs = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=60)


def curve_of(labels, scores) -> ScoreCurve:
    labels = np.asarray(labels, float)
    return ScoreCurve.of(np.asarray(scores, float), labels, 1.0 - labels)


def trapezoid_pr(labels, scores) -> float:
    """Spark's area: scikit-learn's points, but recall 0 has the first point's precision instead of 1."""
    precision, recall, _ = sk.precision_recall_curve(labels, scores)
    precision[-1] = precision[-2]
    return sk.auc(recall, precision)


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_areas_equal_scikit_learn_with_ties(rows):
    labels, scores = zip(*rows, strict=True)
    curve = curve_of(labels, scores)
    if len(set(labels)) == 1:
        assert math.isnan(curve.area_under_roc())
        if labels[0] == 0:
            assert math.isnan(curve.area_under_pr())
        else:
            assert curve.area_under_pr() == 1.0
        return
    assert curve.area_under_roc() == pytest.approx(sk.roc_auc_score(labels, scores), abs=1e-14)
    assert curve.area_under_pr() == pytest.approx(trapezoid_pr(labels, scores), abs=1e-14)


@settings(max_examples=100, deadline=None)
@given(pairs, st.floats(-1, 9))
def test_counts_at_a_threshold(rows, threshold):
    labels, scores = (np.array(c) for c in zip(*rows, strict=True))
    called = scores >= threshold
    expected = sk.confusion_matrix(labels, called, labels=[0, 1])
    found = curve_of(labels, scores).at(threshold)
    assert [[found.tn, found.fp], [found.fn, found.tp]] == expected.tolist()


@settings(max_examples=200, deadline=None)
@given(st.tuples(*[st.integers(0, 30)] * 4).filter(any))
def test_rates_equal_scikit_learn(counts):
    tp, fp, tn, fn = counts
    y = np.array([1] * tp + [0] * fp + [0] * tn + [1] * fn)
    p = np.array([1] * tp + [1] * fp + [0] * tn + [0] * fn)
    rates = Confusion(*counts).rates()
    nan = float("nan")
    expected = {
        "TPR": sk.recall_score(y, p, zero_division=nan),
        "SPC": sk.recall_score(y, p, pos_label=0, zero_division=nan),
        "PPV": sk.precision_score(y, p, zero_division=nan),
        "NPV": sk.precision_score(y, p, pos_label=0, zero_division=nan),
        "F1": sk.f1_score(y, p, zero_division=nan),
        "ACC": sk.accuracy_score(y, p),
        "MCC": sk.matthews_corrcoef(y, p) if len(set(y) | set(p)) > 1 else 0.0,
    }
    expected |= {
        "FNR": 1 - expected["TPR"],
        "FPR": 1 - expected["SPC"],
        "FDR": 1 - expected["PPV"],
        "FOR": 1 - expected["NPV"],
    }
    assert set(rates) == set(expected)
    for name, value in expected.items():
        assert rates[name] == pytest.approx(value, abs=1e-12, nan_ok=True), name


def test_mcc_does_not_overflow():
    assert Confusion(10**9, 10**8, 10**9, 10**8).rates()["MCC"] == pytest.approx(9 / 11)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_class_averages_equal_scikit_learn(rows):
    counts: dict[tuple[int, int], int] = {}
    for row in rows:
        counts[row] = counts.get(row, 0) + 1
    y, p = zip(*rows, strict=True)
    multi = MultiCounts.of(counts)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(y, p, average="weighted", zero_division=0)
    assert multi.averages() == pytest.approx(
        {
            "f1": f1,
            "weightedPrecision": precision,
            "weightedRecall": recall,
            "accuracy": sk.accuracy_score(y, p),
        },
        abs=1e-12,
    )
    each = sk.precision_recall_fscore_support(y, p, labels=multi.classes, zero_division=0)
    for i, value in enumerate(multi.classes):
        assert list(multi.per_class()[value].values()) == pytest.approx([a[i] for a in each], abs=1e-12)


def sums(y, p) -> RegressionSums:
    y, p = np.asarray(y, float), np.asarray(p, float)
    spread = float(((y - y.mean()) ** 2).sum())
    return RegressionSums(
        len(y), float(y.mean()), spread, float(((y - p) ** 2).sum()), float(abs(y - p).sum())
    )


def test_regression_sums_of_parts_equal_scikit_learn_on_the_whole():
    rng = np.random.default_rng(3)
    y = rng.normal(1e6, 1.0, 500)  # a large mean: sums of squares would cancel
    p = y + rng.normal(0, 0.3, 500)
    whole = RegressionSums(0, 0.0, 0.0, 0.0, 0.0)
    for part in np.array_split(np.arange(500), 7):
        whole = whole.plus(sums(y[part], p[part]))
    assert whole.metrics() == pytest.approx(
        {
            "rmse": sk.root_mean_squared_error(y, p),
            "mse": sk.mean_squared_error(y, p),
            "r2": sk.r2_score(y, p),
            "mae": sk.mean_absolute_error(y, p),
        },
        rel=1e-9,
    )


def test_r2_where_the_label_is_constant():
    assert sums([2, 2], [2, 2]).metrics()["r2"] == sk.r2_score([2, 2], [2, 2]) == 1.0
    assert sums([2, 2], [2, 3]).metrics()["r2"] == sk.r2_score([2, 2], [2, 3]) == 0.0
    assert math.isnan(sums([2], [2]).metrics()["r2"])
