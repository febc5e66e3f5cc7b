"""Fit in Spark, save, convert; then ask Spark, the ONNX scorer and the NumPy reference the same thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import functions as F

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable import reference
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.convert import convert
from splicemachine_ml.portable.scorer import Scorer
from splicemachine_ml.spark.pipeline_io import save_model
from tests.parity import rows

RELATIVE = 1e-12


@dataclass(frozen=True)
class Bad:
    """A row on which Spark raises (the first good row with ``changes``), and the column that is to blame."""

    changes: Mapping[str, Any]
    column: str


@dataclass(frozen=True)
class Case:
    """One pipeline, fitted on the table ``train``; none of the rows that ``good`` makes of it raises.

    ``vectors``: raw vector columns and the columns they are made of, null where the first of those is.
    """

    name: str
    family: str
    fit: Callable[[Any], Any]
    train: str
    good: Callable[[pa.Table], pa.Table]
    bad: Sequence[Bad] = field(default=())
    edges: bool = False
    with_schema: bool = True
    vectors: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Trio:
    """The three scorers of one case."""

    def __init__(self, spark: Any, case: Case, train: pa.Table, directory: Path) -> None:
        self.spark, self.case, self.train = spark, case, train
        self.good = case.good(train)
        self.model = case.fit(self.frame(train))
        save_model(self.model, directory / "spark")
        schema = rows.schema_of(train) | dict.fromkeys(case.vectors, "vector") if case.with_schema else None
        self.plan: ir.Plan = convert(directory / "spark", directory / "portable", schema=schema)
        self.scorer = Scorer.load(directory / "portable")

    def frame(self, table: pa.Table) -> Any:
        """The table as a Spark DataFrame."""
        made = self.spark.createDataFrame(table)
        for name, parts in self.case.vectors.items():
            filled = F.when(F.col(parts[0]).isNotNull(), array_to_vector(F.array(*parts)))
            made = made.withColumn(name, filled)
        return made

    def inputs(self, table: pa.Table) -> dict[str, np.ndarray]:
        """The columns that the scorers read."""
        wanted = [column.name for column in self.plan.inputs]
        given = rows.columns_of(table, [name for name in wanted if name not in self.case.vectors])
        vectors = {
            name: rows.vectors_of(table, self.case.vectors[name]) for name in wanted if name not in given
        }
        return given | vectors

    def portable(self, table: pa.Table) -> dict[str, np.ndarray]:
        return self.scorer.score(self.inputs(table))

    def reference(self, table: pa.Table) -> dict[str, np.ndarray]:
        return reference.score(self.plan, self.inputs(table))

    def query(self, table: pa.Table) -> Any:
        """What Spark is asked: the row's id and the outputs, vectors as arrays."""
        frame = self.model.transform(self.frame(table))
        chosen = [
            F.when(F.col(column.name).isNotNull(), vector_to_array(F.col(column.name))).alias(column.name)
            if column.kind == "vector"
            else F.col(column.name)
            for column in self.plan.outputs
        ]
        return frame.select("rid", *chosen)

    def spark_answers(self, table: pa.Table) -> dict[str, np.ndarray]:
        """Spark's own answers, in the order of the input; row_index is the id carried through."""
        answers = self.query(table).toArrow().sort_by("rid")
        found = {
            column.name: _answer(answers.column(column.name), column.size) for column in self.plan.outputs
        }
        return {**found, "row_index": answers.column("rid").to_numpy()}

    def assert_raises(self, table: pa.Table, column: str) -> None:
        """Spark, scorer and reference all refuse the row, and ours say which column is to blame."""
        query = self.query(table)  # so far so good: what raises is the row
        self.spark.sparkContext.setLogLevel("OFF")
        try:
            with pytest.raises((PySparkException, Py4JJavaError)):
                query.toArrow()
        finally:
            self.spark.sparkContext.setLogLevel("ERROR")
        for score in (self.portable, self.reference):
            with pytest.raises(ScoringError) as caught:
                score(table)
            blamed = (score.__name__, caught.value.column, caught.value.row)
            assert blamed == (score.__name__, column, 0), str(caught.value)


def _answer(column: pa.ChunkedArray, width: int) -> np.ndarray:
    if pa.types.is_string(column.type):
        cells = np.empty(len(column), dtype=object)
        cells[:] = column.to_pylist()
        return cells
    if pa.types.is_list(column.type):
        vectors = np.full((len(column), width), np.nan)
        vectors[~column.is_null().to_numpy()] = (
            column.drop_null().combine_chunks().flatten().to_numpy().reshape(-1, width)
        )
        return vectors
    return column.cast(pa.float64()).to_numpy()


def assert_same(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray], plan: ir.Plan) -> None:
    """Same rows, same text, same classes; numbers and scores within the tolerance of ``assert_close``."""
    assert set(ours) == set(theirs)
    np.testing.assert_array_equal(ours["row_index"], theirs["row_index"])
    exact = {stage.prediction for stage in plan.stages if isinstance(stage, ir.Classifier | ir.KMeans)}
    for name, answer in theirs.items():
        if name in exact or answer.dtype == object or name == "row_index":
            np.testing.assert_array_equal(ours[name], answer, err_msg=name)
        else:
            assert_close(ours[name], answer, name)


def assert_close(ours: np.ndarray, theirs: np.ndarray, name: str) -> None:
    """|ours - theirs| <= 1e-12 * max(row's largest |theirs|, 1% of the median row's); NaN and inf alike.

    Near zero the row's largest cell counts, because a small probability is what 1 - p left over and a small
    component what cancelled; and the median, because a margin near zero cancelled out of terms of that size.
    """
    assert ours.shape == theirs.shape, name
    if not len(ours):
        return
    ours, theirs = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    size = np.where(np.isfinite(theirs), np.abs(theirs), 0.0).max(axis=1, initial=0.0, keepdims=True)
    floor = 0.01 * float(np.median(size))
    with np.errstate(invalid="ignore"):
        near = np.abs(ours - theirs) <= RELATIVE * np.maximum(size, floor)
    same = near | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    if not same.all():
        row = int(np.argmin(same.all(axis=1)))
        count = int((~same).any(axis=1).sum())
        pytest.fail(f"{name}: {count} rows differ, first {row}: {ours[row]} != {theirs[row]}")


def split(answers: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The answers of batches of one, put together again."""
    sizes = [len(answer["row_index"]) for answer in answers]
    whole = {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
    return {**whole, "row_index": np.repeat(np.arange(len(answers)), sizes)}
