"""Runs: MLflow's active run, users, nesting, resuming, resetting, threads."""

from __future__ import annotations

import threading

import mlflow
import pytest

from splicemachine_ml import MLManager
from splicemachine_ml.errors import TrackingError

UNKNOWN = "0" * 32


def test_the_managers_run_is_mlflows_active_run(manager):
    run = manager.create_new_run(user_id="Ben", run_name="first", tags={"team": "risk"})
    assert run is mlflow.active_run()
    assert isinstance(run, mlflow.ActiveRun)
    assert manager.current_run_id == run.info.run_id == mlflow.active_run().info.run_id
    manager.log_param("ours", 1)
    mlflow.log_param("theirs", 2)
    assert manager.active_run.data.params == {"ours": "1", "theirs": "2"}
    assert manager.active_run.data.tags["team"] == "risk"
    assert manager.active_run.info.run_name == "first"
    mlflow.end_run()
    assert manager.active_run is None
    assert manager.current_run_id is None
    with mlflow.start_run() as theirs:
        assert manager.current_run_id == theirs.info.run_id


def test_the_user_is_shown_by_mlflow(manager):
    run = manager.create_new_run("Amy")
    stored = manager.get_run(run.info.run_id)
    assert stored.data.tags["mlflow.user"] == "Amy"
    assert manager.search_runs().loc[0, "tags.mlflow.user"] == "Amy"


def test_a_run_already_active_is_ended_finished(manager):
    first = manager.create_new_run("Ben").info.run_id
    second = manager.create_new_run("Amy").info.run_id
    third = manager.start_run("third").info.run_id
    assert manager.get_run(first).info.status == "FINISHED"
    assert manager.get_run(second).info.status == "FINISHED"
    assert manager.current_run_id == third
    assert manager.get_run(third).info.run_name == "third"


def test_nested_runs_really_nest(manager):
    manager.create_experiment("parents")
    parent = manager.start_run("parent").info
    manager.create_experiment("elsewhere")
    child = manager.create_new_run("Ben", nested=True).info
    grandchild = manager.start_run(nested=True).info
    assert child.experiment_id == grandchild.experiment_id == parent.experiment_id
    assert manager.get_run(child.run_id).data.tags["mlflow.parentRunId"] == parent.run_id
    assert manager.get_parent_run(grandchild.run_id).info.run_id == child.run_id
    manager.end_run("FAILED")
    assert manager.current_run_id == child.run_id
    assert manager.get_run(grandchild.run_id).info.status == "FAILED"
    manager.create_new_run("Amy")
    assert manager.get_run(parent.run_id).info.status == "FINISHED"
    manager.end_run()
    assert manager.active_run is None


def test_a_run_works_as_a_context_manager(manager):
    with pytest.raises(ZeroDivisionError), manager.create_new_run("Ben") as run:
        raise ZeroDivisionError
    assert manager.get_run(run.info.run_id).info.status == "FAILED"
    with manager.start_run() as run:
        manager.log_metric("F1", 0.5)
    assert manager.get_run(run.info.run_id).info.status == "FINISHED"
    assert manager.active_run is None


def test_resume_by_id_and_by_name(manager):
    manager.create_experiment("loans")
    old = manager.create_new_run("Ben", run_name='Ben\'s "best" run').info.run_id
    new = manager.create_new_run("Ben", run_name='Ben\'s "best" run').info.run_id
    other = manager.create_experiment("other")
    manager.create_new_run("Amy")
    assert manager.set_active_run(old).info.run_id == old == manager.current_run_id
    assert manager.active_run.info.status == "RUNNING"
    assert manager.active_experiment.name == "loans"
    assert manager.set_active_run('Ben\'s "best" run').info.run_id == new
    assert manager.set_active_run(new) is mlflow.active_run()
    resumed = manager.start_run("renamed", run_id=old, tags={"again": True})
    assert resumed.info.run_id == old
    assert manager.active_run.info.run_name == "renamed"
    assert manager.active_run.data.tags["again"] == "True"
    assert manager.start_run(experiment_id=int(other)).info.experiment_id == other


def test_what_cannot_be_resumed(manager):
    active = manager.create_new_run().info.run_id
    with pytest.raises(TrackingError, match=rf"resume run {UNKNOWN}.*search_runs") as caught:
        manager.set_active_run(UNKNOWN)
    assert isinstance(caught.value.__cause__, mlflow.MlflowException)
    with pytest.raises(TrackingError, match=f"resume run {UNKNOWN}"):
        manager.start_run(run_id=UNKNOWN)
    with pytest.raises(TrackingError, match=r"no run is named 'nobody' in experiment 0; search_runs"):
        manager.set_active_run("nobody")
    with pytest.raises(TrackingError, match="by its id or name"):
        manager.set_active_run(7)
    deleted = manager.create_run("0").info.run_id
    manager.delete_run(deleted)
    with pytest.raises(TrackingError, match=rf"deleted; restore_run\('{deleted}'\)"):
        manager.set_active_run(deleted)
    assert manager.current_run_id == active
    with pytest.raises(TrackingError, match="get_run"):
        manager.get_run(UNKNOWN)


def test_end_run_with_and_without_a_run(manager):
    assert manager.end_run() is None
    run = manager.create_new_run()
    with pytest.raises(TrackingError, match=r"cannot end as 'DONE'; choose one of .*FINISHED"):
        manager.end_run("DONE")
    assert manager.current_run_id == run.info.run_id
    manager.end_run("KILLED")
    assert manager.get_run(run.info.run_id).info.status == "KILLED"


def test_delete_active_run(manager):
    run_id = manager.create_new_run().info.run_id
    assert manager.delete_active_run() == run_id
    assert manager.active_run is None
    assert manager.get_run(run_id).info.lifecycle_stage == "deleted"
    with pytest.raises(TrackingError, match="create_new_run"):
        manager.delete_active_run()
    manager.restore_run(run_id)
    assert manager.get_run(run_id).info.lifecycle_stage == "active"


def test_reset_keeps_name_user_and_tags_and_clears_the_rest(manager):
    manager.create_experiment("loans")
    manager.start_run("parent")
    old = manager.create_new_run("Ben", run_name="mine", tags={"team": "risk"}, nested=True)
    manager.log_param("depth", 3)
    manager.log_metric("F1", 0.5)
    manager.set_tag("splice.model_name", "model")
    manager.create_experiment("elsewhere")
    new = manager.reset_run()
    assert new is mlflow.active_run()
    fresh = manager.active_run
    assert fresh.info.run_id != old.info.run_id
    assert (fresh.info.run_name, fresh.info.experiment_id) == ("mine", old.info.experiment_id)
    assert fresh.data.params == {} == fresh.data.metrics
    kept = {"mlflow.user": "Ben", "team": "risk", "mlflow.parentRunId": old.data.tags["mlflow.parentRunId"]}
    assert kept.items() <= fresh.data.tags.items()
    assert "splice.model_name" not in fresh.data.tags
    assert manager.get_run(old.info.run_id).info.lifecycle_stage == "deleted"
    manager.log_param("depth", 4)


def test_spellings_of_old_notebooks(manager):
    with pytest.warns(DeprecationWarning, match="run_metadata"):
        run = manager.create_new_run(run_metadata={"user_id": "Ben", "team": "risk"})
    assert {"mlflow.user": "Ben", "team": "risk"}.items() <= run.data.tags.items()
    with pytest.warns(DeprecationWarning, match="run_metadata") as caught:
        run = manager.start_run({"team": "fraud"})
    assert caught[0].filename == __file__
    assert run.data.tags["team"] == "fraud"
    with pytest.warns(DeprecationWarning, match="end_run"):
        again = manager.end_run(create=True, metadata={"n": 1})
    assert again.data.tags["n"] == "1"
    assert manager.current_run_id == again.info.run_id


def test_tags_of_the_caller_stay_the_callers(manager):
    tags = {"team": "risk"}
    manager.create_new_run("Ben", tags=tags)
    manager.start_run(tags=tags)
    assert tags == {"team": "risk"}


def test_threads_do_not_see_each_others_runs_and_experiments(manager, settings):
    """Two managers at work at once, and a third thread that shares the first manager."""
    home = manager.create_experiment("main")
    mine = manager.create_new_run("main").info.run_id
    meet = threading.Barrier(3, timeout=60)
    seen, failed = {}, []

    def work(user: str, own: MLManager, experiment: str | None) -> None:
        try:
            assert own.active_run is None
            if experiment:
                own.create_experiment(experiment)
            meet.wait()
            run = own.create_new_run(user)
            meet.wait()
            own.log_param("user", user)
            earlier = own.current_run_id
            own.end_run()
            meet.wait()
            own.set_active_run(earlier)
            own.log_metric("again", 1)
            own.end_run()
            seen[user] = (run.info.run_id, run.info.experiment_id)
        except BaseException as error:
            failed.append(error)
            raise

    jobs = [("Ben", MLManager(settings=settings), "a"), ("Amy", manager, "b"), ("Eve", manager, None)]
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for user, _, experiment in jobs:
        run_id, experiment_id = seen[user]
        assert manager.get_run(run_id).data.params == {"user": user}
        assert manager.get_experiment(experiment_id).name == (experiment or "main")
    assert manager.current_run_id == mine
    assert manager.active_run.data.params == {}
    assert manager.experiment_id == home


@pytest.mark.parametrize("tags", [{"k" * 251: "v"}, {"a%b": "v"}, {"": "v"}])
def test_tags_are_checked_before_the_active_run_is_ended(manager, tags):
    active = manager.create_new_run("Ben").info.run_id
    with pytest.raises(TrackingError, match="tag"):
        manager.create_new_run("Amy", tags=tags)
    assert manager.current_run_id == active
    assert manager.active_run.info.status == "RUNNING"
