"""Pipelines of stages on vectors: scalers, VectorIndexer, vectors that come with the rows."""

from __future__ import annotations

from pyspark.ml import Pipeline
from pyspark.ml.feature import (
    PCA,
    Binarizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
    VectorAssembler,
    VectorIndexer,
)

from tests.parity.harness import Bad, Case
from tests.parity.rows import INF, NAN, joined, spoil
from tests.parity.variants import per_handle

HOLES = (None, NAN)


def assembled(handle="keep", columns=("a", "b", "c", "k", "m")):
    return VectorAssembler(inputCols=list(columns), outputCol="v", handleInvalid=handle)


def scaled(frame):
    """All scalers on one vector; the third feature is constant."""

    def io(name):
        return {"inputCol": "v", "outputCol": name}

    return Pipeline(
        stages=[
            assembled(),
            StandardScaler(**io("std")),
            StandardScaler(withMean=True, **io("std_mean")),
            StandardScaler(withMean=True, withStd=False, **io("mean")),
            StandardScaler(withStd=False, **io("same")),
            MinMaxScaler(**io("minmax")),
            MinMaxScaler(min=-3.0, max=0.5, **io("minmax2")),
            MaxAbsScaler(**io("maxabs")),
            RobustScaler(**io("robust")),
            RobustScaler(withCentering=True, lower=0.1, upper=0.9, **io("robust2")),
            RobustScaler(withCentering=True, withScaling=False, **io("robust3")),
            Normalizer(p=1.0, **io("norm1")),
            Normalizer(**io("norm2")),
            Normalizer(p=3.5, **io("norm3")),
            Normalizer(p=INF, **io("norm4")),
            PCA(k=3, **io("pca")),
            Binarizer(threshold=0.5, **io("above")),
            Binarizer(threshold=-0.5, **io("above2")),
        ]
    ).fit(frame)


SCALED_ODD = {name: (*HOLES, INF, -INF, 0.0, -0.0) for name in "abckm"}


def indexed(handle):
    """VectorIndexer behind an assembler that makes some rows sparse; then again on what a scaler left."""

    def fit(frame):
        return Pipeline(
            stages=[
                assembled(columns=("a", "k", "m", "c", "i", "label3")),
                VectorIndexer(inputCol="v", outputCol="w", maxCategories=12, handleInvalid=handle),
                MaxAbsScaler(inputCol="v", outputCol="x"),
                VectorIndexer(inputCol="x", outputCol="y", maxCategories=4, handleInvalid=handle),
            ]
        ).fit(frame)

    return fit


def indexed_rows(handle):
    def rows(table):
        # a = i = m = label3 = 0: Spark stores such a vector sparse, and k = 0 is then never looked up
        zeros = spoil(table, {name: (0.0,) for name in ("a", "m", "label3", "c")} | {"i": (0,)}, share=2.0)
        zeros = spoil(zeros.slice(0, 500), {"k": (0.0, 0.0, 1.0)}, share=2.0)
        if handle == "error":
            return joined(table, spoil(zeros, {"c": (3.0,)}, share=2.0))
        odd = {"k": (0.0, -0.0, NAN, 1.5), "m": (-0.0, -1.0, INF, None), "c": (0.0, 3.5), "a": (NAN,)}
        return joined(spoil(table, odd, share=0.05), zeros)

    return rows


def given_vector(frame):
    """Vectors that come with the rows: a null one is dropped before VectorIndexer breaks on it."""
    return Pipeline(
        stages=[
            VectorIndexer(inputCol="v", outputCol="y", maxCategories=10, handleInvalid="keep"),
            VectorAssembler(inputCols=["v", "a"], outputCol="w", handleInvalid="skip"),
            StandardScaler(inputCol="w", outputCol="x", withMean=True),
        ]
    ).fit(frame)


def vector_rows(table):
    spoiled = spoil(table, {"k": (None, 0.0, 1.5), "b": (NAN, INF, -0.0), "a": HOLES})
    return joined(table.slice(0, 5000), spoiled)


VECTORS: tuple[Case, ...] = (
    Case("scalers", "vectors", scaled, "clean", lambda table: joined(table, spoil(table, SCALED_ODD))),
    Case("given-vector", "vectors", given_vector, "clean", vector_rows, vectors={"v": ("k", "b", "m")}),
    *per_handle(
        "vector-indexer",
        indexed,
        indexed_rows,
        {"error": [Bad({"k": 0.0}, "v"), Bad({"m": NAN}, "v"), Bad({"c": 3.5}, "v")]},
        "vectors",
    ),
)
