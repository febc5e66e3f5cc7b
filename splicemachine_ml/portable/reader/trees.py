"""Reader functions of decision trees and their ensembles, without a Python loop a node."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.disk import LIMITS, read_table
from splicemachine_ml.portable.reader.linear import classifier_columns, predictor_columns
from splicemachine_ml.portable.reader.saved import Refused, SavedStage
from splicemachine_ml.portable.reader.values import array

Kind = Literal["dt", "rf", "gbt"]


@dataclass(frozen=True)
class _Forest:
    trees: tuple[ir.Tree, ...]
    weights: ir.Floats


def _classifier(saved: SavedStage, kind: Kind) -> ir.Stage:
    classes = 2 if kind == "gbt" else saved.params.extra_int("numClasses")
    if kind == "gbt":
        saved.choice("lossType", ("logistic",), "logistic")
    features, forest = _forest(saved, kind)
    if kind != "gbt" and any(tree.impurity_stats.shape[1] != classes for tree in forest.trees):
        raise saved.corrupt(f"nodes do not hold the counts of {classes} classes")
    return ir.TreeClassifier(
        **saved.identity,
        **classifier_columns(saved, classes),
        num_features=features,
        kind=kind,
        trees=forest.trees,
        weights=forest.weights,
    )


def _regressor(saved: SavedStage, kind: Kind) -> ir.Stage:
    features, forest = _forest(saved, kind)
    return ir.TreeRegressor(
        **saved.identity,
        **predictor_columns(saved),
        num_features=features,
        kind=kind,
        trees=forest.trees,
        weights=forest.weights,
        variance=saved.params.text("varianceCol", "") if kind == "dt" else "",
    )


def dt_classifier(saved: SavedStage) -> ir.Stage:
    """DecisionTreeClassificationModel."""
    return _classifier(saved, "dt")


def rf_classifier(saved: SavedStage) -> ir.Stage:
    """RandomForestClassificationModel."""
    return _classifier(saved, "rf")


def gbt_classifier(saved: SavedStage) -> ir.Stage:
    """GBTClassificationModel: regression trees and their weights; two classes."""
    return _classifier(saved, "gbt")


def dt_regressor(saved: SavedStage) -> ir.Stage:
    """DecisionTreeRegressionModel."""
    return _regressor(saved, "dt")


def rf_regressor(saved: SavedStage) -> ir.Stage:
    """RandomForestRegressionModel."""
    return _regressor(saved, "rf")


def gbt_regressor(saved: SavedStage) -> ir.Stage:
    """GBTRegressionModel."""
    return _regressor(saved, "gbt")


def _forest(saved: SavedStage, kind: Kind) -> tuple[int, _Forest]:
    """numFeatures and the trees of a model.

    One tree has a row a node; an ensemble nests it under nodeData beside treeID, and treesMetadata holds
    (id, JSON, weight) under names that changed between versions: read by position.
    """
    if saved.params.text("leafCol", ""):
        raise Refused("leafCol is set: the leaf index column is not converted; unset leafCol before saving")
    features = saved.params.extra_int("numFeatures")
    nodes = saved.table() if kind == "dt" else saved.table("treeID", "nodeData")
    if nodes.num_rows > LIMITS.nodes:
        raise saved.corrupt(f"{nodes.num_rows} nodes, more than the {LIMITS.nodes} allowed")
    if kind == "dt":
        tree_ids = np.zeros(nodes.num_rows, dtype=np.int64)
        trees = _trees(saved, nodes, tree_ids, features)
        return features, _Forest(trees, np.ones(1))
    tree_ids = array(nodes.column("treeID"), np.int64)
    trees = _trees(saved, pa.Table.from_struct_array(nodes.column("nodeData")), tree_ids, features)
    return features, _Forest(trees, _weights(saved, len(trees)))


def _weights(saved: SavedStage, count: int) -> ir.Floats:
    table = read_table(saved.directory, "treesMetadata")
    if table.num_columns != 3 or table.num_rows != count:
        raise saved.corrupt(f"treesMetadata describes {table.num_rows} trees, data holds {count}")
    ids, weights = array(table.column(0), np.int64), array(table.column(2), np.float64)
    if not np.array_equal(np.sort(ids), np.arange(count)):
        raise saved.corrupt("treesMetadata misses a tree")
    ordered: ir.Floats = weights[np.argsort(ids)]
    return ordered


def _trees(saved: SavedStage, nodes: pa.Table, tree_ids: ir.Ints, features: int) -> tuple[ir.Tree, ...]:
    """Nodes in any order to one Tree a tree id, each in node id order."""
    flat = _columns(saved, nodes)
    order = np.lexsort((flat["id"], tree_ids))
    owner = tree_ids[order]
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    if not len(owner) or not np.array_equal(owner[starts], np.arange(len(starts))):
        raise saved.corrupt("data misses a tree (tree ids are not 0, 1, 2, ...)")
    offset = np.repeat(starts, np.diff(starts, append=len(owner)))
    if not np.array_equal(flat["id"][order], np.arange(len(owner)) - offset):
        raise saved.corrupt("data misses a node (node ids of a tree are not 0, 1, 2, ...)")
    flat = {name: values[order] for name, values in flat.items()}
    sizes = np.repeat(np.diff(starts, append=len(owner)), np.diff(starts, append=len(owner)))
    _check_links(saved, flat, sizes, features)
    values = pc.list_flatten(nodes.column("split").combine_chunks().field("leftCategoriesOrThreshold"))
    pool = array(values, np.float64)
    bounds = [*starts.tolist(), len(owner)]
    return tuple(_tree({k: v[a:b] for k, v in flat.items()}, pool) for a, b in pairwise(bounds))


def _columns(saved: SavedStage, nodes: pa.Table) -> dict[str, Any]:
    """The node columns as NumPy arrays; lists as (start, length) into their pool, impurityStats as [n, s]."""
    wanted = {"id", "prediction", "impurityStats", "leftChild", "rightChild", "split"}
    if missing := sorted(wanted - set(nodes.column_names)):
        raise saved.corrupt(f"nodes lack {', '.join(missing)}")
    split = nodes.column("split").combine_chunks()
    if split.null_count:
        raise saved.corrupt("a node lacks its split")
    stats = nodes.column("impurityStats").combine_chunks()
    widths = pc.unique(pc.list_value_length(stats)).to_pylist()
    if len(widths) != 1 or not widths[0]:
        raise saved.corrupt(f"nodes hold impurity statistics of different lengths {widths[:5]}")
    lengths = array(pc.list_value_length(split.field("leftCategoriesOrThreshold")), np.int64)
    return {
        "id": array(nodes.column("id"), np.int64),
        "prediction": array(nodes.column("prediction"), np.float64),
        "stats": array(pc.list_flatten(stats), np.float64).reshape(-1, widths[0]),
        "left": array(nodes.column("leftChild"), np.int64),
        "right": array(nodes.column("rightChild"), np.int64),
        "feature": array(split.field("featureIndex"), np.int64),
        "categories": array(split.field("numCategories"), np.int64),
        "length": lengths,
        "start": np.cumsum(lengths) - lengths,
    }


def _check_links(saved: SavedStage, flat: dict[str, Any], sizes: ir.Ints, features: int) -> None:
    """Ids are pre-order: the left child follows its parent, so a walk always ends."""
    inner = flat["left"] != -1
    node, left, right = flat["id"][inner], flat["left"][inner], flat["right"][inner]
    if not (np.all(left == node + 1) and np.all(right > left) and np.all(right < sizes[inner])):
        raise saved.corrupt("a node names a child that is not in its tree")
    if not np.all((flat["feature"][inner] >= 0) & (flat["feature"][inner] < features)):
        raise saved.corrupt(f"a split reads a feature outside of 0 to {features - 1}")
    continuous = flat["categories"][inner] == -1
    if not np.all(flat["length"][inner][continuous] == 1) or np.any(flat["categories"] < -1):
        raise saved.corrupt("a split is neither one threshold nor a list of categories")


def _tree(flat: dict[str, Any], pool: ir.Floats) -> ir.Tree:
    """One tree from its slices; only categorical nodes are visited one by one."""
    inner = flat["left"] != -1
    categorical = inner & (flat["categories"] >= 0)
    threshold = np.zeros(len(inner))
    continuous = inner & ~categorical
    threshold[continuous] = pool[flat["start"][continuous]]
    categories: dict[int, tuple[float, ...]] = {}
    is_left: dict[int, bool] = {}
    for node in np.flatnonzero(categorical).tolist():
        start, length, total = (int(flat[k][node]) for k in ("start", "length", "categories"))
        categories[node], is_left[node] = _remembered(pool[start : start + length], total)
    return ir.Tree(
        feature=np.where(inner, flat["feature"], -1),
        threshold=threshold,
        left=flat["left"],
        right=flat["right"],
        prediction=flat["prediction"],
        impurity_stats=flat["stats"],
        num_categories=np.where(categorical, flat["categories"], -1),
        categories=categories,
        is_left=is_left,
    )


def _remembered(saved_left: ir.Floats, total: int) -> tuple[tuple[float, ...], bool]:
    """What CategoricalSplit (ml/tree/Split.scala) keeps of the saved left categories: the smaller side.

    ``isLeft = leftCategories.length <= numCategories / 2`` in integer division; otherwise it keeps the
    complement in 0 .. numCategories - 1, so a value that is in neither list goes left.
    """
    if len(saved_left) <= total // 2:
        return tuple(saved_left.tolist()), True
    if total > LIMITS.width:
        raise ValueError(f"a split with {total} categories")
    left = set(saved_left.tolist())
    return tuple(float(c) for c in range(total) if float(c) not in left), False
