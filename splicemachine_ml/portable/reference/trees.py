"""Decision trees, random forests and gradient boosted trees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from splicemachine_ml.portable.reference.models import Rules, classify, sigmoid, usual_rules
from splicemachine_ml.portable.reference.values import Bools, Rows, numbers
from splicemachine_ml.portable.stages import Classifier, Floats, Ints, Tree, TreeClassifier, TreeRegressor


def leaves(tree: Tree, data: Floats) -> Ints:
    """The leaf of every row (ml.tree.InternalNode.predictImpl)."""
    found = np.zeros(len(data), dtype=np.int64)
    waiting = [(0, np.arange(len(data)))]
    while waiting:
        node, members = waiting.pop()
        if tree.feature[node] < 0:
            found[members] = node
            continue
        left = _goes_left(tree, node, data[members, tree.feature[node]])
        waiting.append((int(tree.left[node]), members[left]))
        waiting.append((int(tree.right[node]), members[~left]))
    return found


def _goes_left(tree: Tree, node: int, values: Floats) -> Bools:
    """ml.tree.ContinuousSplit: at or below the threshold, so NaN goes right.

    ml.tree.CategoricalSplit: a set is kept for one side; whatever is not in it goes to the other.
    """
    if tree.num_categories[node] <= 0:
        return np.asarray(values <= tree.threshold[node])
    listed = np.zeros(len(values), bool)
    for category in tree.categories[node]:
        listed |= values == category
    return listed if tree.is_left[node] else ~listed


def tree_classifier(rows: Rows, stage: TreeClassifier) -> None:
    """classification.{DecisionTree,RandomForest,GBT}ClassificationModel."""
    data, _ = rows.vectors(stage, stage.features)
    rules = usual_rules(stage)
    if stage.kind == "gbt":
        margin = _weighted(stage, data)
        raw = np.column_stack([-margin, margin])
        # ml.loss.LogLoss.computeProbability of the first score; the second is what is left
        zero = sigmoid(2.0 * raw[:, 0])
        classify(rows, stage, raw, np.column_stack([zero, 1.0 - zero]), _gbt_rules(stage, rules))
        return
    if stage.kind == "dt":
        tree = stage.trees[0]
        leaf = leaves(tree, data)
        raw = tree.impurity_stats[leaf]
        # DecisionTreeClassificationModel.predict is the leaf's own answer and heeds no thresholds
        rules = replace(rules, direct=lambda *_: tree.prediction[leaf])
    else:
        raw = np.zeros((len(data), stage.num_classes))
        for tree in stage.trees:
            raw = raw + _shares(tree.impurity_stats[leaves(tree, data)])
    classify(rows, stage, raw, _shares(raw), rules)


def _gbt_rules(stage: Classifier, rules: Rules) -> Rules:
    """GBTClassificationModel.predict: the margin's sign, unless there are thresholds."""
    if stage.thresholds is not None:
        return rules
    return replace(rules, direct=lambda raw, _: (raw[:, 1] > 0).astype(np.float64))


def _shares(counts: Floats) -> Floats:
    """Each row divided by its sum, class after class as Scala's Array.sum adds; zeros stay zeros."""
    total = np.zeros(len(counts))
    for column in counts.T:
        total = total + column
    return counts / np.where(total == 0, 1.0, total)[:, None]


def _weighted(stage: TreeClassifier | TreeRegressor, data: Floats) -> Floats:
    """The weighted sum of the trees' answers (blas.ddot)."""
    answer = np.zeros(len(data))
    for tree, weight in zip(stage.trees, stage.weights, strict=True):
        answer = answer + weight * tree.prediction[leaves(tree, data)]
    return answer


def tree_regressor(rows: Rows, stage: TreeRegressor) -> None:
    """regression.{DecisionTree,RandomForest,GBT}RegressionModel."""
    data, _ = rows.vectors(stage, stage.features)
    if stage.kind == "rf":
        # every tree of a forest weighs 1; Spark sums and divides by their number
        total = np.zeros(len(data))
        for tree in stage.trees:
            total = total + tree.prediction[leaves(tree, data)]
        answer = total / len(stage.trees)
    else:
        answer = _weighted(stage, data)
    if stage.prediction:
        rows.columns[stage.prediction] = numbers(answer)
    if stage.variance:
        rows.columns[stage.variance] = numbers(_variance(stage.trees[0], data))


def _variance(tree: Tree, data: Floats) -> Floats:
    """mllib.tree.impurity.Variance of the leaf: (sumOfSquares - sum^2 / count) / count, 0 without a count."""
    count, total, squares = tree.impurity_stats[leaves(tree, data)].T[:3]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count == 0, 0.0, (squares - total * total / count) / count)
