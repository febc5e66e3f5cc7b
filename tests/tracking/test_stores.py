"""Which store a manager takes, how quietly it comes to be, and a real server over HTTP."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pytest

from splicemachine_ml import MLManager, Settings
from splicemachine_ml.errors import MissingExtraError, ModelStoreError, SettingsError, TrackingError
from splicemachine_ml.tracking import shown_uri


@pytest.fixture
def elsewhere(fresh_mlflow, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPLICEMACHINE_ML_CONF", raising=False)
    return tmp_path


def test_making_a_manager_opens_nothing(elsewhere):
    manager = MLManager()
    repr(manager)
    assert list(elsewhere.iterdir()) == []
    assert manager.get_tracking_uri() == f"sqlite:///{elsewhere}/mlflow.db"
    assert mlflow.get_tracking_uri() == manager.get_tracking_uri()


def test_the_store_comes_to_be_quietly_and_where_the_settings_say(elsewhere):
    """In a process of its own: what a user sees on the screen, and two managers that come at once."""
    script = """
import threading
from splicemachine_ml import MLManager
managers = [MLManager(), MLManager()]
threads = [threading.Thread(target=one.create_experiment, args=(f"e{i}",)) for i, one in enumerate(managers)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
manager = managers[0]
assert {one.name for one in manager.list_experiments()} == {"Default", "e0", "e1"}
with manager.create_new_run("Ben"):
    manager.log_text("hello", "hello.txt")
manager.create_experiment("loans")
with manager.create_new_run("Ben"):
    manager.log_text("hello", "hello.txt")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(path.name for path in elsewhere.iterdir()) == ["mlartifacts", "mlflow.db"]
    texts = sorted(path.relative_to(elsewhere).parts[1] for path in elsewhere.rglob("hello.txt"))
    assert texts == ["0", "loans"]


def test_a_relative_store_does_not_move_with_the_working_directory(elsewhere, make_store, monkeypatch):
    make_store(elsewhere)
    (elsewhere / "other").mkdir()
    manager = MLManager()
    run_id = manager.create_new_run("Ben").info.run_id
    monkeypatch.chdir(elsewhere / "other")
    manager.log_param("a", 1)
    assert manager.get_run(run_id).data.params == {"a": "1"}
    assert list((elsewhere / "other").iterdir()) == []


def test_precedence_of_the_tracking_uri(elsewhere, monkeypatch):
    def uri(**given):
        return Path(MLManager(**given).get_tracking_uri()).name

    assert uri() == "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///environment.db")
    assert uri() == "environment.db"
    monkeypatch.setenv("SPLICEMACHINE_ML_TRACKING_URI", "sqlite:///ours.db")
    assert uri() == "ours.db"
    assert uri(tracking_uri="sqlite:///argument.db") == "argument.db"
    settings = Settings.load(tracking_uri="sqlite:///settings.db")
    assert uri(settings=settings) == "settings.db"
    assert uri(settings=settings, tracking_uri="sqlite:///argument.db") == "argument.db"


def test_a_uri_set_in_mlflow_before_is_kept(elsewhere, make_store):
    there = make_store(elsewhere / "there")
    mlflow.set_tracking_uri(there)
    mlflow.set_experiment("mine")
    manager = MLManager()
    assert mlflow.get_tracking_uri() == manager.get_tracking_uri() == there
    assert manager.active_experiment.name == "mine"


def test_the_first_argument_may_be_the_uri(elsewhere):
    assert MLManager("sqlite:///a.db").get_tracking_uri() == f"sqlite:///{elsewhere}/a.db"
    context = object()
    assert MLManager(context, "sqlite:///b.db").splice_context is context
    with pytest.raises(TrackingError, match="two tracking URIs"):
        MLManager("sqlite:///a.db", "sqlite:///b.db")
    with pytest.raises(SettingsError, match="tracking_uri"):
        MLManager(tracking_uri=7)
    with pytest.warns(DeprecationWarning, match="_tracking_uri") as caught:
        manager = MLManager(_tracking_uri="sqlite:///c.db")
    assert caught[0].filename == __file__
    assert manager.get_tracking_uri().endswith("/c.db")
    with pytest.warns(DeprecationWarning, match="_artifact_uri"):
        manager = MLManager("sqlite:///c.db", _artifact_uri="s3://bucket/x")
    assert manager.settings.artifact_root == "s3://bucket/x"


def test_passwords_stay_out_of_reprs_and_messages(elsewhere, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    manager = MLManager("http://ben:secret@127.0.0.1:1")
    assert "secret" not in repr(manager)
    assert "127.0.0.1:1" in repr(manager)
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:1/.*Check the tracking URI") as caught:
        manager.search_experiments(max_results=1)
    assert "ben:" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://ben:hush@host/a@b", "http://host/a@b"),
        ("mysql://ben:hu@sh@host/db", "mysql://host/db"),
        ("postgresql://host/db?user=ben&password=hush&x=1", "postgresql://host/db?user=ben&password=...&x=1"),
        ("cannot reach http://ben:hush@host: ask ben@host", "cannot reach http://host: ask ben@host"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db"),
    ],
)
def test_what_is_shown_of_an_address(uri, shown):
    assert shown_uri(uri) == shown


def test_a_store_that_cannot_be_opened(elsewhere):
    (elsewhere / "file").write_text("no folder")
    manager = MLManager(f"sqlite:///{elsewhere}/file/mlflow.db")
    with pytest.raises(TrackingError, match=r"could not open the tracking store .*file/mlflow\.db"):
        manager.create_experiment("loans")


@pytest.mark.parametrize(
    ("uri", "kind", "message"),
    [
        ("file:///tmp/absent/mlruns", TrackingError, r"file:///tmp/absent/mlruns.*sqlite:///mlflow\.db"),
        ("nonsense://host", TrackingError, r"nonsense://host.*'http', 'https', 'postgresql'"),
        ("postgresql://ben:secret@127.0.0.1/x", MissingExtraError, r"//127\.0\.0\.1/x.* pip install \w+"),
    ],
)
def test_a_uri_that_mlflow_cannot_take_says_what_to_do(elsewhere, monkeypatch, uri, kind, message):
    for driver in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, driver, None)
    manager = MLManager(uri)
    with pytest.raises(kind, match=message) as caught:
        manager.create_experiment("loans")
    assert "secret" not in str(caught.value)
    assert list(elsewhere.iterdir()) == []


def test_two_stores_in_one_process(elsewhere, make_store):
    """Experiment ids of one store mean nothing in the other, and runs go where their manager is."""
    here, there = MLManager(make_store(elsewhere / "a")), MLManager(make_store(elsewhere / "b"))
    here.create_experiment("x")
    here.create_experiment("loans")
    there.create_experiment("fraud")
    assert here.active_experiment.name == "loans"
    ours = here.create_new_run("Ben").info
    here.log_param("a", 1)
    here.end_run()
    theirs = there.create_new_run("Amy").info
    assert there.active_experiment.name == "fraud"
    assert there.get_experiment(theirs.experiment_id).name == "fraud"
    with pytest.raises(TrackingError, match=f"log to run {theirs.run_id} in sqlite"):
        here.log_param("a", 1)
    there.log_param("b", 1)
    there.end_run()
    assert here.get_run(ours.run_id).data.params == {"a": "1"}
    assert MLManager(make_store(elsewhere / "c")).active_experiment.name == "Default"


def test_set_tracking_uri_moves_the_manager_and_mlflow(manager, make_store, tmp_path):
    manager.create_experiment("loans")
    there = make_store(tmp_path / "there")
    manager.set_tracking_uri(there)
    assert manager.get_tracking_uri() == mlflow.get_tracking_uri() == there
    assert manager.active_experiment.name == "Default"
    assert manager.create_experiment("loans") == "1"


@pytest.fixture(scope="module")
def server(template_store, tmp_path_factory):
    """A real `mlflow server` on loopback; its address."""
    import shutil

    home = tmp_path_factory.mktemp("server")
    shutil.copy(template_store, home / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{home}/mlflow.db"]
    command += ["--artifacts-destination", str(home / "artifacts")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=home, env=environment, start_new_session=True
        )
    try:
        yield _answering(f"http://127.0.0.1:{port}", process, home / "log")
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=20)


def _answering(address: str, process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):
                return address
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"mlflow server did not start:\n{log.read_text()}")


def test_large_batches_over_http(fresh_mlflow, server):
    manager = MLManager(tracking_uri=server)
    manager.create_experiment("large")
    manager.create_new_run("Ben")
    params = {f"p{i}": "ü" * 6000 for i in range(60)}  # 2 MB of JSON: MLflow's own client would be refused
    manager.log_batch(params=params, metrics={f"m{i}": i for i in range(1001)})
    data = manager.active_run.data
    assert data.params == params
    assert len(data.metrics) == 1001


def test_the_same_over_http(fresh_mlflow, server, tmp_path, caplog, monkeypatch):
    # The plugin that MLflow finds beside boto3 complains about every server that is not SageMaker's.
    monkeypatch.setattr(logging.getLogger("mlflow"), "propagate", True)
    manager = MLManager(tracking_uri=server)
    experiment_id = manager.create_experiment("loans")
    assert manager.create_experiment("loans") == experiment_id
    with manager.create_new_run("Ben", run_name="over HTTP", tags={"team": "risk"}) as run:
        assert mlflow.active_run() is run
        manager.log_metric("F1", 0.5)
        manager.log_param("depth", 3)
        with pytest.raises(TrackingError, match="first value"):
            manager.log_param("depth", 4)
        manager.log_text("hello", "deep/hello.txt")
        manager.log_table({"n": [1]}, "t.json")
        assert manager.load_table("t.json")["n"].tolist() == [1]
    stored = manager.get_run(run.info.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.params == {"depth": "3"}
    assert stored.data.tags["mlflow.user"] == "Ben"
    assert (
        Path(manager.download_artifact("deep/hello.txt", tmp_path / "h", run.info.run_id)).read_text()
        == "hello"
    )
    assert manager.compare_runs()["metrics.F1"].tolist() == [0.5]
    manager.set_active_run("over HTTP")
    assert manager.current_run_id == run.info.run_id
    manager.reset_run()
    manager.end_run()
    with pytest.raises(TrackingError, match=f"get_run.*{'0' * 32}"):
        manager.get_run("0" * 32)
    manager.delete_experiment(experiment_id)
    with pytest.raises(TrackingError, match="restore_experiment"):
        manager.create_experiment("loans")
    assert list(tmp_path.iterdir()) == [tmp_path / "h"]
    assert [record.getMessage() for record in caplog.records if record.levelname != "INFO"] == []


def test_a_model_over_http(fresh_mlflow, server, tmp_path, monkeypatch):
    """Up through the server's artifact proxy and down again; a small one: each file is a request."""
    from splicemachine_ml.store import flavor
    from tests.store.conftest import Case

    monkeypatch.chdir(tmp_path)
    case = Case("bare_logistic")
    manager = MLManager(tracking_uri=server)
    manager.create_experiment("models")
    run_id = manager.create_new_run("Ben").info.run_id
    flavor.log_model(case.saved, schema=case.schema, registered_model_name="over HTTP")
    manager.end_run()
    assert manager.load_scorer(run_id).predict(case.rows)["prediction"].tolist() == case.answers["prediction"]
    by_mlflow = mlflow.pyfunc.load_model("models:/over HTTP/1", suppress_warnings=True)
    assert by_mlflow.predict(case.rows) == case.answers["prediction"]
    with pytest.raises(ModelStoreError, match="no model named 'other'; it has: 'model'"):
        manager.load_scorer(run_id, "other")
    with pytest.raises(TrackingError, match=rf"'{'0' * 32}'.*search_runs"):
        manager.load_scorer("0" * 32)
    assert list(tmp_path.iterdir()) == []  # all of it is at the server


def test_a_server_that_is_not_there(fresh_mlflow, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as nobody:  # bound but not listening: connections are refused
        nobody.bind(("127.0.0.1", 0))
        manager = MLManager(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(TrackingError, match=r"look up experiment 'loans'.*Check the tracking URI"):
            manager.create_experiment("loans")


def test_threads_make_a_client_at_once(manager):
    done = []
    threads = [threading.Thread(target=lambda: done.append(manager.client)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 8
