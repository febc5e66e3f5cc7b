"""Layouts of other Spark versions, and labels traced through a pipeline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader import read_pipeline
from tests.portable.fixture_files import fixture


@pytest.fixture
def bare_gbt(tmp_path) -> Path:
    return Path(shutil.copytree(fixture("bare_gbt").model, tmp_path / "model"))


def metadata_of(model: Path) -> Path:
    return next((model / "metadata").glob("part-*"))


def saved_stage(home: Path, spark_class: str, params: dict, table: pa.Table | None = None) -> Path:
    """Write a stage as Spark 3.5 did: metadata/part-00000 without a suffix, _SUCCESS markers."""
    (home / "metadata").mkdir(parents=True)
    content = {
        "class": spark_class, "timestamp": 1, "sparkVersion": "3.5.7", "uid": "stage_1",
        "paramMap": params, "defaultParamMap": {"outputCol": "stage_1__output"},
    }  # fmt: skip
    (home / "metadata" / "part-00000").write_text(json.dumps(content) + "\n")
    (home / "metadata" / "_SUCCESS").touch()
    if table is not None:
        (home / "data").mkdir()
        (home / "data" / "_SUCCESS").touch()
        pq.write_table(table, home / "data" / "part-00000-x.snappy.parquet")
    return home


def test_trees_metadata_is_read_by_position(bare_gbt):
    """Spark 3.5 names its columns treeID, metadata, weights; 4.3 names them _1, _2, _3."""
    before = read_pipeline(bare_gbt).stages[0].weights
    path = next((bare_gbt / "treesMetadata").glob("*.parquet"))
    pq.write_table(pq.read_table(path).rename_columns(["treeID", "metadata", "weights"]), path)
    assert read_pipeline(bare_gbt).stages[0].weights.tolist() == before.tolist() == [1.0, 0.1]


def test_parameters_that_an_older_spark_does_not_have(bare_gbt):
    path = metadata_of(bare_gbt)
    content = json.loads(path.read_text())
    for name in ("leafCol", "lossType"):
        del content["defaultParamMap"][name]
    path.write_text(json.dumps(content))
    assert read_pipeline(bare_gbt).stages[0].num_classes == 2


def test_an_empty_part_beside_the_metadata(bare_gbt):
    (bare_gbt / "metadata" / "part-00000-a.txt").touch()
    assert len(read_pipeline(bare_gbt).stages) == 1


def test_a_string_indexer_with_one_list_of_labels(tmp_path):
    """Before 3.0 the data column was ``labels``."""
    table = pa.table({"labels": [["x", "y"]]})
    home = saved_stage(
        tmp_path / "m",
        "org.apache.spark.ml.feature.StringIndexerModel",
        {"inputCol": "a", "outputCol": "b"},
        table,
    )
    (stage,) = read_pipeline(home).stages
    assert isinstance(stage, ir.StringIndexer)
    assert stage.labels == (("x", "y"),)


@pytest.mark.parametrize(
    ("invalid", "labels"),
    [("error", ("x", "y")), ("skip", ("x", "y")), ("keep", ("x", "y", "__unknown"))],
)
def test_labels_of_an_indexer_that_keeps_invalid_values_end_with_unknown(tmp_path, invalid, labels):
    params = {"inputCols": ["a"], "outputCols": ["b"], "handleInvalid": invalid}
    table = pa.table({"labelsArray": [[["x", "y"]]]})
    uids = ["one", "two"]
    home = saved_stage(tmp_path / "m", "org.apache.spark.ml.PipelineModel", {"stageUids": uids})
    saved_stage(home / "stages" / "0_one", "org.apache.spark.ml.feature.StringIndexerModel", params, table)
    saved_stage(
        home / "stages" / "1_two",
        "org.apache.spark.ml.feature.IndexToString",
        {"inputCol": "b", "outputCol": "c"},
    )
    assert read_pipeline(home).stages[1].labels == labels


def test_stage_directories_are_padded_to_the_number_of_stages(tmp_path):
    uids = [f"n{i}" for i in range(11)]
    home = saved_stage(tmp_path / "m", "org.apache.spark.ml.PipelineModel", {"stageUids": uids})
    for i, uid in enumerate(uids):
        params = {"inputCol": f"v{i}", "outputCol": f"v{i + 1}", "p": 2.0}
        saved_stage(home / "stages" / f"{i:02d}_{uid}", "org.apache.spark.ml.feature.Normalizer", params)
    assert [s.output for s in read_pipeline(home).stages] == [f"v{i}" for i in range(1, 12)]
