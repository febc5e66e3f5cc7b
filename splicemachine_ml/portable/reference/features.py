"""Feature stages on number and text columns, one function a stage."""

from __future__ import annotations

import numpy as np

from splicemachine_ml.portable.reference.text import INTEGERS, positions
from splicemachine_ml.portable.reference.values import Bools, Rows, Values, compressed, numbers, sparse
from splicemachine_ml.portable.stages import (
    Binarizer,
    Bucketizer,
    Floats,
    Imputer,
    IndexToString,
    OneHotEncoder,
    StringIndexer,
)


def string_indexer(rows: Rows, stage: StringIndexer) -> None:
    """feature.StringIndexerModel.getIndexer: null is unseen; keep answers len(labels) for the unseen."""
    for name, output, labels in zip(stage.inputs, stage.outputs, stage.labels, strict=True):
        values = rows.columns[name]
        found = positions(values, labels)
        unseen = found < 0
        if stage.handle_invalid != "keep":
            rows.reject(unseen & values.null, stage, name, "null is not among the labels")
            rows.reject(unseen, stage, name, "the value is not among the labels")
        rows.columns[output] = numbers(np.where(unseen, len(labels), found))


def string_indexer_skips(rows: Rows, stage: StringIndexer) -> Bools:
    """feature.StringIndexerModel.filterInvalidData: na.drop of the inputs, then the unseen."""
    lost = np.zeros(len(rows.index), bool)
    for name, labels in zip(stage.inputs, stage.labels, strict=True):
        lost |= _missing(rows.columns[name]) | (positions(rows.columns[name], labels) < 0)
    return lost


def index_to_string(rows: Rows, stage: IndexToString) -> None:
    """feature.IndexToString: the index cast to int, towards zero, so -0.5 is label 0.

    Spark 4 casts in ANSI mode: null, NaN and infinities raise, as does what lies outside the labels.
    """
    values = rows.columns[stage.input]
    whole = np.trunc(np.where(values.null, np.nan, values.data))
    with np.errstate(invalid="ignore"):
        known = (whole >= 0) & (whole < len(stage.labels))
    rows.reject(~known, stage, stage.input, "the index has no label")
    labels = np.array(stage.labels, dtype=object)
    rows.columns[stage.output] = Values(labels[whole.astype(np.int64)], ~known, spark_type="string")


def one_hot_encoder(rows: Rows, stage: OneHotEncoder) -> None:
    """feature.OneHotEncoderModel.encoder; null stays null, fractions are cut off when they index.

    keep adds one category for everything invalid (negative, too large, NaN); dropLast then leaves out the
    last category, which under keep is that extra one.
    """
    keep = stage.handle_invalid == "keep"
    for name, output, known in zip(stage.inputs, stage.outputs, stage.category_sizes, strict=True):
        values = rows.columns[name]
        valid = (values.data >= 0) & (values.data < known)
        if not keep:
            rows.reject(~valid & ~values.null, stage, name, "the value is not a known category")
        size = known + int(keep) - int(stage.drop_last)
        index = np.where(valid, np.trunc(np.where(valid, values.data, 0)), known)
        hot = index[:, None] == np.arange(size)[None, :]
        rows.columns[output] = sparse(hot.astype(np.float64), hot, values.null)


def imputer(rows: Rows, stage: Imputer) -> None:
    """feature.ImputerModel.transform: null and missingValue become the surrogate, in the column's type.

    NaN equals NaN in Spark SQL. The cast to the input's type cuts the surrogate of an integer column and
    rounds that of a float column.
    """
    columns = zip(stage.inputs, stage.outputs, stage.surrogates, strict=True)
    for name, output, surrogate in columns:
        values = rows.columns[name]
        fill = surrogate
        if values.spark_type in INTEGERS:
            fill = float(np.trunc(surrogate))
        elif values.spark_type == "float":
            fill = float(np.float32(surrogate))
        same = np.isnan(values.data) if np.isnan(stage.missing_value) else values.data == stage.missing_value
        missing = values.null | same
        rows.columns[output] = numbers(np.where(missing, fill, values.data), spark_type=values.spark_type)


def bucketizer(rows: Rows, stage: Bucketizer) -> None:
    """feature.Bucketizer.binarySearchForBuckets: [x, y), the last one closed; null stays null.

    java.util.Arrays.binarySearch orders as Double.compare does, so -0.0 lies below a split at 0.0. What is
    outside the splits raises whatever handleInvalid says.
    """
    for name, output, splits in zip(stage.inputs, stage.outputs, stage.splits, strict=True):
        values = rows.columns[name]
        is_nan = np.isnan(values.data) & ~values.null
        if stage.handle_invalid != "keep":
            rows.reject(is_nan, stage, name, "NaN has no bucket")
        bucket = _buckets(splits, values.data)
        outside = ((bucket < 0) | (bucket > len(splits) - 2)) & ~is_nan & ~values.null
        rows.reject(outside, stage, name, f"the value is outside [{splits[0]}, {splits[-1]}]")
        rows.columns[output] = numbers(np.where(is_nan, len(splits) - 1, bucket), values.null)


def _buckets(splits: Floats, data: Floats) -> Floats:
    """How many splits are at or below each value, less one; the last split belongs to the last bucket."""
    bucket = np.searchsorted(splits, data, side="right") - 1.0
    at_zero = (data == 0) & np.signbit(data)
    if at_zero.any():
        zero = np.flatnonzero((splits == 0) & ~np.signbit(splits))
        bucket = np.where(at_zero & (len(zero) > 0), zero[0] - 1.0 if len(zero) else 0, bucket)
    return np.where(data == splits[-1], len(splits) - 2.0, bucket)


def bucketizer_skips(rows: Rows, stage: Bucketizer) -> Bools:
    """feature.Bucketizer.transform: na.drop of the inputs."""
    lost = np.zeros(len(rows.index), bool)
    for name in stage.inputs:
        lost |= _missing(rows.columns[name])
    return lost


def _missing(values: Values) -> Bools:
    """DataFrame.na.drop: null, or NaN in a column of floating point numbers."""
    if values.data.dtype == object or values.data.ndim == 2:
        return values.null
    return np.asarray(values.null | np.isnan(values.data))


def binarizer(rows: Rows, stage: Binarizer) -> None:
    """feature.Binarizer.transform: null and NaN are 0.0 in number columns.

    In vectors Spark looks at the stored cells only and, when the threshold is negative, starts from ones and
    clears what is at or below it: NaN is 1.0 there, and 0.0 otherwise.
    """
    for name, output, threshold in zip(stage.inputs, stage.outputs, stage.thresholds, strict=True):
        values = rows.columns[name]
        if values.stored is None:
            above = (values.data > threshold) & ~values.null
            rows.columns[output] = numbers(above)
            continue
        data, _ = rows.vectors(stage, name)
        hot = ~(data <= threshold) if threshold < 0 else data > threshold
        rows.columns[output] = compressed(hot.astype(np.float64))
