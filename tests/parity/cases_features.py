"""Feature pipelines: every feature stage under every handleInvalid."""

from __future__ import annotations

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import (
    Binarizer,
    Bucketizer,
    Imputer,
    IndexToString,
    OneHotEncoder,
    QuantileDiscretizer,
    StringIndexer,
    VectorAssembler,
)

from tests.parity.harness import Bad, Case
from tests.parity.rows import INF, NAN, TEXTS, UNSEEN, joined, spoil
from tests.parity.variants import per_handle

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
                    inputCols=[
                        "si",
                        "kv",
                        "i",
                        "d",
                        "g",
                        "tv",
                        "bb",
                        "ab",
                        "ai",
                        "fi",
                        "li",
                        "iv",
                        "b0",
                        "a0",
                    ],
                    outputCol="v",
                    handleInvalid=handle,
                ),
            ]
        ).fit(frame)

    return fit


def mixed_rows(handle):
    odd = {"a": NUMBERS, "f": HOLES, "l": (None,), "b": (0.0, -0.0, INF, -INF, 1.0, -1.0)}
    if handle != "error":
        odd |= {
            "s": (None, *UNSEEN),
            "t": (None, *UNSEEN),
            "b": NUMBERS,
            "i": (None, 99),
            "g": (None,),
            "d": (None,),
        }
    return lambda table: spoil(table, odd)


MIXED_BAD = (
    Bad({"s": None}, "s"),
    Bad({"t": "1.00"}, "t"),
    Bad({"b": NAN}, "b"),
    Bad({"b": None}, "bb"),
    Bad({"k": 4.0}, "k"),
    Bad({"g": None}, "g"),
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


TYPED = ("s", "t", "k", "i", "l", "f", "d")


def typed(handle, columns=TYPED):
    if handle == "keep" and columns == TYPED:
        columns = (*TYPED, "a")  # ten thousand labels, once

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
)  # fmt: skip
