"""Pipelines that end in models. A fitted model is used several times, with other columns and thresholds."""

from __future__ import annotations

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import (
    LinearSVC,
    LogisticRegression,
    MultilayerPerceptronClassifier,
    RandomForestClassifier,
)
from pyspark.ml.clustering import KMeans
from pyspark.ml.feature import (
    Bucketizer,
    Imputer,
    IndexToString,
    OneHotEncoder,
    RFormula,
    StandardScaler,
    StringIndexer,
    VectorAssembler,
)
from pyspark.ml.regression import LinearRegression

from tests.parity.harness import Bad, Case
from tests.parity.rows import INF, NAN, UNSEEN, joined, spoil
from tests.parity.variants import variant, ways

COLUMNS = ("a", "b", "c", "k", "m")
HOLES = {name: (None, NAN, INF, -INF, 0.0, -0.0, 1e3, -30.0) for name in COLUMNS}


def as_is(table):
    return table


def with_holes(table):
    return joined(table, spoil(table, HOLES))


def prepared(frame, *stages):
    """The assembler (NaN for null), then ``stages``; their models and what they make of the frame."""
    assembler = VectorAssembler(inputCols=list(COLUMNS), outputCol="v", handleInvalid="keep")
    front = Pipeline(stages=[assembler, *stages]).fit(frame)
    return front.stages, front.transform(frame).cache()


def standardised():
    return StandardScaler(inputCol="v", outputCol="features", withMean=True)


def binary_linear(frame):
    front, data = prepared(frame, standardised())
    plain = LogisticRegression(labelCol="label", maxIter=3).fit(data)
    lasso = LogisticRegression(labelCol="label", maxIter=5, regParam=0.3, elasticNetParam=1.0).fit(data)
    through_zero = LogisticRegression(labelCol="label", maxIter=3, fitIntercept=False, featuresCol="v").fit(
        data
    )
    svc = LinearSVC(labelCol="label", maxIter=3).fit(data)
    models = [
        *ways(plain, "half"),
        variant(plain, "quarter", raw=False, threshold=0.25),
        variant(plain, "none", threshold=1.0),
        *ways(plain, "all", threshold=0.0),
        variant(plain, "both", thresholds=[0.3, 0.6]),
        variant(lasso, "lasso"),
        variant(through_zero, "zero"),
        variant(svc, "svc"),
        variant(svc, "svc3", raw=False, threshold=-0.25),
    ]
    return PipelineModel([*front, *models])


def multinomial(frame):
    front, data = prepared(frame, standardised())
    three = LogisticRegression(labelCol="label3", maxIter=3).fit(data)
    two = LogisticRegression(labelCol="label", family="multinomial", maxIter=3).fit(data)
    lasso = LogisticRegression(labelCol="label3", maxIter=5, regParam=0.1, elasticNetParam=1.0).fit(data)
    deep = MultilayerPerceptronClassifier(labelCol="label3", layers=[5, 4, 3, 3], maxIter=3, seed=1).fit(data)
    models = [
        *ways(three, "three"),
        *ways(three, "weighed", thresholds=[0.5, 0.3, 0.2]),
        variant(three, "one", thresholds=[0.5, 0.0, 0.5]),
        variant(two, "two", threshold=0.9),
        variant(lasso, "lasso"),
        *ways(deep, "deep"),
        *ways(deep, "deeper", thresholds=[0.5, 0.3, 0.2]),
    ]
    return PipelineModel([*front, *models])


def linear(frame):
    front, data = prepared(frame, standardised())
    models = [
        variant(LinearRegression(labelCol="target", maxIter=3).fit(data), "plain"),
        variant(LinearRegression(labelCol="target", maxIter=3, loss="huber").fit(data), "huber"),
        variant(LinearRegression(labelCol="target", regParam=8.0, elasticNetParam=1.0).fit(data), "lasso"),
    ]
    return PipelineModel([*front, *models])


def clusters(frame):
    front, data = prepared(frame, standardised())
    # one cluster more than the data needs, and one model on the grid of b and k, where ties are exact
    grid = VectorAssembler(inputCols=["b", "k"], outputCol="grid")
    on_grid = KMeans(k=3, maxIter=0, seed=5, featuresCol="grid", predictionCol="cell").fit(
        grid.transform(frame)
    )
    plain = KMeans(k=4, maxIter=3, seed=5).fit(data)
    return PipelineModel([*front, grid, plain, on_grid])


def finite(table):
    odd = {name: (INF, -INF, 0.0, -0.0, 1e3) for name in ("a", "m")}
    return joined(table, spoil(table, odd | {"b": (-0.125, 0.125, 0.5)}))


def formula(handle):
    def fit(frame):
        stages = [
            RFormula(formula="label3 ~ t + a + b", handleInvalid=handle),
            LogisticRegression(maxIter=2, featuresCol="features", labelCol="label"),
        ]
        return Pipeline(stages=stages).fit(frame.drop("label"))

    return fit


FORMULA_BAD = [Bad({"t": "zz"}, "t"), Bad({"a": NAN}, "a"), Bad({"t": None}, "t")]
FORMULA_ODD = {"t": (None, *UNSEEN), "a": (None, NAN, INF), "b": (None, NAN)}


def loans(handle):
    """The pipeline people write: text encoded, holes filled, a forest on top, the class as text."""

    def fit(frame):
        text = ["term", "sub_grade", "addr_state", "verification_status", "emp_length"]
        numbers = ["funded_amnt", "delinq_2yrs", "open_il_24m", "total_bal_il", "inq_fi"]
        label = StringIndexer(inputCol="Class", outputCol="y", handleInvalid="skip").fit(frame)
        stages = [
            label,
            StringIndexer(inputCols=text, outputCols=[f"{c}_i" for c in text], handleInvalid=handle),
            OneHotEncoder(inputCols=["sub_grade_i", "addr_state_i"], outputCols=["grade_v", "state_v"]),
            Imputer(inputCols=["int_rate", "annual_inc"], outputCols=["rate", "income"], strategy="median"),
            Bucketizer(
                splits=[0.0, 25.0, 50.0, 75.0, INF],
                inputCol="revol_util",
                outputCol="util",
                handleInvalid=handle,
            ),
            VectorAssembler(
                inputCols=[
                    "grade_v",
                    "state_v",
                    "term_i",
                    "emp_length_i",
                    "rate",
                    "income",
                    "util",
                    *numbers,
                ],
                outputCol="v",
                handleInvalid=handle,
            ),
            StandardScaler(inputCol="v", outputCol="z"),
            RandomForestClassifier(labelCol="y", featuresCol="v", numTrees=5, maxDepth=4, maxBins=64, seed=1),
        ]
        model = Pipeline(stages=stages).fit(frame)
        logistic = LogisticRegression(
            labelCol="y",
            featuresCol="z",
            maxIter=3,
            predictionCol="lr",
            probabilityCol="lr_p",
            rawPredictionCol="lr_raw",
        ).fit(model.transform(frame))
        back = IndexToString(inputCol="prediction", outputCol="answer", labels=label.labels)
        return PipelineModel([*model.stages, logistic, back])

    return fit


def spoiled_loans(table):
    odd = {
        "term": (None, "term_48"),
        "sub_grade": (None, "", "c4"),
        "addr_state": (None, "XX"),
        "emp_length": (None,),
        "int_rate": (None, NAN),
        "annual_inc": (None,),
        "revol_util": (None, NAN),
        "funded_amnt": (None,),
    }
    return joined(table, spoil(table, odd, share=0.02))


LOAN_BAD = [
    Bad({"term": "term_48"}, "term"),
    Bad({"revol_util": NAN}, "revol_util"),
    Bad({"revol_util": -1.0}, "revol_util"),
    Bad({"funded_amnt": None}, "funded_amnt"),
]

MODELS: tuple[Case, ...] = (
    Case("binary-linear", "linear", binary_linear, "clean", with_holes),
    Case("multinomial-and-perceptron", "linear", multinomial, "clean", with_holes),
    Case("linear-regression", "linear", linear, "clean", with_holes),
    Case("kmeans", "clusters", clusters, "clean", finite, [Bad({"a": NAN}, "features")]),
    Case("formula-error", "formula", formula("error"), "clean", as_is, FORMULA_BAD),
    Case("formula-skip", "formula", formula("skip"), "clean", lambda table: spoil(table, FORMULA_ODD)),
    Case("formula-keep", "formula", formula("keep"), "clean", lambda table: spoil(table, FORMULA_ODD)),
    Case("loans-error", "loans", loans("error"), "loans", as_is, LOAN_BAD),
    Case("loans-skip", "loans", loans("skip"), "loans", spoiled_loans, LOAN_BAD[2:3]),
    Case("loans-keep", "loans", loans("keep"), "loans", spoiled_loans, LOAN_BAD[2:3]),
)
