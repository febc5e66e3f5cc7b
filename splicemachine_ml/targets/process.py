"""Processes that outlive the one that started them: start, recognise, stop."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number.

    ``birth`` is what the system says of its start: boot and clock ticks, or ``ps lstart`` without /proc.
    """

    pid: int
    birth: str


class _Detached(subprocess.Popen[bytes]):
    """A process that is meant to go on without us: dropping its handle is not a leak."""

    def __del__(self) -> None:
        """Do not warn and do not keep it; stop() and alive() collect its exit status."""


def spawn(
    command: Sequence[str], environ: Mapping[str, str], log: Path, fds: Sequence[int], folder: Path
) -> ProcessId:
    """Start ``command`` in its own session with only ``fds`` inherited; output is appended to ``log``."""
    with log.open("ab") as output:
        process = _Detached(
            list(command),
            env=dict(environ),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=fds,
            start_new_session=True,
        )
    # A process that has died since is a zombie until collected, so it still has a birth.
    return ProcessId(process.pid, _birth(process.pid) or "")


def alive(process: ProcessId) -> bool:
    """Return whether this very process still runs; collects it when it was our child and has ended."""
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return bool(process.birth) and _birth(process.pid) == process.birth and not _is_zombie(process.pid)


def stop(process: ProcessId, timeout: float) -> None:
    """End the process: SIGTERM, and SIGKILL when it still runs after ``timeout`` seconds.

    Does nothing when it is gone, also when its number now belongs to another process.
    """
    try:
        handle = _open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The handle is the process's own: if it is ours now, later signals cannot reach another one.
        for number, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, 10.0)):
            if not alive(process):
                return
            _signal(handle, process.pid, number)
            _wait(handle, process, patience)
        alive(process)
    finally:
        if handle is not None:
            os.close(handle)


def _open(pid: int) -> int | None:
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


def _signal(handle: int | None, pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        if handle is None:
            os.kill(pid, number)
        else:
            signal.pidfd_send_signal(handle, number)


def _wait(handle: int | None, process: ProcessId, timeout: float) -> None:
    if handle is not None:
        poller = select.poll()
        poller.register(handle, select.POLLIN)  # a pidfd becomes readable when its process ends
        poller.poll(timeout * 1000)
        return
    end = time.monotonic() + timeout
    while alive(process) and time.monotonic() < end:  # no event to wait for on this system
        time.sleep(0.02)


def _birth(pid: int) -> str | None:
    if _PROC.joinpath("self").exists():
        try:
            stat = _PROC.joinpath(str(pid), "stat").read_text()
        except OSError:
            return None
        # proc(5): the command (2nd field) may hold spaces and brackets; starttime is field 22
        started = stat.rpartition(")")[2].split()[19]
        return f"{_PROC.joinpath('sys/kernel/random/boot_id').read_text().strip()}/{started}"
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed command
    return told.stdout.strip() or None


def _is_zombie(pid: int) -> bool:
    try:
        return _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
