"""StringIndexer, IndexToString and OneHotEncoder."""

from decimal import Decimal

import numpy as np
import pytest

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable import stages
from tests.portable.onnx_plans import make, number, scorer, text, unknown

NAN = np.nan


class NAType:
    """Stands for pandas.NA, which compares to nothing."""

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def indexer(labels, handle="keep", name="s", output="i"):
    return make(
        stages.StringIndexer,
        "indexer_1",
        inputs=(name,),
        outputs=(output,),
        labels=(tuple(labels),),
        handle_invalid=handle,
    )


def index(column, labels, values, handle="keep"):
    model = scorer([column], [indexer(labels, handle, column.name)], [number("i")])
    return model.score({column.name: values})


# ---------------------------------------------------------------- raw columns, coded on the host


def test_labels_get_their_position_and_others_the_next():
    answer = index(text("s"), ["b", "a"], objects("a", "b", "c", None, NAN, NAType()))
    np.testing.assert_array_equal(answer["i"], [1, 0, 2, 2, 2, 2])


@pytest.mark.parametrize(
    "values", [np.array(["a", "b"]), np.array(["a", "b"], dtype=np.dtypes.StringDType())]
)
def test_string_arrays_of_numpy(values):
    np.testing.assert_array_equal(index(text("s"), ["b", "a"], values)["i"], [1, 0])


def test_skip_drops_null_and_unseen():
    answer = index(text("s"), ["b", "a"], objects("a", "?", None, "b"), "skip")
    np.testing.assert_array_equal(answer["i"], [1, 0])
    np.testing.assert_array_equal(answer["row_index"], [0, 3])
    assert index(text("s"), ["b"], objects("?"), "skip")["i"].shape == (0,)


@pytest.mark.parametrize(("rows", "shown"), [(("b", "?"), r"'\?'"), (("b", None), "null")])
def test_error_names_column_row_and_value(rows, shown):
    with pytest.raises(ScoringError, match=rf"column 's', row 1: null or unseen label.* {shown} ") as error:
        index(text("s"), ["b"], objects(*rows), "error")
    assert (error.value.column, error.value.row) == ("s", 1)
    with pytest.raises(ScoringError):
        index(text("s"), ["b"], objects(rows[1]), "error")


def test_numbers_are_spelled_as_their_dtype():
    labels = [
        "1.0",
        "1",
        "0.1",
        "0.10000000149011612",
        "-0.0",
        "0.0",
        "NaN",
        "1.0E10",
        "18446744073709551615",
    ]
    expect = [
        (np.array([1.0, 0.1, -0.0, 0.0, NAN, 1e10]), [0, 2, 4, 5, 6, 7]),
        (np.array([1.0, 0.1, -0.0, 0.0, NAN, 1e10], np.float32), [0, 2, 4, 5, 6, 7]),
        (np.array([1, 2, 0]), [1, 9, 9]),
        (np.array([1, 2**64 - 1], np.uint64), [1, 8]),
        (
            objects(1, 1.0, "1.0", np.float32(0.1), 0.1, None, Decimal("1.0"), np.int8(1), 10**30),
            [1, 0, 0, 2, 2, 9, 0, 1, 9],
        ),
    ]
    for values, codes in expect:
        np.testing.assert_array_equal(index(unknown("a"), labels, values)["i"], codes)
        for value, code in zip(values, codes, strict=True):
            one = np.array([value], dtype=values.dtype)
            assert index(unknown("a"), labels, one)["i"] == [code]


@pytest.mark.parametrize(
    ("spark_type", "values", "codes"),
    [
        ("double", np.array([1, 2]), [0, 3]),
        ("int", np.array([1.0, NAN, 1.5]), [1, 3, 3]),
        ("bigint", np.array([1], np.int8), [1]),
        ("float", np.array([1.0, 2.0]), [0, 3]),
        ("decimal(10,2)", np.array([1.0, 3.0]), [2, 3]),
        ("decimal(10,2)", np.array([Decimal("1"), None], object), [2, 3]),
    ],
)
def test_a_known_type_decides_the_spelling(spark_type, values, codes):
    answer = index(number("a", spark_type=spark_type), ["1.0", "1", "1.00"], values)
    np.testing.assert_array_equal(answer["i"], codes)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (text("s"), objects("b", 5), r"column 's', row 1: expected text, found '5' \(int\)"),
        (text("s"), np.array([1.0]), "expected text"),
        (text("s"), np.array([True]), "expected text"),
        (text("s"), objects("b", ["x"]), r"row 1.*\(list\)"),
        (text("s"), objects("b", b"b"), r"row 1.*\(bytes\)"),
        (unknown("s"), np.array([True]), r"expected text or a number, found 'True' \(bool\)"),
        (unknown("s"), objects("b", True), "row 1"),
        (unknown("s"), np.array(["2020-01-01"], "datetime64[D]"), "expected text or a number"),
        (number("s"), objects(1.0, "1.0"), "row 1: expected a number"),
        (number("s"), np.array(["1.0"]), "expected a number"),
        (text("s"), np.array([["b"]]), "one-dimensional"),
    ],
)
def test_what_spark_would_not_index_is_refused(column, values, message):
    with pytest.raises(ScoringError, match=message) as error:
        index(column, ["b"], values)
    assert error.value.column == "s"


def test_a_column_of_nothing_but_nulls_may_be_a_float_array():
    np.testing.assert_array_equal(index(text("s"), ["b"], np.array([NAN, NAN]))["i"], [1, 1])


def test_masked_text_is_null():
    values = np.ma.array(["b", "b"], mask=[False, True], dtype=object)
    np.testing.assert_array_equal(index(text("s"), ["b"], values)["i"], [0, 1])


# ---------------------------------------------------------------- derived columns, coded in the graph


def derived(labels, values, *, handle="keep", spark_type="double", surrogate=0.0):
    """Imputer, whose answer has the type of its input, then StringIndexer."""
    impute = make(
        stages.Imputer, "imputer", inputs=("a",), outputs=("b",), surrogates=(surrogate,), missing_value=-99.0
    )
    column = number("a", spark_type=spark_type)
    return scorer([column], [impute, indexer(labels, handle, "b")], [number("i")]).score({"a": values})


def test_a_derived_double_is_spelled_as_java_does():
    labels = ["1.0", "1", "0.0", "1.0E10", "NaN", "0.5"]
    values = np.array([1.0, 0.0, -0.0, 1e10, NAN, 0.5, 2.0])
    np.testing.assert_array_equal(derived(labels, values)["i"], [0, 2, 6, 3, 4, 5, 6])
    np.testing.assert_array_equal(derived(["0.0", "-0.0"], np.array([0.0, -0.0, -99.0]))["i"], [0, 1, 0])
    np.testing.assert_array_equal(derived(["-0.0"], np.array([0.0, -0.0]))["i"], [1, 0])


def test_a_derived_whole_number_has_no_point():
    np.testing.assert_array_equal(
        derived(["1", "1.0", "2"], np.array([1, 2, 3]), spark_type="int")["i"], [0, 2, 3]
    )


def test_a_derived_float_is_spelled_as_a_float():
    values = np.array([0.1, 0.2], np.float32)
    np.testing.assert_array_equal(derived(["0.1", "0.2"], values, spark_type="float")["i"], [0, 1])


def test_a_derived_unseen_value_raises_or_drops_the_row():
    values = np.array([1.0, NAN, 2.0])
    np.testing.assert_array_equal(derived(["1.0", "NaN"], values, handle="skip")["row_index"], [0])
    with pytest.raises(ScoringError, match="unseen") as error:
        derived(["1.0"], values, handle="error")
    assert (error.value.column, error.value.row) == ("b", 1)


def test_text_made_by_index_to_string_can_be_indexed_again():
    back = make(stages.IndexToString, "back", input="a", output="t", labels=("x", "y", "z"))
    again = indexer(["z", "x"], "keep", "t")
    answer = scorer([number("a")], [back, again], [number("i")]).score({"a": np.array([0.0, 1.0, 2.0])})
    np.testing.assert_array_equal(answer["i"], [1, 2, 0])


# ---------------------------------------------------------------- IndexToString


def back_to_text(values):
    stage = make(stages.IndexToString, "back_1", input="a", output="t", labels=("x", "y"))
    return scorer([number("a")], [stage], [stages.Column("t", "string")]).score({"a": values})["t"]


def test_index_to_string_cuts_towards_zero():
    assert back_to_text(np.array([0.0, 1.0, 1.9, -0.9, -0.0])).tolist() == ["x", "y", "y", "x", "x"]
    assert back_to_text(np.array([1.0])).tolist() == ["y"]
    assert back_to_text(np.array([1.0])).dtype == object


@pytest.mark.parametrize("value", [2.0, -1.0, NAN, np.inf, -np.inf, None, 1e300])
def test_an_index_without_a_label_names_the_row(value):
    for values in (objects(value), objects(0.0, value)):
        with pytest.raises(ScoringError, match=r"no label, there are 2.*back_1") as error:
            back_to_text(values)
        assert (error.value.column, error.value.row) == ("a", len(values) - 1)


# ---------------------------------------------------------------- OneHotEncoder


def encode(values, size=3, *, drop_last=True, handle="error", column=None):
    stage = make(
        stages.OneHotEncoder,
        "encoder_1",
        inputs=("a",),
        outputs=("h",),
        category_sizes=(size,),
        drop_last=drop_last,
        handle_invalid=handle,
    )
    width = size + (handle == "keep" and not drop_last) - (drop_last and handle != "keep")
    outputs = [stages.Column("h", "vector", size=width)]
    return scorer([column or number("a")], [stage], outputs).score({"a": values})["h"]


def test_a_fraction_is_cut_off():
    np.testing.assert_array_equal(encode(np.array([0.0, 1.7, 2.0, 2.5])), [[1, 0], [0, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(encode(np.array([2.5, -0.0]), drop_last=False), [[0, 0, 1], [1, 0, 0]])


@pytest.mark.parametrize("value", [3.0, -0.5, -1.0, NAN, np.inf])
def test_out_of_range_is_an_error_or_the_extra_slot(value):
    with pytest.raises(ScoringError, match=r"outside \[0, 3\)") as error:
        encode(np.array([1.0, value]))
    assert (error.value.column, error.value.row) == ("a", 1)
    np.testing.assert_array_equal(encode(np.array([value, 1.0]), handle="keep"), [[0, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(
        encode(np.array([value, 1.0]), handle="keep", drop_last=False), [[0, 0, 0, 1], [0, 1, 0, 0]]
    )


def test_a_null_category_is_a_null_vector():
    np.testing.assert_array_equal(encode(objects(1.0, None)), [[0, 1], [NAN, NAN]])


def test_an_indexer_that_keeps_fills_the_extra_slot():
    first = indexer(["x", "y"], "keep")
    second = make(
        stages.OneHotEncoder,
        inputs=("i",),
        outputs=("h",),
        category_sizes=(2,),
        drop_last=False,
        handle_invalid="keep",
    )
    model = scorer([text("s")], [first, second], [stages.Column("h", "vector", size=3)])
    answer = model.score({"s": objects("y", "?", "x")})["h"]
    np.testing.assert_array_equal(answer, [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert model.spec.rules == ()  # nothing can go wrong, so nothing is checked
