"""Vectors, matrices and parameter values: every encoding Spark uses gives the same numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.portable.reader.disk import Metadata
from splicemachine_ml.portable.reader.values import (
    Params,
    RawMatrix,
    decode_matrix,
    decode_vector,
    matrix,
    vectors,
)

DOUBLES = st.floats(allow_nan=False, width=64)
MATRICES = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6), elements=DOUBLES
)


@given(hnp.arrays(np.float64, st.integers(0, 20), elements=DOUBLES))
def test_a_sparse_vector_decodes_to_the_dense_one(dense):
    at = np.flatnonzero(dense)
    assert np.array_equal(decode_vector(0, len(dense), at, dense[at]), dense + 0.0)
    assert decode_vector(1, None, None, dense) is dense


@given(MATRICES)
def test_all_four_matrix_encodings_decode_alike(dense):
    rows, cols = dense.shape
    for transposed in (False, True):
        major = dense if transposed else dense.T
        flat = RawMatrix(1, rows, cols, None, None, major.ravel(), transposed)
        assert np.array_equal(decode_matrix(flat), dense)
        pointers = np.concatenate([[0], np.cumsum((major != 0).sum(axis=1))]).astype(np.int64)
        indices = np.nonzero(major)[1]
        sparse = RawMatrix(0, rows, cols, pointers, indices, major[major != 0], transposed)
        assert np.array_equal(decode_matrix(sparse), dense)


INTS = hnp.arrays(np.int64, st.integers(0, 6), elements=st.integers(-3, 8))


@given(st.integers(-1, 3), st.integers(-2, 8), INTS, hnp.arrays(np.float64, st.integers(0, 6)))
def test_any_pieces_decode_or_raise_value_error(kind, size, indices, values):
    try:
        decoded = decode_vector(kind, size, indices, values)
    except ValueError:
        return
    assert decoded.dtype == np.float64


@given(st.integers(-1, 2), st.integers(-1, 4), st.integers(-1, 4), INTS, INTS, st.booleans())
def test_any_matrix_pieces_decode_or_raise_value_error(kind, rows, cols, pointers, indices, transposed):
    try:
        decoded = decode_matrix(
            RawMatrix(kind, rows, cols, pointers, indices, np.ones(len(indices)), transposed)
        )
    except ValueError:
        return
    assert decoded.shape == (rows, cols)


def test_a_huge_sparse_vector_or_matrix_is_refused_before_memory_is_taken():
    none = np.array([], np.int64)
    with pytest.raises(ValueError, match="are allowed"):
        decode_vector(0, 2**31 - 1, none, np.array([]))
    with pytest.raises(ValueError, match="are allowed"):
        decode_matrix(RawMatrix(0, 2**31 - 1, 2**31 - 1, none, none, np.array([]), False))


def test_arrow_rows_of_both_vector_types():
    rows = [
        {"type": 1, "size": None, "indices": None, "values": [1.0, 2.0]},
        {"type": 0, "size": 2, "indices": [1], "values": [5.0]},
    ]
    assert [v.tolist() for v in vectors(pa.chunked_array([pa.array(rows)]))] == [[1.0, 2.0], [0.0, 5.0]]


def test_an_arrow_matrix():
    row = {
        "type": 1, "numRows": 1, "numCols": 2, "colPtrs": None, "rowIndices": None,
        "values": [3.0, 4.0], "isTransposed": True,
    }  # fmt: skip
    kinds = pa.struct(
        [
            ("type", pa.int8()),
            ("numRows", pa.int32()),
            ("numCols", pa.int32()),
            ("colPtrs", pa.list_(pa.int32())),
            ("rowIndices", pa.list_(pa.int32())),
            ("values", pa.list_(pa.float64())),
            ("isTransposed", pa.bool_()),
        ]
    )
    assert matrix(pa.array([row], kinds)[0]).tolist() == [[3.0, 4.0]]


def params(explicit: dict, defaults: dict | None = None, extra: dict | None = None) -> Params:
    return Params(Metadata("X", "x_1", "4.3.0", explicit, defaults or {}, extra or {}), Path("somewhere"))


def test_a_set_parameter_hides_its_default_and_infinity_is_text():
    values = params({"a": "Inf", "s": [["-Inf", 0, "NaN"]]}, {"a": 1.0, "b": 2})
    assert values.number("a") == math.inf
    assert values.number("b") == 2.0
    (splits,) = values.number_lists("s")
    assert splits[0] == -math.inf
    assert math.isnan(splits[2])
    assert values.used == {"a", "b", "s"}


def test_the_default_output_column_does_not_make_a_stage_single_column():
    default = {"outputCol": "x_1__output"}
    assert params({"inputCol": "a"}, default).columns() == (("a",), ("x_1__output",))
    assert params({"inputCols": ["a"], "outputCols": ["b"]}, default).columns() == (("a",), ("b",))


@pytest.mark.parametrize(
    ("call", "explicit"),
    [
        (lambda p: p.number("a"), {"a": "fast"}),
        (lambda p: p.number("a"), {"a": True}),
        (lambda p: p.number("a"), {}),
        (lambda p: p.numbers("a"), {"a": 3}),
        (lambda p: p.number_lists("a"), {"a": [1.0]}),
        (lambda p: p.text("a"), {"a": 3}),
        (lambda p: p.texts("a"), {"a": ["x", 1]}),
        (lambda p: p.integers("a"), {"a": [1.5]}),
        (lambda p: p.flag("a"), {"a": "true"}),
        (lambda p: p.columns(), {"inputCols": ["a", "b"], "outputCols": ["c"]}),
        (lambda p: p.extra_int("a"), {}),
    ],
)
def test_a_value_of_the_wrong_type_names_parameter_and_place(call, explicit):
    with pytest.raises(ModelStoreError, match="somewhere"):
        call(params(explicit))
