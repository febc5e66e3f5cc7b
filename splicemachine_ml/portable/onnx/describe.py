"""One sentence a stage, for ``Scorer.stages`` and ``Scorer.explain()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from splicemachine_ml.portable import stages
from splicemachine_ml.portable.onnx.context import inputs_of, outputs_of
from splicemachine_ml.portable.spec import StageSpec


def describe(stage: stages.Stage, *, on_host: bool, in_graph: bool) -> StageSpec:
    """The stage as the scoring specification keeps it."""
    where = " and ".join([name for name, here in (("host", on_host), ("graph", in_graph)) if here])
    return StageSpec(
        type(stage).__name__,
        stage.uid,
        stage.spark_class,
        inputs_of(stage),
        outputs_of(stage),
        where or "nothing to compute",
        SENTENCES[type(stage)](stage),
    )


def _labels(stage: stages.StringIndexer) -> str:
    sizes = ", ".join(str(len(labels)) for labels in stage.labels)
    ends = {
        "keep": "others get the next index",
        "skip": "rows with others are dropped",
        "error": "others are an error",
    }
    return f"label to index ({sizes} labels); {ends[stage.handle_invalid]}"


def _classes(name: str) -> Callable[[Any], str]:
    def sentence(stage: stages.Classifier) -> str:
        moved = " with thresholds" if stage.thresholds is not None else ""
        return f"{name} of {stage.num_features} features, {stage.num_classes} classes{moved}"

    return sentence


def _trees(stage: stages.TreeClassifier | stages.TreeRegressor) -> str:
    name = {"dt": "decision tree", "rf": "random forest", "gbt": "gradient-boosted trees"}[stage.kind]
    nodes = sum(len(tree.feature) for tree in stage.trees)
    aim = f"{stage.num_classes} classes" if isinstance(stage, stages.TreeClassifier) else "a number"
    return f"{name} of {stage.num_features} features: {len(stage.trees)} tree(s), {nodes} nodes, for {aim}"


def _one_hot(stage: stages.OneHotEncoder) -> str:
    sizes = ", ".join(map(str, stage.category_sizes))
    return f"index to 0/1 columns ({sizes} categories, last one {'left out' if stage.drop_last else 'kept'})"


SENTENCES: Mapping[type[stages.Stage], Callable[[Any], str]] = MappingProxyType(
    {
        stages.StringIndexer: _labels,
        stages.IndexToString: lambda stage: f"index to one of {len(stage.labels)} labels",
        stages.OneHotEncoder: _one_hot,
        stages.Imputer: lambda stage: (
            f"null and {stage.missing_value} become "
            + ", ".join(f"{surrogate:g}" for surrogate in stage.surrogates)
        ),
        stages.Bucketizer: lambda stage: (
            "number to bucket (" + ", ".join(str(len(splits) - 1) for splits in stage.splits) + " buckets)"
        ),
        stages.Binarizer: lambda stage: "1 above " + ", ".join(f"{limit:g}" for limit in stage.thresholds),
        stages.VectorAssembler: lambda stage: (
            f"puts {len(stage.inputs)} column(s) side by side (invalid: {stage.handle_invalid})"
        ),
        stages.VectorIndexer: lambda stage: (
            f"{len(stage.category_maps)} of {stage.num_features} features become category indices"
        ),
        stages.Rename: lambda stage: "the same column under another name",
        stages.StandardScaler: lambda stage: (
            "standardises"
            + (" (mean)" if stage.with_mean else "")
            + (" (deviation)" if stage.with_std else "")
        ),
        stages.MinMaxScaler: lambda stage: f"scales each feature to [{stage.min:g}, {stage.max:g}]",
        stages.MaxAbsScaler: lambda stage: "scales each feature by its largest absolute value",
        stages.RobustScaler: lambda stage: "scales each feature by its quantile range",
        stages.Normalizer: lambda stage: f"divides each row by its {stage.p:g}-norm",
        stages.PCA: lambda stage: f"{stage.pc.shape[0]} features to {stage.pc.shape[1]} components",
        stages.LogisticRegression: _classes("logistic regression"),
        stages.LinearSVC: _classes("linear support vector machine"),
        stages.MultilayerPerceptron: _classes("multilayer perceptron"),
        stages.LinearRegression: lambda stage: f"linear regression of {stage.num_features} features",
        stages.TreeClassifier: _trees,
        stages.TreeRegressor: _trees,
        stages.KMeans: lambda stage: f"nearest of {len(stage.centers)} centres",
    }
)
