"""Runs, parameters, metrics, tags and artifacts on MLflow."""

from __future__ import annotations

from splicemachine_ml.tracking.artifacts import Artifacts
from splicemachine_ml.tracking.delegated import Delegated
from splicemachine_ml.tracking.experiments import Experiments
from splicemachine_ml.tracking.flavors import Flavors
from splicemachine_ml.tracking.refusal import deprecated, shown_uri
from splicemachine_ml.tracking.runs import Runs
from splicemachine_ml.tracking.search import Search
from splicemachine_ml.tracking.session import Session
from splicemachine_ml.tracking.timer import Timers


class Tracking(Experiments, Runs, Timers, Artifacts, Flavors, Search, Delegated):
    """Everything the manager offers on runs, one concern a base class."""


__all__ = ["Session", "Tracking", "deprecated", "shown_uri"]
