"""predict() with pandas and dicts against Spark's own answers, and every way to load a scorer."""

from __future__ import annotations

import json
import math
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from splicemachine_ml.errors import ModelStoreError, ScoringError, UnsupportedStageError
from splicemachine_ml.portable.convert import convert
from splicemachine_ml.portable.spec import OutputSpec
from splicemachine_ml.store.directory import assemble
from splicemachine_ml.store.rows import Answers
from splicemachine_ml.store.scorer import Scorer

NUMBERS = ["funded_amnt", "int_rate", "annual_inc", "revol_util", "all_util"]


@pytest.fixture(scope="module")
def logistic(case):
    return case("logistic")


@pytest.fixture(scope="module")
def scorer(logistic, tmp_path_factory) -> Scorer:
    out = tmp_path_factory.mktemp("portable") / "portable"
    convert(logistic.saved.path, out, schema=logistic.schema)
    return Scorer.load(out)


@pytest.fixture
def rows(logistic, scorer) -> pd.DataFrame:
    return logistic.rows[[column.name for column in scorer.inputs]].copy()


def assert_answers(found: pd.DataFrame, logistic, places=None) -> None:
    """``found`` is Spark's answer to the rows at ``places`` (all)."""
    places = range(len(logistic.rows)) if places is None else places
    assert len(found) == len(places)
    assert found["prediction"].dtype == np.float64
    assert found["prediction"].tolist() == [logistic.answers["prediction"][i] for i in places]
    assert found["answer"].tolist() == [logistic.answers["answer"][i] for i in places]
    for name in ("probability", "rawPrediction"):
        assert all(type(value) is list and type(value[0]) is float for value in found[name])
        expected = np.array([logistic.answers[name][i] for i in places])
        np.testing.assert_allclose(np.array(found[name].tolist()), expected, rtol=1e-12, atol=1e-15)


def test_a_frame_keeps_its_index_and_may_have_more_columns(scorer, logistic, rows):
    frame = rows.set_index(pd.Index([f"loan {i}" for i in range(len(rows))], name="id"))
    frame["surplus"] = 1
    before = frame.copy(deep=True)
    found = scorer.predict(frame)
    assert_answers(found, logistic)
    assert found.index.equals(frame.index)
    assert found.columns[0] == "prediction"
    pd.testing.assert_frame_equal(frame, before)


def test_dicts_give_the_same(scorer, logistic, rows):
    dicts = rows.astype(object).where(rows.notna(), None).to_dict("records")
    found = scorer.predict(dicts)
    assert_answers(found, logistic)
    assert found.index.tolist() == list(range(len(rows)))
    for place, row in enumerate(dicts):
        one = scorer.predict(row)
        assert_answers(one, logistic, [place])
        assert one.index.tolist() == [0]
        pd.testing.assert_frame_equal(one, found.iloc[[place]].reset_index(drop=True))


def test_every_dtype_of_pandas_gives_the_same(scorer, logistic, rows):
    for_text = {
        "object": object,
        "string": "string",
        "category": "category",
        "arrow": "string[pyarrow]",
    }
    texts = [column.name for column in scorer.inputs if column.kind == "string"]
    for kind in for_text.values():
        assert_answers(scorer.predict(rows.astype(dict.fromkeys(texts, kind))), logistic)
    assert_answers(scorer.predict(rows.convert_dtypes()), logistic)
    assert_answers(scorer.predict(rows.convert_dtypes(dtype_backend="pyarrow")), logistic)
    assert_answers(scorer.predict(rows.astype({"funded_amnt": "int32", "int_rate": object})), logistic)
    assert_answers(scorer.predict(rows.astype({"funded_amnt": "category"})), logistic)


def test_missing_text_is_null_however_it_is_spelled(scorer, rows):
    # handleInvalid="keep": null is one more category
    expected = None
    for missing in (None, float("nan"), pd.NA):
        frame = rows.copy()
        frame["emp_length"] = frame["emp_length"].astype(object)
        frame.loc[3, "emp_length"] = missing
        as_string = frame.astype({"emp_length": "string"})
        as_category = frame.assign(emp_length=frame["emp_length"].astype("category"))
        for given in (frame, as_string, as_category):
            found = scorer.predict(given)["probability"][3]
            expected = expected or found
            assert found == expected
    assert expected != scorer.predict(rows)["probability"][3]
    one = rows.iloc[3].to_dict() | {"emp_length": None}
    assert scorer.predict(one)["probability"][0] == pytest.approx(expected, rel=1e-13)


def test_dropped_rows_are_absent(scorer, logistic, rows):
    # VectorAssembler(handleInvalid="skip")
    frame = rows.astype({"annual_inc": "float64"})
    frame.index = [f"loan {i}" for i in range(len(frame))]
    frame.iloc[[2, 5], frame.columns.get_loc("annual_inc")] = np.nan
    kept = [i for i in range(len(frame)) if i not in (2, 5)]
    found = scorer.predict(frame)
    assert_answers(found, logistic, kept)
    assert found.index.tolist() == [f"loan {i}" for i in kept]
    dicts = frame.astype(object).to_dict("records")
    assert scorer.predict(dicts).index.tolist() == kept
    nothing = scorer.predict(dicts[2])
    assert len(nothing) == 0
    assert list(nothing.columns) == list(found.columns)


def test_no_rows(scorer, rows):
    found = scorer.predict(rows.iloc[:0])
    assert len(found) == 0
    assert found["prediction"].dtype == np.float64
    assert "probability" in found.columns


def test_missing_unknown_and_misspelt_columns(scorer, rows):
    row = rows.iloc[0].to_dict()
    misspelt = {("anual_inc" if k == "annual_inc" else k): v for k, v in row.items()}
    for given in (pd.DataFrame([misspelt]), [misspelt], misspelt):
        with pytest.raises(
            ScoringError, match=r"'annual_inc'.* is missing.*the closest name given is 'anual_inc'"
        ) as error:
            scorer.predict(given)
        assert error.value.column == "annual_inc"
    for given in ([row, row | {"int_rat": 1}], row | {"int_rat": 1}):
        with pytest.raises(ScoringError, match=r"unknown column 'int_rat'; did you mean 'int_rate'"):
            scorer.predict(given)
    del misspelt["anual_inc"]
    with pytest.raises(ScoringError, match=r"'annual_inc', row 1 is missing") as error:
        scorer.predict([row, misspelt])
    assert error.value.row == 1


def test_the_label_of_training_is_ignored(case, tmp_path):
    dt = case("dt_classifier")
    convert(dt.saved.path, tmp_path / "p", schema=dt.schema)
    scorer = Scorer.load(tmp_path / "p")
    row = dt.rows[[c.name for c in scorer.inputs]].iloc[0].to_dict()
    with_label = row | {"Class": "good"}
    for given in (with_label, [with_label], pd.DataFrame([with_label])):
        assert scorer.predict(given)["prediction"][0] == dt.answers["prediction"][0]


def test_wrong_values_name_column_and_row(scorer, rows):
    frame = rows.astype({"int_rate": object})
    frame.loc[4, "int_rate"] = "12 %"
    dicts = rows.to_dict("records")
    dicts[4]["int_rate"] = "12 %"
    for given in (frame, dicts):
        with pytest.raises(
            ScoringError, match=r"'int_rate', row 4: expected a number, found '12 %'"
        ) as error:
            scorer.predict(given)
        assert (error.value.column, error.value.row) == ("int_rate", 4)
    with pytest.raises(ScoringError, match="'int_rate'"):
        scorer.predict(dicts[4])


def test_other_things_are_refused(scorer, rows):
    with pytest.raises(ScoringError, match="not ndarray"):
        scorer.predict(rows.to_numpy())
    with pytest.raises(ScoringError, match="row 1 is a int, not a dict"):
        scorer.predict([rows.iloc[0].to_dict(), 7])
    twice = pd.concat([rows, rows[["int_rate"]]], axis=1)
    with pytest.raises(ScoringError, match="several columns 'int_rate'"):
        scorer.predict(twice)


def test_huge_whole_numbers_are_numbers(scorer, rows):
    row = rows.iloc[0].to_dict()
    big = scorer.predict(row | {"annual_inc": 10**30})
    assert big["probability"][0] == scorer.predict(row | {"annual_inc": 1e30})["probability"][0]
    listed = scorer.predict([row | {"annual_inc": 10**30}, row | {"annual_inc": 1}])
    assert math.isfinite(listed["prediction"][1])


def test_vectors_as_lists_and_arrays(case, tmp_path):
    bare = case("bare_logistic")
    convert(bare.saved.path, tmp_path / "p", schema=bare.schema)
    scorer = Scorer.load(tmp_path / "p")
    lists = bare.rows["features"].tolist()
    for features in (lists, [np.array(v) for v in lists], [tuple(v) for v in lists]):
        found = scorer.predict(pd.DataFrame({"features": features}))
        assert found["prediction"].tolist() == bare.answers["prediction"]
        assert scorer.predict({"features": features[0]})["prediction"][0] == bare.answers["prediction"][0]
        assert (
            scorer.predict([{"features": f} for f in features])["prediction"].tolist()
            == (bare.answers["prediction"])
        )


def test_one_row_is_safe_across_threads(scorer, logistic, rows):
    dicts = rows.astype(object).where(rows.notna(), None).to_dict("records")
    places = list(range(len(dicts))) * 40
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda place: scorer.predict(dicts[place]), places))
    for place, one in zip(places, found, strict=True):
        assert one["prediction"][0] == logistic.answers["prediction"][place]
        assert one["probability"][0] == pytest.approx(logistic.answers["probability"][place], rel=1e-12)


def test_the_row_that_threads_share_is_copied_whole() -> None:
    outputs = [OutputSpec(name, "number", 0, place, ()) for place, name in enumerate(("a", "b", "c"))]
    answers = Answers([*outputs, OutputSpec("v", "vector", 2, 3, ())])
    assert answers._one.works  # else nothing is shared

    def mixed(value: int) -> int:
        numbers = {name: np.array([float(value)]) for name in ("a", "b", "c")}
        given = {**numbers, "v": np.full((1, 2), float(value)), "row_index": np.array([0])}
        wanted = [value, value, value, [value, value]]
        return sum(answers.one(given).iloc[0].tolist() != wanted for _ in range(400))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # without the lock, dozens of rows are mixed from two threads' values
    try:
        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(mixed, range(4))) == 0
    finally:
        sys.setswitchinterval(interval)


def test_answers_belong_to_the_caller(scorer, rows):
    row = rows.iloc[0].to_dict()
    first = scorer.predict(row)
    kept = first.copy(deep=True)
    first.loc[0, "prediction"] = 99.0
    scorer.predict(rows.iloc[2].to_dict())
    assert first.loc[0, "prediction"] == 99.0
    assert first["probability"][0] == kept["probability"][0]
    pd.testing.assert_frame_equal(scorer.predict(row), kept)


def test_loading_from_directories(model_directory, logistic, rows):
    for place in (model_directory, str(model_directory), model_directory / "portable"):
        assert_answers(Scorer.load(place).predict(rows), logistic)


def test_loading_damaged_and_missing_directories(model_directory, tmp_path):
    with pytest.raises(ModelStoreError, match="there is no model directory"):
        Scorer.load(tmp_path / "absent")
    with pytest.raises(ModelStoreError, match=r"no manifest\.json"):
        Scorer.load(tmp_path)
    shutil.rmtree(model_directory / "portable")
    with pytest.raises(ModelStoreError, match=r"portable/model\.onnx: missing"):
        Scorer.load(model_directory)


def test_a_pipeline_that_needs_spark_names_all_its_gaps(case, tmp_path):
    unsupported = case("unsupported")
    manifest = assemble(unsupported.saved, tmp_path / "model", unsupported.schema)
    assert not manifest.portable
    assert not (tmp_path / "model" / "portable").exists()
    assert len(manifest.gaps) >= 3
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["gaps"][0]["reason"]
    with pytest.raises(UnsupportedStageError) as error:
        Scorer.load(tmp_path / "model")
    assert [gap[0] for gap in error.value.gaps] == [gap.uid for gap in manifest.gaps]
