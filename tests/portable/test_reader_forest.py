"""A forest of 50,000 nodes is read in well under a second, whatever the order of its rows and files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splicemachine_ml.portable.reader import read_pipeline
from tests.portable.fixture_files import fixture

TREES, DEPTH, CLASSES = 100, 8, 2
SIZE = 2 ** (DEPTH + 1) - 1


def preorder(depth: int, first: int = 0) -> list[tuple[int, int, int]]:
    """(id, left, right) of a full binary tree in Spark's pre-order; leaves have -1."""
    if depth == 0:
        return [(first, -1, -1)]
    half = 2**depth - 1
    return [
        (first, first + 1, first + 1 + half),
        *preorder(depth - 1, first + 1),
        *preorder(depth - 1, first + 1 + half),
    ]


def forest(categorical: float) -> pa.Table:
    """TREES full trees in the saved form; ``categorical`` is the share of splits on categories."""
    chance = np.random.default_rng(0)
    rows, trees = [], []
    shape = preorder(DEPTH)
    for tree in range(TREES):
        for node, left, right in shape:
            leaf, cat = left == -1, chance.random() < categorical
            values = [] if leaf else [0.0, 2.0, 3.0] if cat else [chance.random()]
            rows.append(
                {
                    "id": node,
                    "prediction": float(node % 2),
                    "impurity": 0.5,
                    "impurityStats": chance.random(CLASSES).tolist(),
                    "rawCount": 1,
                    "gain": 0.1,
                    "leftChild": left,
                    "rightChild": right,
                    "split": {
                        "featureIndex": -1 if leaf else int(chance.integers(4)),
                        "leftCategoriesOrThreshold": values,
                        "numCategories": 4 if cat and not leaf else -1,
                    },
                }
            )
            trees.append(tree)
    return pa.table({"treeID": pa.array(trees, pa.int32()), "nodeData": rows})


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[Path, pa.Table]:
    """The fixture rf_classifier's model with its data replaced by a large forest in three shuffled parts."""
    model = tmp_path_factory.mktemp("forest") / "model"
    stage = next(fixture("rf_classifier").model.glob("stages/*RandomForest*"))
    shutil.copytree(stage, model)
    path = next((model / "metadata").glob("part-*"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "numTrees": TREES}))
    table = forest(categorical=0.3)
    order = np.random.default_rng(1).permutation(table.num_rows)
    shutil.rmtree(model / "data")
    (model / "data").mkdir()
    for part, rows in enumerate(np.array_split(order, 3)):
        pq.write_table(table.take(pa.array(rows)), model / "data" / f"part-0000{part}.snappy.parquet")
    one = next((model / "treesMetadata").glob("*.parquet"))
    ids = np.random.default_rng(2).permutation(TREES)
    pq.write_table(pa.table({"_1": ids, "_2": ["{}"] * TREES, "_3": ids * 0.5}), one)
    return model, table


def test_every_tree_comes_back_in_order(saved):
    model, table = saved
    (stage,) = read_pipeline(model).stages
    assert len(stage.trees) == TREES
    assert stage.weights.tolist() == [0.5 * t for t in range(TREES)]
    rows = table.column("nodeData").combine_chunks()
    stats = np.array(rows.field("impurityStats").flatten()).reshape(TREES, SIZE, CLASSES)
    lists = rows.field("split").field("leftCategoriesOrThreshold")
    for number in (0, 57, 99):
        tree = stage.trees[number]
        assert np.array_equal(tree.impurity_stats, stats[number])
        assert np.array_equal(tree.left[:2], [1, 2])
        start = number * SIZE
        for node in range(SIZE):
            values = lists[start + node].as_py()
            if node in tree.categories:
                assert values == [0.0, 2.0, 3.0]
                assert (tree.categories[node], tree.is_left[node]) == ((1.0,), False)
            elif tree.left[node] != -1:
                assert values == [tree.threshold[node]]
                assert tree.num_categories[node] == -1
            else:
                assert tree.feature[node] == -1
