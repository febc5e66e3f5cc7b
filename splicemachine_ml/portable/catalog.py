"""What can be scored without Spark, and why the rest cannot: two tables, read top to bottom.

Every transformer and model class of pyspark.ml is in exactly one of them (tests/portable/test_catalog.py
fails otherwise). Keys are the class names that stand in the saved metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from splicemachine_ml.portable.reader import features, linear, models, rformula, trees
from splicemachine_ml.portable.reader.saved import Reader

_ML = "org.apache.spark.ml."

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        # stages that hold stages
        _ML + "PipelineModel": rformula.pipeline,
        "pyspark.ml.pipeline.PipelineModel": rformula.pipeline,
        _ML + "tuning.CrossValidatorModel": rformula.tuned,
        "pyspark.ml.tuning.CrossValidatorModel": rformula.tuned,
        _ML + "tuning.TrainValidationSplitModel": rformula.tuned,
        "pyspark.ml.tuning.TrainValidationSplitModel": rformula.tuned,
        _ML + "feature.RFormulaModel": rformula.rformula,
        _ML + "feature.ColumnPruner": rformula.nothing,
        _ML + "feature.VectorAttributeRewriter": rformula.nothing,
        # features
        _ML + "feature.Binarizer": features.binarizer,
        _ML + "feature.Bucketizer": features.bucketizer,
        _ML + "feature.ImputerModel": features.imputer,
        _ML + "feature.IndexToString": features.index_to_string,
        _ML + "feature.MaxAbsScalerModel": features.max_abs_scaler,
        _ML + "feature.MinMaxScalerModel": features.min_max_scaler,
        _ML + "feature.Normalizer": features.normalizer,
        _ML + "feature.OneHotEncoderModel": features.one_hot_encoder,
        _ML + "feature.PCAModel": features.pca,
        _ML + "feature.RobustScalerModel": features.robust_scaler,
        _ML + "feature.StandardScalerModel": features.standard_scaler,
        _ML + "feature.StringIndexerModel": features.string_indexer,
        _ML + "feature.VectorAssembler": features.vector_assembler,
        _ML + "feature.VectorIndexerModel": features.vector_indexer,
        # classification
        _ML + "classification.DecisionTreeClassificationModel": trees.dt_classifier,
        _ML + "classification.GBTClassificationModel": trees.gbt_classifier,
        _ML + "classification.LinearSVCModel": linear.linear_svc,
        _ML + "classification.LogisticRegressionModel": linear.logistic_regression,
        _ML + "classification.MultilayerPerceptronClassificationModel": models.multilayer_perceptron,
        _ML + "classification.RandomForestClassificationModel": trees.rf_classifier,
        # regression
        _ML + "regression.DecisionTreeRegressionModel": trees.dt_regressor,
        _ML + "regression.GBTRegressionModel": trees.gbt_regressor,
        _ML + "regression.LinearRegressionModel": linear.linear_regression,
        _ML + "regression.RandomForestRegressionModel": trees.rf_regressor,
        # clustering
        _ML + "clustering.KMeansModel": models.kmeans,
    }
)

_LATER = "not converted yet: "
_CONNECT = "its core is a Python object of pyspark.ml.connect's own local format, not Spark ML persistence"

UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        # features
        _ML + "feature.BucketedRandomProjectionLSHModel": "hashes serve joins over whole tables, not one row",
        _ML + "feature.ChiSqSelectorModel": _LATER + "a Gather of the selected features",
        _ML + "feature.CountVectorizerModel": _LATER + "needs arrays of words as an input kind",
        _ML + "feature.DCT": _LATER + "a product with the cosine matrix",
        _ML + "feature.ElementwiseProduct": _LATER + "a product with scalingVec",
        _ML + "feature.FeatureHasher": _LATER + "needs murmur3 of column=value pairs on the host",
        _ML + "feature.HashingTF": _LATER + "needs arrays of words as an input kind",
        _ML + "feature.IDFModel": _LATER
        + "useful only behind HashingTF and CountVectorizer, which come first",
        _ML + "feature.Interaction": _LATER + "products of encoded columns (also RFormula's a:b terms)",
        _ML + "feature.MinHashLSHModel": "hashes serve joins over whole tables, not one row",
        _ML + "feature.NGram": _LATER + "needs arrays of words as an input kind",
        _ML + "feature.PolynomialExpansion": _LATER + "needs Spark's order of the products",
        _ML + "feature.RegexTokenizer": "Java's regular expressions have no equal outside of the JVM",
        _ML + "feature.SQLTransformer": "any SQL can stand in it; only Spark runs it",
        _ML + "feature.StopWordsRemover": _LATER + "needs arrays of words as an input kind",
        _ML + "feature.TargetEncoderModel": _LATER + "needs a lookup from category to statistic",
        _ML + "feature.Tokenizer": _LATER + "needs arrays of words and Java's lower-casing",
        _ML + "feature.UnivariateFeatureSelectorModel": _LATER + "a Gather of the selected features",
        _ML + "feature.VarianceThresholdSelectorModel": _LATER + "a Gather of the selected features",
        _ML + "feature.VectorSizeHint": _LATER + "its size has to take part in the plan",
        _ML + "feature.VectorSlicer": _LATER + "a Gather; selecting by name needs the column's metadata",
        _ML + "feature.Word2VecModel": _LATER + "needs arrays of words as an input kind",
        # classification
        _ML + "classification.FMClassificationModel": _LATER + "needs the factorized pairwise term",
        _ML + "classification.NaiveBayesModel": _LATER + "four model types with their own input checks",
        _ML + "classification.OneVsRestModel": _LATER + "needs a vote over its binary models",
        "pyspark.ml.classification.OneVsRestModel": _LATER + "needs a vote over its binary models",
        # regression
        _ML + "regression.AFTSurvivalRegressionModel": _LATER + "needs the quantile columns too",
        _ML + "regression.FMRegressionModel": _LATER + "needs the factorized pairwise term",
        _ML + "regression.GeneralizedLinearRegressionModel": _LATER + "needs its links and the offset column",
        _ML + "regression.IsotonicRegressionModel": _LATER + "needs interpolation between boundaries",
        # clustering
        _ML + "clustering.BisectingKMeansModel": _LATER + "needs the walk down its cluster tree",
        _ML + "clustering.DistributedLDAModel": "topic inference is an iterative, random algorithm",
        _ML + "clustering.GaussianMixtureModel": _LATER + "needs the densities of its components",
        _ML + "clustering.LocalLDAModel": "topic inference is an iterative, random algorithm",
        # recommendation, frequent patterns
        _ML + "recommendation.ALSModel": _LATER + "needs lookups from user and item id to factors",
        _ML + "fpm.FPGrowthModel": "rules over sets of items: a set is no row of numbers or texts",
        # pyspark.ml.connect (saveToLocal)
        "pyspark.ml.connect.classification.LogisticRegressionModel": _CONNECT,
        "pyspark.ml.connect.feature.ArrayAssembler": _CONNECT,
        "pyspark.ml.connect.feature.MaxAbsScalerModel": _CONNECT,
        "pyspark.ml.connect.feature.StandardScalerModel": _CONNECT,
        "pyspark.ml.connect.pipeline.PipelineModel": _CONNECT,
        "pyspark.ml.connect.tuning.CrossValidatorModel": _CONNECT,
    }
)


def reason(spark_class: str) -> str:
    """Why a class that is not in READERS cannot be converted."""
    if spark_class in UNSUPPORTED:
        return UNSUPPORTED[spark_class]
    if not spark_class.startswith((_ML, "pyspark.ml.")):
        return "a custom class: only its own code knows what it computes"
    name = spark_class.rsplit(".", 1)[-1]
    if spark_class + "Model" in READERS or spark_class + "Model" in UNSUPPORTED:
        return f"an estimator that was never fitted: save what {name}.fit() returns"
    return "not a stage that this version knows"
