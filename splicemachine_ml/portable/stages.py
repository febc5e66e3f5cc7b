"""The intermediate representation: a fitted Spark ML pipeline as plain values.

The reader fills it from a saved directory, and three readers of it must agree with Spark's transform():
``onnx`` (serving), ``reference`` (NumPy, for the tests) and later ``sql`` (in the database).
Field names are Spark's parameter names in snake case; arrays are float64 unless said otherwise. Every
stage holds *effective* parameters: the default map overlaid by what was set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
HandleInvalid: TypeAlias = Literal["error", "skip", "keep"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """One fitted stage. ``uid`` is Spark's, ``spark_class`` the Scala class that was saved."""

    uid: str
    spark_class: str


# ---------------------------------------------------------------- features


@dataclass(frozen=True, kw_only=True, eq=False)
class StringIndexer(Stage):
    """feature.StringIndexerModel: one label list per input; a value's answer is its position."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class IndexToString(Stage):
    """feature.IndexToString; ``labels`` are its own or, when it has none, those of the column's indexer."""

    input: str
    output: str
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class OneHotEncoder(Stage):
    """feature.OneHotEncoderModel; ``category_sizes`` as saved, before keep and dropLast change the width."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    category_sizes: tuple[int, ...]
    drop_last: bool
    handle_invalid: Literal["error", "keep"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Imputer(Stage):
    """feature.ImputerModel: null and ``missing_value`` (NaN by default) become the column's surrogate."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    surrogates: tuple[float, ...]
    missing_value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Bucketizer(Stage):
    """feature.Bucketizer (also what QuantileDiscretizer leaves behind); splits may hold +-inf at the ends."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    splits: tuple[Floats, ...]
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class Binarizer(Stage):
    """feature.Binarizer on number or vector columns: 1.0 where the value is above the threshold."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorAssembler(Stage):
    """feature.VectorAssembler: numbers and vectors side by side, in the order of ``inputs``."""

    inputs: tuple[str, ...]
    output: str
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorIndexer(Stage):
    """feature.VectorIndexerModel: ``category_maps[feature][value]`` is the index; the rest passes through."""

    input: str
    output: str
    num_features: int
    category_maps: dict[int, dict[float, int]]
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class StandardScaler(Stage):
    """feature.StandardScalerModel; ``mean`` and ``std`` [d]."""

    input: str
    output: str
    mean: Floats
    std: Floats
    with_mean: bool
    with_std: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class MinMaxScaler(Stage):
    """feature.MinMaxScalerModel; ``original_min`` and ``original_max`` [d], target range ``[min, max]``."""

    input: str
    output: str
    original_min: Floats
    original_max: Floats
    min: float
    max: float


@dataclass(frozen=True, kw_only=True, eq=False)
class MaxAbsScaler(Stage):
    """feature.MaxAbsScalerModel; ``max_abs`` [d]."""

    input: str
    output: str
    max_abs: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class RobustScaler(Stage):
    """feature.RobustScalerModel; ``range`` and ``median`` [d]."""

    input: str
    output: str
    range: Floats
    median: Floats
    with_centering: bool
    with_scaling: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalizer(Stage):
    """feature.Normalizer: each row divided by its p-norm (p >= 1, may be inf)."""

    input: str
    output: str
    p: float


@dataclass(frozen=True, kw_only=True, eq=False)
class PCA(Stage):
    """feature.PCAModel: row times ``pc`` [d, k]; Spark does not centre."""

    input: str
    output: str
    pc: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Rename(Stage):
    """The same values under a second column name (what RFormula's VectorAttributeRewriter amounts to)."""

    input: str
    output: str


# ---------------------------------------------------------------- models


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor(Stage):
    """A model: one vector column in, a prediction out; an empty column name switches that output off."""

    features: str
    prediction: str
    num_features: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Classifier(Predictor):
    """A model with scores a class. ``thresholds`` [K] or None, as Spark's parameter of that name."""

    raw_prediction: str
    probability: str  # always "" for LinearSVC, which has none
    num_classes: int
    thresholds: Floats | None


@dataclass(frozen=True, kw_only=True, eq=False)
class LogisticRegression(Classifier):
    """classification.LogisticRegressionModel; ``coefficients`` [1 or K, d], ``intercepts`` [1 or K].

    ``threshold`` is the binary one (Spark's getThreshold, already derived from ``thresholds`` when only
    those were set), unused when ``is_multinomial``.
    """

    coefficients: Floats
    intercepts: Floats
    is_multinomial: bool
    threshold: float


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearSVC(Classifier):
    """classification.LinearSVCModel; ``coefficients`` [d]; class 1 when the margin is above ``threshold``."""

    coefficients: Floats
    intercept: float
    threshold: float


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
    """regression.LinearRegressionModel; ``coefficients`` [d]."""

    coefficients: Floats
    intercept: float


@dataclass(frozen=True, eq=False)
class Tree:
    """One decision tree; nodes in saved (pre-order) id order, the root is node 0. All arrays have length n.

    ``feature`` is -1 at leaves. A continuous node goes left when value <= threshold (NaN goes right).
    A categorical node (``num_categories`` > 0) keeps Spark's own memory: ``left_categories[i]`` is what was
    saved; Spark (CategoricalSplit.scala) remembers the smaller side, so ``is_left[i]`` tells which one
    ``categories[i]`` is: value in categories -> that side, every other value -> the other side.
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
    """DecisionTree, RandomForest or GBT classification model; ``weights`` [T] (ones for dt and rf)."""

    kind: Literal["dt", "rf", "gbt"]
    trees: tuple[Tree, ...]
    weights: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class TreeRegressor(Predictor):
    """DecisionTree, RandomForest or GBT regression model; ``weights`` [T].

    ``variance`` names the column of DecisionTreeRegressionModel's varianceCol ("" when unset).
    """

    kind: Literal["dt", "rf", "gbt"]
    trees: tuple[Tree, ...]
    weights: Floats
    variance: str


@dataclass(frozen=True, kw_only=True, eq=False)
class KMeans(Predictor):
    """clustering.KMeansModel, euclidean; ``centers`` [k, d] in cluster order; NaN raises as Spark does."""

    centers: Floats


# ---------------------------------------------------------------- the whole


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A fitted pipeline, nested pipelines flattened, in order of execution.

    ``training_columns``: the columns that only fitting reads (labelCol, weightCol, ... of the models):
    transform() works without them, so scoring accepts and ignores them.
    """

    uid: str
    spark_class: str
    spark_version: str
    stages: tuple[Stage, ...]
    training_columns: tuple[str, ...] = ()


Kind: TypeAlias = Literal["number", "string", "any", "vector"]


@dataclass(frozen=True)
class Column:
    """A column as the scorer sees it.

    ``kind``: "number" (float64), "string", "any" (a StringIndexer's raw input whose Spark type is unknown:
    the NumPy dtype of what arrives decides how it is spelled as text, as Spark casts it) or "vector".
    ``size`` is a vector's width, else 0. ``spark_type`` is the simpleString of the training schema
    ("int", "double", "string", ...), "" when the model was logged without a DataFrame.
    """

    name: str
    kind: Kind
    size: int = 0
    nullable: bool = True
    spark_type: str = ""


@dataclass(frozen=True, eq=False)
class Plan:
    """A pipeline made ready to score.

    ``stages``: the ones that the outputs need, in order. ``inputs``: raw columns those read. ``optional``:
    raw columns that only dropped stages read (the label of a training pipeline): accepted and ignored.
    ``columns``: every column that occurs in ``stages``, by name. ``outputs``: what score() returns.
    """

    pipeline: Pipeline
    stages: tuple[Stage, ...]
    inputs: tuple[Column, ...]
    optional: tuple[Column, ...]
    outputs: tuple[Column, ...]
    columns: dict[str, Column]
