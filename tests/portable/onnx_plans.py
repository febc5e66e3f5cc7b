"""Hand-made plans: a few stages in, the scorer of them out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splicemachine_ml.portable import stages
from splicemachine_ml.portable.onnx import build
from splicemachine_ml.portable.scorer import Scorer

Number = stages.Column


def number(name, nullable=True, spark_type="double"):
    return stages.Column(name, "number", nullable=nullable, spark_type=spark_type)


def text(name):
    return stages.Column(name, "string", spark_type="string")


def unknown(name):
    return stages.Column(name, "any")


def vector(name, size, nullable=True):
    return stages.Column(name, "vector", size=size, nullable=nullable)


def plan(inputs, pipeline: Sequence[stages.Stage], outputs, optional=()):
    columns = {column.name: column for column in (*inputs, *outputs)}
    whole = stages.Pipeline("pipeline_1", "org.apache.spark.ml.PipelineModel", "4.3.0", tuple(pipeline))
    return stages.Plan(whole, tuple(pipeline), tuple(inputs), tuple(optional), tuple(outputs), columns)


def scorer(inputs, pipeline, outputs, optional=()):
    model, spec = build(plan(inputs, pipeline, outputs, optional))
    return Scorer(spec, model)


def make(kind, /, uid="stage_1", **fields):
    return kind(uid=uid, spark_class=f"org.apache.spark.ml.{kind.__name__}", **fields)


def vector_stage(kind, x, /, **fields):
    """The answer of a stage that turns the vector "v" into the vector "out"."""
    x = np.asarray(x, np.float64)
    stage = make(kind, input="v", output="out", **fields)
    return scorer([vector("v", x.shape[1])], [stage], [vector("out", x.shape[1])]).score({"v": x})["out"]


def predictor(kind, features, /, **fields):
    """Fields every predictor needs, filled in."""
    names = {"prediction": "prediction"}
    if issubclass(kind, stages.Classifier):
        names |= {"raw_prediction": "rawPrediction", "probability": "probability"}
        fields = {"thresholds": None, "num_classes": 2, **fields}
    return make(kind, features="v", num_features=features, **{**names, **fields})


def predict(stage, x):
    """All columns of a model on the vector "v"."""
    x = np.asarray(x, np.float64)
    outputs = []
    for name in ("rawPrediction", "probability"):
        if name in (getattr(stage, "raw_prediction", ""), getattr(stage, "probability", "")):
            outputs.append(vector(name, stage.num_classes))
    if stage.prediction:
        outputs.append(number("prediction"))
    if getattr(stage, "variance", ""):
        outputs.append(number("variance"))
    return scorer([vector("v", x.shape[1])], [stage], outputs).score({"v": x})


def leaf(prediction=0.0, stats=(1.0, 0.0)):
    return {"prediction": prediction, "stats": stats}


def split(feature, threshold, left, right):
    return {"feature": feature, "threshold": threshold, "left": left, "right": right}


def among(feature, categories, size, left, right, is_left=True):
    """``categories`` are the remembered ones; ``is_left`` says whether they go left."""
    return {"feature": feature, "categories": categories, "size": size, "is_left": is_left,
            "left": left, "right": right}  # fmt: skip


def tree(root):
    """Nested dicts to a Tree in pre-order."""
    rows, categories, is_left = [], {}, {}

    def visit(node):
        at = len(rows)
        rows.append(None)
        if "feature" not in node:
            rows[at] = (-1, 0.0, -1, -1, node["prediction"], node["stats"], -1)
            return at
        if "categories" in node:
            categories[at] = tuple(map(float, node["categories"]))
            is_left[at] = node["is_left"]
        left, right = visit(node["left"]), visit(node["right"])
        rows[at] = (node["feature"], node.get("threshold", 0.0), left, right, 0.0,
                    None, node.get("size", -1))  # fmt: skip
        return at

    visit(root)
    width = len(next(row[5] for row in rows if row[5] is not None))
    stats = [row[5] if row[5] is not None else (0.0,) * width for row in rows]
    columns = list(zip(*rows, strict=True))
    whole = [np.array(columns[at], np.int64) for at in (0, 2, 3, 6)]
    return stages.Tree(
        feature=whole[0], threshold=np.array(columns[1], float), left=whole[1], right=whole[2],
        prediction=np.array(columns[4], float), impurity_stats=np.array(stats, float),
        num_categories=whole[3], categories=categories, is_left=is_left,
    )  # fmt: skip


def walk(a_tree, x):
    """The node one row ends in: an oracle in plain Python."""
    at = 0
    while a_tree.feature[at] >= 0:
        value = x[a_tree.feature[at]]
        if a_tree.num_categories[at] > 0:
            left = (value in a_tree.categories[at]) == a_tree.is_left[at]
        else:
            left = value <= a_tree.threshold[at]
        at = int(a_tree.left[at] if left else a_tree.right[at])
    return at
