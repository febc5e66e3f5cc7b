"""A fitted pipeline to a local directory and back, through Spark's own writers and readers."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.spark.completeness import check_complete
from splicemachine_ml.spark.writer import write_pipeline

FORMAT = 1
# Hadoop takes names that begin with "_" for its own and leaves them alone, as MLflow and Spark's readers do.
MARKER = "_splicemachine_ml.json"
PIPELINE_CLASS = "pyspark.ml.pipeline.PipelineModel"
# Spark's readers take these in a path for a pattern or for a separator of several paths.
_PATTERN = frozenset("*?[]{}\\,")


@dataclass(frozen=True)
class SavedModel:
    """A model on the local disk: ``path`` is a PipelineModel's directory as Spark writes it.

    ``bare``: a single model was given; the directory holds it as the only stage of a pipeline (which is what
    mlflow.spark.load_model needs) and load_model() takes it out again. ``model_class`` is the Python class
    and ``uid`` the uid of what was given.
    """

    path: Path
    model_class: str
    spark_version: str
    uid: str
    bare: bool


def save_model(model: Any, directory: Path) -> SavedModel:
    """Save a fitted PipelineModel, or one fitted model, to ``directory`` (absent or empty before).

    Every stage is looked for on the disk afterwards. Raises ModelStoreError when something in it is not
    fitted or cannot be saved, when the directory has content, and when files are missing after the save;
    ``directory`` then does not exist (an empty one stays).
    """
    from pyspark import SparkContext
    from pyspark.ml import PipelineModel

    refuse_unfit(model)
    if SparkContext._active_spark_context is None:  # noqa: SLF001  (no public question for it)
        raise ModelStoreError(
            f"the Spark session in which {model.uid} lives has been stopped; start one with spark_session() "
            "and fit or load the model again"
        )
    directory = directory.absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ModelStoreError(f"{directory} exists and is not an empty directory; choose another one")
    directory.parent.mkdir(parents=True, exist_ok=True)
    bare = not isinstance(model, PipelineModel)
    whole = PipelineModel([model]) if bare else model
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=directory.parent))
    try:
        _write(whole, partial)
        version = str(check_complete(partial)["sparkVersion"])
        saved = SavedModel(directory, _class_name(model), version, str(model.uid), bare)
        _finish(saved, partial)
        os.replace(partial, directory)  # replaces an empty directory, refuses any other
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return saved


def _write(whole: Any, directory: Path) -> None:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        write_pipeline(whole, directory, _uri(directory))
    except (Py4JError, PySparkException, OSError, ValueError, TypeError) as error:
        raise ModelStoreError(f"Spark could not save {whole.uid} to {directory}: {_short(error)}") from error


def _finish(saved: SavedModel, directory: Path) -> None:
    # Hadoop's own checksums double the number of files; Spark reads without them, the manifest has ours.
    for file in directory.rglob(".*.crc"):
        file.unlink()
    marker = {"format": FORMAT, **{k: v for k, v in asdict(saved).items() if k != "path"}}
    (directory / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")


def load_model(directory: Path) -> Any:
    """Return the PipelineModel, or the bare model, saved in ``directory``.

    ``directory`` is what save_model() or Spark wrote, or a logged model with that in ``sparkml/``. Needs a
    Spark session (the active one, else Spark starts its default). Raises ModelStoreError when it is missing,
    incomplete or refused by Spark.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.ml import PipelineModel

    directory = directory.absolute()
    if not directory.is_dir():
        raise ModelStoreError(f"there is no model directory {directory}")
    if (directory / "sparkml").is_dir():
        directory = directory / "sparkml"
    metadata = check_complete(directory)
    if not str(metadata["class"]).endswith(".PipelineModel"):
        raise ModelStoreError(
            f"{directory} holds a {metadata['class']}, not a fitted pipeline; load it with that class"
        )
    try:
        whole = PipelineModel.load(_uri(directory))
    except (Py4JError, PySparkException, OSError, ValueError, AttributeError, ImportError) as error:
        import pyspark

        raise ModelStoreError(
            f"Spark {pyspark.__version__} could not load {directory}, written by Spark "
            f"{metadata.get('sparkVersion', '(unknown)')}: {_short(error)}"
        ) from error
    return whole.stages[0] if _is_bare(directory) else whole


def schema_of(df: Any) -> dict[str, str]:
    """Return column -> Spark's simpleString of its type, for a Spark DataFrame or a pandas one.

    An object column of pandas is what its values are; one of mixed or no values is left out, because
    nothing is known about it. Raises ModelStoreError for anything else.
    """
    if isinstance(df, pd.DataFrame):
        named = ((str(name), _pandas_type(df[name])) for name in df.columns)
        return {name: kind for name, kind in named if kind}
    fields = getattr(getattr(df, "schema", None), "fields", None)
    if fields is None:
        raise ModelStoreError(
            f"a Spark or a pandas DataFrame is needed for the schema, not {_class_name(df)}"
        )
    return {str(field.name): str(field.dataType.simpleString()) for field in fields}


def refuse_unfit(model: Any) -> None:
    """Raise ModelStoreError unless ``model`` and all stages in it are fitted and can be saved."""
    from pyspark.ml import Estimator, Transformer
    from pyspark.ml.util import MLWritable

    if isinstance(model, Estimator):
        raise ModelStoreError(
            f"{model.uid} is a {type(model).__name__} that has not been fitted; "
            f"call fitted = pipeline.fit(df) and log what it returns"
        )
    if not isinstance(model, Transformer):
        raise ModelStoreError(
            f"a fitted Spark ML PipelineModel or Model is needed, not {_class_name(model)}; models of other "
            'libraries are logged with log_model(model, "mlflow.sklearn") and the like'
        )
    stages = list(_stages(model))
    unfitted = [s for s in stages if isinstance(s, Estimator)]
    if unfitted:
        names = ", ".join(f"{s.uid} ({type(s).__name__})" for s in unfitted)
        raise ModelStoreError(
            f"{model.uid} holds stages that have not been fitted: {names}; put them into a Pipeline and call "
            "fit(df) on it"
        )
    unsaved = [s for s in stages if not isinstance(s, MLWritable)]
    if unsaved:
        names = ", ".join(f"{s.uid} ({_class_name(s)})" for s in unsaved)
        raise ModelStoreError(
            f"Spark cannot save {names}: not MLWritable; derive from DefaultParamsWritable and "
            "DefaultParamsReadable"
        )


def _stages(model: Any) -> Iterator[Any]:
    yield model
    for stage in getattr(model, "stages", ()):
        yield from _stages(stage)


def _is_bare(directory: Path) -> bool:
    marker = directory / MARKER
    if not marker.is_file():
        return False  # written by mlflow.spark or by hand
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        newer, bare = int(content["format"]) > FORMAT, bool(content["bare"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelStoreError(f"{marker} is corrupt; log the model again") from error
    if newer:
        raise ModelStoreError(f"{marker} has format {content['format']}; upgrade splicemachine_ml to read it")
    return bare


def _uri(directory: Path) -> str:
    # The scheme keeps a cluster's default file system out of it. No percent-encoding: Hadoop's Path does not
    # decode it.
    bad = sorted(_PATTERN & set(str(directory)))
    if bad:
        raise ModelStoreError(
            f"Spark takes {' '.join(bad)} in a path for a pattern; move {directory} to a path without"
        )
    return f"file://{directory}"


def _class_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _short(error: BaseException) -> str:
    """Return the first lines of Spark's message, without the Java stack trace."""
    lines = [line for line in str(error).splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    return " ".join(lines[:3])[:500] or type(error).__name__


_PANDAS_TYPES = {
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "float32": "float",
    "float64": "double",
    "bool": "boolean",
    "boolean": "boolean",
}
_VALUE_TYPES = {"string": "string", "boolean": "boolean", "integer": "bigint", "floating": "double"}


def _pandas_type(column: pd.Series[Any]) -> str:
    """Return the Spark type createDataFrame would give the column, "" when its values do not tell."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _pandas_type(column.cat.categories.to_series())
    name = str(column.dtype).lower()
    if name in _PANDAS_TYPES:
        return _PANDAS_TYPES[name]
    if name.startswith("datetime64"):
        return "timestamp"
    if name.startswith("string") or name == "str":
        return "string"
    return _VALUE_TYPES.get(pd.api.types.infer_dtype(column, skipna=True), "")
