"""Models: org.apache.spark.ml.classification, regression and clustering."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from splicemachine_ml.portable.stages.base import Floats, Ints, Stage


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor(Stage):
    """A model: one vector column in, a prediction out; an empty column name switches that output off."""

    features: str
    prediction: str
    num_features: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Classifier(Predictor):
    """A model with scores a class. ``thresholds`` [K] or None, as Spark's parameter of that name.

    The prediction is the first class with the largest raw score or, with thresholds, the largest
    probability / threshold; binary LogisticRegression and LinearSVC have a rule of their own. Spark computes
    it from the raw prediction when that column is on, else from the probability, else directly.
    """

    raw_prediction: str
    probability: str  # always "" for LinearSVC, which has none
    num_classes: int
    thresholds: Floats | None


@dataclass(frozen=True, kw_only=True, eq=False)
class LogisticRegression(Classifier):
    """classification.LogisticRegressionModel; ``coefficients`` [1 or K, d], ``intercepts`` [1 or K].

    Binary: margin m, raw (-m, m), probability of class 1 is 1 / (1 + exp(-m)), class 1 when m is strictly
    above log(t / (1 - t)). Multinomial: raw is one margin a class, probability their softmax.
    ``threshold`` is the binary one (Spark's getThreshold, already derived from ``thresholds`` when only
    those were set), unused when ``is_multinomial``.
    ``sparse``: the coefficients were saved sparse, and Spark skips the zeros: a NaN or infinity that meets
    one does not count.
    """

    coefficients: Floats
    intercepts: Floats
    is_multinomial: bool
    threshold: float
    sparse: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearSVC(Classifier):
    """classification.LinearSVCModel; ``coefficients`` [d]; class 1 when the margin is above ``threshold``.

    Raw prediction (-margin, margin). ``sparse`` as in LogisticRegression.
    """

    coefficients: Floats
    intercept: float
    threshold: float
    sparse: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class MultilayerPerceptron(Classifier):
    """classification.MultilayerPerceptronClassificationModel.

    ``weights[i]`` is [layers[i], layers[i+1]] and ``biases[i]`` [layers[i+1]]: already unpacked from
    Spark's flat, column-major array. Sigmoid in between, softmax at the end.
    """

    layers: tuple[int, ...]
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearRegression(Predictor):
    """regression.LinearRegressionModel; ``coefficients`` [d]: x . coefficients + intercept for every loss.

    ``sparse`` as in LogisticRegression.
    """

    coefficients: Floats
    intercept: float
    sparse: bool = False


@dataclass(frozen=True, eq=False)
class Tree:
    """One decision tree; nodes in saved (pre-order) id order, the root is node 0. All arrays have length n.

    ``feature`` is -1 at leaves. A continuous node goes left when value <= threshold (NaN goes right).
    A categorical node (``num_categories[i]`` >= 0) has what Spark keeps in memory (CategoricalSplit in
    ml/tree/Split.scala), which is the smaller side, not always the left categories that were saved: a value
    in ``categories[i]`` goes left if ``is_left[i]``, else right; every other value (unseen, NaN, fractional)
    goes to the other side. ``is_left`` = number of left categories <= num_categories // 2.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    prediction: Floats
    impurity_stats: Floats  # [n, s]: class counts for classification, Spark's three moments otherwise
    num_categories: Ints  # -1 for continuous splits and leaves
    categories: dict[int, tuple[float, ...]] = field(default_factory=dict)
    is_left: dict[int, bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeClassifier(Classifier):
    """DecisionTree, RandomForest or GBT classification model; ``weights`` [T] (ones for dt and rf).

    dt: raw is the leaf's ``impurity_stats``, probability that divided by its sum. rf: raw is the sum over the
    trees of each leaf's stats divided by their sum, probability raw divided by its sum. gbt (two classes):
    margin m = sum of weight times leaf prediction, raw (-m, m), probability of class 1 is
    1 / (1 + exp(-2 m)).
    """

    kind: Literal["dt", "rf", "gbt"]
    trees: tuple[Tree, ...]
    weights: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeRegressor(Predictor):
    """DecisionTree, RandomForest or GBT regression model; ``weights`` [T].

    dt: the leaf's prediction; rf: the mean over the trees; gbt: the sum of weight times leaf prediction.
    ``variance`` names the column of DecisionTreeRegressionModel's varianceCol ("" when unset): with the
    leaf's moments (n, s, q) that is (q - s * s / n) / n.
    """

    kind: Literal["dt", "rf", "gbt"]
    trees: tuple[Tree, ...]
    weights: Floats
    variance: str


@dataclass(frozen=True, kw_only=True, eq=False)
class KMeans(Predictor):
    """clustering.KMeansModel, euclidean; ``centers`` [k, d] in cluster order.

    The first nearest center's number (an IntegerType column); NaN raises as Spark does.
    """

    centers: Floats
