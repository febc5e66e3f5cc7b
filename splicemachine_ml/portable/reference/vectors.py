"""Feature stages on vectors: the assembler, VectorIndexer, scalers and projections."""

from __future__ import annotations

import numpy as np

from splicemachine_ml.portable.reference.values import Bools, Rows, Values, compressed, dense, sparse
from splicemachine_ml.portable.stages import (
    PCA,
    Floats,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    Rename,
    RobustScaler,
    StandardScaler,
    VectorAssembler,
    VectorIndexer,
)


def vector_assembler(rows: Rows, stage: VectorAssembler) -> None:
    """feature.VectorAssembler.assemble: a null or NaN number and a null vector are invalid.

    NaN inside a vector is not. keep writes NaN in their place, a null vector's whole width.
    """
    parts = []
    for name in stage.inputs:
        values = rows.columns[name]
        broken = _incomplete(values)
        if stage.handle_invalid != "keep":
            rows.reject(broken, stage, name, "the value is null or NaN")
        cells = values.data if values.data.ndim == 2 else values.data[:, None]
        parts.append(np.where(broken[:, None], np.nan, cells))
    rows.columns[stage.output] = compressed(np.hstack(parts))


def vector_assembler_skips(rows: Rows, stage: VectorAssembler) -> Bools:
    """feature.VectorAssembler.transform: na.drop of all inputs."""
    lost = np.zeros(len(rows.index), bool)
    for name in stage.inputs:
        lost |= _incomplete(rows.columns[name])
    return lost


def _incomplete(values: Values) -> Bools:
    return values.null if values.stored is not None else values.null | np.isnan(values.data)


def vector_indexer(rows: Rows, stage: VectorIndexer) -> None:
    """feature.VectorIndexerModel.transformFunc: categories become indices, the rest passes.

    In a sparse vector the cells that are not stored are left alone: they answer 0 even where 0.0 is no known
    category. NaN is never found. keep answers the number of categories; skip makes the vector null, for the
    filter behind it.
    """
    data, stored = rows.vectors(stage, stage.input)
    data = data.copy()
    invalid = np.zeros(len(data), bool)
    for feature, categories in stage.category_maps.items():
        column = data[:, feature]
        index = np.full(len(column), -1.0)
        for value, place in categories.items():
            index[column == value] = place
        unseen = (index < 0) & stored[:, feature]
        if stage.handle_invalid == "error":
            rows.reject(unseen, stage, stage.input, f"feature {feature} is not a known category")
        invalid |= unseen
        index[unseen] = len(categories)
        data[:, feature] = np.where(stored[:, feature], index, column)
    rows.columns[stage.output] = sparse(data, stored, invalid if stage.handle_invalid == "skip" else None)


def vector_indexer_skips(rows: Rows, stage: VectorIndexer) -> Bools:
    """feature.VectorIndexerModel.transform: na.drop of the output."""
    return rows.columns[stage.output].null


def standard_scaler(rows: Rows, stage: StandardScaler) -> None:
    """feature.StandardScalerModel: times 1/std, and times 0 where std is 0."""
    with np.errstate(divide="ignore"):
        scale = np.where(stage.std == 0, 0.0, 1.0 / stage.std)
    _affine(rows, stage, stage.mean if stage.with_mean else None, scale if stage.with_std else None)


def robust_scaler(rows: Rows, stage: RobustScaler) -> None:
    """feature.RobustScalerModel: as StandardScaler, with median and quantile range."""
    with np.errstate(divide="ignore"):
        scale = np.where(stage.range == 0, 0.0, 1.0 / stage.range)
    shift = stage.median if stage.with_centering else None
    _affine(rows, stage, shift, scale if stage.with_scaling else None)


def max_abs_scaler(rows: Rows, stage: MaxAbsScaler) -> None:
    """feature.MaxAbsScalerModel: times 1/max, unchanged where max is 0."""
    with np.errstate(divide="ignore"):
        scale = np.where(stage.max_abs == 0, 1.0, 1.0 / stage.max_abs)
    _affine(rows, stage, None, scale)


def _affine(
    rows: Rows,
    stage: StandardScaler | RobustScaler | MaxAbsScaler,
    shift: Floats | None,
    scale: Floats | None,
) -> None:
    """feature.StandardScalerModel.getTransformFunc: only a shift makes sparse vectors dense."""
    if shift is None and scale is None:
        rows.columns[stage.output] = rows.columns[stage.input]  # not even null is looked at
        return
    data, stored = rows.vectors(stage, stage.input)
    factor = np.ones(data.shape[1]) if scale is None else scale
    with np.errstate(invalid="ignore", over="ignore"):
        if shift is None:
            rows.columns[stage.output] = sparse(np.where(stored, data * factor, 0.0), stored)
        else:
            rows.columns[stage.output] = dense((data - shift) * factor)


def min_max_scaler(rows: Rows, stage: MinMaxScaler) -> None:
    """feature.MinMaxScalerModel: a constant feature becomes the middle of the range; NaN stays."""
    data, _ = rows.vectors(stage, stage.input)
    spread = stage.original_max - stage.original_min
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.where(spread == 0, 0.0, (stage.max - stage.min) / spread)
        scaled = (data - stage.original_min) * scale + stage.min
    constant = np.isnan(data) | (scale != 0)
    rows.columns[stage.output] = compressed(np.where(constant, scaled, (stage.max + stage.min) / 2))


def normalizer(rows: Rows, stage: Normalizer) -> None:
    """feature.Normalizer (mllib.linalg.Vectors.norm): a zero vector stays; NaN is never the maximum."""
    data, stored = rows.vectors(stage, stage.input)
    size = np.abs(data)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        if np.isinf(stage.p):
            norm = np.fmax.reduce(size, axis=1, initial=0.0)
        elif stage.p == 1:
            norm = size.sum(axis=1)
        elif stage.p == 2:
            norm = np.sqrt((data * data).sum(axis=1))
        else:
            norm = (size**stage.p).sum(axis=1) ** (1.0 / stage.p)
        zero = norm == 0
        answer = np.where(zero[:, None], data, data / norm[:, None])
    rows.columns[stage.output] = sparse(np.where(stored, answer, 0.0), stored)


def pca(rows: Rows, stage: PCA) -> None:
    """feature.PCAModel: the row times the components, not centred."""
    data, _ = rows.vectors(stage, stage.input)
    with np.errstate(invalid="ignore", over="ignore"):
        rows.columns[stage.output] = dense(data @ stage.pc)


def rename(rows: Rows, stage: Rename) -> None:
    """feature.VectorAttributeRewriter and the like: other metadata, same values."""
    rows.columns[stage.output] = rows.columns[stage.input]
