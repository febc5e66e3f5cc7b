"""Decision trees, random forests and boosted trees on ai.onnx.ml TreeEnsemble (version 5).

Version 5 alone keeps double thresholds and leaves; its leaves have one target. So K classes are K
ensembles (fastest up to two), or one that gives leaf numbers and a Gather from a table [leaf, K].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from onnx import TensorProto

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable.onnx import classify
from splicemachine_ml.portable.onnx.context import Context
from splicemachine_ml.portable.onnx.graph import DOMAIN_ML, Graph, tensor_attribute
from splicemachine_ml.portable.stages import Floats, Tree, TreeClassifier, TreeRegressor

_LEQ, _MEMBER = 0, 6  # nodes_modes of TreeEnsemble 5
_SUM, _NONE = 1, 0  # aggregate_function, post_transform
_MAX_COPIES = 2


@dataclass(eq=False)
class _Ensemble:
    """The attribute lists of one TreeEnsemble node."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    true_ids: list[int] = field(default_factory=list)
    true_leafs: list[int] = field(default_factory=list)
    false_ids: list[int] = field(default_factory=list)
    false_leafs: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, tree: Tree, target: int, leaf_values: Floats) -> None:
        """Append a tree whose leaf at node i gives ``leaf_values[i]`` to ``target``."""
        self.roots.append(len(self.features))
        is_leaf = tree.feature < 0
        node_at = np.cumsum(~is_leaf) - 1 + len(self.features)
        leaf_at = np.cumsum(is_leaf) - 1 + len(self.targets)
        self.targets += [target] * int(is_leaf.sum())
        self.weights += leaf_values[is_leaf].tolist()
        if is_leaf[0]:  # a lone leaf: a node whose branches both lead to it
            self._node(0, 0.0, _LEQ, (int(leaf_at[0]), 1), (int(leaf_at[0]), 1))
            return
        for node in np.flatnonzero(~is_leaf).tolist():
            yes, no = (
                (int(leaf_at[child]), 1) if is_leaf[child] else (int(node_at[child]), 0)
                for child in (int(tree.left[node]), int(tree.right[node]))
            )
            feature = int(tree.feature[node])
            if tree.num_categories[node] <= 0:
                self._node(feature, float(tree.threshold[node]), _LEQ, yes, no)
                continue
            # CategoricalSplit.shouldGoLeft: everything but the remembered side goes to the other one
            if not tree.is_left[node]:
                yes, no = no, yes
            self._node(feature, 0.0, _MEMBER, yes, no)
            self.members += [*sorted(tree.categories[node]), float("nan")]

    def _node(self, feature: int, split: float, mode: int, yes: tuple[int, int], no: tuple[int, int]) -> None:
        self.features.append(feature)
        self.splits.append(split)
        self.modes.append(mode)
        self.true_ids.append(yes[0])
        self.true_leafs.append(yes[1])
        self.false_ids.append(no[0])
        self.false_leafs.append(no[1])

    def build(self, graph: Graph, x: str, targets: int) -> str:
        """The node: x [N, d] -> [N, targets], the sum over the trees in their order."""
        more = {"membership_values": tensor_attribute("v", self.members).t} if self.members else {}
        return graph.node(
            "TreeEnsemble",
            x,
            domain=DOMAIN_ML,
            n_targets=targets,
            aggregate_function=_SUM,
            post_transform=_NONE,
            tree_roots=self.roots,
            nodes_featureids=self.features,
            nodes_splits=tensor_attribute("s", self.splits).t,
            nodes_modes=tensor_attribute("m", self.modes, np.uint8).t,
            nodes_truenodeids=self.true_ids,
            nodes_trueleafs=self.true_leafs,
            nodes_falsenodeids=self.false_ids,
            nodes_falseleafs=self.false_leafs,
            leaf_targetids=self.targets,
            leaf_weights=tensor_attribute("w", self.weights).t,
            **more,
        )


def tree_classifier(context: Context, stage: TreeClassifier) -> None:
    """Class counts (dt), sums of normalised leaves (rf) or the margin (gbt), then probabilities.

    Spark: DecisionTreeClassificationModel, RandomForestClassificationModel and GBTClassificationModel:
    rf divides each leaf by its sum, adds in tree order and normalises; gbt has raw (-m, m) and
    p0 = 1 / (1 + exp(2m)), p1 = 1 - p0 (LogLoss.computeProbability).
    """
    graph, x = context.graph, _features(context, stage)
    if stage.kind == "gbt":
        margin = _sum(graph, x, stage.trees, _predictions(stage.trees, stage.weights))
        raw = classify.pair(graph, graph.node("Neg", margin), margin)
        first = classify.sigmoid_of_minus(graph, graph.node("Mul", margin, graph.constant([[2.0]])))
        probability = classify.pair(graph, first, classify.complement(graph, first))
    else:
        tables = [tree.impurity_stats for tree in stage.trees]
        votes = _votes(
            graph, x, stage, [_shares(table) for table in tables] if stage.kind == "rf" else tables
        )
        shares = classify.normalized(graph, votes, may_vanish=not _always_counts(stage.trees))
        raw, probability = (graph.value(tensor, stage.num_classes) for tensor in (votes, shares))
    is_bare = not stage.raw_prediction and not stage.probability
    if stage.kind == "dt" and is_bare:  # DecisionTreeClassificationModel.predict: the node's own prediction
        prediction = _sum(graph, x, stage.trees, _predictions(stage.trees, np.ones(1)))
    elif stage.kind == "gbt" and is_bare and stage.thresholds is None:
        prediction = classify.above(graph, margin, 0.0)
    else:
        prediction = classify.predicted_class(graph, stage, raw, probability)
    classify.define_classes(context, stage, raw, probability, prediction)


def tree_regressor(context: Context, stage: TreeRegressor) -> None:
    """The leaf (dt), the mean of the trees (rf) or their weighted sum (gbt).

    Spark: DecisionTreeRegressionModel, RandomForestRegressionModel and GBTRegressionModel; varianceCol is
    impurity.Variance.calculate of the leaf's (count, sum, sum of squares).
    """
    graph, x = context.graph, _features(context, stage)
    weights = stage.weights if stage.kind == "gbt" else np.ones(len(stage.trees))
    total = _sum(graph, x, stage.trees, _predictions(stage.trees, weights))
    if stage.kind == "rf":
        total = graph.node("Div", total, graph.constant([[float(len(stage.trees))]]))
    context.define_number(stage.prediction, total)
    if stage.variance:
        leaves = [_variance(tree.impurity_stats) for tree in stage.trees]
        context.define_number(stage.variance, _sum(graph, x, stage.trees, leaves))


def _features(context: Context, stage: TreeClassifier | TreeRegressor) -> str:
    """The features, a fraction in a categorical one replaced by -1, which is in no split's set.

    onnxruntime packs memberships of categories from 32 on into bit masks and would take 1.7 for 1. A
    threshold on the same feature would see the -1; no fitted Spark model has one (a feature is of one kind
    throughout), so that is a ConversionError.
    """
    value = context.vector(stage, stage.features, stage.num_features)
    graph, x = context.graph, context.tensor(value)
    doubtful = np.zeros((1, stage.num_features), bool)
    for tree in stage.trees:
        for feature in set(tree.feature[tree.num_categories > 0].tolist()):
            doubtful[0, feature] = not graph.is_whole(value.cells[feature])
            if doubtful[0, feature] and any(_has_threshold(tree, feature) for tree in stage.trees):
                both = f"splits feature {feature} both by categories and by a threshold"
                raise ConversionError(f"{stage.uid} ({stage.spark_class}) {both}; no fitted model does that")
    if not doubtful.any():
        return x
    is_fraction = graph.node("Not", graph.node("Equal", x, graph.node("Floor", x)))
    replaced = graph.node("And", graph.constant(doubtful, np.bool_), is_fraction)
    return graph.node("Where", replaced, graph.constant([[-1.0]]), x)


def _has_threshold(tree: Tree, feature: int) -> bool:
    return bool(((tree.feature == feature) & (tree.num_categories <= 0)).any())


def _predictions(trees: Sequence[Tree], weights: Floats) -> list[Floats]:
    return [tree.prediction * weight for tree, weight in zip(trees, weights, strict=True)]


def _always_counts(trees: Sequence[Tree]) -> bool:
    """Whether every leaf of some tree saw a row, so that no sum of votes is zero."""
    return any((_row_sums(tree.impurity_stats)[tree.feature < 0] > 0).all() for tree in trees)


def _shares(counts: Floats) -> Floats:
    total = _row_sums(counts)
    return counts / np.where(total == 0, 1.0, total)[:, None]


def _row_sums(counts: Floats) -> Floats:
    """Left to right, as Scala's Array.sum."""
    total = np.zeros(len(counts))
    for column in counts.T:
        total = total + column
    return total


def _variance(stats: Floats) -> Floats:
    count, total, squares = stats[:, 0], stats[:, 1], stats[:, 2]
    known = np.where(count == 0, 1.0, count)
    return np.where(count == 0, 0.0, (squares - (total * total) / known) / known)


def _sum(graph: Graph, x: str, trees: Sequence[Tree], leaf_values: Sequence[Floats]) -> str:
    ensemble = _Ensemble()
    for tree, values in zip(trees, leaf_values, strict=True):
        ensemble.add(tree, 0, values)
    return ensemble.build(graph, x, 1)


def _votes(graph: Graph, x: str, stage: TreeClassifier, tables: Sequence[Floats]) -> str:
    """[N, K]: the tables' rows at each tree's leaf, summed."""
    classes = stage.num_classes
    if classes <= _MAX_COPIES:
        columns = [_sum(graph, x, stage.trees, [table[:, at] for table in tables]) for at in range(classes)]
        return columns[0] if classes == 1 else graph.node("Concat", *columns, axis=1)
    ensemble, rows, start = _Ensemble(), [], 0
    for target, (tree, table) in enumerate(zip(stage.trees, tables, strict=True)):
        is_leaf = tree.feature < 0
        ensemble.add(tree, target, (np.cumsum(is_leaf) - 1 + start).astype(np.float64))
        rows.append(table[is_leaf])
        start += int(is_leaf.sum())
    leaf = ensemble.build(graph, x, len(stage.trees))
    picked = graph.node("Gather", graph.constant(np.concatenate(rows)),
                        graph.node("Cast", leaf, to=TensorProto.INT64), axis=0)  # fmt: skip
    return graph.node("ReduceSum", picked, graph.constant([1], np.int64), keepdims=0)
