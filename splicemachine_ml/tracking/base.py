"""What every part of the tracking interface shares."""

from __future__ import annotations

from mlflow import MlflowClient

from splicemachine_ml.tracking.session import Session


class Tracked:
    """Has a session; everything else is asked from MLflow when needed, so nothing gets stale."""

    _session: Session

    @property
    def client(self) -> MlflowClient:
        """The MlflowClient of this manager's tracking store."""
        return self._session.client

    @property
    def current_run_id(self) -> str | None:
        """Id of the run that is active in this thread, None without one."""
        return self._session.active_run_id()

    @property
    def experiment_id(self) -> str:
        """Id of the active experiment."""
        return self._session.experiment_id()

    def require_run(self, run_id: str | None = None) -> str:
        """Return ``run_id``, else the active run's; raises TrackingError when no run is active."""
        return self._session.run_id(run_id)

    def make_current(self) -> None:
        """Have this manager's store open and be MLflow's own, for calls of the mlflow module."""
        self._session.ready()
