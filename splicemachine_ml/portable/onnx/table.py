"""Which function turns which stage into nodes: one line a stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from splicemachine_ml.portable import stages
from splicemachine_ml.portable.onnx import features, indexing, linear, other, scaling, trees
from splicemachine_ml.portable.onnx.context import Context

Converter = Callable[[Context, Any], None]

CONVERTERS: Mapping[type[stages.Stage], Converter] = MappingProxyType(
    {
        stages.StringIndexer: indexing.string_indexer,
        stages.IndexToString: indexing.index_to_string,
        stages.OneHotEncoder: indexing.one_hot_encoder,
        stages.Imputer: features.imputer,
        stages.Bucketizer: features.bucketizer,
        stages.Binarizer: features.binarizer,
        stages.VectorAssembler: features.vector_assembler,
        stages.VectorIndexer: features.vector_indexer,
        stages.Rename: features.rename,
        stages.StandardScaler: scaling.standard_scaler,
        stages.MinMaxScaler: scaling.min_max_scaler,
        stages.MaxAbsScaler: scaling.max_abs_scaler,
        stages.RobustScaler: scaling.robust_scaler,
        stages.Normalizer: scaling.normalizer,
        stages.PCA: scaling.pca,
        stages.LogisticRegression: linear.logistic_regression,
        stages.LinearSVC: linear.linear_svc,
        stages.LinearRegression: linear.linear_regression,
        stages.MultilayerPerceptron: linear.multilayer_perceptron,
        stages.TreeClassifier: trees.tree_classifier,
        stages.TreeRegressor: trees.tree_regressor,
        stages.KMeans: other.kmeans,
    }
)
