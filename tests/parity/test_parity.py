"""Spark's own answers: every case, every row, three scorers. The test is written once; see ``cases.py``."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from tests.parity import rows
from tests.parity.cases import CASES
from tests.parity.harness import Trio, assert_same, split

pytestmark = pytest.mark.spark
ROWS = 10_000
ALONE = 20


@pytest.fixture(scope="module")
def tables(loans):
    """The training tables by name."""
    numbered = loans.toArrow()
    numbered = numbered.append_column("rid", pa.array(np.arange(len(numbered))))
    return {"clean": rows.clean(ROWS, seed=11), "loans": numbered}


@pytest.fixture(scope="module", autouse=True)
def _tables_are_data(spark):
    """Keep the optimizer from evaluating small tables itself, which it does in another order."""
    rule = "org.apache.spark.sql.catalyst.optimizer.ConvertToLocalRelation"
    spark.conf.set("spark.sql.optimizer.excludedRules", rule)
    yield
    spark.conf.unset("spark.sql.optimizer.excludedRules")


@pytest.fixture(scope="module")
def compared():
    """How many rows of each family were compared with Spark."""
    return Counter()


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def trio(request, spark, tables, tmp_path_factory):
    case = request.param
    return Trio(spark, case, tables[case.train], tmp_path_factory.mktemp(case.name))


def test_every_good_row(trio, compared):
    table = trio.good
    if trio.case.edges:
        table = rows.joined(table, rows.on_the_edge(trio.plan, trio.train))
    theirs = trio.spark_answers(table)
    portable, reference = trio.portable(table), trio.reference(table)
    assert_same(reference, theirs, trio.plan)
    assert_same(portable, theirs, trio.plan)
    assert_same(portable, reference, trio.plan)
    compared[trio.case.family] += len(table)


def test_batches_of_any_size(trio):
    table = trio.good.slice(0, ALONE)
    for score in (trio.portable, trio.reference):
        singles = [score(table.slice(row, 1)) for row in range(ALONE)]
        assert_same(split(singles), score(table), trio.plan)
        nothing = score(table.slice(0, 0))
        assert {len(answer) for answer in nothing.values()} == {0}
        assert {name: answer.shape[1:] for name, answer in nothing.items()} == {
            name: answer.shape[1:] for name, answer in score(table).items()
        }


def test_every_bad_row(trio):
    fine = rows.flawless(trio.good, trio.reference(trio.good.slice(0, 200))["row_index"])
    for bad in trio.case.bad:
        trio.assert_raises(rows.one(fine, bad.changes), bad.column)


def test_enough_was_compared(compared):
    """Not a promise of quality, but of having looked."""
    if len(compared) == len({case.family for case in CASES}):
        assert min(compared.values()) >= 20_000
