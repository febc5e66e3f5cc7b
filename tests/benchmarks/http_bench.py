"""The HTTP benchmark: one-row latency over a kept connection, and process start to the first good /ping.

Library functions, no tests: ``make bench`` runs them against our endpoint and ``mlflow models serve`` alike.
Both sides of a comparison go through the same client code, so its cost is in both numbers.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Latency:
    """Percentiles of single requests, in milliseconds, client included."""

    p50_ms: float
    p99_ms: float
    requests: int


@dataclass(frozen=True)
class Running:
    """A started server: seconds from its start to the first good /ping, and its process."""

    start_seconds: float
    pid: int
    url: str


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def measure_latency(
    url: str,
    body: bytes,
    content_type: str = "application/json",
    *,
    requests: int = 1000,
    warmup: int = 50,
) -> Latency:
    """POST ``body`` to ``url``/invocations over one kept connection; every answer must be 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    headers = {"Content-Type": content_type}
    seconds = []
    try:
        for i in range(warmup + requests):
            start = time.perf_counter()
            connection.request("POST", "/invocations", body, headers)
            response = connection.getresponse()
            answer = response.read()
            elapsed = time.perf_counter() - start
            if response.status != 200:
                raise RuntimeError(f"{url} answered {response.status}: {answer[:500]!r}")
            if i >= warmup:
                seconds.append(elapsed)
    finally:
        connection.close()
    seconds.sort()
    return Latency(seconds[len(seconds) // 2] * 1e3, seconds[int(len(seconds) * 0.99)] * 1e3, len(seconds))


@contextmanager
def running(
    command: Sequence[str],
    url: str,
    log: Path,
    *,
    environ: Mapping[str, str] | None = None,
    timeout: float = 180.0,
) -> Iterator[Running]:
    """Start ``command`` in its own session, wait for a good ``url``/ping, and end it afterwards.

    The clock starts before the process. Raises RuntimeError with the log's end when it exits or is too slow.
    """
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            stdout=output,
            stderr=output,
            env=dict(os.environ if environ is None else environ),
            start_new_session=True,
        )
    try:
        while not _ping(url):
            if process.poll() is not None or time.perf_counter() - start > timeout:
                end = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{command[0]} did not get ready (exit code {process.poll()}):\n{end}")
            time.sleep(0.002)
        yield Running(time.perf_counter() - start, process.pid, url)
    finally:
        _end(process)


def _ping(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    # mlflow starts workers of its own: the session is one process group, so all of them end
    for number, patience in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
