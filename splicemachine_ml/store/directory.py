"""Put a model directory together: Spark's files, the Spark-free form, the manifest."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from splicemachine_ml.errors import ConversionError, ModelStoreError, UnsupportedStageError
from splicemachine_ml.store import manifest as manifests
from splicemachine_ml.store.manifest import Gap, Manifest, ModelColumn

if TYPE_CHECKING:
    from splicemachine_ml.portable.stages import Column, Plan

_MARKER = "_splicemachine_ml.json"  # what spark.pipeline_io.save_model leaves beside Spark's files


class Saved(Protocol):
    """What spark.pipeline_io.save_model returns."""

    @property
    def path(self) -> Path: ...  # noqa: D102
    @property
    def model_class(self) -> str: ...  # noqa: D102
    @property
    def spark_version(self) -> str: ...  # noqa: D102
    @property
    def uid(self) -> str: ...  # noqa: D102
    @property
    def bare(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True)
class SavedDirectory:
    """The same, read back from a directory that save_model() wrote."""

    path: Path
    model_class: str
    spark_version: str
    uid: str
    bare: bool

    @classmethod
    def read(cls, path: Path) -> SavedDirectory:
        """Read the note save_model() left; ModelStoreError when there is none."""
        try:
            note = json.loads((path / _MARKER).read_text(encoding="utf-8"))
            return cls(
                path,
                str(note["model_class"]),
                str(note["spark_version"]),
                str(note["uid"]),
                bool(note["bare"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelStoreError(
                f"{path} was not written by save_model of spark.pipeline_io ({_MARKER}: {error})"
            ) from error


def assemble(saved: Saved, directory: Path, schema: Mapping[str, str] | None) -> Manifest:
    """Fill the absent ``directory`` with sparkml/, portable/ when the pipeline converts, and manifest.json.

    A pipeline without a Spark-free form is no error: the manifest's ``gaps`` say why. ConversionError when it
    has one, but not for columns of ``schema``.
    """
    directory.mkdir(parents=True)
    shutil.copytree(saved.path, directory / manifests.SPARK_FOLDER, copy_function=_link_or_copy)
    plan, gaps = _convert(saved, directory, schema)
    manifest = Manifest(
        model_class=saved.model_class,
        uid=saved.uid,
        bare=saved.bare,
        spark_version=saved.spark_version,
        schema=None if schema is None else dict(schema),
        portable=plan is not None,
        gaps=gaps,
        inputs=_columns(plan.inputs) if plan else (),
        outputs=_columns(plan.outputs) if plan else (),
        package_version=manifests.package_version(),
        created=manifests.now(),
        files=manifests.checksums(directory),
    )
    manifests.write(manifest, directory)
    return manifest


def _convert(
    saved: Saved, directory: Path, schema: Mapping[str, str] | None
) -> tuple[Plan | None, tuple[Gap, ...]]:
    from splicemachine_ml.portable.convert import convert

    source, target = directory / manifests.SPARK_FOLDER, directory / manifests.PORTABLE_FOLDER
    try:
        return convert(source, target, schema=schema), ()
    except UnsupportedStageError as error:
        return None, tuple(Gap(*gap) for gap in error.gaps)
    except ConversionError as error:
        if schema is not None and _converts(source, target):
            raise ConversionError(
                f"df does not fit the model: {error}; pass the DataFrame it was trained on, or no df"
            ) from error
        return None, (Gap(saved.uid, saved.model_class, str(error)),)


def _converts(source: Path, target: Path) -> bool:
    # Without a schema: then the columns of the given one are to blame, not the pipeline.
    from splicemachine_ml.portable.convert import convert

    try:
        convert(source, target)
    except ConversionError:
        return False
    return True


def _columns(columns: tuple[Column, ...]) -> tuple[ModelColumn, ...]:
    return tuple(ModelColumn(c.name, c.kind, c.size, c.nullable, c.spark_type) for c in columns)


def _link_or_copy(source: str, target: str) -> None:
    # Forests take hundreds of megabytes; nobody writes to these files again.
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
