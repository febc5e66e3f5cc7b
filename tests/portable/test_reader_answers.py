"""Saved by Spark, scored without it: ONNX and NumPy both give the answers that Spark gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splicemachine_ml.portable.convert import convert
from splicemachine_ml.portable.reference import score
from splicemachine_ml.portable.scorer import Scorer
from tests.portable.fixture_files import Fixture, fixture, names

REFUSED = {"unsupported", "one_vs_rest", "leaf_col", "kmeans_cosine", "rformula_interaction"}
DTYPES = {"int": np.int64, "double": np.float64, "boolean": np.bool_, "vector": np.float64}


def arrays(saved: Fixture, columns: set[str]) -> dict[str, np.ndarray]:
    """The fixture's rows in the type of their column; columns with nulls as objects."""
    return {
        name: np.array(values, dtype=object if None in values else DTYPES.get(saved.schema[name], object))
        for name, values in saved.rows.items()
        if name in columns
    }


@pytest.mark.parametrize("with_schema", [True, False], ids=["schema", "no schema"])
@pytest.mark.parametrize("name", sorted(set(names()) - REFUSED))
def test_both_engines_give_sparks_answers(name, with_schema, tmp_path: Path):
    saved = fixture(name)
    plan = convert(saved.model, tmp_path / "portable", schema=saved.schema if with_schema else None)
    rows = arrays(saved, {c.name for c in plan.inputs})
    for answers in (Scorer.load(tmp_path / "portable").score(rows), score(plan, rows)):
        for column in plan.outputs:
            expected = saved.answers[column.name]
            if column.kind == "string":
                assert answers[column.name].tolist() == expected
            else:
                np.testing.assert_allclose(
                    answers[column.name], np.array(expected, float), rtol=1e-12, atol=1e-12
                )
