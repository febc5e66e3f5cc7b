"""Measure how long something takes and log it in milliseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.values import Values, checked_name


@dataclass
class Elapsed:
    """What a timer measured: ``milliseconds`` is 0.0 until it has stopped."""

    name: str
    milliseconds: float = 0.0


class Timers(Values):
    """timer as a context manager, and the older pair start_timer and log_and_stop_timer."""

    _timers: threading.local

    @contextmanager
    def timer(self, name: str, param: bool = False) -> Iterator[Elapsed]:
        """Log the milliseconds that the block takes, as metric ``name`` (or as a parameter).

        They are logged also when the block raises: the time was spent.
        """
        self.require_run()  # fail before the work rather than after it
        checked_name("parameter" if param else "metric", name)
        elapsed = Elapsed(name)
        begin = time.perf_counter()
        try:
            yield elapsed
        finally:
            elapsed.milliseconds = (time.perf_counter() - begin) * 1000
            if param:
                self.log_param(name, f"{elapsed.milliseconds:.0f} ms")
            else:
                self.log_metric(name, elapsed.milliseconds)

    def start_timer(self, name: str) -> None:
        """Start this thread's timer; log_and_stop_timer() ends it. Only one can run."""
        self.require_run()
        checked_name("parameter", name)
        running = getattr(self._timers, "running", None)
        if running is not None:
            raise TrackingError(f"timer {running[0]!r} is running; log_and_stop_timer() ends it")
        self._timers.running = (name, time.perf_counter())

    def log_and_stop_timer(self) -> float:
        """Stop the timer, log parameter ``name`` as "<n> ms" and return the milliseconds."""
        running = getattr(self._timers, "running", None)
        if running is None:
            raise TrackingError("no timer is running in this thread; start_timer(name) starts one")
        name, begin = running
        milliseconds = float(time.perf_counter() - begin) * 1000
        self._timers.running = None
        self.log_param(name, f"{milliseconds:.0f} ms")
        return milliseconds
