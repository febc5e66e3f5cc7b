"""Feature stages against formulas in NumPy."""

import numpy as np
import pytest

from splicemachine_ml.errors import ConversionError, ScoringError
from splicemachine_ml.portable import stages
from tests.portable.onnx_plans import make, number, scorer, text, unknown, vector, vector_stage

NAN, INF = np.nan, np.inf


def assemble(names, handle="keep", output="out"):
    return make(
        stages.VectorAssembler, "assembler", inputs=tuple(names), output=output, handle_invalid=handle
    )


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


# ---------------------------------------------------------------- Imputer


def impute(column, surrogate, missing=NAN):
    stage = make(
        stages.Imputer, inputs=("a",), outputs=("out",), surrogates=(surrogate,), missing_value=missing
    )
    return scorer([column], [stage], [number("out")])


def test_imputer_fills_null_and_nan():
    answer = impute(number("a"), 7.0).score({"a": objects(1.0, None, NAN)})
    np.testing.assert_array_equal(answer["out"], [1.0, 7.0, 7.0])


def test_imputer_with_a_missing_value_leaves_nan_but_fills_null():
    answer = impute(number("a"), 7.0, missing=-1.0).score({"a": objects(1.0, None, NAN, -1.0)})
    np.testing.assert_array_equal(answer["out"], [1.0, 7.0, NAN, 7.0])


def test_a_masked_entry_is_null():
    answer = impute(number("a"), 7.0, missing=-1.0).score({"a": np.ma.array([1.0, 2.0], mask=[False, True])})
    np.testing.assert_array_equal(answer["out"], [1.0, 7.0])


@pytest.mark.parametrize(
    ("spark_type", "expected"),
    [
        ("int", 2.0),
        ("bigint", 2.0),
        ("double", 2.675),
        ("decimal(10,2)", 2.68),
        ("float", float(np.float32(2.675))),
    ],
)
def test_the_surrogate_is_cast_to_the_columns_type(spark_type, expected):
    assert impute(number("a", spark_type=spark_type), 2.675).score({"a": objects(None)})["out"] == [expected]


def test_several_columns_share_the_work():
    stage = make(
        stages.Imputer, inputs=("a", "b"), outputs=("a2", "b2"), surrogates=(1.0, 2.0), missing_value=0.0
    )
    answer = scorer([number("a"), number("b", nullable=False)], [stage], [number("a2"), number("b2")]).score(
        {"a": objects(None, 0.0, 5.0), "b": np.array([0.0, NAN, 6.0])}
    )
    np.testing.assert_array_equal(answer["a2"], [1.0, 1.0, 5.0])
    np.testing.assert_array_equal(answer["b2"], [2.0, NAN, 6.0])


# ---------------------------------------------------------------- Bucketizer


def bucketize(splits, handle, column=None):
    stage = make(
        stages.Bucketizer, inputs=("a",), outputs=("out",), splits=(np.array(splits),), handle_invalid=handle
    )
    return scorer([column or number("a")], [stage], [number("out")])


def test_buckets_are_half_open_and_the_last_is_closed():
    answer = bucketize([-1.0, 0.0, 0.5, 2.0], "error").score(
        {"a": np.array([-1.0, -0.5, 0.0, 0.49, 0.5, 2.0])}
    )
    np.testing.assert_array_equal(answer["out"], [0, 0, 1, 1, 2, 2])


def test_negative_zero_lies_below_zero():
    answer = bucketize([-1.0, 0.0, 1.0], "error").score({"a": np.array([-0.0, 0.0, -5e-324])})
    np.testing.assert_array_equal(answer["out"], [0, 1, 0])
    with pytest.raises(ScoringError, match="out of Bucketizer bounds"):
        bucketize([0.0, 1.0, 2.0], "keep").score({"a": np.array([-0.0])})


@pytest.mark.parametrize("handle", ["error", "keep", "skip"])
@pytest.mark.parametrize("value", [-1.0001, 2.5])
def test_out_of_range_raises_whatever_handle_invalid_says(handle, value):
    with pytest.raises(ScoringError, match=r"bounds \[-1.0, 2.0\]") as error:
        bucketize([-1.0, 0.0, 2.0], handle).score({"a": np.array([0.0, value])})
    assert (error.value.column, error.value.row) == ("a", 1)


def test_infinite_ends_take_everything():
    answer = bucketize([-INF, 0.5, INF], "keep").score({"a": np.array([-INF, 0.0, 1e300, INF, NAN])})
    np.testing.assert_array_equal(answer["out"], [0, 0, 1, 1, 2])


def test_nan_and_null_part_ways():
    values = objects(0.5, NAN, None)
    keep = bucketize([0.0, 1.0, 2.0], "keep").score({"a": values})
    np.testing.assert_array_equal(keep["out"], [0, 2, NAN])
    skip = bucketize([0.0, 1.0, 2.0], "skip").score({"a": values})
    np.testing.assert_array_equal(skip["row_index"], [0])
    with pytest.raises(ScoringError, match="NaN") as error:
        bucketize([0.0, 1.0, 2.0], "error").score({"a": values})
    assert error.value.row == 1
    answer = bucketize([0.0, 1.0, 2.0], "error").score({"a": objects(0.5, None)})
    np.testing.assert_array_equal(answer["out"], [0, NAN])


def test_columns_with_different_splits():
    stage = make(
        stages.Bucketizer,
        inputs=("a", "b"),
        outputs=("x", "y"),
        handle_invalid="keep",
        splits=(np.array([-INF, 1.0, INF]), np.array([0.0, 1.0, 2.0, 3.0, 4.0])),
    )
    model = scorer([number("a"), number("b")], [stage], [number("x"), number("y")])
    answer = model.score({"a": np.array([0.0, 5.0, NAN]), "b": np.array([0.0, 3.5, NAN])})
    np.testing.assert_array_equal(answer["x"], [0, 1, 2])
    np.testing.assert_array_equal(answer["y"], [0, 3, 4])
    with pytest.raises(ScoringError) as error:
        model.score({"a": np.array([0.0]), "b": np.array([4.5])})
    assert error.value.column == "b"


# ---------------------------------------------------------------- Binarizer


def test_binarizer_is_strict_and_takes_null_as_zero():
    stage = make(stages.Binarizer, inputs=("a",), outputs=("out",), thresholds=(-0.5,))
    answer = scorer([number("a")], [stage], [number("out")]).score({"a": objects(-0.5, 0.0, NAN, None)})
    np.testing.assert_array_equal(answer["out"], [0, 1, 0, 0])


@pytest.mark.parametrize(("threshold", "of_nan"), [(0.5, 0.0), (-0.5, 1.0)])
def test_nan_in_a_vector_passes_a_negative_threshold(threshold, of_nan):
    stage = make(stages.Binarizer, inputs=("v",), outputs=("out",), thresholds=(threshold,))
    answer = scorer([vector("v", 3)], [stage], [vector("out", 3)]).score({"v": np.array([[1.0, -1.0, NAN]])})
    np.testing.assert_array_equal(answer["out"], [[1.0, 0.0, of_nan]])


# ---------------------------------------------------------------- VectorAssembler


def test_assembler_keeps_order_across_kinds():
    indexer = make(
        stages.StringIndexer,
        "indexer",
        inputs=("s",),
        outputs=("i",),
        labels=(("x", "y", "z"),),
        handle_invalid="keep",
    )
    encoder = make(
        stages.OneHotEncoder,
        inputs=("i",),
        outputs=("h",),
        category_sizes=(3,),
        drop_last=True,
        handle_invalid="keep",
    )
    inputs = [text("s"), number("a"), vector("v", 2), number("b")]
    model = scorer(inputs, [indexer, encoder, assemble(["b", "h", "v", "i", "a"])], [vector("out", 8)])
    answer = model.score(
        {
            "s": objects("y", "?", None),
            "a": np.array([1, 2, 3]),
            "b": np.array([4.0, 5.0, NAN]),
            "v": np.array([[7.0, 8.0], [9.0, 10.0], [11.0, NAN]]),
        }
    )
    expected = [[4, 0, 1, 0, 7, 8, 1, 1], [5, 0, 0, 0, 9, 10, 3, 2], [NAN, 0, 0, 0, 11, NAN, 3, 3]]
    np.testing.assert_array_equal(answer["out"], expected)


def test_assembler_raises_or_skips_on_null_and_nan_numbers():
    columns = {"a": objects(1.0, None, 2.0), "b": np.array([1.0, 1.0, NAN])}
    inputs = [number("a"), number("b")]
    answer = scorer(inputs, [assemble(["a", "b"], "skip")], [vector("out", 2)]).score(columns)
    np.testing.assert_array_equal(answer["out"], [[1, 1]])
    np.testing.assert_array_equal(answer["row_index"], [0])
    with pytest.raises(ScoringError, match="null or NaN while assembling") as error:
        scorer(inputs, [assemble(["a", "b"], "error")], [vector("out", 2)]).score(columns)
    assert (error.value.column, error.value.row) == ("a", 1)
    for row, column in ((1, "a"), (2, "b")):
        one = {name: values[row : row + 1] for name, values in columns.items()}
        with pytest.raises(ScoringError) as error:
            scorer(inputs, [assemble(["a", "b"], "error")], [vector("out", 2)]).score(one)
        assert (error.value.column, error.value.row) == (column, 0)


def test_infinities_are_valid_even_when_they_cancel():
    model = scorer([number("a"), number("b")], [assemble(["a", "b"], "error")], [vector("out", 2)])
    np.testing.assert_array_equal(
        model.score({"a": np.array([INF]), "b": np.array([-INF])})["out"], [[INF, -INF]]
    )


def test_nan_inside_a_vector_passes_and_a_null_vector_does_not():
    columns = {"v": objects([1.0, NAN], None, (3, 4))}
    skip = scorer([vector("v", 2)], [assemble(["v"], "skip")], [vector("out", 2)]).score(columns)
    np.testing.assert_array_equal(skip["out"], [[1, NAN], [3, 4]])
    keep = scorer([vector("v", 2)], [assemble(["v"], "keep")], [vector("out", 2)]).score(columns)
    np.testing.assert_array_equal(keep["out"], [[1, NAN], [NAN, NAN], [3, 4]])
    with pytest.raises(ScoringError, match="null") as error:
        scorer([vector("v", 2)], [assemble(["v"], "error")], [vector("out", 2)]).score(columns)
    assert error.value.row == 1


def test_null_of_a_derived_number_is_caught_by_the_assembler():
    bucket = make(
        stages.Bucketizer,
        inputs=("a",),
        outputs=("b",),
        splits=(np.array([0.0, 1.0, 2.0]),),
        handle_invalid="keep",
    )
    columns = {"a": objects(0.5, None, NAN)}
    inputs, outputs = [number("a")], [vector("out", 1)]
    keep = scorer(inputs, [bucket, assemble(["b"])], outputs).score(columns)
    np.testing.assert_array_equal(keep["out"], [[0], [NAN], [2]])
    skip = scorer(inputs, [bucket, assemble(["b"], "skip")], outputs).score(columns)
    np.testing.assert_array_equal(skip["row_index"], [0, 2])
    with pytest.raises(ScoringError, match="null or NaN"):
        scorer(inputs, [bucket, assemble(["b"], "error")], outputs).score(columns)


def test_a_row_skipped_early_cannot_raise_later():
    indexer = make(
        stages.StringIndexer,
        "indexer",
        inputs=("s",),
        outputs=("i",),
        labels=(("x",),),
        handle_invalid="skip",
    )
    model = scorer([text("s"), number("a")], [indexer, assemble(["i", "a"], "error")], [vector("out", 2)])
    answer = model.score({"s": objects("x", "?"), "a": np.array([1.0, NAN])})
    np.testing.assert_array_equal(answer["row_index"], [0])
    with pytest.raises(ScoringError):
        model.score({"s": objects("x", "x"), "a": np.array([1.0, NAN])})


def test_a_row_that_a_later_filter_drops_does_not_raise_before_it():
    """Spark evaluates a Bucketizer when it is asked for, a filter where it stands."""
    bucket = make(
        stages.Bucketizer,
        "bucketizer",
        inputs=("a",),
        outputs=("b",),
        handle_invalid="error",
        splits=(np.array([0.0, 1.0, 2.0]),),
    )
    skip = make(
        stages.StringIndexer,
        "indexer",
        inputs=("s",),
        outputs=("i",),
        labels=(("x",),),
        handle_invalid="skip",
    )
    model = scorer(
        [text("s"), number("a")], [bucket, skip, assemble(["i", "b"], "error")], [vector("out", 2)]
    )
    answer = model.score({"s": objects("x", "?"), "a": np.array([1.0, 9.0])})
    np.testing.assert_array_equal(answer["out"], [[0, 1]])
    asked = make(stages.VectorAssembler, "first", inputs=("b",), output="w", handle_invalid="keep")
    model = scorer([text("s"), number("a")], [bucket, asked, skip], [vector("w", 1), number("i")])
    with pytest.raises(ScoringError, match="bucketizer") as error:
        model.score({"s": objects("x", "?"), "a": np.array([1.0, 9.0])})
    assert (error.value.column, error.value.row) == ("a", 1)


def test_the_derived_column_to_blame_is_named():
    buckets = make(
        stages.Bucketizer,
        inputs=("a", "b"),
        outputs=("x", "y"),
        handle_invalid="keep",
        splits=(np.array([-INF, 1.0, INF]),) * 2,
    )
    model = scorer([number("a"), number("b")], [buckets, assemble(["x", "y"], "error")], [vector("out", 2)])
    with pytest.raises(ScoringError, match="null or NaN") as error:
        model.score({"a": objects(1.0, 1.0), "b": objects(1.0, None)})
    assert (error.value.column, error.value.row) == ("y", 1)


def test_a_null_vector_breaks_whatever_computes_on_it():
    encoder = make(
        stages.OneHotEncoder,
        inputs=("a",),
        outputs=("h",),
        category_sizes=(3,),
        drop_last=True,
        handle_invalid="keep",
    )
    stage = make(stages.MaxAbsScaler, "scaler_1", input="h", output="out", max_abs=np.ones(3))
    model = scorer([number("a")], [encoder, stage], [vector("out", 3)])
    np.testing.assert_array_equal(model.score({"a": objects(1.0, NAN)})["out"], [[0, 1, 0], [0, 0, 0]])
    with pytest.raises(ScoringError, match=r"null vector.*scaler_1") as error:
        model.score({"a": objects(1.0, None)})
    assert (error.value.column, error.value.row) == ("h", 1)


def test_a_float_column_holds_floats():
    model = scorer([number("a", spark_type="float")], [assemble(["a"])], [vector("out", 1)])
    for values in (np.array([0.1]), objects(0.1), np.array([0.1, 0.1])):
        np.testing.assert_array_equal(model.score({"a": values})["out"][0], [float(np.float32(0.1))])


# ---------------------------------------------------------------- VectorIndexer


def vector_indexer(handle, maps):
    return make(
        stages.VectorIndexer,
        input="v",
        output="out",
        num_features=3,
        category_maps=maps,
        handle_invalid=handle,
    )


def test_vector_indexer_maps_categories_and_passes_the_rest():
    stage = vector_indexer("keep", {1: {-1.0: 1, 0.0: 0, 2.5: 2}})
    x = np.array([[9.0, -1.0, NAN], [9.0, -0.0, 1.0], [8.0, 2.5, 1.0], [8.0, 7.0, 1.0], [8.0, NAN, 1.0]])
    answer = scorer([vector("v", 3)], [stage], [vector("out", 3)]).score({"v": x})["out"]
    np.testing.assert_array_equal(answer[:, 1], [1, 0, 2, 3, 3])
    np.testing.assert_array_equal(answer[:, [0, 2]], x[:, [0, 2]])


def test_vector_indexer_raises_or_skips_unknown_values():
    x = {"v": np.array([[0.0, 0.0, 0.0], [0.0, 3.0, 0.0]])}
    maps = {1: {0.0: 0}, 2: {0.0: 0}}
    skip = scorer([vector("v", 3)], [vector_indexer("skip", maps)], [vector("out", 3)]).score(x)
    np.testing.assert_array_equal(skip["row_index"], [0])
    with pytest.raises(ScoringError, match="unknown to VectorIndexer") as error:
        scorer([vector("v", 3)], [vector_indexer("error", maps)], [vector("out", 3)]).score(x)
    assert error.value.row == 1


def test_a_zero_that_a_sparse_vector_does_not_store_passes():
    """VectorAssembler's vector is sparse when 1.5 * (nnz + 1) < size; VectorIndexer then sees no zero."""
    names = [f"n{at}" for at in range(6)]
    stage = make(
        stages.VectorIndexer,
        input="v",
        output="out",
        num_features=6,
        category_maps={1: {5.0: 0, 6.0: 1}},
        handle_invalid="keep",
    )
    model = scorer([number(name) for name in names], [assemble(names, output="v"), stage], [vector("out", 6)])
    sparse, dense = [1.0, 0, 0, 0, 0, 1.0], [1.0, 0, 1.0, 0, 0, 1.0]
    answer = model.score({name: np.array([sparse[at], dense[at]]) for at, name in enumerate(names)})["out"]
    np.testing.assert_array_equal(answer[:, 1], [0.0, 2.0])


def test_scalers_without_a_shift_leave_a_sparse_vector_sparse():
    names = [f"n{at}" for at in range(6)]
    scaler = make(stages.MaxAbsScaler, "scaler", input="v", output="w", max_abs=np.full(6, 2.0))
    stage = make(
        stages.VectorIndexer,
        input="w",
        output="out",
        num_features=6,
        category_maps={1: {5.0: 0}},
        handle_invalid="keep",
    )
    columns = {name: np.array([float(at == 0)]) for at, name in enumerate(names)}
    inputs = [number(name) for name in names]
    answer = scorer(inputs, [assemble(names, output="v"), scaler, stage], [vector("out", 6)]).score(columns)
    np.testing.assert_array_equal(answer["out"], [[0.5, 0, 0, 0, 0, 0]])
    norm = make(stages.Normalizer, "norm", input="v", output="out", p=2.0)
    columns["n0"] = np.array([NAN])
    answer = scorer(inputs, [assemble(names, output="v"), norm], [vector("out", 6)]).score(columns)
    np.testing.assert_array_equal(answer["out"], [[NAN, 0, 0, 0, 0, 0]])


# ---------------------------------------------------------------- scalers

X = np.array([[1.0, -2.0, 3.0], [0.0, 5.0, NAN], [-0.5, INF, 1e-3], [0.0, 0.0, 0.0]])


def test_standard_scaler_multiplies_by_the_reciprocal():
    mean, std = np.array([0.5, 1.0, 2.0]), np.array([0.3, 0.7, 0.0])
    scale = np.array([1 / 0.3, 1 / 0.7, 0.0])
    both = vector_stage(stages.StandardScaler, X, mean=mean, std=std, with_mean=True, with_std=True)
    np.testing.assert_array_equal(both, (X - mean) * scale)
    only = vector_stage(stages.StandardScaler, X, mean=mean, std=std, with_mean=False, with_std=True)
    np.testing.assert_array_equal(only, X * scale)
    neither = vector_stage(stages.StandardScaler, X, mean=mean, std=std, with_mean=False, with_std=False)
    np.testing.assert_array_equal(neither, X)


def test_robust_and_max_abs_scalers():
    center, spread = np.array([0.5, 1.0, 2.0]), np.array([3.0, 0.0, 0.7])
    robust = vector_stage(
        stages.RobustScaler, X, range=spread, median=center, with_centering=True, with_scaling=True
    )
    with np.errstate(invalid="ignore"):
        expected = (X - center) * np.array([1 / 3.0, 0.0, 1 / 0.7])
    np.testing.assert_array_equal(robust, expected)
    largest = vector_stage(stages.MaxAbsScaler, X, max_abs=np.array([3.0, 0.0, 0.7]))
    np.testing.assert_array_equal(largest, X * np.array([1 / 3.0, 1.0, 1 / 0.7]))


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_min_max_scaler_and_its_constant_column(low):
    fields = {"original_min": np.array([-1.0, 2.0, 0.0]), "original_max": np.array([1.0, 2.0, 3.0])}
    answer = vector_stage(stages.MinMaxScaler, X, **fields, min=low, max=3.0)
    scale = (3.0 - low) / np.array([2.0, 1.0, 3.0])
    expected = (X - fields["original_min"]) * scale + low
    expected[:, 1] = (low + 3.0) / 2
    np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, INF])
def test_normalizer(p):
    x = X[[0, 3, 3]].copy()
    x[2] = [-3.0, 4.0, 0.5]
    norm = np.linalg.norm(x, p, axis=1, keepdims=True)
    np.testing.assert_allclose(
        vector_stage(stages.Normalizer, x, p=p), x / np.where(norm == 0, 1, norm), rtol=1e-15
    )


def test_the_infinity_norm_overlooks_nan():
    np.testing.assert_array_equal(vector_stage(stages.Normalizer, [[2.0, NAN]], p=INF), [[1.0, NAN]])


def test_pca_does_not_centre():
    components = np.random.default_rng(0).normal(size=(3, 2))
    stage = make(stages.PCA, input="v", output="out", pc=components)
    answer = scorer([vector("v", 3)], [stage], [vector("out", 2)]).score({"v": X[:1]})["out"]
    np.testing.assert_allclose(answer, X[:1] @ components, rtol=1e-15)


# ---------------------------------------------------------------- plumbing


def test_rename_costs_nothing():
    stage = make(stages.Rename, input="a", output="out")
    answer = scorer([number("a")], [stage], [number("out")]).score({"a": np.array([1.0, NAN])})
    np.testing.assert_array_equal(answer["out"], [1.0, NAN])


def test_columns_that_do_not_fit_are_refused():
    pca = make(stages.PCA, "pca_1", input="v", output="out", pc=np.ones((4, 2)))
    with pytest.raises(ConversionError, match="pca_1 needs a vector of 4 in column 'v', found a vector of 3"):
        scorer([vector("v", 3)], [pca], [vector("out", 2)])
    with pytest.raises(ConversionError, match="neither an input nor written"):
        scorer([vector("w", 4)], [pca], [vector("out", 2)])
    with pytest.raises(ConversionError, match="text"):
        scorer([unknown("s"), text("t")], [assemble(["t"])], [vector("out", 1)])
