"""MLManager, the facade: it sequences the parts of this package and holds no logic of its own."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, NoReturn

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.manager.deploy import Deploying
from splicemachine_ml.manager.describe import Describing
from splicemachine_ml.settings import Settings
from splicemachine_ml.tracking import Session, deprecated, shown_uri

# name -> what does the same job today, or why there is nothing
_NOT_HERE = {
    "deploy_aws": "not built yet; deploy_local(app_name) runs the same container contract on this machine",
    "deploy_azure": "not offered; deploy_local(app_name) runs the model on this machine",
    "deploy_kubernetes": "not offered; deploy_local(app_name) runs the model on this machine",
    "deploy_db": "not built yet; load_scorer().predict(rows) scores without Spark",
    "deploy_database": "not built yet; load_scorer().predict(rows) scores without Spark",
    "deploy_model": "not built yet; load_scorer().predict(rows) scores without Spark",
    "undeploy_db": "not built yet",
    "retrain": "not built yet; fit again and log_spark_model in a new run",
    "watch_job": "not built yet; deploy_local returns when the endpoint answers",
    "fetch_logs": "not built yet; the log of a local deployment is in the state directory",
    "flush": "not built yet; logging is synchronous, so there is nothing to flush",
    "recover": "not built yet; logging is synchronous, so there is nothing to recover",
}


class MLManager(Describing, Deploying):
    """Tracks runs on MLflow, stores fitted Spark ML pipelines, loads and deploys their Spark-free form.

    ``tracking_uri`` is anything MLflow accepts; without one the environment (SPLICEMACHINE_ML_TRACKING_URI,
    MLFLOW_TRACKING_URI, or mlflow.set_tracking_uri before) decides, then the conf file, then a SQLite file
    in the working directory. A first argument of text is a tracking URI as well. ``settings`` replaces
    all of that. Making a manager opens nothing; the store is created on first use.

    The manager's run is MLflow's active run: mlflow.log_metric, mlflow.autolog and the rest see it.
    """

    def __init__(
        self,
        splice_context: Any = None,
        tracking_uri: str | None = None,
        *,
        settings: Settings | None = None,
        _tracking_uri: str | None = None,
        _artifact_uri: str | None = None,
    ) -> None:
        if isinstance(splice_context, str):
            if tracking_uri is not None:
                raise TrackingError(f"two tracking URIs are given: {splice_context!r} and {tracking_uri!r}")
            splice_context, tracking_uri = None, splice_context
        if _tracking_uri is not None:
            deprecated("MLManager(_tracking_uri=...)", "tracking_uri=")
            tracking_uri = tracking_uri or _tracking_uri
        if _artifact_uri is not None:
            deprecated("MLManager(_artifact_uri=...)", "settings=Settings.load(artifact_root=...)")
        if settings is None:
            settings = Settings.load(tracking_uri=tracking_uri, artifact_root=_artifact_uri)
        self.settings = replace(
            settings,
            tracking_uri=tracking_uri or settings.tracking_uri,
            artifact_root=_artifact_uri or settings.artifact_root,
        )
        self.splice_context = splice_context
        self._session = Session(self.settings.tracking_uri, self.settings.artifact_root)
        self._timers = threading.local()

    def __repr__(self) -> str:
        """Name the store, without credentials, and the active run."""
        return f"MLManager({shown_uri(self._session.uri)!r}, active run: {self.current_run_id})"

    def __getattr__(self, name: str) -> NoReturn:
        """Say what became of a name that the originals had and this version has not."""
        kind = type(self).__name__
        if name in _NOT_HERE:
            raise AttributeError(f"{kind}.{name} is {_NOT_HERE[name]}", name=name, obj=self)
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=self)

    def get_tracking_uri(self) -> str:
        """Return the tracking URI of this manager, which is MLflow's own."""
        return self._session.uri

    def set_tracking_uri(self, uri: str) -> None:
        """Go to another tracking store, and MLflow with it; the experiment is to be chosen there anew."""
        self.settings = replace(self.settings, tracking_uri=uri)
        self._session = Session(self.settings.tracking_uri, self.settings.artifact_root)
