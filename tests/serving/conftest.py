"""A real serving process on loopback over a real, tiny model."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.serving.model import write_model


@dataclass
class Endpoint:
    """A running serving process."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)

    def request(self, method, path, body=None, **headers):
        connection = self.connection()
        try:
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def invoke(self, body, content_type="application/json", **headers):
        return self.request("POST", "/invocations", body, content_type=content_type, **headers)


@contextmanager
def serving(
    log: Path, *arguments: str, python: tuple[str, ...] = ("-m", "splicemachine_ml.serving"), **environ
):
    """Start a serving process, wait for its ready line, and end it (SIGKILL when a test left it running)."""
    reading, writing = os.pipe()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *python, *arguments, "--ready-fd", str(writing)],
            stdout=output,
            stderr=output,
            pass_fds=(writing,),
            env={**os.environ, **environ},
        )
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as ready:
            line = ready.readline()
        assert line.startswith(b"ready "), log.read_text()
        yield Endpoint(process, f"http://127.0.0.1:{int(line.split()[1])}", log)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A logged model's directory: manifest.json and portable/."""
    return write_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture
def start(model_dir: Path, tmp_path: Path) -> Callable[..., object]:
    """Start a serving process of one's own."""

    def begin(*arguments: str, **more):
        return serving(tmp_path / "serving.log", "--model-dir", str(model_dir), *arguments, **more)

    return begin


@pytest.fixture(scope="module")
def endpoint(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One process for the tests that do not end it."""
    log = tmp_path_factory.mktemp("endpoint") / "serving.log"
    with serving(log, "--model-dir", str(model_dir)) as running:
        yield running
