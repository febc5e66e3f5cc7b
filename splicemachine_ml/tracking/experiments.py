"""Experiments: get or create, choose, list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlflow.entities import Experiment, LifecycleStage, RunInfo, ViewType

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.base import Tracked
from splicemachine_ml.tracking.refusal import translated


class Experiments(Tracked):
    """create_experiment, set_active_experiment and what lists experiments."""

    @property
    def active_experiment(self) -> Experiment:
        """The experiment that the next run goes to, as the tracking server knows it now."""
        experiment_id = self.experiment_id
        with translated(f"read the active experiment {experiment_id}"):
            return self.client.get_experiment(experiment_id)

    def create_experiment(
        self,
        experiment_name: str,
        reset: bool = False,
        *,
        artifact_location: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> str:
        """Get or create the experiment of that name, make it the active one and return its id.

        ``reset`` deletes the runs it has (restore_run brings them back). A deleted experiment of that name
        raises TrackingError. ``artifact_location`` and ``tags`` count when the experiment is new.
        """
        if not isinstance(reset, bool):
            # MlflowClient has artifact_location in this place: text there must not delete runs.
            raise TrackingError(
                f"reset must be True or False, not {reset!r}; artifact_location is a keyword here"
            )
        experiment = self._find(experiment_name)
        if experiment is None:
            where = artifact_location or self._session.artifact_location(experiment_name)
            with translated(f"create experiment {experiment_name!r}"):
                experiment_id = str(self.client.create_experiment(experiment_name, where, dict(tags or {})))
        else:
            experiment_id = experiment.experiment_id
        if reset and experiment is not None:
            self._delete_runs(experiment_id)
        self._session.choose_experiment(experiment_id)
        return experiment_id

    def set_active_experiment(self, name_or_id: str | int) -> Experiment:
        """Make an experiment the active one: text is a name, created when missing, a number is an id."""
        if isinstance(name_or_id, bool) or not isinstance(name_or_id, str | int):
            raise TrackingError(f"an experiment is chosen by name (text) or id (number), not {name_or_id!r}")
        if isinstance(name_or_id, str):
            self.create_experiment(name_or_id)
            return self.active_experiment
        with translated(f"make the experiment with id {name_or_id} active"):
            experiment = self.client.get_experiment(str(name_or_id))
        refuse_deleted(experiment)
        self._session.choose_experiment(experiment.experiment_id)
        return experiment

    def list_experiments(self, view_type: int = ViewType.ACTIVE_ONLY) -> list[Experiment]:
        """Return every experiment, newest first; ``view_type`` is one of mlflow.entities.ViewType."""
        with translated("list experiments"):
            return every_page(self.client.search_experiments, view_type=view_type)

    def list_run_infos(
        self, experiment_id: str | int, run_view_type: int = ViewType.ACTIVE_ONLY
    ) -> list[RunInfo]:
        """Return the RunInfo of every run of an experiment, newest first."""
        with translated(f"list the runs of experiment {experiment_id}"):
            self.client.get_experiment(str(experiment_id))
            runs = every_page(
                self.client.search_runs, experiment_ids=[str(experiment_id)], run_view_type=run_view_type
            )
        return [run.info for run in runs]

    def _find(self, name: str) -> Experiment | None:
        if not isinstance(name, str) or not name.strip():
            raise TrackingError(f"an experiment needs a name of text, not {name!r}")
        with translated(f"look up experiment {name!r}"):
            experiment = self.client.get_experiment_by_name(name)
        if experiment is not None:
            refuse_deleted(experiment)
        return experiment

    def _delete_runs(self, experiment_id: str) -> None:
        with translated(f"delete the runs of experiment {experiment_id}"):
            for info in self.list_run_infos(experiment_id):
                if info.run_id == self.current_run_id:
                    self._session.end_run("KILLED")
                self.client.delete_run(info.run_id)


def refuse_deleted(experiment: Experiment) -> None:
    """Raise TrackingError, with the way back, when the experiment is deleted."""
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise TrackingError(
            f"experiment {experiment.name!r} is deleted; restore_experiment({experiment.experiment_id!r}) "
            "brings it back, or choose another name"
        )


def every_page(search: Any, **arguments: Any) -> list[Any]:
    """Call one of MlflowClient's paged searches until its last page and return everything found."""
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(**arguments, page_token=token)
        found.extend(page)
        token = page.token
        if not token:
            return found
