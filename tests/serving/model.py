"""A real portable model, small enough to build in a test: no Spark, no JVM, the package's own converter."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from splicemachine_ml.portable import stages
from splicemachine_ml.portable.convert import write
from splicemachine_ml.portable.plan import make_plan

ML = "org.apache.spark.ml."
SCHEMA = {"grade": "string", "age": "int", "income": "double"}


def pipeline(intercept: float) -> stages.Pipeline:
    """A grade that must be known (else the row is dropped), an income that must be there (else an error)."""
    return stages.Pipeline(
        uid="PipelineModel_1",
        spark_class=ML + "PipelineModel",
        spark_version="4.3.0",
        stages=(
            stages.StringIndexer(
                uid="StringIndexer_1",
                spark_class=ML + "feature.StringIndexerModel",
                inputs=("grade",),
                outputs=("grade_i",),
                labels=(("A", "B", "C"),),
                handle_invalid="skip",
            ),
            stages.OneHotEncoder(
                uid="OneHotEncoder_1",
                spark_class=ML + "feature.OneHotEncoderModel",
                inputs=("grade_i",),
                outputs=("grade_v",),
                category_sizes=(3,),
                drop_last=True,
                handle_invalid="error",
            ),
            stages.VectorAssembler(
                uid="VectorAssembler_1",
                spark_class=ML + "feature.VectorAssembler",
                inputs=("age", "income", "grade_v"),
                output="features",
                handle_invalid="error",
            ),
            stages.LogisticRegression(
                uid="LogisticRegression_1",
                spark_class=ML + "classification.LogisticRegressionModel",
                features="features",
                prediction="prediction",
                num_features=4,
                raw_prediction="rawPrediction",
                probability="probability",
                num_classes=2,
                thresholds=None,
                coefficients=np.array([[0.01, -0.001, 0.7, -0.3]]),
                intercepts=np.array([intercept]),
                is_multinomial=False,
                threshold=0.5,
            ),
            stages.IndexToString(
                uid="IndexToString_1",
                spark_class=ML + "feature.IndexToString",
                input="prediction",
                output="label",
                labels=("good", "bad"),
            ),
        ),
    )


def write_model(directory: Path, *, intercept: float = 0.5, onnx: bytes | None = None) -> Path:
    """Write a logged model's directory: portable/ and manifest.json.

    ``onnx``: another content of model.onnx, with a manifest that agrees with it.
    """
    directory.mkdir(parents=True)
    write(make_plan(pipeline(intercept), SCHEMA), directory / "portable")
    if onnx is not None:
        (directory / "portable" / "model.onnx").write_bytes(onnx)
    names = ("portable/model.onnx", "portable/spec.json")
    contents = {name: (directory / name).read_bytes() for name in names}
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in contents.items()
    }
    manifest = {"format": 1, "portable": True, "gaps": [], "files": files}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory
