"""The intermediate representation: a fitted Spark ML pipeline as plain values.

The reader fills it from a saved directory, and three readers of it must agree with Spark's transform():
``onnx`` (serving), ``reference`` (NumPy, for the tests) and later ``sql`` (in the database).
Field names are Spark's parameter names in snake case; arrays are float64 unless said otherwise. Every
stage holds *effective* parameters: the default map overlaid by what was set.
"""

from splicemachine_ml.portable.stages.base import (
    Floats,
    HandleInvalid,
    Ints,
    Stage,
)
from splicemachine_ml.portable.stages.features import (
    PCA,
    Binarizer,
    Bucketizer,
    Imputer,
    IndexToString,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    Rename,
    RobustScaler,
    StandardScaler,
    StringIndexer,
    VectorAssembler,
    VectorIndexer,
)
from splicemachine_ml.portable.stages.models import (
    Classifier,
    KMeans,
    LinearRegression,
    LinearSVC,
    LogisticRegression,
    MultilayerPerceptron,
    Predictor,
    Tree,
    TreeClassifier,
    TreeRegressor,
)
from splicemachine_ml.portable.stages.plan import (
    Column,
    Kind,
    Pipeline,
    Plan,
)

__all__ = [
    "PCA",
    "Binarizer",
    "Bucketizer",
    "Classifier",
    "Column",
    "Floats",
    "HandleInvalid",
    "Imputer",
    "IndexToString",
    "Ints",
    "KMeans",
    "Kind",
    "LinearRegression",
    "LinearSVC",
    "LogisticRegression",
    "MaxAbsScaler",
    "MinMaxScaler",
    "MultilayerPerceptron",
    "Normalizer",
    "OneHotEncoder",
    "Pipeline",
    "Plan",
    "Predictor",
    "Rename",
    "RobustScaler",
    "Stage",
    "StandardScaler",
    "StringIndexer",
    "Tree",
    "TreeClassifier",
    "TreeRegressor",
    "VectorAssembler",
    "VectorIndexer",
]
