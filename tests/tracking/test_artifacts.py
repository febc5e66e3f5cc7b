"""Artifacts: up, down, listed; texts, figures, tables; other flavors' models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from splicemachine_ml.errors import TrackingError


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("A")
    (folder / "deep" / "b.txt").write_text("B")
    return folder


def paths(manager, path=None):
    found = []
    for info in manager.list_artifacts(path=path):
        found += paths(manager, info.path) if info.is_dir else [info.path]
    return sorted(found)


def test_files_and_directories(manager, run, files):
    manager.log_artifact(files / "a.txt")
    manager.log_artifact(str(files / "a.txt"), "in/here")
    manager.log_artifact(files)
    manager.log_artifacts(files, "content")
    assert paths(manager) == [
        "a.txt",
        "content/a.txt",
        "content/deep/b.txt",
        "files/a.txt",
        "files/deep/b.txt",
        "in/here/a.txt",
    ]
    assert [info.path for info in manager.list_artifacts(run.info.run_id, "in")] == ["in/here"]


def test_lists_and_the_spellings_of_old_notebooks(manager, run, files):
    manager.log_artifacts([files / "a.txt", files / "deep" / "b.txt"], "list")
    with pytest.warns(DeprecationWarning, match="log_artifact"):
        manager.log_artifact(file_name=files / "a.txt", name="old/renamed.txt")
    with pytest.warns(DeprecationWarning, match="log_artifacts") as caught:
        manager.log_artifacts([files / "a.txt"], ["named.txt"])
    assert caught[0].filename == __file__
    assert paths(manager) == ["list/a.txt", "list/b.txt", "named.txt", "old/renamed.txt"]
    with pytest.raises(TrackingError, match="2 files, but 1 names"):
        manager.log_artifacts([files / "a.txt"] * 2, ["x"])


def test_what_is_not_there(manager, run, files):
    with pytest.raises(TrackingError, match=r"no\.txt does not exist"):
        manager.log_artifact("no.txt")
    with pytest.raises(TrackingError, match="needs the path"):
        manager.log_artifact()
    with pytest.raises(TrackingError, match="does not exist"):
        manager.log_artifacts([files / "a.txt", files / "no.txt"])
    with pytest.raises(TrackingError, match=r"a\.txt is a file"):
        manager.log_artifacts(files / "a.txt")
    assert paths(manager) == []
    target = files.parent / "new" / "b.txt"
    with pytest.raises(TrackingError, match=rf"download no\.txt of run {run.info.run_id}"):
        manager.download_artifact("no.txt", target)
    assert not target.parent.exists()
    with pytest.raises(TrackingError, match="0" * 32):
        manager.list_artifacts("0" * 32)


def test_down_again(manager, run, files, tmp_path):
    manager.log_artifact(files)
    manager.end_run()
    run_id = run.info.run_id
    assert Path(manager.download_artifact("files/a.txt", tmp_path / "x" / "y.txt", run_id)).read_text() == "A"
    (tmp_path / "into").mkdir()
    found = manager.download_artifact("files/deep/b.txt", tmp_path / "into", run_id=run_id)
    assert found == str(tmp_path / "into" / "b.txt")
    everything = Path(manager.download_artifacts(run_id, dst_path=tmp_path / "all"))
    assert (everything / "files" / "deep" / "b.txt").read_text() == "B"
    with pytest.raises(TrackingError, match="create_new_run"):
        manager.download_artifact("files/a.txt", tmp_path / "z")


def test_texts_figures_images_and_tables(manager, run, tmp_path):
    manager.log_text("hello", "text.txt")
    manager.log_dict({"a": [1, 2]}, "dict.json")
    figure = Figure()
    figure.add_subplot().plot([0, 1], [0, 1])
    manager.log_figure(figure, "plots/roc.png")
    manager.log_image(np.zeros((2, 2, 3), dtype=np.uint8), "image.png")
    manager.log_table({"n": [1, 2]}, "table.json")
    manager.log_table(pd.DataFrame({"n": [3]}), "table.json")
    assert paths(manager) == ["dict.json", "image.png", "plots/roc.png", "table.json", "text.txt"]
    assert json.loads(Path(manager.download_artifacts(path="dict.json")).read_text()) == {"a": [1, 2]}
    assert Path(manager.download_artifacts(path="plots/roc.png")).read_bytes().startswith(b"\x89PNG")
    assert manager.load_table("table.json")["n"].tolist() == [1, 2, 3]
    assert manager.get_artifact_uri("text.txt").endswith(f"{run.info.run_id}/artifacts/text.txt")


def test_load_table_is_of_this_run(manager):
    manager.create_experiment("tables")
    first = manager.create_new_run().info.run_id
    manager.log_table({"n": [1]}, "t.json")
    manager.create_new_run()
    manager.log_table({"n": [2]}, "t.json")
    assert manager.load_table("t.json")["n"].tolist() == [2]
    assert manager.load_table("t.json", [first])["n"].tolist() == [1]
    manager.end_run()
    both = manager.load_table("t.json", extra_columns=["run_id"])
    assert sorted(both["n"]) == [1, 2]
    assert both.set_index("n")["run_id"][1] == first


def test_models_of_other_flavors(manager, run):
    from sklearn.linear_model import LinearRegression

    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    info = manager.log_model(
        model, "mlflow.sklearn", skops_trusted_types=[], pip_requirements=["scikit-learn"]
    )
    assert info.run_id == run.info.run_id
    with pytest.raises(TrackingError, match=r"there is no module 'mlflow\.nothing'; MLflow's flavors"):
        manager.log_model(model, "mlflow.nothing")
    for odd in ("", ".sklearn"):
        with pytest.raises(TrackingError, match=f"there is no module '{odd}'"):
            manager.log_model(model, odd)
    with pytest.raises(TrackingError, match="'json' is not an MLflow flavor"):
        manager.log_model(model, "json")
