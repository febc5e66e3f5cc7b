"""``score``: the stages in the order in which Spark comes to evaluate them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reference import features, inputs, models, trees, vectors
from splicemachine_ml.portable.reference.values import Bools, Rows, Values

# what each stage computes: it adds its output columns, or raises for rows that Spark would raise for
COMPUTE: dict[type[ir.Stage], Callable[[Rows, Any], None]] = {
    ir.StringIndexer: features.string_indexer,
    ir.IndexToString: features.index_to_string,
    ir.OneHotEncoder: features.one_hot_encoder,
    ir.Imputer: features.imputer,
    ir.Bucketizer: features.bucketizer,
    ir.Binarizer: features.binarizer,
    ir.VectorAssembler: vectors.vector_assembler,
    ir.VectorIndexer: vectors.vector_indexer,
    ir.StandardScaler: vectors.standard_scaler,
    ir.MinMaxScaler: vectors.min_max_scaler,
    ir.MaxAbsScaler: vectors.max_abs_scaler,
    ir.RobustScaler: vectors.robust_scaler,
    ir.Normalizer: vectors.normalizer,
    ir.PCA: vectors.pca,
    ir.Rename: vectors.rename,
    ir.LogisticRegression: models.logistic_regression,
    ir.LinearSVC: models.linear_svc,
    ir.MultilayerPerceptron: models.multilayer_perceptron,
    ir.LinearRegression: models.linear_regression,
    ir.KMeans: models.kmeans,
    ir.TreeClassifier: trees.tree_classifier,
    ir.TreeRegressor: trees.tree_regressor,
}

# which rows each stage drops when its handleInvalid is "skip", by looking at its inputs ...
DROP: dict[type[ir.Stage], Callable[[Rows, Any], Bools]] = {
    ir.StringIndexer: features.string_indexer_skips,
    ir.Bucketizer: features.bucketizer_skips,
    ir.VectorAssembler: vectors.vector_assembler_skips,
}
# ... or at what it computed
DROP_AFTERWARDS: dict[type[ir.Stage], Callable[[Rows, Any], Bools]] = {
    ir.VectorIndexer: vectors.vector_indexer_skips,
}
# Spark marks these functions non-deterministic, so that its optimizer evaluates them where they stand
EAGER: tuple[type[ir.Stage], ...] = (ir.StringIndexer, ir.VectorAssembler)


def score(plan: ir.Plan, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Score rows as ``PipelineModel.transform(...).select(outputs)`` does.

    ``columns``: the plan's raw inputs, shape [N] (vectors [N, d]); None, pandas.NA and masked are null.
    Answers the plan's outputs and ``row_index`` int64 [M]: the input row of each of the M <= N rows left.
    Null numbers are answered as NaN, null vectors as rows of NaN.

    A filter (handleInvalid "skip") reads no more than its own columns, and Spark evaluates everything else
    as late as it can. Hence a row that a later filter drops does not raise in an earlier Bucketizer, unless
    something eager, or the filter itself, had asked for that bucket. Seen on Spark 4.3; the tests hold it.

    Raises:
        ScoringError: a column is missing, unknown or wrongly typed, or Spark would raise for a row.
        ConversionError: the plan holds a stage this reference does not know.
    """
    rows = inputs.read(plan, columns)
    demand = _Demand(plan.stages, rows)
    for stage in plan.stages:
        demand.visit(stage)
    for column in plan.outputs:
        demand.column(column.name)
    answers = {column.name: _answer(rows.columns[column.name]) for column in plan.outputs}
    return {**answers, "row_index": rows.index}


class _Demand:
    """Evaluates stages when a column of theirs is asked for, each once."""

    def __init__(self, stages: tuple[ir.Stage, ...], rows: Rows) -> None:
        self._rows = rows
        self._waiting = {name: stage for stage in stages for name in writes(stage)}

    def visit(self, stage: ir.Stage) -> None:
        """What happens at a stage's own place in the pipeline: filters, and eager functions."""
        kind = type(stage)
        skips = getattr(stage, "handle_invalid", "") == "skip"
        if skips and kind in DROP:
            self._inputs(stage)
            self._rows.drop(DROP[kind](self._rows, stage))
        if kind in EAGER or (skips and kind in DROP_AFTERWARDS):
            self._evaluate(stage)
        if skips and kind in DROP_AFTERWARDS:
            self._rows.drop(DROP_AFTERWARDS[kind](self._rows, stage))

    def column(self, name: str) -> None:
        """Make sure that a column is there."""
        if name in self._waiting:
            self._evaluate(self._waiting[name])

    def _inputs(self, stage: ir.Stage) -> None:
        for name in reads(stage):
            self.column(name)

    def _evaluate(self, stage: ir.Stage) -> None:
        self._inputs(stage)
        compute = COMPUTE.get(type(stage))
        if compute is None:
            raise ConversionError(f"{stage.uid} ({stage.spark_class}): the reference has no such stage.")
        compute(self._rows, stage)
        for name in writes(stage):
            self._waiting.pop(name, None)


def reads(stage: ir.Stage) -> tuple[str, ...]:
    """The columns a stage reads."""
    return _named(stage, ("inputs", "input", "features"))


def writes(stage: ir.Stage) -> tuple[str, ...]:
    """The columns a stage adds."""
    return _named(stage, ("outputs", "output", "prediction", "raw_prediction", "probability", "variance"))


def _named(stage: ir.Stage, fields: tuple[str, ...]) -> tuple[str, ...]:
    names: list[str] = []
    for field in fields:
        value = getattr(stage, field, ())
        names.extend([value] if isinstance(value, str) else value)
    return tuple(name for name in names if name)


def _answer(values: Values) -> NDArray[Any]:
    if values.data.dtype == object:
        return values.data
    null = values.null[:, None] if values.data.ndim == 2 else values.null
    return np.where(null, np.nan, values.data)
