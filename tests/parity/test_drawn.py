"""Any pipeline, any row: the ONNX scorer and the NumPy reference agree, in seconds and without Spark."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable import reference
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.onnx import build
from splicemachine_ml.portable.plan import make_plan
from splicemachine_ml.portable.scorer import Scorer
from tests.parity.drawn import SCHEMA, pipelines, tables
from tests.parity.harness import assert_same, split

SPEED = settings(
    max_examples=300,
    deadline=None,
    report_multiple_bugs=False,
    derandomize=True,  # a red build must be red again
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@SPEED
@given(st.data())
def test_scorer_and_reference_agree(data):
    plan = make_plan(data.draw(pipelines()), SCHEMA)
    columns = data.draw(tables([column.name for column in plan.inputs]))
    assume(columns)
    model, spec = build(plan)
    scorer = Scorer(spec, model)
    count = len(next(iter(columns.values())))
    singles = [{name: cells[row : row + 1] for name, cells in columns.items()} for row in range(count)]
    ours = [outcome(scorer.score, single) for single in singles]
    theirs = [outcome(lambda rows: reference.score(plan, rows), single) for single in singles]
    for our, their in zip(ours, theirs, strict=True):
        assert_alike(our, their, plan)
    assert_batch(outcome(scorer.score, columns), ours, plan)
    assert_batch(outcome(lambda rows: reference.score(plan, rows), columns), theirs, plan)


def outcome(score, columns):
    try:
        return score(columns)
    except ScoringError as error:
        return error


def assert_alike(ours, theirs, plan):
    """The same answers, or the same stage refusing the row because of the same column."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        assert_same(ours, theirs, plan)
        return
    assert isinstance(ours, ScoringError), f"reference: {theirs}"
    assert isinstance(theirs, ScoringError), f"scorer: {ours}"
    assert blamed(ours) == blamed(theirs), f"{ours} / {theirs}"
    stage = next(stage for stage in plan.stages if stage.uid == blamed(ours))
    if len(getattr(stage, "inputs", ())) < 2:  # of several broken columns either may be named
        assert ours.column == theirs.column


def blamed(error):
    return re.search(r"\b[A-Z]\w+_\d+\b", str(error))[0]


def assert_batch(whole, singles, plan):
    """A batch is its rows one by one; when some are refused, it is refused for one of them."""
    refused = {row for row, single in enumerate(singles) if isinstance(single, ScoringError)}
    if refused:
        assert isinstance(whole, ScoringError)
        assert whole.row in refused
    else:
        assert not isinstance(whole, ScoringError), str(whole)
        assert_same(whole, split(singles), plan)


def test_classes_are_compared_exactly():
    """The comparison itself: a class apart is a difference however close the scores are."""
    stage = ir.KMeans(
        uid="k", spark_class="KMeans", features="v", prediction="p", num_features=1, centers=np.zeros((2, 1))
    )
    pipeline = ir.Pipeline("p", "PipelineModel", "4.3.0", (stage,))
    plan = make_plan(pipeline, {"v": "vector(1)"})
    answer = {"p": np.array([1.0]), "row_index": np.array([0])}
    assert_same(answer, answer, plan)
    try:
        assert_same({**answer, "p": np.array([1.0 + 1e-15])}, answer, plan)
    except AssertionError:
        return
    raise AssertionError("a prediction that differs must not pass")
