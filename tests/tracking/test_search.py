"""Search and compare."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure

from splicemachine_ml.errors import TrackingError


@pytest.fixture
def two_runs(manager):
    manager.create_experiment("loans")
    ids = []
    for user, depth, f1 in (("Ben", 3, 0.5), ("Amy", 5, 0.75)):
        with manager.create_new_run(user, run_name=f"{user}'s") as run:
            manager.log_params({"depth": depth, "features": "all"})
            manager.log_metrics({"F1": f1, "AUC": f1 + 0.1})
        ids.append(run.info.run_id)
    manager.log_batch(metrics={"only Amy": 1}, run_id=ids[1])
    return ids


def test_search_runs(manager, two_runs):
    frame = manager.search_runs(filter_string="metrics.F1 > 0.6")
    assert frame["run_id"].tolist() == two_runs[1:]
    assert manager.search_runs(order_by=["metrics.F1 ASC"])["run_id"].tolist() == two_runs
    assert [r.info.run_id for r in manager.search_runs(output_format="list", max_results=1)] == two_runs[1:]
    loans = int(manager.experiment_id)
    manager.create_experiment("empty")
    assert len(manager.search_runs()) == 0
    assert len(manager.search_runs([loans])) == 2
    assert len(manager.search_runs(experiment_names=["loans"])) == 2
    assert len(manager.search_runs(search_all_experiments=True)) == 2
    assert {e.name for e in manager.search_experiments(filter_string="name LIKE 'l%'")} == {"loans"}
    with pytest.raises(TrackingError, match=r"search_runs.*: Invalid"):
        manager.search_runs(filter_string="F1 is good")
    with pytest.raises(TrackingError, match="filter_string="):
        manager.search_runs("metrics.F1 > 0.6")


def test_compare_runs(manager, two_runs):
    frame = manager.compare_runs()
    assert frame.index.tolist() == two_runs
    assert frame.columns.tolist() == [
        "name", "user", "status", "seconds", "metrics.AUC", "metrics.F1", "metrics.only Amy", "params.depth",
    ]  # fmt: skip
    assert frame["user"].tolist() == ["Ben", "Amy"]
    assert frame["name"].tolist() == ["Ben's", "Amy's"]
    assert frame["metrics.F1"].tolist() == [0.5, 0.75]
    assert pd.isna(frame.loc[two_runs[0], "metrics.only Amy"])
    assert frame["params.depth"].tolist() == ["3", "5"]
    assert (frame["seconds"] >= 0).all()
    narrowed = manager.compare_runs(two_runs[::-1], metrics=["F1"])
    assert narrowed.index.tolist() == two_runs[::-1]
    assert [c for c in narrowed.columns if c.startswith("metrics.")] == ["metrics.F1"]


def test_compare_runs_as_a_figure(manager, two_runs, tmp_path):
    figure = manager.compare_runs(figure=True)
    assert isinstance(figure, Figure)
    assert [axes.get_title() for axes in figure.axes] == ["AUC", "F1", "only Amy"]
    assert [bar.get_width() for bar in figure.axes[1].patches] == [0.5, 0.75]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Ben's (Ben)", "Amy's (Amy)"]
    assert "-" in [text.get_text() for text in figure.axes[2].texts]
    figure.savefig(tmp_path / "compare.png")


def test_comparing_nothing(manager):
    manager.create_experiment("empty")
    frame = manager.compare_runs()
    assert frame.empty
    assert frame.columns.tolist() == ["name", "user", "status", "seconds"]
    with pytest.raises(TrackingError, match="no metrics to draw"):
        manager.compare_runs(figure=True)


def test_comparing_what_is_not_there(manager, two_runs):
    with pytest.raises(TrackingError, match=f"compare run {'0' * 32}"):
        manager.compare_runs(["0" * 32])
    with pytest.raises(TrackingError, match=r"no run has the metric\(s\) F2; they have AUC, F1, only Amy"):
        manager.compare_runs(metrics=["F1", "F2"])
    with pytest.raises(TrackingError, match="a list of run ids"):
        manager.compare_runs(two_runs[0])
