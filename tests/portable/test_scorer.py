"""The scorer's manners: loading, refusing, one row and many, threads, and what it imports."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicemachine_ml.errors import ModelStoreError, ScoringError
from splicemachine_ml.portable import stages
from splicemachine_ml.portable.convert import write
from splicemachine_ml.portable.scorer import CHUNK_ROWS, Scorer
from tests.portable.onnx_plans import make, number, plan, predictor, text, unknown, vector

LABELS = ("debt", "car", "home")
NAN = np.nan
RATES = st.floats(-1e6, 1e6) | st.sampled_from([NAN, np.inf, -np.inf])


def loan_stages(handle="keep"):
    model = predictor(
        stages.LogisticRegression,
        4,
        threshold=0.5,
        is_multinomial=False,
        intercepts=np.array([0.1]),
        coefficients=np.array([[0.5, -0.25, 1.5, -2.0]]),
    )
    return [
        make(
            stages.StringIndexer,
            "indexer_1",
            inputs=("purpose",),
            outputs=("index",),
            labels=(LABELS,),
            handle_invalid=handle,
        ),
        make(
            stages.OneHotEncoder,
            "encoder_1",
            inputs=("index",),
            outputs=("hot",),
            category_sizes=(3,),
            drop_last=True,
            handle_invalid="error" if handle != "keep" else "keep",
        ),
        make(
            stages.VectorAssembler,
            "assembler_1",
            inputs=("rate", "fico", "hot"),
            output="raw",
            handle_invalid=handle,
        ),
        make(
            stages.StandardScaler,
            "scaler_1",
            input="raw",
            output="v",
            mean=np.zeros(4 + (handle == "keep")),
            std=np.linspace(1, 2, 4 + (handle == "keep")),
            with_mean=False,
            with_std=True,
        ),
        model,
    ]


def loan_plan(handle="skip", optional=("label",)):
    inputs = [text("purpose"), number("rate"), number("fico", spark_type="int")]
    outputs = [vector("rawPrediction", 2), vector("probability", 2), number("prediction")]
    return plan(inputs, loan_stages(handle), outputs, [stages.Column(name, "any") for name in optional])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "portable"
    write(loan_plan(), out)
    return out


@pytest.fixture(scope="module")
def scorer(folder):
    return Scorer.load(folder)


def loans(count, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "purpose": rng.choice(LABELS, count).astype(object),
        "rate": rng.normal(size=count),
        "fico": rng.integers(600, 800, count),
    }


def expected(columns):
    hot = np.stack([columns["purpose"] == label for label in LABELS[:2]], axis=1)
    x = np.column_stack([columns["rate"], columns["fico"], hot]) * (1 / np.linspace(1, 2, 4))
    return x @ np.array([0.5, -0.25, 1.5, -2.0]) + 0.1


def test_one_row_and_many_give_the_same(scorer):
    columns = loans(2 * CHUNK_ROWS + 5)
    many = scorer.score(columns)
    np.testing.assert_allclose(many["rawPrediction"][:, 1], expected(columns), rtol=1e-12)
    np.testing.assert_array_equal(many["row_index"], np.arange(2 * CHUNK_ROWS + 5))
    for row in (0, 1, CHUNK_ROWS, 2 * CHUNK_ROWS + 4):
        one = scorer.score({name: values[row : row + 1] for name, values in columns.items()})
        for name in ("rawPrediction", "probability", "prediction"):
            np.testing.assert_allclose(one[name], many[name][row : row + 1], rtol=1e-14)


@given(
    st.lists(
        st.tuples(st.sampled_from([*LABELS, "?", None]), RATES, st.integers(-(2**63), 2**63 - 1)),
        max_size=12,
    )
)
def test_a_batch_of_n_is_n_batches_of_one(scorer, rows):
    columns = {
        name: np.array([row[at] for row in rows], dtype=kind)
        for at, (name, kind) in enumerate([("purpose", object), ("rate", float), ("fico", np.int64)])
    }
    many = scorer.score(columns)
    ones = [
        scorer.score({name: values[row : row + 1] for name, values in columns.items()})
        for row in range(len(rows))
    ]
    kept = [row for row, one in enumerate(ones) if len(one["row_index"])]
    assert many["row_index"].tolist() == kept
    for name in ("rawPrediction", "probability", "prediction"):
        parts = [np.empty((0, *many[name].shape[1:]))] + [ones[row][name] for row in kept]
        # Eigen's exp of a whole packet and of the rest differ in the last bit
        np.testing.assert_allclose(many[name], np.concatenate(parts), rtol=1e-12, atol=1e-300)


def test_no_rows_in_no_rows_out(scorer):
    answer = scorer.score(loans(0))
    assert {name: values.shape for name, values in answer.items()} == {
        "rawPrediction": (0, 2),
        "probability": (0, 2),
        "prediction": (0,),
        "row_index": (0,),
    }
    assert answer["row_index"].dtype == np.int64


def test_types_of_the_answers(scorer):
    for count in (1, 3):
        answer = scorer.score(loans(count))
        assert {name: (values.dtype, values.shape) for name, values in answer.items()} == {
            "rawPrediction": (np.float64, (count, 2)),
            "probability": (np.float64, (count, 2)),
            "prediction": (np.float64, (count,)),
            "row_index": (np.int64, (count,)),
        }


def test_rows_skipped_in_any_chunk_leave_the_others_in_place(scorer):
    columns = loans(2 * CHUNK_ROWS)
    columns["purpose"][[3, CHUNK_ROWS + 1]] = ["?", None]
    columns["rate"][5] = NAN
    answer = scorer.score(columns)
    kept = np.delete(np.arange(2 * CHUNK_ROWS), [3, 5, CHUNK_ROWS + 1])
    np.testing.assert_array_equal(answer["row_index"], kept)
    np.testing.assert_allclose(answer["rawPrediction"][:, 1], expected(columns)[kept], rtol=1e-12)


def test_an_error_names_the_row_of_the_whole_batch(tmp_path):
    write(loan_plan("error"), tmp_path / "m")
    model = Scorer.load(tmp_path / "m")
    columns = loans(CHUNK_ROWS + 10)
    columns["rate"][CHUNK_ROWS + 3] = NAN
    with pytest.raises(
        ScoringError, match=rf"column 'rate', row {CHUNK_ROWS + 3}.*found .*nan.*assembler_1"
    ) as error:
        model.score(columns)
    assert (error.value.column, error.value.row) == ("rate", CHUNK_ROWS + 3)


def test_the_label_may_come_along_or_not(scorer):
    columns = loans(2)
    with_label = scorer.score({**columns, "label": np.array(["x", "y"])})
    np.testing.assert_array_equal(with_label["prediction"], scorer.score(columns)["prediction"])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("change", "column", "message"),
    [
        (lambda c: c.pop("rate"), "rate", "column 'rate' is missing$"),
        (lambda c: c.update(ratee=c.pop("rate")), "rate", "is missing; the closest name given is 'ratee'"),
        (lambda c: c.update(ficoo=c["fico"]), "ficoo", "unknown column 'ficoo'; did you mean 'fico'"),
        (lambda c: c.update(rate=c["rate"][:-1]), "rate", "rows, but"),
        (lambda c: c.update(rate=np.array(5.0)), "rate", "single value"),
        (lambda c: c.update(rate=np.stack([c["rate"]] * 2, 1)), "rate", "one-dimensional"),
        (lambda c: c.update(rate=c["rate"] > 0), "rate", "expected a number, found .*bool"),
        (lambda c: c.update(rate=c["rate"].astype(str)), "rate", "row 0: expected a number"),
        (lambda c: c.update(rate=c["rate"].astype("datetime64[s]")), "rate", "expected a number"),
        (lambda c: c.update(rate=c["rate"].astype(complex)), "rate", "expected a number"),
        (
            lambda c: c.update(rate=np.array([*c["rate"][:-1], "7"], object)),
            "rate",
            r"expected a number, found '7' \(str\)",
        ),
        (lambda c: c.update(purpose=c["rate"]), "purpose", "expected text"),
        (lambda c: c.update(rate=[[1.0], [2.0, 3.0], [4.0]]), "rate", "ragged"),
    ],
)
def test_wrong_columns_are_named(scorer, change, column, message, count):
    columns = loans(count)
    change(columns)
    with pytest.raises(ScoringError, match=message) as error:
        scorer.score(columns)
    assert error.value.column == column


def test_the_first_bad_row_is_named(scorer):
    columns = loans(4)
    columns["rate"] = np.array([1.0, None, "x", "y"], object)
    with pytest.raises(ScoringError, match="row 2") as error:
        scorer.score(columns)
    assert error.value.row == 2


@pytest.mark.parametrize("kind", [np.float32, np.int8, np.uint64, np.int64, object, "list", "decimal"])
def test_every_kind_of_number_will_do(scorer, kind):
    for count in (1, 4):
        columns = loans(count)
        columns["rate"] = np.arange(count, dtype=float)
        plain = scorer.score(columns)["rawPrediction"]
        if kind == "list":
            columns["rate"] = columns["rate"].tolist()
        elif kind == "decimal":
            columns["rate"] = np.array([Decimal(int(value)) for value in columns["rate"]], dtype=object)
        else:
            columns["rate"] = columns["rate"].astype(kind)
        np.testing.assert_array_equal(scorer.score(columns)["rawPrediction"], plain)


def test_huge_whole_numbers_become_doubles(scorer):
    columns = {
        "purpose": np.array(["car"] * 2, object),
        "rate": np.zeros(2),
        "fico": np.array([2**63 - 1, -(2**62) - 1]),
    }
    as_double = {**columns, "fico": columns["fico"].astype(float)}
    np.testing.assert_array_equal(
        scorer.score(columns)["rawPrediction"], scorer.score(as_double)["rawPrediction"]
    )
    with pytest.raises(ScoringError, match="too large"):
        scorer.score({**columns, "fico": np.array([10**400, 1], object)})


def test_booleans_are_numbers_only_for_an_assembler(tmp_path):
    assembler = make(stages.VectorAssembler, inputs=("a",), output="out", handle_invalid="error")
    bucketizer = make(
        stages.Bucketizer,
        inputs=("a",),
        outputs=("out",),
        splits=(np.array([0.0, 1.0, 2.0]),),
        handle_invalid="error",
    )
    write(plan([number("a", spark_type="boolean")], [assembler], [vector("out", 1)]), tmp_path / "yes")
    write(plan([number("a")], [bucketizer], [number("out")]), tmp_path / "no")
    for values in (np.array([True, False]), np.array([True, False], object)):
        np.testing.assert_array_equal(Scorer.load(tmp_path / "yes").score({"a": values})["out"], [[1], [0]])
        with pytest.raises(ScoringError, match="bool"):
            Scorer.load(tmp_path / "no").score({"a": values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 3)), r"must be \[N, 2\], not \[2, 3\]"),
        (np.zeros(2), r"must be \[N, 2\]"),
        (np.array([[1.0, 2.0], None], object), "row 1: the vector is null"),
        (np.array([[1.0, 2.0], [1.0]], object), "row 1: expected a vector of 2"),
        (np.array([[1.0, 2.0], "ab"], object), "row 1: expected a vector of 2"),
        (np.array([[1.0, 2.0], [1.0, None]], object), "expected a vector of 2"),
    ],
)
def test_vectors_are_checked(tmp_path, values, message):
    stage = predictor(stages.LinearRegression, 2, coefficients=np.ones(2), intercept=0.0)
    write(plan([vector("v", 2)], [stage], [number("prediction")]), tmp_path / "m")
    model = Scorer.load(tmp_path / "m")
    rows = np.empty(2, object)
    rows[:] = [[1.0, 2.0], np.array([3, 4])]
    np.testing.assert_array_equal(model.score({"v": rows})["prediction"], [3.0, 7.0])
    with pytest.raises(ScoringError, match=message) as error:
        model.score({"v": values})
    assert error.value.column == "v"


def test_threads_share_one_scorer(scorer):
    batches = [loans(1 + seed % 7, seed) for seed in range(200)]
    alone = [scorer.score(batch)["rawPrediction"] for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda batch: scorer.score(batch)["rawPrediction"], batches))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_tells_people_what_it_does(scorer):
    assert [column.name for column in scorer.inputs] == ["purpose", "rate", "fico"]
    assert [column.name for column in scorer.outputs] == ["rawPrediction", "probability", "prediction"]
    assert [(stage.kind, stage.scored) for stage in scorer.stages][:2] == [
        ("StringIndexer", "host"),
        ("OneHotEncoder", "graph"),
    ]
    told = scorer.explain()
    for piece in (
        "pipeline_1",
        "indexer_1",
        "purpose -> index",
        "3 labels",
        "rows with others are dropped",
        "prediction (number)",
        "probability (vector[2])",
        "label",
    ):
        assert piece in told


def test_loading_checks_the_model(folder, tmp_path):
    for name in ("spec.json", "model.onnx"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    Scorer.load(str(tmp_path))
    model = (tmp_path / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(model[:-10])
    with pytest.raises(ModelStoreError, match="checksum"):
        Scorer.load(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelStoreError, match=r"no readable model\.onnx"):
        Scorer.load(tmp_path)
    with pytest.raises(ModelStoreError, match="portable model directory"):
        Scorer.load(tmp_path / "nowhere")
    with pytest.raises(ModelStoreError, match="cannot load"):
        Scorer(Scorer.load(folder).spec, b"no model")


def test_it_needs_numpy_and_onnxruntime_alone(folder):
    code = (
        "import sys, numpy as np\n"
        "from splicemachine_ml.portable.scorer import Scorer\n"
        f"s = Scorer.load({str(folder)!r})\n"
        "s.score({'purpose': np.array(['car']), 'rate': np.ones(1), 'fico': np.ones(1)})\n"
        "heavy = {'pandas', 'pyarrow', 'onnx', 'mlflow', 'pyspark', 'scipy', 'boto3'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_kind_of_column_is_spelled_by_its_dtype(tmp_path):
    stage = make(
        stages.StringIndexer, inputs=("a",), outputs=("i",), labels=(("1.0", "1"),), handle_invalid="keep"
    )
    write(plan([unknown("a")], [stage], [number("i")]), tmp_path / "m")
    model = Scorer.load(tmp_path / "m")
    assert model.score({"a": np.array([1.0])})["i"].tolist() == [0.0]
    assert model.score({"a": np.array([1])})["i"].tolist() == [1.0]
