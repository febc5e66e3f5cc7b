"""Runs: start, resume, end, reset. A run of the manager is MLflow's active run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlflow
from mlflow import ActiveRun
from mlflow.entities import LifecycleStage, Run
from mlflow.utils.mlflow_tags import (
    MLFLOW_LOGGED_ARTIFACTS,
    MLFLOW_LOGGED_IMAGES,
    MLFLOW_LOGGED_MODELS,
    MLFLOW_RUN_NAME,
    MLFLOW_USER,
)

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.base import Tracked
from splicemachine_ml.tracking.experiments import refuse_deleted
from splicemachine_ml.tracking.refusal import deprecated, translated
from splicemachine_ml.tracking.values import tag

_LIKE_RUN_IDS = 32  # characters of a run id


class Runs(Tracked):
    """create_new_run, start_run, end_run and what replaces the active run."""

    @property
    def active_run(self) -> ActiveRun | None:
        """MLflow's active run of this thread with its data as of now, None without one."""
        run_id = self.current_run_id
        if run_id is None:
            return None
        with translated(f"read the active run {run_id}"):
            return ActiveRun(self.client.get_run(run_id))

    def create_new_run(
        self,
        user_id: str | None = None,
        run_name: str | None = None,
        *,
        tags: Mapping[str, Any] | None = None,
        nested: bool = False,
        run_metadata: Mapping[str, Any] | None = None,
    ) -> ActiveRun:
        """Start a run of that user in the active experiment; a run already active is ended FINISHED first.

        MLflow's pages show ``user_id`` as the run's creator (None: the user of this process).
        ``run_metadata`` is an old spelling of ``tags``. The result also works in a with statement.
        """
        if isinstance(user_id, Mapping):
            user_id, run_metadata = None, user_id
        if run_metadata is not None:
            deprecated("create_new_run(run_metadata={...})", "tags={...}")
            tags = {**run_metadata, **(tags or {})}
            user_id = user_id or tags.pop("user_id", None)
        every = {**(tags or {}), **({MLFLOW_USER: user_id} if user_id is not None else {})}
        return self._start(run_name, None, every, nested)

    def start_run(
        self,
        run_name: str | None = None,
        *,
        run_id: str | None = None,
        experiment_id: str | int | None = None,
        tags: Mapping[str, Any] | None = None,
        nested: bool = False,
        run_metadata: Mapping[str, Any] | None = None,
    ) -> ActiveRun:
        """Start a run, or resume ``run_id``; a run already active is ended FINISHED first.

        With ``nested`` the active run stays and becomes the parent. A new run goes to ``experiment_id``,
        else to its parent's experiment, else to the active one. ``run_metadata`` and tags in the first
        place are old spellings of ``tags``.
        """
        if isinstance(run_name, Mapping):
            run_name, run_metadata = None, run_name
        if run_metadata is not None:
            deprecated("start_run(run_metadata={...})", "tags={...}")
            tags = {**run_metadata, **(tags or {})}
        if run_id is None:
            return self._start(run_name, experiment_id, tags, nested)
        run = self._resume(run_id, nested=nested)
        with translated(f"name and tag run {run_id}"):
            if run_name is not None:
                self.client.update_run(run_id, name=run_name)
            for key, value in (tags or {}).items():
                self.client.set_tag(run_id, key, value)
        return run

    def set_active_run(self, run: str) -> ActiveRun:
        """Go on with an earlier run, by its id or by its name: the newest of that name in the experiment.

        Its experiment becomes the active one, its status RUNNING.
        """
        if not isinstance(run, str) or not run:
            raise TrackingError(f"a run is chosen by its id or name, not {run!r}")
        if run == self.current_run_id:
            return mlflow.active_run()
        if len(run) == _LIKE_RUN_IDS and run.isalnum():
            return self._resume(run)
        # A filter cannot hold both kinds of quotes, so it asks for less and the names decide.
        pattern = run.replace("'", "_")
        with translated(f"look for a run named {run!r}"):
            found = self.client.search_runs([self.experiment_id], f"attributes.run_name LIKE '{pattern}'")
        for one in found:
            if one.info.run_name == run:
                return self._resume(one.info.run_id)
        raise TrackingError(
            f"no run is named {run!r} in experiment {self.experiment_id}; search_runs() lists its runs, "
            "a run of another experiment is chosen by its id"
        )

    def end_run(
        self,
        status: str = "FINISHED",
        *,
        create: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> ActiveRun | None:
        """End the active run, if there is one; its parent becomes active again.

        ``create`` with ``metadata`` (tags) is an old spelling for a new run right after.
        """
        if isinstance(status, bool):
            status, create = "FINISHED", status
        self._session.end_run(status)
        if not create and not metadata:
            return None
        deprecated("end_run(create=True, metadata={...})", "create_new_run(tags={...})")
        return self._start(None, None, metadata, False)

    def delete_active_run(self) -> str:
        """End and delete the active run and return its id; restore_run(run_id) brings it back."""
        run_id = self.require_run()
        self._session.end_run("KILLED")
        with translated(f"delete run {run_id}"):
            self.client.delete_run(run_id)
        return run_id

    def reset_run(self) -> ActiveRun:
        """Start the active run over: a new run with its name, user and tags, and nothing else.

        MLflow cannot clear a run, so the old one is deleted and the id changes.
        """
        with translated("read the active run"):
            old = self.client.get_run(self.require_run())
        # What MLflow wrote down about logged models and files belongs to the content that goes.
        content = {MLFLOW_LOGGED_MODELS, MLFLOW_LOGGED_ARTIFACTS, MLFLOW_LOGGED_IMAGES}
        content |= {MLFLOW_RUN_NAME, "splice.model_name"}
        tags = {key: value for key, value in old.data.tags.items() if key not in content}
        self.delete_active_run()
        return self._start(old.info.run_name, old.info.experiment_id, tags, True)

    def _start(
        self,
        run_name: str | None,
        experiment_id: str | int | None,
        tags: Mapping[str, Any] | None,
        nested: bool,
    ) -> ActiveRun:
        # Before the active run is ended: MLflow leaves a key that is too long to its database.
        checked = [tag(key, value) for key, value in (tags or {}).items()]
        parent = mlflow.active_run() if nested else None
        if experiment_id is None:
            experiment_id = parent.info.experiment_id if parent else self.experiment_id
        with translated(f"start a run in experiment {experiment_id}"):
            experiment = self.client.get_experiment(str(experiment_id))
            refuse_deleted(experiment)
            if not nested:
                self._end_all()
            self._session.activate()
            return mlflow.start_run(
                run_name=run_name,
                experiment_id=str(experiment_id),
                tags={one.key: one.value for one in checked},
                nested=nested,
            )

    def _resume(self, run_id: str, *, nested: bool = False) -> ActiveRun:
        with translated(f"resume run {run_id}"):
            run: Run = self.client.get_run(run_id)
            if run.info.lifecycle_stage != LifecycleStage.ACTIVE:
                raise TrackingError(f"run {run_id} is deleted; restore_run({run_id!r}) brings it back")
            if not nested:
                self._end_all()
            return self._session.resume(run, nested=nested)

    def _end_all(self) -> None:
        while self.current_run_id is not None:
            self._session.end_run("FINISHED")
