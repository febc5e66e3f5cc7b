"""The evaluators on Spark DataFrames; scikit-learn and Spark's own evaluators are the judges."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.spark.evaluation import (
    SpliceBinaryClassificationEvaluator,
    SpliceMultiClassificationEvaluator,
    SpliceRegressionEvaluator,
)

pytestmark = pytest.mark.spark

RATES = ["TPR", "SPC", "PPV", "NPV", "FPR", "FDR", "FNR", "FOR", "ACC", "F1", "MCC"]
BINARY = [*RATES, "areaUnderROC", "areaUnderPR", "TP", "FP", "TN", "FN"]


@pytest.fixture(scope="module")
def scored(loans):
    """Real loans with label, prediction, probability and rawPrediction of a small tree (many ties)."""
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import DecisionTreeClassifier
    from pyspark.ml.feature import StringIndexer, VectorAssembler

    frame = loans.sampleBy("Class", {"good": 0.1, "bad": 1.0}, seed=1)
    stages = [
        StringIndexer(inputCol="Class", outputCol="label"),
        VectorAssembler(inputCols=["int_rate", "annual_inc", "funded_amnt"], outputCol="features"),
        DecisionTreeClassifier(maxDepth=4),
    ]
    columns = ["Class", "label", "prediction", "probability", "rawPrediction"]
    return Pipeline(stages=stages).fit(frame).transform(frame).select(*columns).cache()


@pytest.fixture(scope="module")
def local(scored):
    """The same as pandas, with ``score``: the probability of class 1."""
    frame = scored.toPandas()
    frame["score"] = [p[1] for p in frame["probability"]]
    return frame


def test_binary_on_real_loans_equals_scikit_learn_and_spark(scored, local):
    from pyspark.ml.evaluation import BinaryClassificationEvaluator

    evaluator = SpliceBinaryClassificationEvaluator()
    evaluator.input(scored)
    found = evaluator.get_results("dict")
    assert list(found) == BINARY
    y, p = local["label"], local["prediction"]
    expected = {
        "areaUnderROC": sk.roc_auc_score(y, local["score"]),
        "TPR": sk.recall_score(y, p),
        "PPV": sk.precision_score(y, p),
        "F1": sk.f1_score(y, p),
        "ACC": sk.accuracy_score(y, p),
        "MCC": sk.matthews_corrcoef(y, p),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name
    assert [found[n] for n in ("TN", "FP", "FN", "TP")] == sk.confusion_matrix(y, p).ravel().tolist()
    assert found["areaUnderROC"] != pytest.approx(sk.roc_auc_score(y, p), abs=1e-3)  # not on hard predictions
    for metric in ("areaUnderROC", "areaUnderPR"):
        judge = BinaryClassificationEvaluator(rawPredictionCol="probability", metricName=metric, numBins=0)
        assert found[metric] == pytest.approx(judge.evaluate(scored), rel=1e-12)


def test_inputs_are_pooled(scored, local):
    whole, parts = SpliceBinaryClassificationEvaluator(), SpliceBinaryClassificationEvaluator()
    whole.input(scored)
    for part in (scored.where("Class = 'good'"), scored.where("Class = 'bad'")):
        parts.input(part)
    assert parts.get_results("dict") == pytest.approx(whole.get_results("dict"), rel=1e-12)


def test_one_pass_over_the_data(spark):
    from pyspark.sql import functions as fn

    seen = spark.sparkContext.accumulator(0)

    @fn.udf("double")
    def counted(value):
        seen.add(1)
        return float(value % 2)

    frame = spark.range(100).withColumn("label", counted("id").cast("double"))
    frame = frame.selectExpr("label", "1.0D as prediction", "id / 100.0D as probability")
    evaluator = SpliceBinaryClassificationEvaluator(spark)
    evaluator.input(frame)
    assert evaluator.get_results("dict")["TP"] == 50
    evaluator.plotROC()
    evaluator.threshold_table()
    assert seen.value == 100


def test_the_score_column(spark, scored, local):
    from pyspark.ml.functions import vector_to_array

    raw = scored.select(
        "label", "prediction", "rawPrediction", vector_to_array("probability").alias("score_array")
    )
    evaluator = SpliceBinaryClassificationEvaluator(spark, score_column="score_array")
    evaluator.input(raw)
    assert evaluator.metrics()["areaUnderROC"] == pytest.approx(
        sk.roc_auc_score(local["label"], local["score"])
    )
    by_raw = SpliceBinaryClassificationEvaluator(spark)
    by_raw.input(raw)
    counts = [v[1] for v in local["rawPrediction"]]
    assert by_raw.metrics()["areaUnderROC"] == pytest.approx(sk.roc_auc_score(local["label"], counts))
    bare = SpliceBinaryClassificationEvaluator(spark)
    with pytest.warns(UserWarning, match="areaUnderROC and areaUnderPR will be NaN"):
        bare.input(raw.select("label", "prediction"))
    assert math.isnan(bare.metrics()["areaUnderROC"])
    assert bare.metrics()["ACC"] == pytest.approx(sk.accuracy_score(local["label"], local["prediction"]))
    with pytest.raises(ScoringError, match="score_column="):
        bare.plotROC()


def test_one_class_only(spark):
    frame = spark.createDataFrame([(0, 0.0, 0.2), (0, 0.0, 0.4)], ["label", "prediction", "probability"])
    evaluator = SpliceBinaryClassificationEvaluator(spark)
    evaluator.input(frame)
    found = evaluator.metrics()
    assert (found["ACC"], found["SPC"], found["FPR"], found["MCC"]) == (1.0, 1.0, 0.0, 0.0)
    for name in ("TPR", "PPV", "F1", "areaUnderROC", "areaUnderPR"):
        assert math.isnan(found[name]), name


@pytest.mark.parametrize(
    ("rows", "kinds", "message"),
    [
        ([(None, 1.0)], "label double, prediction double", "'label' has null or NaN"),
        ([(1.0, float("nan"))], "label double, prediction double", "'prediction' has null or NaN"),
        ([(2.0, 1.0)], "label double, prediction double", r"'label' has 2 \(1 row\(s\)"),
        ([("good", 1.0)], "label string, prediction double", "'label' is of type string.*StringIndexer"),
        ([(1.0, 1.0)], "labels double, prediction double", "no column 'label'; did you mean 'labels'"),
    ],
)
@pytest.mark.filterwarnings("ignore:the DataFrame has no probability")
def test_binary_refuses_what_it_cannot_count(spark, rows, kinds, message):
    evaluator = SpliceBinaryClassificationEvaluator(spark)
    with pytest.raises(ScoringError, match=message):
        evaluator.input(spark.createDataFrame(rows, kinds))
    with pytest.raises(ScoringError, match="no rows were evaluated"):
        evaluator.get_results()


def test_nothing_put_in_and_nothing_in_it(spark):
    empty = spark.createDataFrame([], "label double, prediction double, probability double")
    for kind in (
        SpliceBinaryClassificationEvaluator,
        SpliceMultiClassificationEvaluator,
        SpliceRegressionEvaluator,
    ):
        evaluator = kind(spark)
        with pytest.raises(ScoringError, match=r"call input\(df\)"):
            evaluator.get_results("dict")
        evaluator.input(empty)
        with pytest.raises(ScoringError, match="not empty"):
            evaluator.get_results("dict")
        with pytest.raises(ScoringError, match="Spark DataFrame is needed, not DataFrame"):
            evaluator.input(pd.DataFrame({"label": [1.0], "prediction": [1.0]}))


def test_every_form_of_get_results(spark):
    frame = spark.createDataFrame([(1.0, 1.5), (2.0, 2.0)], ["label", "prediction"])
    evaluator = SpliceRegressionEvaluator(spark)
    evaluator.input(frame)
    expected = {"rmse": math.sqrt(0.125), "mse": 0.125, "r2": 0.5, "mae": 0.25}
    for found in (
        evaluator.get_results("dict"),
        evaluator.get_results(dict=True),
        evaluator.get_results(as_dict=True),
        evaluator.get_results(output_type="dict"),
        evaluator.get_results(True),
        evaluator.metrics(),
    ):
        assert found == pytest.approx(expected)
    one_row = evaluator.get_results()
    assert one_row.columns == list(expected)
    assert [tuple(r) for r in one_row.collect()] == [pytest.approx(tuple(expected.values()))]
    assert evaluator.get_results("pandas").iloc[0].to_dict() == pytest.approx(expected)
    with pytest.raises(ScoringError, match="output_type"):
        evaluator.get_results("json")


def test_every_spelling_of_the_columns(spark):
    frame = spark.createDataFrame([(1.0, 1.0), (2.0, 3.0)], ["y", "p"])
    evaluators = [
        SpliceRegressionEvaluator(spark, "y", "p"),
        SpliceRegressionEvaluator(spark, label_column="y", prediction_column="p"),
    ]
    for label, prediction in (("labelCol", "predictionCol"), ("label_col", "prediction_col")):
        with pytest.warns(DeprecationWarning, match="is now called"):
            evaluators.append(SpliceRegressionEvaluator(spark, **{prediction: "p", label: "y"}))
    for evaluator in evaluators:
        evaluator.input(frame)
        assert evaluator.metrics()["mse"] == 0.5
    swapped = SpliceMultiClassificationEvaluator(spark, "prediction", "label")  # 2019's order
    assert (swapped.label_column, swapped.prediction_column) == ("label", "prediction")
    with pytest.raises(TypeError, match="same argument"):
        SpliceRegressionEvaluator(spark, "y", labelCol="y")
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        SpliceBinaryClassificationEvaluator(spark, colour="y")
    assert SpliceBinaryClassificationEvaluator(spark, confusion_matrix=False).label_column == "label"


def test_multi_on_numbers_and_on_strings(spark):
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 4, 300), rng.integers(0, 5, 300)
    numbers = pd.DataFrame({"label": y, "prediction": p.astype(float)})  # int against double
    names = pd.DataFrame({"label": [f"c{v}" for v in y], "prediction": [f"c{v}" for v in p]})
    precision, recall, f1, _ = sk.precision_recall_fscore_support(y, p, average="weighted", zero_division=0)
    for frame in (numbers, names):
        evaluator = SpliceMultiClassificationEvaluator(spark)
        evaluator.input(spark.createDataFrame(frame.iloc[:100]))
        evaluator.input(spark.createDataFrame(frame.iloc[100:]))
        assert evaluator.get_results("dict") == pytest.approx(
            {
                "f1": f1,
                "weightedPrecision": precision,
                "weightedRecall": recall,
                "accuracy": sk.accuracy_score(y, p),
            }
        )
    recall = sk.recall_score(y, p, average=None, zero_division=0)[1]
    assert evaluator.per_class()["c1"]["recall"] == pytest.approx(recall)
    assert evaluator.plotConfusionMatrix().axes[0].get_title() == "Confusion matrix"


def test_multi_refuses_null_and_mixed_types(spark):
    evaluator = SpliceMultiClassificationEvaluator(spark)
    with pytest.raises(ScoringError, match="cannot be compared"):
        evaluator.input(spark.createDataFrame([("a", 1.0)], ["label", "prediction"]))
    with pytest.raises(ScoringError, match=r"'prediction' has null or NaN in 1 row"):
        evaluator.input(spark.createDataFrame([(1.0, 1.0), (1.0, None)], ["label", "prediction"]))
    with pytest.raises(ScoringError, match="no rows"):
        evaluator.metrics()


def test_regression_on_real_loans(loans):
    local = loans.select("funded_amnt", "total_bal_il").toPandas()
    evaluator = SpliceRegressionEvaluator(None, "funded_amnt", "total_bal_il")
    for part in loans.randomSplit([0.3, 0.7], seed=2):
        evaluator.input(part)
    y, p = local["funded_amnt"], local["total_bal_il"]
    assert evaluator.get_results("dict") == pytest.approx(
        {
            "rmse": sk.root_mean_squared_error(y, p),
            "mse": sk.mean_squared_error(y, p),
            "r2": sk.r2_score(y, p),
            "mae": sk.mean_absolute_error(y, p),
        },
        rel=1e-12,
    )


def test_regression_refuses_holes_by_column(spark):
    evaluator = SpliceRegressionEvaluator(spark)
    frame = spark.createDataFrame([(1.0, 1.0), (1.0, None), (2.0, float("nan"))], ["label", "prediction"])
    with pytest.raises(ScoringError, match=r"'prediction' has null or NaN in 2 row") as error:
        evaluator.input(frame)
    assert error.value.column == "prediction"


def test_figures_are_real_and_leave_pyplot_alone(scored, local):
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    evaluator = SpliceBinaryClassificationEvaluator()
    evaluator.input(scored)
    for draw in (
        evaluator.plotROC,
        evaluator.plotPR,
        evaluator.plotConfusionMatrix,
        evaluator.plotThresholds,
    ):
        figure = draw()
        assert isinstance(figure, Figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="png")
        assert stream.getvalue().startswith(b"\x89PNG")
    assert plt.get_fignums() == []
    x, y = evaluator.plotROC().axes[0].lines[0].get_data()
    fpr, tpr, _ = sk.roc_curve(local["label"], local["score"], drop_intermediate=False)
    assert np.allclose(x, fpr)
    assert np.allclose(y, tpr)
    mine = Figure().subplots(1, 2)
    assert evaluator.plotROC(mine[0]) is mine[0].figure


def test_threshold_table(scored, local):
    evaluator = SpliceBinaryClassificationEvaluator()
    evaluator.input(scored)
    table = evaluator.threshold_table()
    assert len(table) == 19
    row = table[table["threshold"] == 0.5].iloc[0]
    called = local["score"] >= 0.5
    assert row["TP"] + row["FP"] == called.sum()
    assert row["precision"] == pytest.approx(sk.precision_score(local["label"], called))
    assert evaluator.threshold_table([0.0, 2.0])["recall"].tolist() == [1.0, 0.0]
