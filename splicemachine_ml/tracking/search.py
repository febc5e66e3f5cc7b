"""Find runs and put them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import mlflow
import pandas as pd
from mlflow.entities import Run, ViewType
from mlflow.utils.mlflow_tags import MLFLOW_USER

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.base import Tracked
from splicemachine_ml.tracking.delegated import of_module
from splicemachine_ml.tracking.experiments import every_page
from splicemachine_ml.tracking.refusal import translated

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _in_the_active_experiment(tracked: Tracked, arguments: dict[str, Any]) -> None:
    ids = arguments.get("experiment_ids")
    if isinstance(ids, str | int):
        raise TrackingError(
            f"search_runs takes a list of experiment ids first, not {ids!r}; "
            'filters go to filter_string="metrics.F1 > 0.8"'
        )
    if ids is not None:
        arguments["experiment_ids"] = [str(one) for one in ids]
    elif not arguments.get("experiment_names") and not arguments.get("search_all_experiments"):
        # As MLflow does, but with the experiment of this thread and this store.
        arguments["experiment_ids"] = [tracked.experiment_id]


class Search(Tracked):
    """search_runs and compare_runs."""

    # MLflow's own parameters; without experiment_ids and experiment_names, the active experiment's runs.
    search_runs = of_module(mlflow.search_runs, prepare=_in_the_active_experiment)

    @overload
    def compare_runs(
        self,
        runs: Sequence[str] | None = None,
        *,
        metrics: Sequence[str] | None = None,
        figure: Literal[False] = False,
    ) -> pd.DataFrame: ...

    @overload
    def compare_runs(
        self,
        runs: Sequence[str] | None = None,
        *,
        metrics: Sequence[str] | None = None,
        figure: Literal[True],
    ) -> Figure: ...

    def compare_runs(
        self,
        runs: Sequence[str] | None = None,
        *,
        metrics: Sequence[str] | None = None,
        figure: bool = False,
    ) -> pd.DataFrame | Figure:
        """Put runs side by side: a DataFrame indexed by run id, or a figure with a panel a metric.

        ``runs`` are run ids, by default every run of the active experiment, oldest first. Columns are name,
        user, status, seconds, then each metric (its last value) as ``metrics.<key>``, then as
        ``params.<key>`` those parameters that are not the same in every run. ``metrics`` narrows and
        orders the metrics.
        """
        found = self._runs(runs)
        frame = _side_by_side(found, metrics)
        return _panels(frame) if figure else frame

    def _runs(self, run_ids: Sequence[str] | None) -> list[Run]:
        if isinstance(run_ids, str):
            raise TrackingError(f"compare_runs takes a list of run ids, not the text {run_ids!r}")
        if run_ids is not None:
            found = []
            for run_id in run_ids:
                with translated(f"compare run {run_id}"):
                    found.append(self.client.get_run(run_id))
            return found
        experiment_id = self.experiment_id
        with translated(f"compare the runs of experiment {experiment_id}"):
            return every_page(
                self.client.search_runs,
                experiment_ids=[experiment_id],
                run_view_type=ViewType.ACTIVE_ONLY,
                order_by=["attributes.start_time ASC"],
            )


def _side_by_side(runs: list[Run], metrics: Sequence[str] | None) -> pd.DataFrame:
    names = list(metrics) if metrics is not None else sorted({k for run in runs for k in run.data.metrics})
    params = sorted({key for run in runs for key in run.data.params})
    if metrics is not None:
        unknown = sorted({name for name in names if all(name not in run.data.metrics for run in runs)})
        if unknown:
            known = sorted({k for run in runs for k in run.data.metrics})
            raise TrackingError(
                f"no run has the metric(s) {', '.join(unknown)}; they have {', '.join(known)}"
            )
    differing = [p for p in params if len(runs) < 2 or len({run.data.params.get(p) for run in runs}) > 1]
    rows = [
        {
            "name": run.info.run_name,
            "user": run.data.tags.get(MLFLOW_USER, run.info.user_id),
            "status": run.info.status,
            "seconds": (run.info.end_time - run.info.start_time) / 1000 if run.info.end_time else None,
            **{f"metrics.{key}": run.data.metrics.get(key) for key in names},
            **{f"params.{key}": run.data.params.get(key) for key in differing},
        }
        for run in runs
    ]
    index = pd.Index([run.info.run_id for run in runs], name="run_id")
    columns = ["name", "user", "status", "seconds", *(f"metrics.{k}" for k in names)]
    frame = pd.DataFrame(rows, index=index, columns=[*columns, *(f"params.{k}" for k in differing)])
    return frame.astype({"seconds": float, **{f"metrics.{key}": float for key in names}})


def _panels(frame: pd.DataFrame) -> Figure:
    # A Figure of its own rather than pyplot's: nothing is left open, no backend is chosen for the user.
    from matplotlib.figure import Figure

    names = [column for column in frame.columns if column.startswith("metrics.")]
    if not names:
        raise TrackingError("these runs have no metrics to draw; log_metric(key, value) adds some")
    labels = [
        f"{name} ({user})" if user else str(name)
        for name, user in zip(frame["name"], frame["user"], strict=True)
    ]
    across = min(3, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(4.2 * across, (0.9 + 0.35 * len(frame)) * down), layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(down, across, place + 1)
        bars = axes.barh(range(len(frame)), frame[name].fillna(0.0))
        texts = ["-" if pd.isna(value) else f"{value:.4g}" for value in frame[name]]
        axes.bar_label(bars, texts, padding=3)
        axes.set_yticks(range(len(frame)), labels if place % across == 0 else [""] * len(frame))
        axes.invert_yaxis()
        axes.margins(x=0.18)
        axes.set_title(name.removeprefix("metrics."))
    return figure
