"""The control socket of a serving process: how a successor takes over its port without losing a request.

A Unix socket beside the deployment. Whoever connects (the folder is its user's alone) gets the listening
socket by SCM_RIGHTS, and the connection goes on as an ordinary HTTP connection to exactly this process: two
processes that share a port can be told apart through it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HELLO = b"\x01"


def listen(path: Path) -> socket.socket:
    """Return a non-blocking listening socket at ``path`` (its name is taken from the folder first)."""
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _short(path) as address:
        server.bind(address)
    server.listen(8)
    server.setblocking(False)
    return server


def greet(server: socket.socket, listener: socket.socket) -> socket.socket | None:
    """Accept one connection and hand ``listener`` over; None when the other side is already gone."""
    try:
        connection, _ = server.accept()
    except OSError:
        return None
    try:
        socket.send_fds(connection, [_HELLO], [listener.fileno()])
    except OSError:
        connection.close()
        return None
    return connection


def connect(path: Path, timeout: float) -> tuple[socket.socket, socket.socket]:
    """Return the connection and the process's listening socket; raises OSError when nobody answers."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        with _short(path) as address:
            connection.connect(address)
        _, fds, _, _ = socket.recv_fds(connection, len(_HELLO), 1)
        if not fds:
            raise ConnectionResetError(f"{path} handed no socket over")
    except OSError:
        connection.close()
        raise
    for fd in fds:
        os.set_inheritable(fd, False)
    return connection, socket.socket(fileno=fds[0])


@contextmanager
def _short(path: Path) -> Iterator[str]:
    # A Unix socket's address holds about 100 bytes; Linux reaches longer paths by the folder's descriptor.
    if len(os.fsencode(path)) < 100 or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
