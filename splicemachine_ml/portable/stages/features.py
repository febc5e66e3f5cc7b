"""Feature stages: org.apache.spark.ml.feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from splicemachine_ml.portable.stages.base import Floats, HandleInvalid, Stage


@dataclass(frozen=True, kw_only=True, eq=False)
class StringIndexer(Stage):
    """feature.StringIndexerModel: one label list per input; a value's answer is its position (double).

    Numbers are compared as the text Spark casts them to ("3" for an integer, "3.0" for a double). Null and
    values that are no label: "error" raises, "skip" drops the row, "keep" answers ``len(labels)``.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class IndexToString(Stage):
    """feature.IndexToString: ``labels[int(value)]`` (cut towards zero); an index without a label raises.

    ``labels`` are its own or, when it has none, those of the column's indexer (with "__unknown" behind them
    when that one keeps invalid values, as in the metadata Spark leaves on the column).
    """

    input: str
    output: str
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class OneHotEncoder(Stage):
    """feature.OneHotEncoderModel; ``category_sizes`` as saved, before keep and dropLast change the width.

    Width = size + (1 if keep) - (1 if drop_last); a 1.0 stands at ``int(value)``, nowhere when that is the
    place cut off by ``drop_last``. Values outside 0 .. size - 1 (NaN and negative ones too) raise, or go to
    place ``size`` under keep.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    category_sizes: tuple[int, ...]
    drop_last: bool
    handle_invalid: Literal["error", "keep"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Imputer(Stage):
    """feature.ImputerModel: null and ``missing_value`` (NaN by default) become the column's surrogate.

    The answer has the type of the input column: in an integer column the surrogate loses its fraction, in a
    float column it is rounded to float. ``surrogates`` are as saved, before that cast.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    surrogates: tuple[float, ...]
    missing_value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Bucketizer(Stage):
    """feature.Bucketizer (also what QuantileDiscretizer leaves behind); splits may hold +-inf at the ends.

    Bucket i is [splits[i], splits[i + 1]), the last one closed. NaN: "error" raises, "skip" drops the row (a
    null one too), "keep" answers ``len(splits) - 1``. What is outside the splits raises in every mode.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    splits: tuple[Floats, ...]
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class Binarizer(Stage):
    """feature.Binarizer on number or vector columns: 1.0 where the value is above the threshold, else 0.0."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorAssembler(Stage):
    """feature.VectorAssembler: numbers and vectors side by side, in the order of ``inputs``.

    A number that is null or NaN, or a null vector: "error" raises, "skip" drops the row, "keep" gives
    NaN. NaN inside a vector passes.
    """

    inputs: tuple[str, ...]
    output: str
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorIndexer(Stage):
    """feature.VectorIndexerModel: ``category_maps[feature][value]`` is the index; the rest passes through.

    A value that is not in its feature's map: "error" raises, "skip" drops the row, "keep" answers
    ``len(category_maps[feature])``.
    """

    input: str
    output: str
    num_features: int
    category_maps: dict[int, dict[float, int]]
    handle_invalid: HandleInvalid


@dataclass(frozen=True, kw_only=True, eq=False)
class StandardScaler(Stage):
    """feature.StandardScalerModel; ``mean`` and ``std`` [d].

    (x - mean) times 1 / std, each part only when switched on; 0 where std is 0.
    """

    input: str
    output: str
    mean: Floats
    std: Floats
    with_mean: bool
    with_std: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class MinMaxScaler(Stage):
    """feature.MinMaxScalerModel; ``original_min`` and ``original_max`` [d], target range ``[min, max]``.

    (x - original_min) times (max - min) / (original_max - original_min) plus min; the middle of the range
    where original_min equals original_max; NaN stays NaN.
    """

    input: str
    output: str
    original_min: Floats
    original_max: Floats
    min: float
    max: float


@dataclass(frozen=True, kw_only=True, eq=False)
class MaxAbsScaler(Stage):
    """feature.MaxAbsScalerModel; ``max_abs`` [d]: x times 1 / max_abs, unchanged where that is 0."""

    input: str
    output: str
    max_abs: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class RobustScaler(Stage):
    """feature.RobustScalerModel; ``range`` and ``median`` [d].

    (x - median) times 1 / range, each part only when switched on; 0 where range is 0.
    """

    input: str
    output: str
    range: Floats
    median: Floats
    with_centering: bool
    with_scaling: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Normalizer(Stage):
    """feature.Normalizer: each row divided by its p-norm (p >= 1, may be inf); a zero row stays."""

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
    """The same values, cast to double, under a second column name: RFormula's number or boolean label."""

    input: str
    output: str
