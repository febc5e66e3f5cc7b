"""Linear models, the perceptron, KMeans, and models that feed models."""

import numpy as np
import pytest

from splicemachine_ml.errors import ScoringError, UnsupportedStageError
from splicemachine_ml.portable import stages
from tests.portable.onnx_plans import make, number, predict, predictor, scorer, text, vector

NAN, INF = np.nan, np.inf
RNG = np.random.default_rng(7)
X = RNG.normal(size=(200, 4)) * 10
W, B = RNG.normal(size=4), 0.25


def logistic(**fields):
    fields = {
        "threshold": 0.5,
        "coefficients": W[None, :],
        "intercepts": np.array([B]),
        "is_multinomial": False,
        **fields,
    }
    return predictor(stages.LogisticRegression, 4, **fields)


def at_margin(*margins):
    """Rows on which a model with the coefficients (1, 0, 0, 0) has these margins."""
    x = np.zeros((len(margins), 4))
    x[:, 0] = margins
    return x


UNIT = {"coefficients": np.array([[1.0, 0, 0, 0]]), "intercepts": np.zeros(1)}


def test_binary_logistic_regression():
    answer = predict(logistic(), X)
    margin = X @ W + B
    np.testing.assert_allclose(answer["rawPrediction"], np.stack([-margin, margin], 1), rtol=1e-13)
    first = 1 / (1 + np.exp(margin))
    np.testing.assert_allclose(answer["probability"], np.stack([first, 1 - first], 1), rtol=1e-12)
    np.testing.assert_array_equal(answer["prediction"], margin > 0)


def test_probabilities_are_right_far_out():
    """onnxruntime's own Sigmoid is 0 below -37 in double."""
    answer = predict(logistic(**UNIT), at_margin(40.0, 700.0, -40.0, 800.0, -800.0, NAN))
    expected = [4.248354255291589e-18, 9.85967654375977e-305, 1.0, 0.0, 1.0, NAN]
    np.testing.assert_allclose(answer["probability"][:, 0], expected, rtol=1e-14)
    np.testing.assert_array_equal(answer["prediction"], [1, 1, 0, 1, 0, 0])


@pytest.mark.parametrize(("threshold", "classes"), [(0.0, [1, 1, 1]), (1.0, [0, 0, 0]), (0.5, [0, 0, 1])])
def test_the_threshold_is_strict(threshold, classes):
    for names in ({}, {"raw_prediction": ""}, {"raw_prediction": "", "probability": ""}):
        answer = predict(logistic(**UNIT, threshold=threshold, **names), at_margin(-3.0, 0.0, 3.0))
        np.testing.assert_array_equal(answer["prediction"], classes)


def test_the_margin_is_compared_with_the_logit():
    margin = np.log(0.3 / 0.7)
    x = at_margin(margin, np.nextafter(margin, 1))
    np.testing.assert_array_equal(predict(logistic(**UNIT, threshold=0.3), x)["prediction"], [0, 1])


def multinomial(**fields):
    rng = np.random.default_rng(3)
    return logistic(
        coefficients=rng.normal(size=(3, 4)),
        intercepts=rng.normal(size=3),
        is_multinomial=True,
        num_classes=3,
        **fields,
    )


def softmax(raw):
    raised = np.exp(raw - raw.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def test_multinomial_logistic_regression():
    stage = multinomial()
    answer = predict(stage, X)
    raw = X @ stage.coefficients.T + stage.intercepts
    np.testing.assert_allclose(answer["rawPrediction"], raw, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(answer["probability"], softmax(raw), rtol=1e-12)
    np.testing.assert_array_equal(answer["prediction"], raw.argmax(axis=1))


def test_multinomial_thresholds():
    thresholds = np.array([0.2, 0.9, 0.4])
    stage = multinomial(thresholds=thresholds)
    answer = predict(stage, X)
    raw = X @ stage.coefficients.T + stage.intercepts
    np.testing.assert_array_equal(answer["prediction"], (softmax(raw) / thresholds).argmax(axis=1))


def test_an_infinite_margin_has_all_the_probability():
    coefficients = np.array([[1.0, -1.0, 1.0, 1.0], [1.0, 2.0, 1.0, 1.0], [1.0, -3.0, 1.0, 1.0]])
    stage = logistic(coefficients=coefficients, intercepts=np.zeros(3), is_multinomial=True, num_classes=3)
    answer = predict(stage, [[1.0, INF, 0.0, 0.0], [NAN, 1.0, 2.0, 0.0]])
    np.testing.assert_array_equal(answer["probability"], [[NAN, 1.0, NAN], [NAN, NAN, NAN]])
    np.testing.assert_array_equal(answer["prediction"], [1, 0])


@pytest.mark.parametrize("sparse", [False, True])
def test_sparse_coefficients_overlook_what_they_do_not_store(sparse):
    x = [[1.0, NAN, INF, 2.0], [1.0, 1.0, 1.0, INF]]
    binary = logistic(coefficients=np.array([[1.0, 0.0, 0.0, 3.0]]), sparse=sparse)
    nothing = logistic(coefficients=np.zeros((1, 4)), sparse=sparse)
    three = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    multi = logistic(
        coefficients=three, intercepts=np.arange(3.0), is_multinomial=True, num_classes=3, sparse=sparse
    )
    if sparse:
        np.testing.assert_array_equal(predict(binary, x)["rawPrediction"][:, 1], [7.25, INF])
        np.testing.assert_array_equal(predict(nothing, x)["rawPrediction"][:, 1], [0.25, 0.25])
        np.testing.assert_array_equal(predict(multi, x)["rawPrediction"], [[1.0, 5.0, 2.0], [1.0, INF, 2.0]])
    else:
        assert np.isnan(predict(binary, x)["rawPrediction"][0]).all()
        assert np.isnan(predict(nothing, x)["rawPrediction"]).all()


def test_the_first_of_two_infinite_margins_wins():
    coefficients = np.array([[1.0, -1.0, 1.0, 1.0], [1.0, 2.0, 1.0, 1.0], [1.0, 0.5, 1.0, 1.0]])
    stage = logistic(coefficients=coefficients, intercepts=np.zeros(3), is_multinomial=True, num_classes=3)
    answer = predict(stage, [[1.0, INF, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(answer["probability"][0], [NAN, 1.0, NAN])
    assert answer["prediction"][0] == 1
    np.testing.assert_allclose(answer["probability"][1], softmax(np.array([[0.0, 3.0, 1.5]]))[0], rtol=1e-15)


def test_a_bare_perceptron_overlooks_its_thresholds():
    fields = {
        "layers": (4, 3),
        "weights": (np.zeros((4, 3)),),
        "biases": (np.array([0.0, 1.0, 0.5]),),
        "num_classes": 3,
        "thresholds": np.array([0.01, 0.9, 0.9]),
    }
    for names, expected in (({}, 0.0), ({"raw_prediction": "", "probability": ""}, 1.0)):
        stage = predictor(stages.MultilayerPerceptron, 4, **fields, **names)
        assert predict(stage, np.zeros((1, 4)))["prediction"][0] == expected


def test_linear_svc():
    stage = predictor(
        stages.LinearSVC,
        4,
        coefficients=np.array([1.0, 0, 0, 0]),
        intercept=0.5,
        threshold=0.25,
        probability="",
    )
    answer = predict(stage, at_margin(-0.25, -0.2, 3.0))
    np.testing.assert_array_equal(answer["rawPrediction"][:, 1], [0.25, 0.3, 3.5])
    np.testing.assert_array_equal(answer["rawPrediction"][:, 0], [-0.25, -0.3, -3.5])
    np.testing.assert_array_equal(answer["prediction"], [0, 1, 1])
    assert "probability" not in answer


def test_linear_regression():
    stage = predictor(stages.LinearRegression, 4, coefficients=W, intercept=B)
    np.testing.assert_allclose(predict(stage, X)["prediction"], X @ W + B, rtol=1e-13, atol=1e-13)


def test_multilayer_perceptron():
    rng = np.random.default_rng(5)
    weights = (rng.normal(size=(4, 6)), rng.normal(size=(6, 5)), rng.normal(size=(5, 3)))
    biases = (rng.normal(size=6), rng.normal(size=5), rng.normal(size=3))
    stage = predictor(
        stages.MultilayerPerceptron, 4, layers=(4, 6, 5, 3), weights=weights, biases=biases, num_classes=3
    )
    answer = predict(stage, X)
    hidden = X
    for at in (0, 1):
        with np.errstate(over="ignore"):
            hidden = 1 / (1 + np.exp(-(hidden @ weights[at] + biases[at])))
    raw = hidden @ weights[2] + biases[2]
    np.testing.assert_allclose(answer["rawPrediction"], raw, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(answer["probability"], softmax(raw), rtol=1e-12)
    np.testing.assert_array_equal(answer["prediction"], raw.argmax(axis=1))


def test_kmeans_takes_the_first_of_equal_distances():
    centers = np.array([[0.0, 0.0, 0, 0], [2.0, 0.0, 0, 0], [1.0, 1.0, 0, 0]])
    stage = predictor(stages.KMeans, 4, centers=centers)
    answer = predict(stage, [[1.0, 0, 0, 0], [1.6, 0, 0, 0], [2.0, 0, 0, 0], [INF, 0, 0, 0]])
    np.testing.assert_array_equal(answer["prediction"], [0, 1, 1, 0])
    with pytest.raises(ScoringError, match="NaN in the features of KMeans") as error:
        predict(stage, [[1.0, 0, 0, 0], [NAN, 0, 0, 0]])
    assert error.value.row == 1


def test_a_prediction_feeds_later_stages_and_a_second_model():
    cluster = make(
        stages.KMeans,
        "kmeans",
        features="v",
        num_features=2,
        prediction="cluster",
        centers=np.array([[0.0, 0.0], [5.0, 5.0]]),
    )
    indexer = make(
        stages.StringIndexer,
        "indexer",
        inputs=("cluster",),
        outputs=("i",),
        labels=(("1", "0"),),
        handle_invalid="error",
    )
    both = make(
        stages.VectorAssembler, "assembler", inputs=("v", "i", "cluster"), output="w", handle_invalid="error"
    )
    line = make(
        stages.LinearRegression,
        "line",
        features="w",
        num_features=4,
        prediction="prediction",
        coefficients=np.array([1.0, 0.0, 10.0, 100.0]),
        intercept=0.5,
    )
    outputs = [stages.Column("cluster", "number", spark_type="int"), number("prediction")]
    model = scorer([vector("v", 2)], [cluster, indexer, both, line], outputs)
    answer = model.score({"v": np.array([[1.0, 0.0], [4.0, 6.0]])})
    np.testing.assert_array_equal(answer["cluster"], [0, 1])
    np.testing.assert_array_equal(answer["prediction"], [11.5, 104.5])


def test_a_predicted_label_comes_back_as_text():
    back = make(stages.IndexToString, "back", input="prediction", output="answer", labels=("no", "yes"))
    model = scorer([vector("v", 4)], [logistic(**UNIT), back], [number("prediction"), text("answer")])
    answer = model.score({"v": at_margin(-1.0, 1.0)})
    assert answer["answer"].tolist() == ["no", "yes"]


def test_every_stage_without_a_converter_is_named_at_once():
    class Strange(stages.Stage):
        """A stage nobody knows."""

    unknown = [Strange(uid=f"strange_{at}", spark_class="com.example.Strange") for at in (1, 2)]
    with pytest.raises(UnsupportedStageError) as error:
        scorer([number("a")], unknown, [number("a")])
    assert [gap[0] for gap in error.value.gaps] == ["strange_1", "strange_2"]
