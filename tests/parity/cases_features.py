"""Feature pipelines: every feature stage under every handleInvalid."""

from __future__ import annotations

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import (
    PCA,
    Binarizer,
    Bucketizer,
    Imputer,
    IndexToString,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    QuantileDiscretizer,
    RobustScaler,
    StandardScaler,
    StringIndexer,
    VectorAssembler,
    VectorIndexer,
)

from tests.parity.harness import Bad, Case
from tests.parity.rows import INF, NAN, TEXTS, UNSEEN, joined, spoil

HANDLES = ("error", "skip", "keep")
HOLES = (None, NAN)
NUMBERS = (None, NAN, INF, -INF, 0.0, -0.0, 5e-324, 1.7976931348623157e308)


def mixed(handle):
    """Text, numbers and vectors into one assembler, with all that may precede it."""

    def fit(frame):
        return Pipeline(
            stages=[
                Imputer(inputCols=["a", "f"], outputCols=["ai", "fi"]),
                Imputer(inputCols=["i", "l"], outputCols=["ii", "li"], strategy="median"),
                StringIndexer(inputCols=["s", "t"], outputCols=["si", "ti"], handleInvalid=handle),
                StringIndexer(inputCol="ii", outputCol="iii", handleInvalid="keep"),
                OneHotEncoder(inputCols=["k", "iii"], outputCols=["kv", "iv"], dropLast=False),
                OneHotEncoder(inputCol="ti", outputCol="tv", handleInvalid="keep"),
                Bucketizer(
                    splits=[-INF, -1.0, 0.0, 1.0, INF], inputCol="b", outputCol="bb", handleInvalid=handle
                ),
                QuantileDiscretizer(numBuckets=4, inputCol="ai", outputCol="ab", handleInvalid=handle),
                Binarizer(thresholds=[0.0, -0.5], inputCols=["b", "ai"], outputCols=["b0", "a0"]),
                VectorAssembler(
                    inputCols=["si", "kv", "i", "tv", "bb", "ab", "ai", "fi", "li", "iv", "b0", "a0"],
                    outputCol="v",
                    handleInvalid=handle,
                ),
            ]
        ).fit(frame)

    return fit


def mixed_rows(handle):
    odd = {"a": NUMBERS, "f": HOLES, "l": (None,), "b": (0.0, -0.0, INF, -INF, 1.0, -1.0)}
    if handle != "error":
        odd |= {"s": (None, *UNSEEN), "t": (None, *UNSEEN), "b": NUMBERS, "i": (None, 99)}
    return lambda table: spoil(table, odd)


MIXED_BAD = (
    Bad({"s": None}, "s"),
    Bad({"s": "zz"}, "s"),
    Bad({"t": "1.00"}, "t"),
    Bad({"b": NAN}, "b"),
    Bad({"i": None}, "i"),
    Bad({"b": None}, "bb"),
    Bad({"k": 4.0}, "k"),
)

BOUNDED = [-1.0, 0.0, 0.5, 1.0]
INSIDE = (-1.0, -0.0, 0.0, 0.25, 0.5, 1.0, 0.9999999999999999)
OUTSIDE = (Bad({"b": 1.0000000000000002}, "b"), Bad({"b": -1.0000000000000002}, "b"), Bad({"b": INF}, "b"))


def bounded(handle):
    """Two columns in one Bucketizer, its number feeding StringIndexer and OneHotEncoder."""

    def fit(frame):
        split = {
            "splitsArray": [BOUNDED, [0.0, 2.0, 3.0]],
            "inputCols": ["b", "k"],
            "outputCols": ["bb", "kb"],
        }
        buckets = Bucketizer(handleInvalid=handle, **split)
        stages = [
            buckets,
            StringIndexer(inputCol="bb", outputCol="bs", handleInvalid="keep"),
            OneHotEncoder(inputCol="bb", outputCol="bv", handleInvalid="keep"),
        ]
        return Pipeline(stages=stages).fit(frame.where("b between -1 and 1"))

    return fit


def bounded_rows(handle):
    holes = {"error": (None,), "skip": HOLES, "keep": HOLES}[handle]

    def rows(table):
        table = spoil(table, {"b": INSIDE}, share=2.0)
        return spoil(table, {"b": holes, "k": (*holes, 0.0, 3.0)})

    return rows


TYPED = ("s", "t", "a", "k", "i", "l", "f", "d")


def typed(handle, columns=TYPED):
    def fit(frame):
        outputs = [f"{name}_index" for name in columns]
        order = "alphabetDesc" if handle == "keep" else "frequencyDesc"
        return PipelineModel(
            [
                StringIndexer(
                    inputCols=list(columns), outputCols=outputs, handleInvalid=handle, stringOrderType=order
                ).fit(frame)
            ]
        )

    return fit


def typed_rows(handle):
    if handle == "error":
        return lambda table: table
    odd = {
        "s": (None, *UNSEEN, *TEXTS),
        "t": (None, *UNSEEN),
        "a": (None, NAN, INF, 0.1),
        "k": (None, NAN, -0.0, 0.0, 1.5),
        "i": (None, -1),
        "l": (None, 5),
        "f": (None, NAN, 0.3),
    }
    return lambda table: spoil(table, odd, share=0.04)


def indexed_back(frame):
    keep = StringIndexer(inputCol="s", outputCol="si", handleInvalid="keep")
    model = Pipeline(stages=[keep, IndexToString(inputCol="si", outputCol="s2")]).fit(frame)
    own = IndexToString(inputCol="k", outputCol="k2", labels=["", "é", "\U0001f600", "d"])
    return PipelineModel([*model.stages, own])


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


def late(frame):
    """Bucketizer and OneHotEncoder raise, but not for rows that the filter behind them drops."""
    return Pipeline(
        stages=[
            Bucketizer(splits=BOUNDED, inputCol="b", outputCol="bb"),
            OneHotEncoder(inputCol="k", outputCol="kv"),
            StringIndexer(inputCol="t", outputCol="ti", handleInvalid="keep"),
            StringIndexer(inputCol="s", outputCol="si", handleInvalid="skip"),
            VectorAssembler(inputCols=["bb", "kv", "ti", "si"], outputCol="v", handleInvalid="skip"),
        ]
    ).fit(frame.where("b between -1 and 1"))


def late_rows(table):
    fine = spoil(table, {"b": INSIDE}, share=2.0)
    lost = spoil(table.slice(0, 300), {"b": (9.0, NAN), "k": (-1.0, 7.0, NAN), "s": (None, "zz")}, share=2.0)
    return joined(fine, lost)


def per_handle(name, fit, rows, bad, family):
    """The three cases of a pipeline with a handleInvalid; ``bad`` rows are of the error case, or of all."""
    return [
        Case(f"{name}-{handle}", family, fit(handle), "clean", rows(handle), bad.get(handle, ()))
        for handle in HANDLES
    ]


FEATURES: tuple[Case, ...] = (
    *per_handle("mixed", mixed, mixed_rows, {"error": MIXED_BAD}, "columns"),
    *per_handle(
        "bounded", bounded, bounded_rows,
        {"error": (*OUTSIDE, Bad({"k": NAN}, "k")), "skip": OUTSIDE, "keep": OUTSIDE}, "columns",
    ),
    *per_handle(
        "typed", typed, typed_rows,
        {"error": [Bad({"s": None}, "s"), Bad({"t": "01"}, "t"), Bad({"k": NAN}, "k"), Bad({"i": 8}, "i"),
                   Bad({"l": None}, "l"), Bad({"k": 1.5}, "k")]}, "columns",
    ),
    Case("typed-no-schema", "columns", typed("keep", ("s", "k", "l")), "clean", typed_rows("keep"),
         with_schema=False),
    Case("index-to-string", "columns", indexed_back, "clean",
         lambda table: spoil(table, {"s": (None, *UNSEEN), "k": (1.7, -0.5, 3.999, 0.0, -0.0)}),
         [Bad({"k": value}, "k") for value in (4.0, -1.0, NAN, INF, None)]),
    Case("late-errors", "columns", late, "clean", late_rows, [Bad({"b": 9.0}, "b"), Bad({"k": -1.0}, "k")]),
    Case("scalers", "vectors", scaled, "clean", lambda table: joined(table, spoil(table, SCALED_ODD))),
    *per_handle(
        "vector-indexer", indexed, indexed_rows,
        {"error": [Bad({"k": 0.0}, "v"), Bad({"m": NAN}, "v"), Bad({"c": 3.5}, "v")]}, "vectors",
    ),
)  # fmt: skip
