"""What Spark 4.3 was seen to answer, stage by stage, held against the NumPy reference.

Every table below was printed by Spark (one row, one collect); where a case raises there, it raises here.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable import reference
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reference.text import java_number
from tests.portable.by_hand import ERROR, INF, NAN, assert_answer, check, named, number, objects, plan, vector

BUCKETS = (
    (0.0, 0.0),
    (1.0, 1.0),
    (2.0, 1.0),
    (2.5, ERROR),
    (-1.0, ERROR),
    (INF, ERROR),
    (-0.0, ERROR),
)


@pytest.mark.parametrize(
    ("handle", "null", "nan"), [("error", NAN, ERROR), ("skip", [], []), ("keep", NAN, 2.0)]
)
def test_bucketizer(handle, null, nan):
    splits = (np.array([0.0, 1.0, 2.0]),)
    stage = named(ir.Bucketizer, inputs=("x",), outputs=("o",), splits=splits, handle_invalid=handle)
    check(stage, number(), [*BUCKETS, (None, null), (NAN, nan)])


def test_bucketizer_at_infinite_ends_and_the_zero_below_zero():
    splits = (np.array([-INF, 0.0, INF]),)
    stage = named(ir.Bucketizer, inputs=("x",), outputs=("o",), splits=splits, handle_invalid="error")
    check(stage, number(), [(-INF, 0.0), (INF, 1.0), (-0.0, 0.0), (0.0, 1.0)])


ENCODED = {
    ("error", True): [(1.7, [0, 1]), (2.5, [0, 0]), *[(x, ERROR) for x in (3.0, -0.5, NAN, INF)]],
    ("error", False): [(1.7, [0, 1, 0]), (2.5, [0, 0, 1]), (3.0, ERROR), (-1.0, ERROR), (None, [NAN] * 3)],
    ("keep", True): [(1.7, [0, 1, 0]), (2.5, [0, 0, 1]), *[(x, [0, 0, 0]) for x in (3.0, -0.5, NAN)]],
    ("keep", False): [(2.0, [0, 0, 1, 0]), *[(x, [0, 0, 0, 1]) for x in (3.0, -1.0, NAN, INF)]],
}


@pytest.mark.parametrize(("handle", "drop_last"), ENCODED)
def test_one_hot_encoder(handle, drop_last):
    sizes = {"category_sizes": (3,), "drop_last": drop_last, "handle_invalid": handle}
    check(
        named(ir.OneHotEncoder, inputs=("x",), outputs=("o",), **sizes), number(), ENCODED[handle, drop_last]
    )


@pytest.mark.parametrize(
    ("spark_type", "table"),
    [
        ("double", [(None, 3.5), (NAN, 3.5), (-0.0, -0.0), (INF, INF)]),
        ("int", [(None, 3.0), (4, 4.0)]),
        ("float", [(None, 3.5), (0.1, 0.10000000149011612)]),
    ],
)
def test_imputer(spark_type, table):
    fields = {"surrogates": (3.5,), "missing_value": NAN}
    stage = named(ir.Imputer, inputs=("x",), outputs=("o",), **fields)
    check(stage, number(spark_type=spark_type), table)


def test_imputer_rounds_to_float_and_leaves_nan_when_something_else_is_missing():
    third = named(ir.Imputer, inputs=("x",), outputs=("o",), surrogates=(11 / 3,), missing_value=NAN)
    check(third, number(spark_type="float"), [(None, 3.6666667461395264)])
    minus = named(ir.Imputer, inputs=("x",), outputs=("o",), surrogates=(4.5,), missing_value=-1.0)
    check(minus, number(), [(None, 4.5), (-1.0, 4.5), (NAN, NAN)])


def indexer(handle, labels):
    return named(ir.StringIndexer, inputs=("x",), outputs=("o",), labels=(labels,), handle_invalid=handle)


@pytest.mark.parametrize(("handle", "unseen"), [("error", ERROR), ("skip", []), ("keep", 5.0)])
def test_string_indexer_on_text(handle, unseen):
    column = ir.Column("x", "string", spark_type="string")
    table = [("b", 0.0), ("", 1.0), ("1", 2.0), ("1.0", 3.0), (None, unseen), ("zz", unseen), ("A", unseen)]
    check(indexer(handle, ("b", "", "1", "1.0", "a")), column, table)


def test_string_indexer_spells_numbers_as_java_does():
    doubles = ("2.0", "-0.0", "0.0", "0.001", "1.0E-4", "1.0E10", "1.23456789E7", "4.9E-324", "1")
    table = [(2.0, 0.0), (-0.0, 1.0), (0.0, 2.0), (1e-3, 3.0), (1e-4, 4.0), (1e10, 5.0), (12345678.9, 6.0),
             (5e-324, 7.0), (1.0, 9.0), (NAN, 9.0), (None, 9.0)]  # fmt: skip
    check(indexer("keep", doubles), number(), table)
    check(indexer("keep", ("2", "1")), number(spark_type="int"), [(1, 1.0), (3, 2.0), (None, 2.0)])
    # a model trained on doubles finds nothing when it is fed whole numbers: Spark says "1", not "1.0"
    check(indexer("keep", ("1.0",)), number(spark_type="int"), [(1, 1.0)])
    # JDK 17 prints more digits of a float than JDK 19 does; both read back as the same float
    floats = ("0.1", "2.45803397E10", "2.458034E11")
    check(indexer("keep", floats), number(spark_type="float"), [(0.1, 0.0), (24580339712.0, 1.0), (9.0, 3.0)])
    prices = [(Decimal("1.5"), 0.0), (1.5, 0.0), (Decimal(9), 2.0)]
    check(indexer("keep", ("1.50", "2.00")), number(spark_type="decimal(10,2)"), prices)


def test_string_indexer_goes_by_the_values_when_the_type_is_unknown():
    labels = ("1", "1.0", "0.1")
    stage = plan([indexer("keep", labels)], [ir.Column("x", "any")], ["o"])

    def places(values):
        return reference.score(stage, {"x": values})["o"].tolist()

    assert places(np.array([1, 2])) == [0.0, 3.0]
    assert places(np.array([1.0, 0.1])) == [1.0, 2.0]
    assert places(np.array([0.1], dtype=np.float32)) == [2.0]
    assert places(objects(["1", "1.0", None])) == [0.0, 1.0, 3.0]
    with pytest.raises(ScoringError, match="bool"):
        places(np.array([True]))


def test_string_indexer_skip_drops_nan_even_when_it_is_a_label():
    check(indexer("skip", ("NaN", "1.0")), number(), [(1.0, 1.0), (NAN, []), (2.0, [])])


@pytest.mark.parametrize(
    "text", ["1", "01.0", "1.50", "1e3", "1.0E3", "1.0E7x", "1.0E+7", "0.0001", "12345678.9"]
)
def test_text_java_never_prints(text):
    assert java_number(text) is None


def test_index_to_string():
    # ANSI SQL: NaN overflows the cast to int, and null has no label
    table = [(0.0, "a"), (1.7, "b"), (-0.5, "a"), (-1.0, ERROR), (2.0, ERROR), (NAN, ERROR), (None, ERROR)]
    check(named(ir.IndexToString, input="x", output="o", labels=("a", "b")), number(), table)


def test_binarizer():
    def stage(threshold):
        return named(ir.Binarizer, inputs=("x",), outputs=("o",), thresholds=(threshold,))

    check(stage(0.5), number(), [(None, 0.0), (NAN, 0.0), (INF, 1.0), (0.5, 0.0), (0.6, 1.0)])
    check(stage(-0.5), number(), [(None, 0.0), (NAN, 0.0), (0.0, 1.0), (-1.0, 0.0), (-0.5, 0.0)])
    # in a vector NaN is above a negative threshold: Spark starts from ones there
    check(stage(-0.5), vector(), [([NAN, 0.0, -1.0], [1.0, 1.0, 0.0]), (None, ERROR)])
    check(stage(0.5), vector(), [([NAN, 0.0, 1.0], [0.0, 0.0, 1.0])])


@pytest.mark.parametrize(
    ("handle", "scalar", "null_vector"),
    [("error", ERROR, ERROR), ("skip", [], []), ("keep", [NAN, 1.0, 2.0], [1.0, NAN, NAN])],
)
def test_vector_assembler(handle, scalar, null_vector):
    stage = named(ir.VectorAssembler, inputs=("a", "v"), output="o", handle_invalid=handle)
    two = plan([stage], [number("a"), vector("v", 2)], ["o"])

    def one(a, v):
        return reference.score(two, {"a": objects([a]), "v": objects([v])})["o"]

    for a, v, expected, column in [
        (1.0, [1.0, 2.0], [1.0, 1.0, 2.0], ""),
        (1.0, [NAN, 2.0], [1.0, NAN, 2.0], ""),  # NaN inside a vector is nobody's business
        (None, [1.0, 2.0], scalar, "a"),
        (NAN, [1.0, 2.0], scalar, "a"),
        (1.0, None, null_vector, "v"),
    ]:
        if expected == ERROR:
            with pytest.raises(ScoringError) as caught:
                one(a, v)
            assert caught.value.column == column
        else:
            assert_answer(one(a, v), expected)


MAPS = {0: {1.0: 0, 2.0: 1, 3.0: 2}, 2: {0.0: 0, -1.0: 1, 1.0: 2}}


@pytest.mark.parametrize(
    ("handle", "zero", "nan"),
    [("error", ERROR, ERROR), ("skip", [], []), ("keep", [3.0, 5.0, 1.0], [3.0, 5.0, 0.0])],
)
def test_vector_indexer(handle, zero, nan):
    stage = named(
        ir.VectorIndexer, input="x", output="o", num_features=3, category_maps=MAPS, handle_invalid=handle
    )
    table = [
        ([1.0, 5.0, -1.0], [0.0, 5.0, 1.0]),
        ([0.0, 5.0, -1.0], zero),
        ([NAN, 5.0, -0.0], nan),
        (None, ERROR),
    ]
    check(stage, vector(), table)


def test_vector_indexer_leaves_the_empty_cells_of_sparse_vectors_alone():
    # the assembler makes [0, 5, 0, 0] sparse: 1.5 * (1 + 1) < 4, and no zero is looked up
    assembler = named(ir.VectorAssembler, inputs=tuple("abcd"), output="v", handle_invalid="error")
    indexing = named(
        ir.VectorIndexer, input="v", output="o", num_features=4, category_maps=MAPS, handle_invalid="error"
    )
    both = plan([assembler, indexing], [number(name) for name in "abcd"], ["o"])
    zero, five = np.zeros(1), np.full(1, 5.0)
    answer = reference.score(both, {"a": zero, "b": five, "c": zero, "d": zero})["o"]
    assert answer.tolist() == [[0.0, 5.0, 0.0, 0.0]]
    with pytest.raises(ScoringError, match="feature 0"):
        reference.score(both, {"a": zero, "b": five, "c": zero, "d": five})


ODD = [NAN, INF, -INF]


def scaler(kind, **fields):
    arrays = {
        name: np.array(value, float) if isinstance(value, list) else value for name, value in fields.items()
    }
    return named(kind, input="x", output="o", **arrays)


def standard(with_mean, with_std):
    return scaler(ir.StandardScaler, mean=[1, 5, 0], std=[2, 0, 0], with_mean=with_mean, with_std=with_std)


SCALED = {
    "std": (standard(False, True), [([4, 6, 7], [2, 0, 0]), (ODD, [NAN] * 3), (None, ERROR)]),
    "mean": (standard(True, False), [([4, 6, 7], [3, 1, 7]), (ODD, ODD), (None, ERROR)]),
    "neither": (standard(False, False), [(ODD, ODD), (None, [NAN] * 3)]),
    "minmax": (
        scaler(ir.MinMaxScaler, original_min=[1, 5, 0], original_max=[4, 5, 0], min=-1.0, max=2.0),
        [([1, 6, 7], [-1, 0.5, 0.5]), (ODD, [NAN, 0.5, 0.5]), (None, ERROR)],
    ),
    "maxabs": (
        scaler(ir.MaxAbsScaler, max_abs=[4, 2, 0]),
        [([1, 6, 7], [0.25, 3, 7]), (ODD, ODD), (None, ERROR)],
    ),
    "robust": (
        scaler(ir.RobustScaler, range=[2, 0, 0], median=[2, 5, 0], with_centering=True, with_scaling=True),
        [([1, 6, 7], [-0.5, 0, 0]), (ODD, [NAN] * 3), (None, ERROR)],
    ),
    "2-norm": (
        scaler(ir.Normalizer, p=2.0),
        [([3, 0, 4], [0.6, 0, 0.8]), ([0, 0, 0], [0, 0, 0]), (ODD, [NAN] * 3)],
    ),
    "max-norm": (
        scaler(ir.Normalizer, p=INF),
        [([1, 6, -8], [0.125, 0.75, -1]), ([NAN, 1, 2], [NAN, 0.5, 1])],
    ),
    "1-norm": (scaler(ir.Normalizer, p=1.0), [([1, 6, -1], [0.125, 0.75, -0.125]), (None, ERROR)]),
    "pca": (scaler(ir.PCA, pc=[[1, 0], [0, 0], [0, 1]]), [([1, 6, 7], [1, 7]), (ODD, [NAN, NAN])]),
}


@pytest.mark.parametrize("name", SCALED)
def test_scalers(name):
    stage, table = SCALED[name]
    check(stage, vector(), table)


def test_rows_lost_to_a_filter_do_not_raise_in_what_was_evaluated_late():
    """Seen on Spark 4.3: filters read their own columns; Bucketizer waits, StringIndexer does not."""
    bucket = named(
        ir.Bucketizer, inputs=("n",), outputs=("nb",), splits=(np.array([0.0, 1, 2]),), handle_invalid="error"
    )
    later = indexer("skip", ("b",))
    text = ir.Column("x", "string", spark_type="string")
    bad = {"x": objects(["zz", "b"]), "n": np.array([9.0, 1.0])}
    answer = reference.score(plan([bucket, later], [text, number("n")], ["nb", "o"]), bad)
    assert answer["row_index"].tolist() == [1]
    assembler = named(ir.VectorAssembler, inputs=("nb",), output="w", handle_invalid="error")
    with pytest.raises(ScoringError) as caught:  # the assembler had asked for the bucket
        reference.score(plan([bucket, assembler, later], [text, number("n")], ["w", "o"]), bad)
    assert (caught.value.column, caught.value.row) == ("n", 0)


def test_an_error_stage_raises_before_a_later_filter_and_not_after_an_earlier_one():
    strict = named(ir.StringIndexer, inputs=("p",), outputs=("i",), labels=(("a",),), handle_invalid="error")
    lenient = indexer("skip", ("b",))
    columns = [ir.Column(name, "string", spark_type="string") for name in ("p", "x")]
    bad = {"p": objects(["zz", "a"]), "x": objects(["zz", "b"])}
    assert reference.score(plan([lenient, strict], columns, ["i", "o"]), bad)["row_index"].tolist() == [1]
    with pytest.raises(ScoringError, match="'p'"):
        reference.score(plan([strict, lenient], columns, ["i", "o"]), bad)
