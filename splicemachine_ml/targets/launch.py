"""Starting one serving process and waiting until it answers."""

from __future__ import annotations

import http.client
import os
import select
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from splicemachine_ml.errors import DeployError
from splicemachine_ml.serving import control
from splicemachine_ml.settings import Settings
from splicemachine_ml.targets import process
from splicemachine_ml.targets.process import ProcessId

LOG = "serving.log"
CONTROL = "control.sock"
_BACKLOG = 2048
_TAIL_LINES = 20

# What of our environment the serving process gets: enough for Python and its libraries, no credentials.
_PASSED = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "TZ",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "SYSTEMROOT",
)
_PASSED_PREFIXES = ("LC_", "DYLD_", "OMP_")


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 is any free one."""

    host: str
    port: int


def open_listener(address: Address) -> socket.socket:
    """Return a listening socket; DeployError when the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise DeployError(
            f"local target: cannot listen on {address.host} port {address.port} ({error}); stop what uses "
            "it, choose another port, or port 0 for any free one. Nothing was started."
        ) from error


def take_listener(control_path: Path) -> socket.socket | None:
    """Return the listening socket of a running serving process, or None when it hands none over."""
    try:
        connection, listener = control.connect(control_path, timeout=5.0)
    except OSError:
        return None
    connection.close()
    return listener


def start(folder: Path, listener: socket.socket, settings: Settings, environ: Mapping[str, str]) -> ProcessId:
    """Start the server of ``folder``/model on ``listener`` and return once its /ping is good.

    Raises DeployError with the end of its log when it exits early or does not answer in time; it is then
    stopped. The code that runs is the bundle's own.
    """
    reading, writing = os.pipe()
    try:
        try:
            started = process.spawn(
                _command(folder, listener.fileno(), writing, settings),
                _environment(folder, environ),
                folder / LOG,
                (listener.fileno(), writing),
                folder,
            )
        finally:
            os.close(writing)
        try:
            _await_ready(folder, reading, settings.serving_start_timeout)
            _ping(folder / CONTROL, settings.serving_start_timeout)
        except BaseException:
            process.stop(started, 0.5)
            raise
        return started
    finally:
        os.close(reading)


def tail(log: Path, lines: int) -> str:
    """Return the last lines of a log file, "" when there is none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _command(folder: Path, listener: int, ready: int, settings: Settings) -> list[str]:
    options = {
        "--model-dir": folder / "model",
        "--fd": listener,
        "--ready-fd": ready,
        "--control": folder / CONTROL,
        "--max-body-bytes": settings.serving_max_body_bytes,
        "--drain-timeout": settings.serving_drain_timeout,
    }
    command = [sys.executable, "-m", "splicemachine_ml.serving"]
    return command + [str(part) for option in options.items() for part in option]


def _environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    passed = {
        name: value for name, value in environ.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }
    return {**passed, "PYTHONPATH": str(folder / "model" / "code")}


def _await_ready(folder: Path, reading: int, timeout: float) -> None:
    poller = select.poll()
    poller.register(reading, select.POLLIN)
    if not poller.poll(timeout * 1000):
        raise _failure(folder, f"was not ready after {timeout:g} s")
    if not os.read(reading, 64).startswith(b"ready"):  # end of file: the process is gone
        raise _failure(folder, "ended while starting")


def _ping(control_path: Path, timeout: float) -> None:
    # Through the control socket: on a shared port the old process might answer for the new one.
    try:
        connection, listener = control.connect(control_path, timeout)
        listener.close()
        client = http.client.HTTPConnection("localhost")
        client.sock = connection
        try:
            client.request("GET", "/ping")
            status = client.getresponse().status
        finally:
            client.close()
    except (OSError, http.client.HTTPException) as error:
        raise _failure(control_path.parent, f"does not answer /ping ({error})") from error
    if status != 200:
        raise _failure(control_path.parent, f"answers /ping with {status}")


def _failure(folder: Path, what: str) -> DeployError:
    end = tail(folder / LOG, _TAIL_LINES) or "(empty)"
    return DeployError(
        f"local target: the serving process {what}; it was stopped and its files removed. "
        f"End of its log:\n{end}"
    )
