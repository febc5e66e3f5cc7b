"""Files of a run: up and down."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd
from mlflow.entities import FileInfo

from splicemachine_ml.errors import TrackingError
from splicemachine_ml.tracking.base import Tracked
from splicemachine_ml.tracking.refusal import deprecated, translated

PathLike = str | os.PathLike[str]


class Artifacts(Tracked):
    """log_artifact, log_artifacts, download_artifact and list_artifacts."""

    def log_artifact(
        self,
        local_path: PathLike | None = None,
        artifact_path: str | None = None,
        *,
        file_name: PathLike | None = None,
        name: str | None = None,
    ) -> None:
        """Copy a file, or a directory under its own name, into the run's folder ``artifact_path``.

        ``file_name`` and ``name`` are old spellings: the file, and the name it gets in the run.
        """
        if file_name is not None:
            deprecated("log_artifact(file_name=...)", "log_artifact(local_path)")
            local_path = file_name
        run_id = self.require_run()
        source = _existing(local_path)
        if name is not None:
            deprecated("log_artifact(name=...)", "log_artifact(local_path, artifact_path)")
            self._log_renamed(source, PurePosixPath(name))
            return
        with translated(f"log {source} to run {run_id}"):
            self.client.log_artifact(run_id, str(source), artifact_path)

    def _log_renamed(self, source: Path, target: PurePosixPath) -> None:
        run_id = self.require_run()
        with tempfile.TemporaryDirectory() as folder, translated(f"log {source} to run {run_id}"):
            renamed = Path(folder) / target.name
            shutil.copy(source, renamed)
            parent = str(target.parent) if target.parent.name else None
            self.client.log_artifact(run_id, str(renamed), parent)

    def log_artifacts(
        self,
        local_dir: PathLike | Iterable[PathLike],
        artifact_path: str | Sequence[str] | None = None,
    ) -> None:
        """Copy the content of a directory, or each of a list of files, into the run.

        With a list of files, ``artifact_path`` may be a list of the names they get (old spelling).
        """
        if isinstance(local_dir, str | os.PathLike):
            folder = _existing(local_dir)
            if not folder.is_dir():
                raise TrackingError(f"{folder} is a file; log_artifact(path) takes one file")
            run_id = self.require_run()
            with translated(f"log {folder} to run {run_id}"):
                self.client.log_artifacts(run_id, str(folder), artifact_path)
            return
        files = [_existing(one) for one in local_dir]
        if artifact_path is None or isinstance(artifact_path, str):
            for file in files:
                self.log_artifact(file, artifact_path)
            return
        if len(artifact_path) != len(files):
            raise TrackingError(f"{len(files)} files, but {len(artifact_path)} names for them")
        deprecated("log_artifacts(file_names, names)", "log_artifacts(files, artifact_path)")
        for file, name in zip(files, artifact_path, strict=True):
            self._log_renamed(file, PurePosixPath(name))

    def list_artifacts(self, run_id: str | None = None, path: str | None = None) -> list[FileInfo]:
        """Return what lies in a folder of a run, the active one by default."""
        run_id = self.require_run(run_id)
        with translated(f"list the artifacts of run {run_id}"):
            return list(self.client.list_artifacts(run_id, path))

    def download_artifacts(
        self, run_id: str | None = None, path: str = "", dst_path: PathLike | None = None
    ) -> str:
        """Bring a file or folder of a run (the active one by default) here; return its local path.

        ``dst_path`` is a folder, made when missing; without one a store on this machine gives the
        original's path.
        """
        run_id = self.require_run(run_id)
        with translated(f"download {path or 'the artifacts'} of run {run_id}"):
            if dst_path is not None:
                Path(dst_path).mkdir(parents=True, exist_ok=True)
            return str(self.client.download_artifacts(run_id, path, dst_path and os.fspath(dst_path)))

    def download_artifact(self, name: str, local_path: PathLike, run_id: str | None = None) -> str:
        """Bring one file of a run (the active one by default) to ``local_path``; return where it is.

        An existing folder takes the file under its own name. Nothing is left there when it fails.
        """
        target = Path(local_path)
        if target.is_dir():
            target = target / PurePosixPath(name).name
        with tempfile.TemporaryDirectory() as folder:
            found = Path(self.download_artifacts(run_id, name, folder))
            with translated(f"write {target}"):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(found, target)
        return str(target)

    def load_table(
        self,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Read back what log_table wrote: of the active run, else of every run of the experiment.

        ``extra_columns`` adds columns of search_runs, such as "run_id".
        """
        active = self.current_run_id
        chosen = list(run_ids) if run_ids is not None else [active] if active else None
        experiment_id = self.experiment_id
        if chosen:
            with translated(f"read run {chosen[0]}"):
                experiment_id = self.client.get_run(chosen[0]).info.experiment_id
        columns = list(extra_columns) if extra_columns is not None else None
        with translated(f"read the table {artifact_file}"):
            table: pd.DataFrame = self.client.load_table(experiment_id, artifact_file, chosen, columns)
        return table


def _existing(path: PathLike | None) -> Path:
    if path is None:
        raise TrackingError("log_artifact needs the path of a file or directory")
    found = Path(path)
    if not found.exists():
        raise TrackingError(f"{found} does not exist (looked from {Path.cwd()})")
    return found
