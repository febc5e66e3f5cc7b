"""The one way of parameters, metrics and tags to the tracking server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.validation import (
    MAX_BATCH_LOG_REQUEST_SIZE,
    MAX_ENTITIES_PER_BATCH,
    MAX_METRICS_PER_BATCH,
    MAX_PARAMS_TAGS_PER_BATCH,
)

from splicemachine_ml.tracking.refusal import translated

# What the JSON of one entity needs beside its key and value: names, time, step, indentation.
_OVERHEAD = 160


@dataclass(frozen=True)
class Batch:
    """Checked records of one run, ready to be sent."""

    metrics: tuple[Metric, ...] = ()
    params: tuple[Param, ...] = ()
    tags: tuple[RunTag, ...] = ()

    def pieces(self) -> Iterator[Batch]:
        """Split at the service's limits: 1000 in all, 1000 metrics, 100 params, 100 tags, 1 MB of JSON."""
        limits = {
            "metrics": MAX_METRICS_PER_BATCH,
            "params": MAX_PARAMS_TAGS_PER_BATCH,
            "tags": MAX_PARAMS_TAGS_PER_BATCH,
        }
        piece: dict[str, list[Any]] = {kind: [] for kind in limits}
        size = _OVERHEAD
        for kind in limits:
            for entity in getattr(self, kind):
                needs = len(json.dumps([entity.key, entity.value])) + _OVERHEAD
                count = sum(len(part) for part in piece.values())
                if (
                    len(piece[kind]) == limits[kind]
                    or count == MAX_ENTITIES_PER_BATCH
                    or size + needs > MAX_BATCH_LOG_REQUEST_SIZE
                ):
                    yield _batch(piece)
                    piece, size = {kind: [] for kind in limits}, _OVERHEAD
                piece[kind].append(entity)
                size += needs
        if any(piece.values()):
            yield _batch(piece)


class Sender(Protocol):
    """Takes the records of a run on their way to the tracking server."""

    def send(self, run_id: str, batch: Batch) -> None:
        """Hand over every record of ``batch``; raises TrackingError when one is refused."""


class DirectSender:
    """Sends at once and waits for the server's answer."""

    def __init__(self, client: MlflowClient, store: str) -> None:
        self._client = client
        self._store = store

    def send(self, run_id: str, batch: Batch) -> None:
        """Send ``batch`` in as many requests as the limits ask for."""
        with translated(f"log to run {run_id} in {self._store}"):
            for piece in batch.pieces():
                self._client.log_batch(run_id, piece.metrics, piece.params, piece.tags)


def _batch(piece: dict[str, list[Any]]) -> Batch:
    return Batch(**{kind: tuple(entities) for kind, entities in piece.items()})
