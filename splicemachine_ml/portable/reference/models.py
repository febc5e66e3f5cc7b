"""Linear models, the perceptron and KMeans, and what all classifiers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from splicemachine_ml.portable.reference.values import Rows, dense, numbers
from splicemachine_ml.portable.stages import (
    Classifier,
    Floats,
    KMeans,
    LinearRegression,
    LinearSVC,
    LogisticRegression,
    MultilayerPerceptron,
)


@dataclass(frozen=True, eq=False)
class Rules:
    """How a classifier gets from raw scores to a class, by which of its columns are switched on.

    classification.ProbabilisticClassificationModel.transform takes ``from_raw`` when rawPredictionCol is set,
    else ``from_probability`` when probabilityCol is, else ``direct`` (the model's predict): three formulas
    that differ at rounding, at thresholds and, for some models, in whether they heed thresholds at all.
    """

    from_raw: Callable[[Floats, Floats], Floats]
    from_probability: Callable[[Floats], Floats]
    direct: Callable[[Floats, Floats], Floats]


def classify(rows: Rows, stage: Classifier, raw: Floats, probability: Floats, rules: Rules) -> None:
    """Write the columns of a classifier that are switched on."""
    if stage.raw_prediction:
        rows.columns[stage.raw_prediction] = dense(raw)
    if stage.probability:
        rows.columns[stage.probability] = dense(probability)
    if stage.prediction:
        if stage.raw_prediction:
            answer = rules.from_raw(raw, probability)
        elif stage.probability:
            answer = rules.from_probability(probability)
        else:
            answer = rules.direct(raw, probability)
        rows.columns[stage.prediction] = numbers(answer)


def usual_rules(stage: Classifier) -> Rules:
    """classification.ProbabilisticClassificationModel: the largest score, or probability / threshold."""

    def from_probability(probability: Floats) -> Floats:
        if stage.thresholds is None:
            return argmax(probability)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = probability / stage.thresholds
        # a class whose threshold and probability are both 0 is 0/0, and never chosen
        best = np.argmax(np.where(np.isnan(scaled), -np.inf, scaled), axis=1)
        return np.asarray(best, dtype=np.float64)

    def from_raw(raw: Floats, probability: Floats) -> Floats:
        return argmax(raw) if stage.thresholds is None else from_probability(probability)

    return Rules(from_raw, from_probability, from_raw)


def argmax(scores: Floats) -> Floats:
    """linalg.DenseVector.argmax: the first of the largest; a NaN in front wins, a later one never does."""
    if scores.shape[1] == 0:
        return np.zeros(len(scores))
    best = np.argmax(np.where(np.isnan(scores), -np.inf, scores), axis=1)
    return np.where(np.isnan(scores[:, 0]), 0, best).astype(np.float64)


def softmax(raw: Floats) -> Floats:
    """ml.impl.Utils.softmax: shifted by the maximum; the first +Infinity takes all.

    Spark then multiplies the other scores by zero, which leaves NaN where they were infinite.
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        top = np.fmax.reduce(raw, axis=1, initial=-np.finfo(np.float64).max)
        powers = np.exp(raw - top[:, None])
        answer = powers * (1.0 / powers.sum(axis=1))[:, None]
        infinite = raw == np.inf
        first = infinite & (np.cumsum(infinite, axis=1) == 1)
        return np.where(infinite.any(axis=1)[:, None], np.where(first, 1.0, raw * 0.0), answer)


def sigmoid(values: Floats) -> Floats:
    """1 / (1 + exp(-x)), as Spark writes it."""
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-values))


def product(data: Floats, weights: Floats) -> Floats:
    """Rows times weights; infinities and NaN may meet without a warning."""
    with np.errstate(invalid="ignore", over="ignore"):
        answer: Floats = data @ weights
    return answer


def margin(data: Floats, coefficients: Floats, *, sparse: bool) -> Floats:
    """linalg.BLAS.dot and gemv: sparse coefficients that are not stored meet no feature, not even NaN."""
    if not sparse:
        return product(data, coefficients)
    with np.errstate(invalid="ignore", over="ignore"):
        terms = data[:, :, None] * coefficients[None, :, :]
        return np.asarray(np.where(coefficients == 0, 0.0, terms).sum(axis=1))


def logistic_regression(rows: Rows, stage: LogisticRegression) -> None:
    """classification.LogisticRegressionModel; binary: raw (-m, m), probability (1/(1+e^m), 1 - that)."""
    data, _ = rows.vectors(stage, stage.features)
    margins = margin(data, stage.coefficients.T, sparse=stage.sparse) + stage.intercepts
    if stage.is_multinomial:
        classify(rows, stage, margins, softmax(margins), usual_rules(stage))
        return
    raw = np.hstack([-margins, margins])
    zero = sigmoid(-margins)
    limit = stage.threshold

    def from_raw(raw: Floats, _: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            # log(t / (1 - t)), with the two ends spelled out as Spark does
            odds = {0.0: -np.inf, 1.0: np.inf}.get(limit, np.log(limit / (1.0 - limit)) if limit < 1 else 0)
        return _above(raw[:, 1], odds)

    rules = Rules(
        from_raw,
        lambda probability: _above(probability[:, 1], limit),
        lambda raw, _: _above(sigmoid(raw[:, 1]), limit),
    )
    classify(rows, stage, raw, np.hstack([zero, 1.0 - zero]), rules)


def _above(values: Floats, limit: float) -> Floats:
    return (values > limit).astype(np.float64)


def linear_svc(rows: Rows, stage: LinearSVC) -> None:
    """classification.LinearSVCModel: class 1 when the margin is strictly above the threshold."""
    data, _ = rows.vectors(stage, stage.features)
    score = margin(data, stage.coefficients[:, None], sparse=stage.sparse) + stage.intercept
    raw = np.hstack([-score, score])
    answer = _above(score[:, 0], stage.threshold)
    classify(rows, stage, raw, raw, Rules(lambda *_: answer, lambda _: answer, lambda *_: answer))


def multilayer_perceptron(rows: Rows, stage: MultilayerPerceptron) -> None:
    """classification.MultilayerPerceptronClassificationModel: sigmoid layers, softmax at the end."""
    layer, _ = rows.vectors(stage, stage.features)
    for depth, (weights, biases) in enumerate(zip(stage.weights, stage.biases, strict=True)):
        layer = product(layer, weights) + biases
        if depth < len(stage.weights) - 1:
            layer = sigmoid(layer)
    probability = softmax(layer)
    # predict() decodes the most probable output and heeds no thresholds
    rules = replace(usual_rules(stage), direct=lambda _, probability: argmax(probability))
    classify(rows, stage, layer, probability, rules)


def linear_regression(rows: Rows, stage: LinearRegression) -> None:
    """regression.LinearRegressionModel: the margin."""
    data, _ = rows.vectors(stage, stage.features)
    score = margin(data, stage.coefficients[:, None], sparse=stage.sparse) + stage.intercept
    rows.columns[stage.prediction] = numbers(score[:, 0])


def kmeans(rows: Rows, stage: KMeans) -> None:
    """clustering.KMeansModel (mllib EuclideanDistanceMeasure.findClosest): the first nearest centre.

    A NaN raises; an infinity is infinitely far from every centre, and the first one stays best.
    """
    data, _ = rows.vectors(stage, stage.features)
    broken = np.asarray(np.isnan(data).any(axis=1))
    rows.reject(broken, stage, stage.features, "a feature is NaN, to which no centre is nearest")
    with np.errstate(invalid="ignore", over="ignore"):
        distance = ((data[:, None, :] - stage.centers[None, :, :]) ** 2).sum(axis=2)
    rows.columns[stage.prediction] = numbers(argmax(-distance), spark_type="int")
