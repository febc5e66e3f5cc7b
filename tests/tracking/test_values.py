"""Parameters, metrics, tags, batches and timers."""

from __future__ import annotations

import math
import time

import mlflow
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import Metric, Param, RunTag

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.sender import Batch


def history(manager, key):
    return [(m.value, m.step, m.timestamp) for m in manager.get_metric_history(manager.current_run_id, key)]


def test_one_of_each_and_the_short_names(manager, run):
    assert manager.log_param("oversample", "2X") == "2X"
    manager.log_metric("time", 3)
    manager.set_tag("deployable", True)
    manager.lp("depth", 5)
    manager.lm("F1", np.float32(0.5))
    manager.st("team", "risk")
    data = manager.active_run.data
    assert data.params == {"oversample": "2X", "depth": "5"}
    assert data.metrics == {"time": 3.0, "F1": 0.5}
    assert (data.tags["deployable"], data.tags["team"]) == ("True", "risk")


def test_a_metric_takes_step_and_timestamp(manager, run):
    before = time.time() * 1000
    manager.log_metric("loss", 2, step=1, timestamp=1_600_000_000_000)
    manager.log_metric("loss", 1, 2)
    manager.log_metrics({"loss": 0.5}, step=3)
    first, second, third = sorted(history(manager, "loss"), key=lambda one: one[1])
    assert first == (2.0, 1, 1_600_000_000_000)
    assert second[:2] == (1.0, 2)
    assert third[:2] == (0.5, 3)
    assert before - 1 <= second[2] <= third[2] <= time.time() * 1000


@pytest.mark.parametrize(
    "form",
    [
        dict,
        lambda pairs: list(pairs),
        lambda pairs: [list(pair) for pair in pairs],
        lambda pairs: iter(pairs),
    ],
)
def test_plural_forms_take_dicts_and_pairs(manager, run, form):
    manager.log_params(form((("a", 1), ("b", "x"))))
    manager.log_metrics(form((("m", 1), ("n", 2.5))))
    manager.set_tags(form((("s", 1), ("t", None))))
    data = manager.active_run.data
    assert data.params == {"a": "1", "b": "x"}
    assert data.metrics == {"m": 1.0, "n": 2.5}
    assert {"s": "1", "t": "None"}.items() <= data.tags.items()


def test_log_batch_takes_pairs_and_entities(manager, run):
    manager.log_batch(
        metrics=[("m", 1), ("m", 2, 5, 1), Metric("n", 3.0, 7, 2)],
        params=[("p", 1), Param("q", "2")],
        tags=[RunTag("t", "3"), ("u", 4)],
    )
    assert sorted(history(manager, "m"))[1] == (2.0, 1, 5)
    assert history(manager, "n") == [(3.0, 2, 7)]
    assert manager.active_run.data.params == {"p": "1", "q": "2"}
    assert {"t": "3", "u": "4"}.items() <= manager.active_run.data.tags.items()
    other = manager.create_run(0).info.run_id
    manager.log_batch(params={"there": 1}, run_id=other)
    assert manager.get_run(other).data.params == {"there": "1"}
    manager.log_batch()


def test_large_batches_are_split_and_arrive_whole(manager, run):
    manager.log_batch(
        metrics=[(f"m{i % 7}", i, 1000 + i, i) for i in range(2500)],
        params={f"p{i}": "ü" * 3000 for i in range(120)},
        tags={f"t{i}": i for i in range(250)},
    )
    data = manager.active_run.data
    assert len(data.params) == 120
    assert set(data.params.values()) == {"ü" * 3000}
    assert sum(key.startswith("t") for key in data.tags) == 250
    assert sum(len(history(manager, f"m{i}")) for i in range(7)) == 2500


@given(st.integers(0, 2300), st.integers(0, 310), st.integers(0, 310), st.integers(0, 5800))
def test_pieces_keep_the_limits_and_the_order(metrics, params, tags, length):
    batch = Batch(
        tuple(Metric(f"m{i}", float(i), 0, 0) for i in range(metrics)),
        tuple(Param(f"p{i}", "ü" * length) for i in range(params)),
        tuple(RunTag(f"t{i}", str(i)) for i in range(tags)),
    )
    pieces = list(batch.pieces())
    for piece in pieces:
        assert len(piece.params) <= 100
        assert len(piece.tags) <= 100
        assert 0 < len(piece.metrics) + len(piece.params) + len(piece.tags) <= 1000
        # MLflow writes every character outside ASCII as six; so does this sum.
        assert sum(len(p.key) + 6 * len(p.value) for p in piece.params) < 1_000_000
    for kind in ("metrics", "params", "tags"):
        assert sum((getattr(piece, kind) for piece in pieces), ()) == getattr(batch, kind)


def test_logging_without_a_run_names_the_way_out(manager, tmp_path):
    (tmp_path / "file").write_text("x")
    for log in (
        lambda: manager.log_param("a", 1),
        lambda: manager.log_metric("a", 1),
        lambda: manager.set_tag("a", 1),
        lambda: manager.log_params({"a": 1}),
        lambda: manager.log_metrics({"a": 1}),
        lambda: manager.set_tags({"a": 1}),
        lambda: manager.log_batch(params={"a": 1}),
        lambda: manager.log_text("a", "a.txt"),
        lambda: manager.log_dict({}, "a.json"),
        lambda: manager.log_artifact(tmp_path / "file"),
        lambda: manager.log_artifacts(tmp_path),
        lambda: manager.log_model(object(), "mlflow.sklearn"),
        lambda: manager.log_spark_model(object()),
        lambda: manager.log_input(),
        lambda: manager.get_artifact_uri(),
        lambda: manager.start_timer("t"),
        lambda: manager.timer("t").__enter__(),
        lambda: manager.reset_run(),
        lambda: manager.load_scorer(),
        lambda: manager.deploy_local("loans"),
    ):
        with pytest.raises(TrackingError, match=r"no run is active in this thread.*create_new_run"):
            log()
    assert manager.list_run_infos(0) == []


def test_a_parameter_keeps_its_value(manager, run):
    manager.log_param("depth", 3)
    manager.log_param("depth", 3)
    with pytest.raises(TrackingError, match=r"'depth'.*first value: log it under another name") as caught:
        manager.log_param("depth", 5)
    assert isinstance(caught.value.__cause__, mlflow.MlflowException)
    with pytest.raises(TrackingError, match=r"'width' is given twice, as '1' and '2'"):
        manager.log_params([("width", 1), ("width", 2)])
    assert manager.active_run.data.params == {"depth": "3"}


@pytest.mark.parametrize("value", ["0.5", None, True, b"1", [1, 2], np.array([1.0, 2.0]), 1j, object()])
def test_a_metric_is_a_number(manager, run, value):
    with pytest.raises(TrackingError, match="metric 'F1'"):
        manager.log_metrics({"good": 1, "F1": value})
    assert manager.active_run.data.metrics == {}


def test_metrics_may_be_nan(manager, run):
    manager.log_metric("AUC", math.nan)
    assert math.isnan(manager.active_run.data.metrics["AUC"])


@pytest.mark.parametrize("key", ["", None, 3, "a" * 251, "a%b", "a/../b", "/a", "a//b", "..", "a\n"])
def test_names_the_service_cannot_hold(manager, run, key):
    for log in (manager.log_param, manager.log_metric, manager.set_tag):
        with pytest.raises(TrackingError, match="name"):
            log(key, 1)


def test_long_values_are_refused_and_not_cut(manager, run):
    manager.log_param("fits", "x" * 6000)
    with pytest.raises(TrackingError, match=r"'long' has 6001 characters, 6000 are allowed; log_text"):
        manager.log_params({"fine": 1, "long": "x" * 6001})
    with pytest.raises(TrackingError, match="8000 are allowed"):
        manager.set_tag("long", "x" * 8001)
    assert set(manager.active_run.data.params) == {"fits"}


@pytest.mark.parametrize("pairs", ["ab", [("a",)], [("a", 1, 2, 3, 4)], ["ab"], [1]])
def test_what_is_no_pair(manager, run, pairs):
    for log in (manager.log_params, manager.log_metrics, manager.set_tags):
        with pytest.raises(TrackingError, match="expected a dict or pairs"):
            log(pairs)


def test_logging_to_a_run_that_is_gone(manager, run):
    manager.delete_run(run.info.run_id)
    with pytest.raises(TrackingError, match=rf"log to run {run.info.run_id}.*restore_run"):
        manager.log_param("a", 1)
    with pytest.raises(TrackingError, match=f"log to run {'0' * 32}.*search_runs"):
        manager.log_batch(params={"a": 1}, run_id="0" * 32)


def test_timer_logs_milliseconds(manager, run):
    with manager.timer("sleep") as elapsed:
        time.sleep(0.02)
    assert 20 <= elapsed.milliseconds < 2000
    assert manager.active_run.data.metrics == {"sleep": elapsed.milliseconds}
    with manager.timer("once", param=True):
        pass
    assert manager.active_run.data.params == {"once": "0 ms"}
    with pytest.raises(ZeroDivisionError), manager.timer("failed"):
        raise ZeroDivisionError
    assert "failed" in manager.active_run.data.metrics


def test_start_and_stop_timer(manager, run):
    with pytest.raises(TrackingError, match="start_timer"):
        manager.log_and_stop_timer()
    manager.start_timer("fit")
    with pytest.raises(TrackingError, match="'fit' is running; log_and_stop_timer"):
        manager.start_timer("other")
    milliseconds = manager.log_and_stop_timer()
    assert 0 <= milliseconds < 2000
    assert manager.active_run.data.params == {"fit": f"{milliseconds:.0f} ms"}
    manager.start_timer("again")
    manager.log_and_stop_timer()


@pytest.mark.parametrize("param", [False, True])
def test_a_timers_name_is_checked_before_the_work(manager, run, param):
    done = []
    with pytest.raises(TrackingError, match="'a%b' is not allowed"), manager.timer("a%b", param=param):
        done.append("work")
    with pytest.raises(TrackingError, match="'a%b' is not allowed"):
        manager.start_timer("a%b")
    assert not done


def test_descriptions_survive_names_that_mlflow_refuses(manager, run):
    long = "x" * 260
    described = {"a$": "1", "a€": "2", "b/../c": "3", "b//c": "4", "d/e": "5", long: "6", long + "y": "7"}
    manager._log_description(described)
    assert manager.active_run.data.params == {
        "a_": "1",
        "a__2": "2",
        "b_.._c": "3",
        "b__c": "4",
        "d/e": "5",
        "x" * 250: "6",
        "x" * 248 + "_2": "7",
    }
