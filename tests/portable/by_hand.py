"""Plans made by hand, and answers of the NumPy reference held against a table of Spark's."""

from __future__ import annotations

import numpy as np
import pytest

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable import reference
from splicemachine_ml.portable import stages as ir

NAN, INF = np.nan, np.inf
ERROR = "raises"


def named(kind, /, **fields):
    return kind(uid=f"{kind.__name__}_1", spark_class=f"org.apache.spark.ml.{kind.__name__}", **fields)


def plan(stages, inputs, outputs, optional=()):
    """A plan by hand; outputs are names, inputs columns."""
    pipeline = ir.Pipeline("p", "org.apache.spark.ml.PipelineModel", "4.3.0", tuple(stages))
    answers = tuple(ir.Column(name, "number") for name in outputs)
    known = {column.name: column for column in (*inputs, *optional, *answers)}
    return ir.Plan(pipeline, tuple(stages), tuple(inputs), tuple(optional), answers, known)


def number(name="x", spark_type="double"):
    return ir.Column(name, "number", spark_type=spark_type)


def vector(name="x", size=3):
    return ir.Column(name, "vector", size)


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def assert_answer(answer, expected):
    if isinstance(expected, list) and not expected:
        assert len(answer) == 0
    else:
        np.testing.assert_array_equal(answer, [expected])


def check(stage, column, table):
    """Each value of ``table`` alone: its answer, [] for a dropped row, ERROR."""
    one = plan([stage], [column], ["o"])
    for value, expected in table:
        rows = {column.name: objects([value])}
        if expected == ERROR:
            with pytest.raises(ScoringError) as caught:
                reference.score(one, rows)
            assert (caught.value.column, caught.value.row) == (column.name, 0), value
        else:
            answer = reference.score(one, rows)["o"]
            assert_answer(answer, expected)
