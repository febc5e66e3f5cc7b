"""uvicorn around the application: readiness, hand-over of the port, and a stop that loses no request."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from splicemachine_ml.serving import control
from splicemachine_ml.serving.app import App

logger = logging.getLogger(__name__)

# How long a stopping endpoint lets clients with open connections notice that it stops.
LAME_DUCK_SECONDS = 1.0


@dataclass(frozen=True)
class ServerOptions:
    """How the process is reached and how it ends; seconds, and file descriptors where named ``_fd``."""

    drain_timeout: float
    ready_fd: int | None = None
    control: Path | None = None


class EndpointServer(uvicorn.Server):
    """A uvicorn server on one socket that reports readiness and drains before it exits with 0."""

    def __init__(self, app: App, listener: socket.socket, options: ServerOptions) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,  # longer than the front's, so that it is the client that closes first
            timeout_graceful_shutdown=max(1, round(options.drain_timeout)),
        )
        super().__init__(config)
        self._app = app
        self._listener = listener
        self._options = options
        self._control: socket.socket | None = None
        self._adopting: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references

    def serve_forever(self) -> None:
        """Serve until SIGTERM or SIGINT, then answer what is in flight and return."""
        # The loop closes the socket it serves; the hand-over needs one of its own.
        self.run(sockets=[self._listener.dup()])
        self._app.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so through the ready descriptor."""
        await super().startup(sockets)
        if self._options.control is not None:
            self._control = control.listen(self._options.control)
            asyncio.get_running_loop().add_reader(self._control.fileno(), self._on_control)
        host, port = self._listener.getsockname()[:2]
        logger.info("serving on %s port %d, process %d", host, port, os.getpid())
        if self._options.ready_fd is not None:
            self._tell_ready(self._options.ready_fd, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting; give open connections a moment to hear it; finish what is in flight."""
        self._app.draining = True
        if self._control is not None and self._options.control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._options.control.unlink(missing_ok=True)
        for server in self.servers:
            server.close()
        self._listener.close()
        end = time.monotonic() + LAME_DUCK_SECONDS
        while self.server_state.connections and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
        logger.info("stopped after %d requests, process %d", self.server_state.total_requests, os.getpid())

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle the signals that end us; uvicorn raises them again at the end, which is no clean exit."""
        handlers = {number: signal.signal(number, self.handle_exit) for number in _STOP_SIGNALS}
        try:
            yield
        finally:
            for number in handlers:
                signal.signal(number, signal.SIG_IGN)  # on the way out a second one changes nothing

    def _tell_ready(self, fd: int, port: int) -> None:
        try:
            with os.fdopen(fd, "wb") as ready:
                ready.write(b"ready %d\n" % port)
        except BrokenPipeError:
            logger.warning("whoever started this process is gone before it was ready: stopping")
            self.should_exit = True

    def _on_control(self) -> None:
        if self._control is None:
            return
        connection = control.greet(self._control, self._listener)
        if connection is not None:
            task = asyncio.get_running_loop().create_task(self._adopt(connection))
            self._adopting.add(task)
            task.add_done_callback(self._adopting.discard)

    async def _adopt(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        protocol = self.config.http_protocol_class
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: protocol(config=self.config, server_state=self.server_state, app_state={}),  # type: ignore[call-arg]
            connection,
        )


_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
