"""Stages made by hand, with the few parameters that planning looks at."""

from __future__ import annotations

import numpy as np

from splicemachine_ml.portable import stages as ir

FEATURE = "org.apache.spark.ml.feature."


def pipeline(*stages: ir.Stage, training: tuple[str, ...] = ()) -> ir.Pipeline:
    return ir.Pipeline("p_1", "org.apache.spark.ml.PipelineModel", "4.3.0", stages, training)


def indexer(source: str, target: str, invalid: ir.HandleInvalid = "error") -> ir.StringIndexer:
    return ir.StringIndexer(
        uid=f"si_{target}",
        spark_class=FEATURE + "StringIndexerModel",
        inputs=(source,),
        outputs=(target,),
        labels=(("a", "b"),),
        handle_invalid=invalid,
    )


def assembler(
    *sources: str, target: str = "features", invalid: ir.HandleInvalid = "error"
) -> ir.VectorAssembler:
    return ir.VectorAssembler(
        uid=f"va_{target}",
        spark_class=FEATURE + "VectorAssembler",
        inputs=sources,
        output=target,
        handle_invalid=invalid,
    )


def linear(width: int, features: str = "features", prediction: str = "prediction") -> ir.LinearRegression:
    return ir.LinearRegression(
        uid=f"lr_{prediction}",
        spark_class="org.apache.spark.ml.regression.LinearRegressionModel",
        features=features,
        prediction=prediction,
        num_features=width,
        coefficients=np.ones(width),
        intercept=0.0,
    )


def normalizer(source: str, target: str) -> ir.Normalizer:
    return ir.Normalizer(
        uid=f"n_{target}", spark_class=FEATURE + "Normalizer", input=source, output=target, p=2.0
    )


def imputer(source: str, target: str) -> ir.Imputer:
    return ir.Imputer(
        uid=f"im_{target}",
        spark_class=FEATURE + "ImputerModel",
        inputs=(source,),
        outputs=(target,),
        surrogates=(1.5,),
        missing_value=float("nan"),
    )


def binarizer(source: str, target: str) -> ir.Binarizer:
    return ir.Binarizer(
        uid=f"b_{target}",
        spark_class=FEATURE + "Binarizer",
        inputs=(source,),
        outputs=(target,),
        thresholds=(0.5,),
    )


def back(source: str, target: str) -> ir.IndexToString:
    return ir.IndexToString(
        uid=f"its_{target}",
        spark_class=FEATURE + "IndexToString",
        input=source,
        output=target,
        labels=("a", "b"),
    )


def kinds(columns: tuple[ir.Column, ...]) -> dict[str, str]:
    return {c.name: f"{c.kind}{c.size or ''}" for c in columns}
