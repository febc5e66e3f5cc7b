"""Experiments: get or create, choose by name or id, reset, deleted ones."""

from __future__ import annotations

import mlflow
import pytest

from splicemachine_ml.errors import TrackingError


def test_create_is_get_or_create_and_activates(manager):
    first = manager.create_experiment("loans")
    second = manager.create_experiment("fraud")
    assert manager.active_experiment.name == "fraud"
    assert manager.create_experiment("loans") == first != second
    assert manager.active_experiment.name == "loans"
    assert manager.experiment_id == first
    assert manager.create_new_run().info.experiment_id == first


def test_mlflow_sees_the_experiment_and_the_manager_sees_mlflows(manager):
    ours = manager.create_experiment("ours")
    with mlflow.start_run() as run:
        assert run.info.experiment_id == ours
    theirs = mlflow.set_experiment("theirs")
    assert manager.experiment_id == theirs.experiment_id
    assert manager.create_new_run().info.experiment_id == theirs.experiment_id


def test_active_experiment_is_live(manager):
    manager.create_experiment("before")
    manager.rename_experiment(manager.experiment_id, "after")
    assert manager.active_experiment.name == "after"


def test_without_a_choice_the_default_experiment_is_active(manager):
    assert manager.active_experiment.name == "Default"
    assert manager.create_new_run().info.experiment_id == "0"


def test_experiment_of_the_environment(manager, monkeypatch):
    experiment_id = manager.client.create_experiment("from outside")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from outside")
    assert manager.experiment_id == experiment_id


def test_reset_deletes_the_runs_of_that_experiment_only(manager):
    manager.create_experiment("kept")
    kept = manager.create_new_run().info.run_id
    manager.create_experiment("loans")
    gone = [manager.create_new_run().info.run_id for _ in range(3)]
    manager.create_experiment("loans", reset=True)
    assert manager.active_run is None
    assert [manager.get_run(one).info.lifecycle_stage for one in gone] == ["deleted"] * 3
    assert manager.get_run(kept).info.lifecycle_stage == "active"
    assert manager.list_run_infos(manager.experiment_id) == []


def test_artifact_location_in_the_place_of_reset_deletes_nothing(manager):
    manager.create_experiment("loans")
    run_id = manager.create_new_run().info.run_id
    with pytest.raises(TrackingError, match="reset must be True or False"):
        manager.create_experiment("loans", "s3://bucket/loans")
    assert manager.get_run(run_id).info.lifecycle_stage == "active"


def test_new_experiments_keep_their_artifacts_under_the_artifact_root(manager, tmp_path):
    manager.create_experiment("../loans, 2018")
    assert manager.active_experiment.artifact_location == str(tmp_path / "mlartifacts" / "___loans__2018")
    manager.create_experiment("elsewhere", artifact_location=str(tmp_path / "there"), tags={"team": "risk"})
    assert manager.active_experiment.artifact_location == str(tmp_path / "there")
    assert manager.active_experiment.tags["team"] == "risk"


def test_set_active_by_name_creates_and_by_number_does_not(manager):
    made = manager.set_active_experiment("loans")
    other = manager.set_active_experiment("fraud")
    assert (made.name, other.name) == ("loans", "fraud")
    assert manager.set_active_experiment(int(made.experiment_id)).name == "loans"
    assert manager.active_experiment.name == "loans"
    with pytest.raises(TrackingError, match=r"experiment with id 77 .*search_experiments"):
        manager.set_active_experiment(77)
    # Text is a name even when it looks like an id.
    assert manager.set_active_experiment("77").name == "77"


@pytest.mark.parametrize("bad", [None, 1.5, True, "", "  "])
def test_no_experiment_is_chosen_by_nonsense(manager, bad):
    with pytest.raises(TrackingError, match="experiment"):
        manager.set_active_experiment(bad)


def test_deleted_experiment_names_the_way_back(manager):
    experiment_id = manager.create_experiment("loans")
    manager.delete_experiment(int(experiment_id))
    way = rf"'loans' is deleted; restore_experiment\('{experiment_id}'\)"
    for refused in (
        lambda: manager.create_experiment("loans"),
        lambda: manager.create_experiment("loans", reset=True),
        lambda: manager.set_active_experiment("loans"),
        lambda: manager.set_active_experiment(int(experiment_id)),
        lambda: manager.create_new_run(),
        lambda: manager.start_run(experiment_id=experiment_id),
    ):
        with pytest.raises(TrackingError, match=way):
            refused()
    assert manager.active_run is None
    manager.restore_experiment(experiment_id)
    assert manager.create_experiment("loans") == experiment_id


def test_listing_what_current_mlflow_dropped(manager):
    manager.create_experiment("loans")
    runs = [manager.create_new_run().info.run_id for _ in range(2)]
    manager.end_run()
    manager.delete_run(runs[0])
    assert {one.name for one in manager.list_experiments()} == {"Default", "loans"}
    assert [info.run_id for info in manager.list_run_infos(int(manager.experiment_id))] == [runs[1]]
    every = manager.list_run_infos(manager.experiment_id, mlflow.entities.ViewType.ALL)
    assert {info.run_id for info in every} == set(runs)
    with pytest.raises(TrackingError, match="list the runs of experiment 99"):
        manager.list_run_infos(99)
