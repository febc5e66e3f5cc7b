"""Reader functions of org.apache.spark.ml.feature: one saved stage in, one IR stage out."""

from __future__ import annotations

from typing import Any

import numpy as np

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.disk import LIMITS
from splicemachine_ml.portable.reader.saved import SavedStage
from splicemachine_ml.portable.reader.values import matrix, vector

_INVALID = ("error", "skip", "keep")


def _handle_invalid(saved: SavedStage, allowed: tuple[str, ...] = _INVALID) -> Any:
    return saved.choice("handleInvalid", allowed, "error")


def _in_out(saved: SavedStage) -> dict[str, str]:
    return {"input": saved.params.text("inputCol"), "output": saved.params.text("outputCol")}


def _vectors(saved: SavedStage, *columns: str) -> list[ir.Floats]:
    """One vector a column from a one-row table; all must have the same length."""
    row = saved.row(*columns)
    found = [vector(row[c]) for c in columns]
    if len({len(v) for v in found}) > 1:
        raise saved.corrupt(f"the vectors {', '.join(columns)} differ in length")
    return found


def string_indexer(saved: SavedStage) -> ir.Stage:
    """StringIndexerModel: labelsArray, one list an input (before 3.0: labels, one list)."""
    inputs, outputs = saved.params.columns()
    table = saved.table()
    if table.num_rows != 1 or not {"labelsArray", "labels"} & set(table.column_names):
        raise saved.corrupt("data holds no labelsArray")
    if "labelsArray" in table.column_names:
        labels = table.column("labelsArray")[0].as_py()
    else:
        labels = [table.column("labels")[0].as_py()]
    lists = tuple(tuple(words) for words in labels)
    if len(lists) != len(inputs) or not all(isinstance(w, str) for words in lists for w in words):
        raise saved.corrupt(f"{len(lists)} label lists for {len(inputs)} columns, or a label that is no text")
    return ir.StringIndexer(
        **saved.identity, inputs=inputs, outputs=outputs, labels=lists, handle_invalid=_handle_invalid(saved)
    )


def index_to_string(saved: SavedStage) -> ir.Stage:
    """IndexToString; without labels of its own the walk fills in those of the column's indexer."""
    return ir.IndexToString(**saved.identity, **_in_out(saved), labels=saved.params.texts("labels", ()))


def one_hot_encoder(saved: SavedStage) -> ir.Stage:
    """OneHotEncoderModel: categorySizes, one a column."""
    inputs, outputs = saved.params.columns()
    sizes = saved.row("categorySizes")["categorySizes"].as_py()
    if len(sizes) != len(inputs) or not all(0 <= n <= LIMITS.width for n in sizes):
        raise saved.corrupt(f"categorySizes {sizes} for {len(inputs)} columns")
    return ir.OneHotEncoder(
        **saved.identity,
        inputs=inputs,
        outputs=outputs,
        category_sizes=tuple(sizes),
        drop_last=saved.params.flag("dropLast"),
        handle_invalid=_handle_invalid(saved, ("error", "keep")),
    )


def imputer(saved: SavedStage) -> ir.Stage:
    """ImputerModel: a one-row table with one column an input column."""
    inputs, outputs = saved.params.columns()
    row = saved.row(*inputs)
    return ir.Imputer(
        **saved.identity,
        inputs=inputs,
        outputs=outputs,
        surrogates=tuple(float(row[c].as_py()) for c in inputs),
        missing_value=saved.params.number("missingValue"),
    )


def bucketizer(saved: SavedStage) -> ir.Stage:
    """Bucketizer: splits, or splitsArray in the multi-column form."""
    inputs, outputs = saved.params.columns()
    multi = saved.params.is_set("inputCols")
    splits = saved.params.number_lists("splitsArray") if multi else (saved.params.numbers("splits"),)
    if len(splits) != len(inputs) or not all(len(s) > 2 and np.all(np.diff(s) > 0) for s in splits):
        raise saved.corrupt("splits are not one increasing list of three or more a column")
    return ir.Bucketizer(
        **saved.identity, inputs=inputs, outputs=outputs, splits=splits, handle_invalid=_handle_invalid(saved)
    )


def binarizer(saved: SavedStage) -> ir.Stage:
    """Binarizer: thresholds when set (multi-column form only), else threshold for every column."""
    inputs, outputs = saved.params.columns()
    if saved.params.is_set("thresholds") and saved.params.is_set("inputCols"):
        saved.params.number("threshold")
        thresholds = tuple(float(t) for t in saved.params.numbers("thresholds"))
    else:
        thresholds = (saved.params.number("threshold"),) * len(inputs)
    if len(thresholds) != len(inputs):
        raise saved.corrupt(f"{len(thresholds)} thresholds for {len(inputs)} columns")
    return ir.Binarizer(**saved.identity, inputs=inputs, outputs=outputs, thresholds=thresholds)


def vector_assembler(saved: SavedStage) -> ir.Stage:
    """VectorAssembler."""
    return ir.VectorAssembler(
        **saved.identity,
        inputs=saved.params.texts("inputCols"),
        output=saved.params.text("outputCol"),
        handle_invalid=_handle_invalid(saved),
    )


def vector_indexer(saved: SavedStage) -> ir.Stage:
    """VectorIndexerModel: numFeatures and categoryMaps {feature: {value: index}}."""
    row = saved.row("numFeatures", "categoryMaps")
    size, maps = row["numFeatures"].as_py(), row["categoryMaps"].as_py()
    if not all(0 <= feature < size for feature, _ in maps):
        raise saved.corrupt(f"categoryMaps names a feature outside of 0 to {size - 1}")
    return ir.VectorIndexer(
        **saved.identity,
        **_in_out(saved),
        num_features=size,
        category_maps={feature: dict(pairs) for feature, pairs in sorted(maps)},
        handle_invalid=_handle_invalid(saved),
    )


def standard_scaler(saved: SavedStage) -> ir.Stage:
    """StandardScalerModel."""
    mean, std = _vectors(saved, "mean", "std")
    return ir.StandardScaler(
        **saved.identity,
        **_in_out(saved),
        mean=mean,
        std=std,
        with_mean=saved.params.flag("withMean"),
        with_std=saved.params.flag("withStd"),
    )


def min_max_scaler(saved: SavedStage) -> ir.Stage:
    """MinMaxScalerModel."""
    low, high = _vectors(saved, "originalMin", "originalMax")
    return ir.MinMaxScaler(
        **saved.identity,
        **_in_out(saved),
        original_min=low,
        original_max=high,
        min=saved.params.number("min"),
        max=saved.params.number("max"),
    )


def max_abs_scaler(saved: SavedStage) -> ir.Stage:
    """MaxAbsScalerModel."""
    (max_abs,) = _vectors(saved, "maxAbs")
    return ir.MaxAbsScaler(**saved.identity, **_in_out(saved), max_abs=max_abs)


def robust_scaler(saved: SavedStage) -> ir.Stage:
    """RobustScalerModel."""
    spread, median = _vectors(saved, "range", "median")
    return ir.RobustScaler(
        **saved.identity,
        **_in_out(saved),
        range=spread,
        median=median,
        with_centering=saved.params.flag("withCentering"),
        with_scaling=saved.params.flag("withScaling"),
    )


def normalizer(saved: SavedStage) -> ir.Stage:
    """Normalizer."""
    return ir.Normalizer(**saved.identity, **_in_out(saved), p=saved.params.number("p"))


def pca(saved: SavedStage) -> ir.Stage:
    """PCAModel: pc [d, k]."""
    return ir.PCA(**saved.identity, **_in_out(saved), pc=matrix(saved.row("pc")["pc"]))
