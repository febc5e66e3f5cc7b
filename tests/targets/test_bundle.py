"""model.tar.gz of a logged model: reproducible, complete, minimal, and without a trace of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from splicemachine_ml.errors import DeployError, ModelStoreError
from splicemachine_ml.targets.archive import extract_archive
from splicemachine_ml.targets.bundle import ENDPOINT_FILES, make_bundle


@pytest.fixture
def copy(model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_dir, tmp_path / "copy"))


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_same_model_same_bytes(model_dir, copy, tmp_path) -> None:
    one = make_bundle(model_dir, tmp_path / "one.tar.gz")
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    (copy / "MLmodel").write_text("not part of it")
    two = make_bundle(copy, tmp_path / "two.tar.gz")
    assert one.path.read_bytes() == two.path.read_bytes()
    assert one.checksum == two.checksum == hashlib.sha256(one.path.read_bytes()).hexdigest()


def test_what_is_inside(model_dir, tmp_path) -> None:
    bundle = make_bundle(model_dir, tmp_path / "model.tar.gz")
    with tarfile.open(bundle.path) as archive:
        names = archive.getnames()
    code = [f"code/splicemachine_ml/{name}" for name in ENDPOINT_FILES]
    assert names == sorted([*code, "manifest.json", "portable/model.onnx", "portable/spec.json"])
    assert not [name for name in names if name.endswith(".pyc") or name.startswith(("/", "."))]
    extract_archive(bundle.path, tmp_path / "out")
    here = (str(Path(__file__).parents[2]).encode(), str(tmp_path).encode(), str(Path.home()).encode() + b"/")
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert not [text for text in here if text in path.read_bytes()], path


LOADED = """
import sys
import splicemachine_ml.serving.__main__, splicemachine_ml.serving.server
from splicemachine_ml.portable.scorer import Scorer
Scorer.load(sys.argv[1])
print(*(m.__file__ for n, m in sys.modules.items() if n.split(".")[0] == "splicemachine_ml"), sep="\\n")
"""


def test_the_code_inside_is_exactly_what_a_serving_process_loads(model_dir, tmp_path) -> None:
    extract_archive(make_bundle(model_dir, tmp_path / "model.tar.gz").path, tmp_path / "model")
    code = tmp_path / "model" / "code"
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(tmp_path / "model" / "portable")],
        env={"PYTHONPATH": str(code)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = sorted(
        Path(line).relative_to(code / "splicemachine_ml").as_posix() for line in done.stdout.split()
    )
    assert loaded == sorted(ENDPOINT_FILES)


def test_a_model_without_spark_free_form_names_every_gap(copy, tmp_path) -> None:
    shutil.rmtree(copy / "portable")
    gaps = [
        {"uid": "LDA_1", "spark_class": "org.apache.spark.ml.clustering.LocalLDAModel", "reason": "sampling"},
        {"uid": "Sql_2", "spark_class": "org.apache.spark.ml.feature.SQLTransformer", "reason": "free SQL"},
    ]
    edit(copy / "manifest.json", portable=False, gaps=gaps)
    with pytest.raises(DeployError, match="no Spark-free form") as caught:
        make_bundle(copy, tmp_path / "model.tar.gz")
    for gap in gaps:
        assert f"{gap['uid']} ({gap['spark_class']}): {gap['reason']}" in str(caught.value)
    assert not (tmp_path / "model.tar.gz").exists()


def test_not_a_logged_model(tmp_path) -> None:
    with pytest.raises(ModelStoreError, match="not a model logged by log_spark_model"):
        make_bundle(tmp_path, tmp_path / "model.tar.gz")


WRONG = [{"format": "1"}, {"portable": 1}, {"gaps": None}, {"files": []}]
WHOLE = {"format": 1, "portable": True, "gaps": [], "files": {}}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": 1, "portable": true}', "\udcff"]
    + [json.dumps({**WHOLE, **wrong}) for wrong in WRONG],
)
def test_a_damaged_manifest(copy, tmp_path, content) -> None:
    (copy / "manifest.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelStoreError, match=r"manifest\.json is damaged"):
        make_bundle(copy, tmp_path / "model.tar.gz")


def test_a_manifest_of_a_later_version(copy, tmp_path) -> None:
    edit(copy / "manifest.json", format=99)
    with pytest.raises(ModelStoreError, match=r"format 99.*upgrade splicemachine_ml"):
        make_bundle(copy, tmp_path / "model.tar.gz")


@pytest.mark.parametrize("name", ["portable/model.onnx", "portable/spec.json"])
def test_a_missing_or_changed_model_file(copy, tmp_path, name) -> None:
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-1])
    with pytest.raises(ModelStoreError, match=f"{name} is not what was logged"):
        make_bundle(copy, tmp_path / "model.tar.gz")
    (copy / name).unlink()
    with pytest.raises(ModelStoreError, match=f"{name}: No such file.*log the model again"):
        make_bundle(copy, tmp_path / "model.tar.gz")
