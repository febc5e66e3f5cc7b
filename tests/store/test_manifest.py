"""The manifest notices every change that answers depend on, and old formats stay readable."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import splicemachine_ml
from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.store import manifest as manifests
from splicemachine_ml.store.manifest import ModelColumn

FORMAT_1 = Path(__file__).parent / "fixtures" / "format_1"


def test_what_was_written_is_read(model_directory, case):
    manifest = manifests.verify(model_directory)
    assert manifest.format == manifests.FORMAT == 1
    assert manifest.portable
    assert manifest.gaps == ()
    assert manifest.schema == case("logistic").schema
    assert manifest.uid == "uid_logistic"
    assert manifest.spark_version == "4.3.0"
    assert manifest.package_version == splicemachine_ml.__version__
    assert ModelColumn("funded_amnt", "number", 0, True, "int") in manifest.inputs
    assert "prediction" in [column.name for column in manifest.outputs]
    on_disk = {p.relative_to(model_directory).as_posix() for p in model_directory.rglob("*") if p.is_file()}
    assert set(manifest.files) == on_disk - {"manifest.json"}
    assert {"portable/model.onnx", "portable/spec.json"} < set(manifest.files)


def test_format_1_stays_readable():
    manifest = manifests.verify(FORMAT_1)
    assert manifest.format == 1
    assert (manifest.model_class, manifest.bare, manifest.portable) == (
        "pyspark.ml.regression.LinearRegressionModel",
        True,
        False,
    )
    assert manifest.schema == {"x": "double", "y": "int"}
    assert manifest.gaps[0].uid == "Custom_1"
    assert manifest.inputs[0].name == "x"


def test_a_missing_file_is_named(model_directory):
    (model_directory / "portable" / "model.onnx").unlink()
    with pytest.raises(ModelStoreError, match=r"portable/model\.onnx: missing"):
        manifests.verify(model_directory)


def test_a_changed_file_is_named_even_at_the_same_length(model_directory):
    victim = next((model_directory / "sparkml").glob("stages/0_*/data/part-*"))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.unlink()  # the test's own copy may be a hard link to the fixture
    victim.write_bytes(content)
    with pytest.raises(ModelStoreError, match=f"{victim.name}: wrong checksum") as error:
        manifests.verify(model_directory)
    assert "log the model again" in str(error.value)


def test_a_truncated_file_is_named_with_its_size(model_directory):
    victim = model_directory / "portable" / "spec.json"
    text = victim.read_bytes()
    victim.write_bytes(text[:100])
    with pytest.raises(ModelStoreError, match=rf"spec\.json: 100 bytes instead of {len(text)}"):
        manifests.verify(model_directory)


def test_a_part_file_of_another_save_is_named(model_directory):
    metadata = next((model_directory / "sparkml").glob("stages/0_*/metadata"))
    (metadata / "part-00001-of-another.txt").write_text("{}")
    with pytest.raises(ModelStoreError, match=r"metadata/part-00001-of-another\.txt: was not logged"):
        manifests.verify(model_directory)


def test_mlflow_may_change_its_own_files(model_directory):
    (model_directory / "MLmodel").write_text("changed: true")
    (model_directory / "registered_model_meta").write_text("model_name: loans")
    assert manifests.verify(model_directory).portable


def test_no_manifest(tmp_path):
    with pytest.raises(ModelStoreError, match=r"no manifest\.json.*mlflow\.spark\.load_model"):
        manifests.verify(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: "{", "is corrupt"),
        (lambda m: "[]", "no format version"),
        (lambda m: json.dumps(m | {"format": 2}), "has format 2.*reads up to format 1: upgrade"),
        (lambda m: json.dumps({"format": 1}), "is corrupt"),
        (lambda m: json.dumps(m | {"surprise": 1}), "is corrupt.*surprise"),
        (lambda m: json.dumps(m | {"files": []}), "is corrupt"),
        (lambda m: json.dumps(m | {"gaps": [{"uid": "u"}]}), "is corrupt"),
        (lambda m: json.dumps(m | {"files": {"../../x": {}}}), "lies outside"),
        (lambda m: json.dumps(m | {"files": {"/etc/passwd": {}}}), "lies outside"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(tmp_path, change, message):
    shutil.copytree(FORMAT_1, tmp_path / "model")
    path = tmp_path / "model" / "manifest.json"
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(ModelStoreError, match=message):
        manifests.verify(tmp_path / "model")
