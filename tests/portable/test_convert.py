"""Writing a portable model: all or nothing."""

import numpy as np
import pytest

from splicemachine_ml.errors import ConversionError, ModelStoreError, UnsupportedStageError
from splicemachine_ml.portable import stages
from splicemachine_ml.portable.convert import convert, write
from splicemachine_ml.portable.scorer import Scorer
from tests.portable.onnx_plans import make, number, plan, vector


def good_plan():
    stage = make(stages.VectorAssembler, inputs=("a",), output="out", handle_invalid="keep")
    return plan([number("a")], [stage], [vector("out", 1)])


def test_a_new_or_empty_directory_is_filled(tmp_path):
    for out in (tmp_path / "deep" / "new", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        write(good_plan(), out)
        assert sorted(path.name for path in out.iterdir()) == ["model.onnx", "spec.json"]
        assert Scorer.load(out).score({"a": np.ones(1)})["out"] == [[1.0]]
        assert [path.name for path in out.parent.iterdir() if path.name.startswith(".")] == []


def test_the_same_plan_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        write(good_plan(), tmp_path / name)
    for file in ("model.onnx", "spec.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_taken_place_is_left_alone(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    with pytest.raises(ModelStoreError, match="not empty"):
        write(good_plan(), tmp_path / "full")
    assert (tmp_path / "full" / "mine.txt").read_text() == "precious"
    (tmp_path / "file").write_text("precious")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ModelStoreError):
            write(good_plan(), out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


def test_nothing_is_left_of_a_failure(tmp_path):
    class Strange(stages.Stage):
        """A stage nobody knows."""

    strange = plan([number("a")], [Strange(uid="s", spark_class="S")], [number("a")])
    missing = plan([number("a")], [make(stages.Rename, input="b", output="c")], [number("c")])
    for bad, error in ((strange, UnsupportedStageError), (missing, ConversionError)):
        with pytest.raises(error):
            write(bad, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_holds_no_pipeline(tmp_path):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ModelStoreError):
        convert(tmp_path / "nothing", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["nothing"]
