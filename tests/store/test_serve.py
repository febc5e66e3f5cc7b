"""`mlflow models serve` of a logged model: MLflow's own server, as a user starts it, and no Java."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import mlflow
import pytest

from splicemachine_ml.store import flavor


@pytest.fixture
def server(run, case, tmp_path):
    """A server of the logistic pipeline; its URL."""
    logistic = case("logistic")
    logged = flavor.log_model(logistic.saved, schema=logistic.schema)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # it looks for uvicorn
        "JAVA_HOME": "/nowhere",
    }
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", port]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", *options, "--model-uri", logged.model_uri],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)


def wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except OSError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.25)
    raise AssertionError("the server did not answer in a minute")


def post(url: str, body: object) -> dict:
    request = urllib.request.Request(
        f"{url}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


@pytest.mark.slow
def test_mlflows_server_answers_as_spark_does(server, case):
    logistic = case("logistic")
    rows = json.loads(logistic.rows.to_json(orient="split", index=False))
    assert post(server, {"dataframe_split": rows})["predictions"] == logistic.answers["prediction"]
    del rows["columns"][0]
    for row in rows["data"]:
        del row[0]
    with pytest.raises(urllib.error.HTTPError, match="400") as error:
        post(server, {"dataframe_split": rows})
    assert "missing inputs ['funded_amnt']" in error.value.read().decode()
