"""Fit small pipelines on real loans with Spark and keep what Spark saves, and answers, as test fixtures.

Run it when a fixture is added or Spark's format changes (all of them take five minutes, so name some)::

    .venv/bin/python -m tests.portable.make_fixtures [name ...]

Each fixture is ``<name>/model`` (Spark's directory, without checksums) and ``<name>/answers.json``:
``schema`` (simpleString a column), ``rows`` (input columns) and ``answers`` (columns transform() added, or
absent when the pipeline is one that we refuse). Vectors are lists.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml import classification as cl
from pyspark.ml import clustering as cu
from pyspark.ml import feature as ft
from pyspark.ml import regression as rg
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.linalg import DenseVector, SparseVector
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as fn

HERE = Path(__file__).parent
FIXTURES = HERE / "fixtures"
LOANS = HERE.parent.parent / "notebooks" / "data" / "lending_club.csv"
SCORED_ROWS = 24

NUMBERS = ["funded_amnt", "int_rate", "annual_inc", "revol_util", "all_util"]
TEXTS = ["term", "verification_status", "emp_length"]


def frame(spark: SparkSession) -> DataFrame:
    """400 loans, half of them bad so that models have something to say, with some nulls and NaNs."""
    loans = spark.read.csv(str(LOANS), header=True, inferSchema=True).coalesce(1)
    bad = loans.where("Class = 'bad'").limit(200)
    good = loans.where("Class = 'good'").limit(200)
    both = bad.union(good).orderBy("rownames").coalesce(1)
    hole = fn.col("rownames") % 7 == 0
    return (
        both.withColumn("revol_util", fn.when(hole, None).otherwise(fn.col("revol_util")))
        .withColumn("all_util", fn.when(hole, float("nan")).otherwise(fn.col("all_util").cast("double")))
        .withColumn("safe", fn.col("Class") == "good")
        .withColumn("grade", fn.substring("sub_grade", 1, 1))
        .select(*NUMBERS, *TEXTS, "grade", "inq_last_6mths", "open_il_24m", "safe", "Class")
    )


def assembled(*more: str) -> list[Any]:
    """Numbers without holes, plus ``more``, as one vector column named features."""
    return [
        ft.VectorAssembler(inputCols=["funded_amnt", "int_rate", "annual_inc", *more], outputCol="features")
    ]


def encoded() -> list[Any]:
    """The usual front of a pipeline: indexers, one-hot, imputer, assembler, scaler; and the label."""
    indexes, hots = [f"{c}_i" for c in TEXTS], [f"{c}_h" for c in TEXTS]
    filled = ["revol_util_f", "all_util_f"]
    return [
        ft.StringIndexer(inputCol="Class", outputCol="label"),
        ft.StringIndexer(inputCols=TEXTS, outputCols=indexes, handleInvalid="keep"),
        ft.OneHotEncoder(inputCols=indexes, outputCols=hots),
        ft.Imputer(inputCols=["revol_util", "all_util"], outputCols=filled),
        ft.VectorAssembler(inputCols=[*NUMBERS[:3], *filled, *hots], outputCol="raw", handleInvalid="skip"),
        ft.StandardScaler(inputCol="raw", outputCol="features", withMean=True),
    ]


def label() -> Any:
    """Good and bad as 0 and 1."""
    return ft.StringIndexer(inputCol="Class", outputCol="label")


def grade() -> Any:
    """Grades A to G: the many-class label."""
    return ft.StringIndexer(inputCol="grade", outputCol="label", stringOrderType="alphabetAsc")


def categorical() -> list[Any]:
    """Two categorical and two continuous features, for trees with both sorts of splits."""
    return [
        label(),
        ft.StringIndexer(inputCol="emp_length", outputCol="emp_i", handleInvalid="keep"),
        ft.StringIndexer(inputCol="grade", outputCol="grade_i"),
        ft.VectorAssembler(inputCols=["emp_i", "int_rate", "grade_i", "annual_inc"], outputCol="features"),
    ]


def pipelines() -> dict[str, Callable[[], list[Any]]]:
    """Fixture name -> the stages that are fitted in one Pipeline."""
    tree = {"maxDepth": 4, "seed": 1}
    return {
        "logistic": lambda: [
            *encoded(),
            cl.LogisticRegression(maxIter=5, threshold=0.4),
            ft.IndexToString(inputCol="label", outputCol="truth"),
            ft.IndexToString(inputCol="prediction", outputCol="answer", labels=["good", "bad"]),
        ],
        "logistic_multinomial": lambda: [
            grade(),
            *assembled(),
            cl.LogisticRegression(maxIter=5, regParam=0.1, thresholds=[0.5, 1.0, 1, 1, 1, 1, 2][:7]),
        ],
        "logistic_sparse": lambda: [
            grade(),
            *assembled("inq_last_6mths", "open_il_24m"),
            cl.LogisticRegression(maxIter=5, regParam=0.2, elasticNetParam=1.0, probabilityCol=""),
        ],
        "logistic_thresholds": lambda: [
            label(),
            *assembled(),
            cl.LogisticRegression(maxIter=3, thresholds=[0.7, 0.3], family="binomial"),
        ],
        "logistic_two_rows": lambda: [
            label(),
            *assembled(),
            cl.LogisticRegression(maxIter=3, family="multinomial", predictionCol=""),
        ],
        "in_place": lambda: [
            ft.Imputer(inputCols=["revol_util", "all_util"], outputCols=["revol_util", "all_util"]),
            *assembled("revol_util", "all_util"),
            rg.LinearRegression(labelCol="funded_amnt", maxIter=2),
        ],
        "svc": lambda: [label(), *assembled(), cl.LinearSVC(maxIter=5, threshold=0.1)],
        "dt_classifier": lambda: [*categorical(), cl.DecisionTreeClassifier(**tree)],
        "rf_classifier": lambda: [*categorical(), cl.RandomForestClassifier(numTrees=5, **tree)],
        "gbt_classifier": lambda: [*categorical(), cl.GBTClassifier(maxIter=3, **tree)],
        "dt_regressor": lambda: [
            *categorical(),
            rg.DecisionTreeRegressor(labelCol="funded_amnt", varianceCol="variance", **tree),
        ],
        "rf_regressor": lambda: [
            *categorical(),
            rg.RandomForestRegressor(labelCol="funded_amnt", numTrees=3, **tree),
        ],
        "gbt_regressor": lambda: [
            *categorical(),
            rg.GBTRegressor(labelCol="funded_amnt", maxIter=3, **tree),
        ],
        "linear": lambda: [
            *assembled(),
            rg.LinearRegression(labelCol="inq_last_6mths", regParam=0.01, maxIter=3),
        ],
        "linear_huber": lambda: [
            *assembled(),
            rg.LinearRegression(labelCol="inq_last_6mths", loss="huber", maxIter=3),
        ],
        "mlp": lambda: [
            label(),
            *assembled(),
            ft.MinMaxScaler(inputCol="features", outputCol="scaled", min=-1.0),
            cl.MultilayerPerceptronClassifier(
                featuresCol="scaled", layers=[3, 4, 2], maxIter=3, seed=1
            ).setThresholds([0.6, 0.4]),
        ],
        "scalers": lambda: [
            *assembled("inq_last_6mths", "open_il_24m"),
            ft.VectorIndexer(inputCol="features", outputCol="v1", maxCategories=7, handleInvalid="keep"),
            ft.StandardScaler(inputCol="v1", outputCol="v2", withMean=True, withStd=False),
            ft.MinMaxScaler(inputCol="v1", outputCol="v3", max=2.0),
            ft.MaxAbsScaler(inputCol="v2", outputCol="v4"),
            ft.RobustScaler(inputCol="v4", outputCol="v5", withCentering=True, lower=0.1),
            ft.Normalizer(inputCol="v5", outputCol="v6", p=math.inf),
            ft.Normalizer(inputCol="v3", outputCol="v7"),
            ft.PCA(inputCol="v5", outputCol="v8", k=2),
            ft.Binarizer(inputCol="v2", outputCol="v9", threshold=0.5),
        ],
        "buckets": lambda: [
            ft.Bucketizer(inputCol="int_rate", outputCol="b1", splits=[-math.inf, 8.0, 12.0, 15.5, math.inf]),
            ft.Bucketizer(
                inputCols=["annual_inc", "all_util"],
                outputCols=["b2", "b3"],
                splitsArray=[[0.0, 50000.0, 1e7], [-1.0, 50.0, 200.0]],
                handleInvalid="keep",
            ),
            ft.QuantileDiscretizer(inputCol="funded_amnt", outputCol="b4", numBuckets=3),
            ft.QuantileDiscretizer(
                inputCols=["annual_inc", "int_rate"], outputCols=["b5", "b6"], numBuckets=2
            ),
            ft.Binarizer(inputCol="int_rate", outputCol="b7", threshold=10.0),
            ft.Binarizer(
                inputCols=["int_rate", "annual_inc"], outputCols=["b8", "b9"], thresholds=[9.0, 6e4]
            ),
            ft.Binarizer(inputCols=["int_rate", "annual_inc"], outputCols=["b10", "b11"], threshold=20.0),
            ft.Imputer(inputCol="revol_util", outputCol="b12", strategy="median"),
            ft.Imputer(inputCols=["inq_last_6mths"], outputCols=["b13"], missingValue=0.0),
            ft.StringIndexer(inputCol="inq_last_6mths", outputCol="b14", handleInvalid="keep"),
            ft.StringIndexer(inputCol="b13", outputCol="b15", handleInvalid="keep"),
            ft.OneHotEncoder(inputCol="b1", outputCol="b16", dropLast=False),
            ft.OneHotEncoder(inputCol="b2", outputCol="b17", handleInvalid="keep"),
        ],
        "rformula": lambda: [
            ft.RFormula(formula="Class ~ term + int_rate + emp_length + funded_amnt", handleInvalid="keep"),
            cl.LogisticRegression(maxIter=3),
        ],
        "rformula_number": lambda: [
            ft.RFormula(formula="annual_inc ~ term + int_rate - 1", featuresCol="x", labelCol="y"),
            rg.LinearRegression(featuresCol="x", labelCol="y", maxIter=3),
        ],
        "rformula_flag": lambda: [ft.RFormula(formula="safe ~ grade + int_rate", forceIndexLabel=False)],
        "rformula_interaction": lambda: [ft.RFormula(formula="Class ~ term + int_rate : funded_amnt")],
        "stacked": lambda: [
            label(),
            *assembled(),
            cl.LogisticRegression(maxIter=3, predictionCol="p1", probabilityCol="q1", rawPredictionCol=""),
            cu.KMeans(k=3, seed=1, maxIter=3, predictionCol="cluster"),
            ft.StringIndexer(inputCol="cluster", outputCol="cluster_i"),
            ft.VectorAssembler(inputCols=["q1", "cluster_i", "p1", "int_rate"], outputCol="second"),
            cl.RandomForestClassifier(featuresCol="second", numTrees=2, maxDepth=2, seed=1),
        ],
        "unsupported": lambda: [
            ft.SQLTransformer(statement="SELECT *, concat(term, ' ', grade) AS words FROM __THIS__"),
            ft.Tokenizer(inputCol="words", outputCol="tokens"),
            ft.HashingTF(inputCol="tokens", outputCol="counts", numFeatures=16),
            label(),
            cl.NaiveBayes(featuresCol="counts"),
        ],
        "one_vs_rest": lambda: [
            grade(),
            *assembled(),
            cl.OneVsRest(classifier=cl.LogisticRegression(maxIter=1)),
        ],
        "leaf_col": lambda: [
            *categorical(),
            cl.RandomForestClassifier(numTrees=2, maxDepth=2, seed=1, leafCol="leaf"),
        ],
        "kmeans_cosine": lambda: [*assembled(), cu.KMeans(k=2, seed=1, distanceMeasure="cosine")],
    }


def plain(value: Any) -> Any:
    """Spark's values as JSON's."""
    if isinstance(value, (DenseVector, SparseVector)):
        return [float(v) for v in value.toArray()]
    return value


def save(model: Any, rows: DataFrame, home: Path) -> None:
    """Write one fixture."""
    shutil.rmtree(home, ignore_errors=True)
    model.write().overwrite().save(str(home / "model"))
    for junk in [*home.rglob("*.crc"), *home.rglob("_SUCCESS")]:
        junk.unlink()
    answer = model.transform(rows)
    added = [c for c in answer.columns if c not in rows.columns]
    before, after = rows.collect(), answer.collect()
    content = {
        "schema": {f.name: f.dataType.simpleString() for f in rows.schema.fields},
        "rows": {c: [plain(row[c]) for row in before] for c in rows.columns},
        "answers": {c: [plain(row[c]) for row in after] for c in added},
        "answer_types": {c: answer.schema[c].dataType.simpleString() for c in added},
    }
    (home / "answers.json").write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n")


def special(spark: SparkSession, data: DataFrame, rows: DataFrame, wanted: set[str]) -> None:
    """Fixtures that are not one fitted Pipeline: bare models, nested pipelines, tuning, several parts."""
    front = Pipeline(stages=[label(), *assembled()]).fit(data)
    ready, ready_rows = (
        front.transform(data).select("features", "label"),
        front.transform(rows).select("features"),
    )
    if not wanted or "bare_kmeans" in wanted:
        save(
            cu.KMeans(k=4, seed=3, maxIter=3).fit(ready.repartition(2)), ready_rows, FIXTURES / "bare_kmeans"
        )
    if not wanted or "bare_logistic" in wanted:
        save(cl.LogisticRegression(maxIter=3).fit(ready), ready_rows, FIXTURES / "bare_logistic")
    if not wanted or "bare_gbt" in wanted:
        save(cl.GBTClassifier(maxIter=2, maxDepth=2, seed=1).fit(ready), ready_rows, FIXTURES / "bare_gbt")
    if not wanted or "nested" in wanted:
        model = cl.LogisticRegression(maxIter=3).fit(ready)
        back = ft.IndexToString(inputCol="prediction", outputCol="answer", labels=["good", "bad"])
        save(PipelineModel(stages=[front, PipelineModel(stages=[model, back])]), rows, FIXTURES / "nested")
    if not wanted or "tuned" in wanted:
        lr = cl.LogisticRegression(maxIter=1)
        search = CrossValidator(
            estimator=lr,
            estimatorParamMaps=ParamGridBuilder().addGrid(lr.regParam, [0.0, 0.1]).build(),
            evaluator=BinaryClassificationEvaluator(),
            numFolds=2,
            seed=1,
        )
        save(search.fit(ready), ready_rows, FIXTURES / "tuned")


def main(wanted: set[str]) -> None:
    """Write the fixtures named, or all of them."""
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    data = frame(spark).cache()
    rows = spark.createDataFrame(data.limit(SCORED_ROWS).collect(), data.schema).coalesce(1).cache()
    for name, stages in pipelines().items():
        if not wanted or name in wanted:
            save(Pipeline(stages=stages()).fit(data), rows, FIXTURES / name)
    special(spark, data, rows, wanted)
    spark.stop()


if __name__ == "__main__":
    main(set(sys.argv[1:]))
