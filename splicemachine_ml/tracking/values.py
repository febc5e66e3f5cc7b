"""Parameters, metrics and tags: checked at the call, then sent as one batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any, TypeVar

from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.validation import (
    MAX_ENTITY_KEY_LENGTH,
    MAX_PARAM_VAL_LENGTH,
    MAX_TAG_VAL_LENGTH,
    bad_character_message,
    path_not_unique,
    validate_param_and_metric_name,
)

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.base import Tracked
from splicemachine_ml.tracking.sender import Batch

Pairs = Mapping[str, Any] | Iterable[Any]
_E = TypeVar("_E")


class Values(Tracked):
    """log_param, log_metric, set_tag and their plural forms, on the active run."""

    def log_param(self, key: str, value: Any) -> Any:
        """Log one parameter as text and return ``value``; the same value again is fine, another is not."""
        self._send(Batch(params=(param(key, value),)))
        return value

    def log_metric(
        self, key: str, value: float, step: int | None = None, timestamp: int | None = None
    ) -> None:
        """Log one metric; ``timestamp`` in milliseconds since 1970, now when left out, ``step`` 0."""
        self._send(Batch(metrics=(metric(key, value, step, timestamp),)))

    def set_tag(self, key: str, value: Any) -> None:
        """Set one tag as text; a later value replaces it."""
        self._send(Batch(tags=(tag(key, value),)))

    lp = log_param
    lm = log_metric
    st = set_tag

    def log_params(self, params: Pairs) -> None:
        """Log parameters: a dict, or a list of pairs or mlflow Params. None is logged when one is wrong."""
        self.log_batch(params=params)

    def log_metrics(self, metrics: Pairs, step: int | None = None, timestamp: int | None = None) -> None:
        """Log metrics: a dict, or a list of pairs or mlflow Metrics."""
        now = _now() if timestamp is None else timestamp
        made = _entities(metrics, Metric, lambda key, value: metric(key, value, step, now))
        self._send(Batch(metrics=made))

    def set_tags(self, tags: Pairs) -> None:
        """Set tags: a dict, or a list of pairs or mlflow RunTags."""
        self.log_batch(tags=tags)

    def log_batch(
        self, metrics: Pairs = (), params: Pairs = (), tags: Pairs = (), *, run_id: str | None = None
    ) -> None:
        """Log metrics, parameters and tags together: dicts, lists of pairs, or mlflow's entities.

        A metric may also be ``(key, value, timestamp, step)``. What exceeds the service's limits for one
        request is split over several.
        """
        now = _now()
        batch = Batch(
            metrics=_entities(
                metrics, Metric, lambda key, value, at=now, step=None: metric(key, value, step, at)
            ),
            params=_entities(params, Param, param),
            tags=_entities(tags, RunTag, tag),
        )
        given: dict[str, str] = {}
        for one in batch.params:
            if given.setdefault(one.key, one.value) != one.value:
                raise TrackingError(
                    f"parameter {one.key!r} is given twice, as {given[one.key]!r} and {one.value!r}; "
                    "a parameter has one value in a run"
                )
        self._send(batch, run_id)

    def _log_description(self, described: Mapping[str, str]) -> None:
        # Descriptions carry what the user cannot rename or shorten: column names, arrays, labels.
        params: dict[str, str] = {}
        for key, value in described.items():
            params[_unused(_legal(key), params)] = _short(value)
        self.log_batch(params=params)

    def _send(self, batch: Batch, run_id: str | None = None) -> None:
        self._session.sender.send(self.require_run(run_id), batch)


def param(key: str, value: Any) -> Param:
    """Return a checked parameter; raises TrackingError for a key or value the service cannot hold."""
    return Param(checked_name("parameter", key), _text("parameter", key, value, MAX_PARAM_VAL_LENGTH))


def tag(key: str, value: Any) -> RunTag:
    """Return a checked tag; raises TrackingError for a key or value the service cannot hold."""
    return RunTag(checked_name("tag", key), _text("tag", key, value, MAX_TAG_VAL_LENGTH))


def metric(key: str, value: Any, step: int | None = None, timestamp: int | None = None) -> Metric:
    """Return a checked metric of a number, or of what holds exactly one (NumPy scalars)."""
    checked_name("metric", key)
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise TrackingError(
            f"metric {key!r} must be a number, not {value!r}; log_param and set_tag take text"
        )
    try:
        number = float(value)
        at = _now() if timestamp is None else int(timestamp)
        return Metric(key, number, at, 0 if step is None else int(step))
    except (TypeError, ValueError, OverflowError) as error:
        raise TrackingError(
            f"metric {key!r} takes a number, whole steps and milliseconds, not value {value!r}, "
            f"step {step!r}, timestamp {timestamp!r}"
        ) from error


def checked_name(kind: str, key: Any) -> str:
    """Return ``key`` when it can name a ``kind`` (parameter, metric or tag), else raise TrackingError."""
    if not isinstance(key, str) or not key:
        raise TrackingError(f"the name of a {kind} must be text, not {key!r}")
    if len(key) > MAX_ENTITY_KEY_LENGTH:
        raise TrackingError(f"{kind} name {key[:40]!r}... has {len(key)} characters, 250 are allowed")
    # MLflow's pattern lets a newline at the end through.
    if not validate_param_and_metric_name(key) or key.endswith("\n"):
        raise TrackingError(f"{kind} name {key!r} is not allowed. {bad_character_message()}")
    if path_not_unique(key):
        raise TrackingError(f"{kind} name {key!r} is not allowed: names are paths, without . and .. or //")
    return key


def _text(kind: str, key: str, value: Any, limit: int) -> str:
    text = str(value)
    if len(text) > limit:
        # MLflow would cut it and go on; half a value is no value.
        raise TrackingError(
            f"the value of {kind} {key!r} has {len(text)} characters, {limit} are allowed; "
            "log_text(text, file) keeps long ones"
        )
    return text


def _entities(given: Pairs, kind: type[_E], make: Callable[..., _E]) -> tuple[_E, ...]:
    pairs = given.items() if isinstance(given, Mapping) else given
    made: list[_E] = []
    for one in pairs:
        if isinstance(one, kind):
            parts: tuple[Any, ...] = (one.key, one.value)  # type: ignore[attr-defined]
            if isinstance(one, Metric):
                parts = (*parts, one.timestamp, one.step)
        elif isinstance(one, tuple | list) and 2 <= len(one) <= (4 if kind is Metric else 2):
            parts = tuple(one)
        else:
            raise TrackingError(f"expected a dict or pairs of name and value, found {one!r}")
        made.append(make(*parts))
    return tuple(made)


def _legal(key: str) -> str:
    legal = "".join(c if validate_param_and_metric_name(c) else "_" for c in key)
    return legal.replace("/", "_") if path_not_unique(legal) else legal


def _unused(key: str, taken: Container[str]) -> str:
    # Names that differ in what is not allowed, or beyond the length, must not replace each other.
    name, number = key[:MAX_ENTITY_KEY_LENGTH], 1
    while name in taken:
        number += 1
        ending = f"_{number}"
        name = key[: MAX_ENTITY_KEY_LENGTH - len(ending)] + ending
    return name


def _short(value: str) -> str:
    return value if len(value) <= MAX_PARAM_VAL_LENGTH else value[: MAX_PARAM_VAL_LENGTH - 3] + "..."


def _now() -> int:
    return math.floor(time.time() * 1000)
