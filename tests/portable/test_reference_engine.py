"""The reference around the stages: input columns, and the table of stages."""

from __future__ import annotations

import numpy as np
import pytest

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable import reference
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reference.engine import COMPUTE, reads, writes
from tests.portable.by_hand import named, number, objects, plan


def test_columns_are_checked():
    stage = named(ir.Binarizer, inputs=("amount",), outputs=("o",), thresholds=(0.0,))
    one = plan([stage], [number("amount")], ["o"], optional=[number("label")])
    assert reference.score(one, {"amount": np.empty(0)})["o"].shape == (0,)
    assert reference.score(one, {"amount": np.ones(1), "label": objects(["any"])})["o"].tolist() == [1.0]
    for columns, column, row in [
        ({}, "amount", None),
        ({"amount": np.ones(1), "amont": np.ones(1)}, "amont", None),
        ({"amount": np.ones(2), "label": np.ones(1)}, "label", None),
        ({"amount": objects([1.0, "2"])}, "amount", 1),
    ]:
        with pytest.raises(ScoringError) as caught:
            reference.score(one, columns)
        assert (caught.value.column, caught.value.row) == (column, row)
    masked = np.ma.array([1.0, 1.0], mask=[False, True])
    assert reference.score(one, {"amount": masked})["o"].tolist() == [1.0, 0.0]


def test_the_table_holds_every_stage_and_knows_its_columns():
    def leaves(kind):
        return {kind} if not kind.__subclasses__() else set().union(*map(leaves, kind.__subclasses__()))

    assert set(COMPUTE) == leaves(ir.Stage)
    stage = named(ir.VectorAssembler, inputs=("a", "b"), output="v", handle_invalid="error")
    assert (reads(stage), writes(stage)) == (("a", "b"), ("v",))
