"""Log a saved Spark model with MLflow, in one go, and find it again.

The directory is a valid MLflow model of three flavors: ``spark`` (mlflow.spark.load_model),
``python_function`` (mlflow.pyfunc.load_model and `mlflow models serve`; without Spark where possible) and
``splicemachine_ml``.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splicemachine_ml.errors import MissingExtraError, ModelStoreError, TrackingError
from splicemachine_ml.store import manifest as manifests
from splicemachine_ml.store import requirements
from splicemachine_ml.store.directory import Saved, SavedDirectory, assemble
from splicemachine_ml.store.manifest import Gap, Manifest
from splicemachine_ml.store.signature import signature_of

FLAVOR = "splicemachine_ml"
LOADER = "splicemachine_ml.store.pyfunc"


@dataclass(frozen=True)
class LoggedModel:
    """A model in the store.

    ``model_uri`` is ``models:/<model_id>``. ``gaps`` is empty when the model can be scored without Spark
    (``portable``), else it says why not. ``version``: of the registered model, when one was asked for.
    """

    model_uri: str
    model_id: str
    run_id: str
    name: str
    portable: bool
    gaps: tuple[Gap, ...]
    version: int | None = None


def log_model(
    saved: Saved | Path,
    name: str = "model",
    *,
    schema: Mapping[str, str] | None = None,
    registered_model_name: str | None = None,
) -> LoggedModel:
    """Log what spark.pipeline_io.save_model saved as model ``name`` of MLflow's active run.

    ``schema``: the training DataFrame's columns and Spark types; gives the model a signature and the
    scorer exact input types. Several models a run are fine; the last one of a name is the one found by it.
    Raises TrackingError when no run is active or MLflow refuses; what was begun is then deleted.
    """
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    run = mlflow.active_run()
    if run is None:
        raise TrackingError("no run is active: call create_new_run() or start_run() before logging a model")
    if not isinstance(name, str) or not name.strip():
        # MLflow would invent a name, by which nobody finds the model again.
        raise TrackingError(f"a model needs a name of text, not {name!r}")
    if registered_model_name is not None:
        _check_registered_name(registered_model_name)
    source = SavedDirectory.read(saved) if isinstance(saved, Path) else saved
    with tempfile.TemporaryDirectory(prefix="splicemachine_ml-") as scratch:
        staged = Path(scratch) / "model"
        writer = _Writer(staged, assemble(source, staged, schema))
        try:
            info = Model.log(
                artifact_path=None, name=name, flavor=writer, registered_model_name=registered_model_name
            )
        except (MlflowException, OSError) as error:
            writer.discard()
            way = "; restore_run or restore_experiment brings it back" if "is deleted" in str(error) else ""
            raise TrackingError(f"MLflow did not take the model {name!r}: {error}{way}") from error
        except BaseException:
            writer.discard()
            raise
    return LoggedModel(
        model_uri=str(info.model_uri),
        model_id=str(info.model_id),
        run_id=str(run.info.run_id),
        name=name,
        portable=writer.manifest.portable,
        gaps=writer.manifest.gaps,
        version=int(info.registered_model_version) if info.registered_model_version is not None else None,
    )


def model_path(run_id: str, name: str = "model") -> Path:
    """Return a local, verified directory of the run's latest model of that name.

    Downloaded when the store is remote. Raises TrackingError for an unknown run, ModelStoreError when the
    run has no such model (naming those it has) or its files are damaged.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient()
    try:
        run = client.get_run(run_id)
        found = [m for m in _models_of(client, run) if m.status == "READY"]
        matching = [m for m in found if m.name == name]
        old = not matching and any(f.path == name and f.is_dir for f in client.list_artifacts(run_id))
    except MlflowException as error:
        raise TrackingError(
            f"cannot read run {run_id!r}: {error}; search_runs() lists the runs that exist"
        ) from error
    if matching:
        return download(f"models:/{matching[-1].model_id}")
    if old:
        return download(f"runs:/{run_id}/{name}")  # logged as MLflow 2 did: a folder of the run's artifacts
    names = ", ".join(sorted({repr(m.name) for m in found})) or "none"
    raise ModelStoreError(f"run {run_id} has no model named {name!r}; it has: {names}")


def download(model_uri: str) -> Path:
    """Return a local, verified directory of the model at any MLflow URI (models:/, runs:/, s3:// and so on).

    Raises ModelStoreError when there is none, or when it is damaged or was not logged by this package;
    MissingExtraError when MLflow lacks the package for that kind of store.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        directory = Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri))
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"{model_uri} needs the Python module {error.name}; install it") from error
    except (MlflowException, OSError, ValueError, *_of_s3()) as error:
        raise ModelStoreError(f"cannot get the model {model_uri}: {error}") from error
    manifests.verify(directory)
    return directory


def _of_s3() -> tuple[type[Exception], ...]:
    # MLflow lets them through. Looked up only when something has failed, so nothing waits for the import.
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _check_registered_name(name: str) -> None:
    # MLflow looks at this name when the model is in the store already, and names another parameter.
    if not isinstance(name, str) or not name.strip() or set(name) & set("/:"):
        raise TrackingError(
            f"registered_model_name={name!r} cannot name a registered model: use some text without / and :"
        )


def _models_of(client: Any, run: Any) -> Iterator[Any]:
    """Yield the run's logged models, oldest first."""
    token = None
    while True:
        page = client.search_logged_models(
            experiment_ids=[run.info.experiment_id],
            filter_string=f"source_run_id = '{run.info.run_id}'",
            order_by=[{"field_name": "creation_timestamp", "ascending": True}],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


class _Writer:
    """What MLflow's Model.log calls a flavor: its save_model fills the directory that is uploaded."""

    def __init__(self, staged: Path, manifest: Manifest) -> None:
        self.manifest = manifest
        self._staged = staged
        self._model_id: str | None = None

    def save_model(self, path: str, mlflow_model: Any, **_: Any) -> None:
        """Move the staged model to ``path`` and write MLflow's own files beside it."""
        self._model_id = mlflow_model.model_id
        directory = self._staged.rename(path)
        self._describe(mlflow_model)
        requirements.write_requirements(directory, manifests.package_version())
        mlflow_model.model_size_bytes = sum(f.stat().st_size for f in directory.rglob("*") if f.is_file())
        mlflow_model.save(directory / "MLmodel")

    def discard(self) -> None:
        """Delete the model record MLflow has begun, and its files, so that a failure leaves none."""
        import mlflow
        from mlflow.exceptions import MlflowException
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        if self._model_id is not None:
            client = mlflow.MlflowClient()
            # The first error is the one to show; some artifact stores cannot delete.
            with contextlib.suppress(MlflowException, OSError, NotImplementedError):
                location = client.get_logged_model(self._model_id).artifact_location
                client.delete_logged_model(self._model_id)
                get_artifact_repository(location).delete_artifacts()

    def _describe(self, mlflow_model: Any) -> None:
        from mlflow import pyfunc

        mlflow_model.signature = signature_of(self.manifest)
        mlflow_model.add_flavor(
            "spark",
            pyspark_version=self.manifest.spark_version,
            model_data=manifests.SPARK_FOLDER,
            code=None,
            model_class="pyspark.ml.pipeline.PipelineModel",  # bare models are stored as its only stage
        )
        pyfunc.add_to_model(
            mlflow_model,
            loader_module=LOADER,
            conda_env=requirements.CONDA,
            python_env=requirements.PYTHON_ENV,
        )
        mlflow_model.add_flavor(
            FLAVOR,
            format=manifests.FORMAT,
            package_version=self.manifest.package_version,
            portable=self.manifest.portable,
            manifest=manifests.FILE,
        )
