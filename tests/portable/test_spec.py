"""The scoring specification on disk."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.portable.spec import (
    FORMAT,
    Encoder,
    InputSpec,
    OutputSpec,
    Rule,
    ScoringSpec,
    Slot,
    StageSpec,
    read_spec,
)

words = st.text(max_size=8)
names = st.lists(words, max_size=3).map(tuple)


def example(labels=("b", "a"), **changes):
    fields = {
        "pipeline_uid": "pipeline_1",
        "spark_version": "4.3.0",
        "model_file": "model.onnx",
        "model_sha256": "0" * 64,
        "inputs": (
            InputSpec("s", "string", 0, True, "string", False),
            InputSpec("v", "vector", 2, True, "", False),
        ),
        "optional": ("label",),
        "layout": (Slot("v", "vector", 0, 2, -1), Slot("s", "code", 2, 1, 0)),
        "encoders": (Encoder("indexer", "s", tuple(labels)),),
        "rules": (Rule("indexer", "a.StringIndexerModel", ("s",), "error", "unseen", "host", (2,), (2,)),),
        "outputs": (OutputSpec("prediction", "number", 0, 0, ()),),
        "stages": (StageSpec("StringIndexer", "indexer", "a.B", ("s",), ("i",), "host", "labels"),),
    }
    return ScoringSpec(**{**fields, **changes})


def tampered(change):
    document = json.loads(example().to_json())
    change(document)
    return json.dumps(document)


def sealed(change):
    """Changed, but with a fitting checksum."""
    from splicemachine_ml.portable.spec import _checksum

    document = json.loads(example().to_json())
    change(document["body"])
    return json.dumps({**document, "sha256": _checksum(document["body"])})


@given(st.lists(words, max_size=5), words, names)
def test_what_is_written_reads_back(labels, uid, optional):
    spec = example(labels, pipeline_uid=uid, optional=optional)
    assert ScoringSpec.from_json(spec.to_json()) == spec


def test_widths():
    graph_rule = Rule("a", "b", ("c",), "skip", "m", "graph", (1,), ())
    spec = example(rules=(*example().rules, graph_rule))
    assert (spec.x_width, spec.y_width) == (3, 2)
    assert ScoringSpec.from_json(spec.to_json()) == spec


def test_it_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        example().pipeline_uid = "other"


def test_a_newer_format_says_so():
    text = tampered(lambda document: document.update(format=FORMAT + 1, novelty=1))
    with pytest.raises(ModelStoreError, match=f"newer format {FORMAT + 1}.*upgrade"):
        ScoringSpec.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": "1"}', "{}"])
def test_what_is_no_specification_is_refused(text):
    with pytest.raises(ModelStoreError, match=r"spec\.json"):
        ScoringSpec.from_json(text)


def test_a_changed_label_breaks_the_checksum():
    text = tampered(lambda document: document["body"]["encoders"][0]["labels"].reverse())
    with pytest.raises(ModelStoreError, match="checksum"):
        ScoringSpec.from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(novelty=1),
        lambda body: body.pop("rules"),
        lambda body: body["inputs"][0].update(kind="blob"),
        lambda body: body["inputs"][0].update(size="2"),
        lambda body: body["inputs"][0].update(size=True),
        lambda body: body["inputs"][0].pop("size"),
        lambda body: body.update(encoders={}),
        lambda body: body["layout"][1].update(encoder=1),
        lambda body: body["layout"][1].update(start=7),
        lambda body: body["layout"][1].update(column="nobody"),
        lambda body: body["rules"][0].update(at=[9]),
        lambda body: body["rules"][0].update(at=[]),
        lambda body: body.update(model_file="../model.onnx"),
    ],
)
def test_unknown_keys_types_and_references_are_refused(change):
    with pytest.raises(ModelStoreError, match=r"spec\.json"):
        ScoringSpec.from_json(sealed(change))


def test_a_directory_without_one(tmp_path):
    with pytest.raises(ModelStoreError, match="portable model directory"):
        read_spec(tmp_path)
    (tmp_path / "spec.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelStoreError, match="no readable"):
        read_spec(tmp_path)
