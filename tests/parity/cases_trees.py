"""Trees on categorical and continuous features, with values that were never seen and values on the edge."""

from __future__ import annotations

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import DecisionTreeClassifier, GBTClassifier, RandomForestClassifier
from pyspark.ml.feature import VectorAssembler, VectorIndexer
from pyspark.ml.regression import DecisionTreeRegressor, GBTRegressor, RandomForestRegressor

from tests.parity.harness import Case
from tests.parity.rows import INF, NAN, joined, spoil
from tests.parity.variants import variant, ways


def trees(frame, label, makers):
    """Trees fitted on indexed features (m has 10 categories, k 3, i 8), scored as they were fitted."""
    assembler = VectorAssembler(inputCols=["a", "b", "k", "m", "i"], outputCol="v", handleInvalid="keep")
    indexer = VectorIndexer(inputCol="v", outputCol="features", maxCategories=10, handleInvalid="keep")
    front = Pipeline(stages=[assembler, indexer]).fit(frame)
    data = front.transform(frame).cache()
    return front.stages, [maker(labelCol=label, featuresCol="features").fit(data) for maker in makers]


TREE_ODD = {
    "a": (None, NAN, INF, -INF, -0.0),
    "b": (None, NAN, 0.0),
    "k": (None, 0.0, 4.0, NAN),
    "m": (None, NAN, 1.5, -1.0, 99.0, 10.0, -0.0),
    "i": (None, 8, -1),
}


def tree_rows(table):
    return joined(table, spoil(table, TREE_ODD))


def classifiers(frame):
    front, (dt, rf) = trees(
        frame,
        "label3",
        [
            lambda **io: DecisionTreeClassifier(maxDepth=5, **io),
            lambda **io: RandomForestClassifier(numTrees=5, maxDepth=4, seed=3, **io),
        ],
    )
    _, (gbt,) = trees(frame, "label", [lambda **io: GBTClassifier(maxIter=4, maxDepth=4, seed=3, **io)])
    heavy, zero = [0.5, 0.3, 0.2], [0.0, 0.4, 0.4]
    models = [
        *ways(dt, "dt"),
        variant(dt, "dt_t", thresholds=heavy),
        variant(dt, "dt_t3", raw=False, probability=False, thresholds=heavy),
        *ways(rf, "rf"),
        variant(rf, "rf_t", thresholds=zero),
        *ways(gbt, "gbt"),
        variant(gbt, "gbt_t", raw=False, probability=False, thresholds=[0.7, 0.2]),
        # on the bare vector: categories that are unseen, fractional, negative and NaN
        *(
            variant(model, f"{name}_bare", featuresCol="v")
            for name, model in zip("drg", (dt, rf, gbt), strict=True)
        ),
    ]
    return PipelineModel([*front, *models])


def regressors(frame):
    front, (dt, rf, gbt) = trees(
        frame,
        "target",
        [
            lambda **io: DecisionTreeRegressor(maxDepth=5, varianceCol="spread", **io),
            lambda **io: RandomForestRegressor(numTrees=5, maxDepth=4, seed=3, **io),
            lambda **io: GBTRegressor(maxIter=4, maxDepth=4, seed=3, **io),
        ],
    )
    bare = [
        variant(model, f"{name}_bare", featuresCol="v", **({"varianceCol": "spread2"} if name == "d" else {}))
        for name, model in zip("drg", (dt, rf, gbt), strict=True)
    ]
    named = [variant(model, name) for name, model in zip(("dt", "rf", "gbt"), (dt, rf, gbt), strict=True)]
    return PipelineModel([*front, *named, *bare])


TREES: tuple[Case, ...] = (
    Case("tree-classifiers", "trees", classifiers, "clean", tree_rows, edges=True),
    Case("tree-regressors", "trees", regressors, "clean", tree_rows, edges=True),
)
