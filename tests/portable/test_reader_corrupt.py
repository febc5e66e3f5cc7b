"""A damaged, incomplete or hostile directory gives our error, or the same answer, never another exception."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splicemachine_ml.errors import ModelStoreError, SpliceMLError
from splicemachine_ml.portable.reader import disk, read_pipeline
from tests.portable.fixture_files import FIXTURES, fixture

DAMAGED = ["logistic", "rf_classifier", "bare_kmeans", "rformula", "mlp", "scalers", "tuned"]


def plain(value):
    """Anything of the IR as comparable values."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return repr(value.tolist()) if isinstance(value, np.ndarray) else repr(value)


@pytest.fixture
def copy(tmp_path):
    """A function that copies a fixture's model to a directory of the test."""

    def make(name: str) -> Path:
        return Path(shutil.copytree(fixture(name).model, tmp_path / "model"))

    return make


def files(home: Path) -> list[Path]:
    return sorted(p for p in home.rglob("*") if p.is_file())


DAMAGE = {
    "deleted": lambda content: None,
    "empty": lambda content: b"",
    "first half": lambda content: content[: len(content) // 2],
    "last byte lost": lambda content: content[:-1],
    "zeros": lambda content: bytes(len(content)),
    "other bytes": lambda content: bytes(b ^ 0xFF for b in content),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", DAMAGED)
def test_each_file_damaged_alone(copy, name, damage):
    model = copy(name)
    every = files(model)
    for path in every:  # as Spark leaves them on a local disk; the fixtures go without
        (path.parent / f".{path.name}.crc").write_bytes(b"crc")
    intact = plain(read_pipeline(model))
    for path in every:
        content = path.read_bytes()
        damaged = DAMAGE[damage](content)
        path.unlink() if damaged is None else path.write_bytes(damaged)
        try:
            assert plain(read_pipeline(model)) == intact, path  # a second, empty part file, a lost line end
        except ModelStoreError as error:
            named = str(path.parent.parent) in str(error)
            if not named:
                pytest.fail(f"{path}: {error}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert plain(read_pipeline(model)) == intact


@pytest.mark.parametrize("name", DAMAGED)
def test_random_bytes_changed(copy, name):
    model, chance = copy(name), random.Random(7)
    every = files(model)
    for _ in range(60):
        path = chance.choice(every)
        content = path.read_bytes()
        changed = bytearray(content)
        for _ in range(chance.choice([1, 2, 20])):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
        with contextlib.suppress(SpliceMLError):
            read_pipeline(model)
        path.write_bytes(content)


def test_each_stage_directory_missing_names_it(copy):
    model = copy("logistic")
    for stage in sorted((model / "stages").iterdir()):
        hidden = stage.rename(model / "hidden")
        with pytest.raises(ModelStoreError, match=stage.name):
            read_pipeline(model)
        hidden.rename(stage)


def rewrite(model: Path, **changes) -> None:
    """Change top-level entries of a metadata file; None removes one."""
    path = next((model / "metadata").glob("part-*"))
    content = json.loads(path.read_text())
    for key, value in changes.items():
        content.pop(key, None)
        if value is not None:
            content[key] = value
    path.write_text(json.dumps(content) + "\n")


@pytest.mark.parametrize("uid", ["../../other", "..", "a/b", "a\\b", "x\0y", ""])
def test_a_stage_name_that_leaves_the_directory_is_refused(copy, uid):
    model = copy("svc")
    rewrite(model, paramMap={"stageUids": [uid]})
    with pytest.raises(ModelStoreError, match=r"no name of a directory|does not exist"):
        read_pipeline(model)


@pytest.mark.parametrize(
    "changes",
    [
        {"class": None}, {"uid": None}, {"uid": 3}, {"paramMap": None}, {"paramMap": []},
        {"defaultParamMap": "x"}, {"paramMap": {}}, {"paramMap": {"stageUids": "abc"}},
        {"paramMap": {"stageUids": [1]}}, {"sparkVersion": 4},
    ],
    ids=str,
)  # fmt: skip
def test_metadata_of_the_wrong_shape(copy, changes):
    model = copy("svc")
    rewrite(model, **changes)
    with pytest.raises(ModelStoreError, match=str(model)):
        read_pipeline(model)


def test_a_pipeline_that_holds_itself_ends(copy):
    model = copy("svc")
    inner = model / "stages" / "0_again"
    rewrite(model, paramMap={"stageUids": ["again"]})
    shutil.rmtree(model / "stages")
    inner.parent.mkdir()
    inner.symlink_to(model)
    with pytest.raises(ModelStoreError, match="nested"):
        read_pipeline(model)


def test_nothing_there(tmp_path):
    with pytest.raises(ModelStoreError, match="does not exist"):
        read_pipeline(tmp_path / "no")
    with pytest.raises(ModelStoreError, match="metadata is missing"):
        read_pipeline(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelStoreError, match="no directory"):
        read_pipeline(tmp_path / "file")


def edit(model: Path, change) -> None:
    """Rewrite the one data part of a stage through ``change(table) -> table``."""
    path = next((model / "data").glob("*.parquet"))
    pq.write_table(change(pq.read_table(path)), path)


def test_a_missing_column_is_named(copy):
    model = copy("bare_logistic")
    edit(model, lambda table: table.drop_columns("interceptVector"))
    with pytest.raises(ModelStoreError, match="interceptVector"):
        read_pipeline(model)


def test_a_cluster_that_is_not_there(copy):
    model = copy("bare_kmeans")
    edit(model, lambda table: table.slice(1))
    with pytest.raises(ModelStoreError, match="cluster centers"):
        read_pipeline(model)


def node_table(table: pa.Table, field: str, values: list[int]) -> pa.Table:
    """A tree ensemble's table with one integer field of nodeData replaced."""
    nodes = table.column("nodeData").combine_chunks()
    names = [f.name for f in nodes.type]
    arrays = [pa.array(values, pa.int32()) if n == field else nodes.field(n) for n in names]
    return table.set_column(1, "nodeData", pa.StructArray.from_arrays(arrays, names))


@pytest.mark.parametrize("field", ["id", "leftChild", "rightChild"])
def test_links_that_would_never_end_or_leave_the_tree(copy, field):
    model = copy("bare_gbt")
    edit(model, lambda table: node_table(table, field, [0] * table.num_rows))
    with pytest.raises(ModelStoreError, match="node"):
        read_pipeline(model)


def test_a_split_on_a_feature_that_does_not_exist(copy):
    model = copy("bare_gbt")
    rewrite(model, numFeatures=1)
    with pytest.raises(ModelStoreError, match="reads a feature outside"):
        read_pipeline(model)


def test_a_lost_tree(copy):
    model = copy("bare_gbt")
    edit(model, lambda table: table.filter(pa.compute.equal(table.column("treeID"), 1)))
    with pytest.raises(ModelStoreError, match="misses a tree"):
        read_pipeline(model)


def test_too_much_is_refused_by_size(copy, monkeypatch):
    model = copy("bare_gbt")
    small = {"nodes": 3, "table_bytes": 100, "metadata_bytes": 10, "files": 0, "stages": 0}
    for name, limit in small.items():
        limits = dataclasses.replace(disk.LIMITS, **{name: limit})
        for module in ("disk", "trees", "walk", "values"):
            monkeypatch.setattr(f"splicemachine_ml.portable.reader.{module}.LIMITS", limits)
        with pytest.raises(ModelStoreError, match=rf"more than (the )?{limit}\b"):
            read_pipeline(model)


def test_spark_connects_local_cache_format_is_named(copy):
    model = copy("bare_gbt")
    shutil.rmtree(model / "data")
    (model / "data").write_bytes(b"\0\1")
    with pytest.raises(ModelStoreError, match="local cache format"):
        read_pipeline(model)


def test_a_footer_that_would_end_the_process(copy):
    """Asking pyarrow 25 for a column's metadata in this file (found by fuzzing) aborts the interpreter."""
    model = copy("bare_gbt")
    shutil.copy(FIXTURES / "hostile" / "histogram.parquet", next((model / "data").glob("*.parquet")))
    with pytest.raises(ModelStoreError, match="no readable Parquet"):
        read_pipeline(model)
