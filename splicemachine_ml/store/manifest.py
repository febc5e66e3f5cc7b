"""manifest.json at the top of a logged model: what is in the directory, and whether it still is.

MLflow may rewrite its own files (MLmodel, the requirements) when a model is registered or gets a new
signature; they are not listed, so that this stays allowed. Everything that answers depend on is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any

from splicemachine_ml.errors import ModelStoreError

FORMAT = 1
FILE = "manifest.json"
SPARK_FOLDER = "sparkml"
PORTABLE_FOLDER = "portable"


@dataclass(frozen=True)
class ModelColumn:
    """A raw input or an output; fields as portable.stages.Column."""

    name: str
    kind: str
    size: int
    nullable: bool
    spark_type: str


@dataclass(frozen=True)
class Gap:
    """Why a stage (or, with empty ``uid``, the whole pipeline) has no Spark-free form."""

    uid: str
    spark_class: str
    reason: str


@dataclass(frozen=True)
class FileEntry:
    """A file's SHA-256 (hex) and size in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Content of manifest.json.

    ``schema`` is the training DataFrame's (column -> Spark type) or None when none was given. ``portable``:
    the directory holds portable/model.onnx; then ``inputs`` and ``outputs`` are its columns and ``gaps`` is
    empty. Otherwise ``gaps`` says why not. ``created`` is ISO 8601, UTC. ``files``: path -> checksum.
    """

    model_class: str
    uid: str
    bare: bool
    spark_version: str
    schema: Mapping[str, str] | None
    portable: bool
    gaps: tuple[Gap, ...]
    inputs: tuple[ModelColumn, ...]
    outputs: tuple[ModelColumn, ...]
    package_version: str
    created: str
    files: Mapping[str, FileEntry]
    format: int = FORMAT


def now() -> str:
    """Return this moment as manifests spell it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def package_version() -> str:
    """Return this package's version ("0" in a checkout that is not installed)."""
    try:
        return version("splicemachine_ml")
    except PackageNotFoundError:
        return "0"


def checksums(directory: Path) -> dict[str, FileEntry]:
    """Return the checksums of all files in ``directory``'s sparkml/ and portable/, in a fixed order."""
    files: dict[str, FileEntry] = {}
    for folder in (SPARK_FOLDER, PORTABLE_FOLDER):
        for path in sorted((directory / folder).rglob("*")):
            if path.is_file():
                files[path.relative_to(directory).as_posix()] = _entry(path)
    return files


def write(manifest: Manifest, directory: Path) -> None:
    """Write ``directory/manifest.json``."""
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
    (directory / FILE).write_text(text + "\n", encoding="utf-8")


def read(directory: Path) -> Manifest:
    """Read ``directory/manifest.json`` without looking at the files it lists.

    Raises ModelStoreError when it is missing, not JSON, lacks a field, or is of a newer format.
    """
    path = directory / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelStoreError(
            f"{directory} has no {FILE}: it was not logged by log_spark_model of splicemachine_ml, or the "
            "download was cut off. A model logged by mlflow.spark is read by mlflow.spark.load_model; log it "
            "again with log_spark_model to get a manifest and a scorer"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelStoreError(f"{path} is corrupt ({error}); download or log the model again") from error
    return _parse(content, path)


def verify(directory: Path) -> Manifest:
    """Read the manifest and check that every listed file is there, unchanged, and no other that Spark reads.

    Raises ModelStoreError naming all files that are missing, changed or too many, and as read() does.
    """
    manifest = read(directory)
    problems = list(_differences(manifest.files, directory))
    if problems:
        raise ModelStoreError(
            f"the model in {directory} is not what was logged:\n"
            + "\n".join(f"  {line}" for line in problems[:20])
            + (f"\n  and {len(problems) - 20} more" if len(problems) > 20 else "")
            + "\nDownload it again; if that does not help, the artifact store lost it: log the model again."
        )
    return manifest


def _differences(files: Mapping[str, FileEntry], directory: Path) -> Iterable[str]:
    for name, expected in files.items():
        path = directory / name
        if not path.is_file():
            yield f"{name}: missing"
        elif path.stat().st_size != expected.bytes:
            yield f"{name}: {path.stat().st_size} bytes instead of {expected.bytes}"
        elif _entry(path).sha256 != expected.sha256:
            yield f"{name}: wrong checksum"
    # Spark reads every part file it finds: one left over from another save would change the answers.
    for path in sorted((directory / SPARK_FOLDER).rglob("part-*")):
        name = path.relative_to(directory).as_posix()
        if name not in files:
            yield f"{name}: was not logged"


def _entry(path: Path) -> FileEntry:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return FileEntry(digest, path.stat().st_size)


def _parse(content: Any, path: Path) -> Manifest:
    number = content.get("format") if isinstance(content, dict) else None
    if not isinstance(number, int):
        raise ModelStoreError(f"{path} is corrupt (no format version); download or log the model again")
    if number > FORMAT:
        writer = content.get("package_version", "(unknown)")
        raise ModelStoreError(
            f"{path} has format {number}, written by splicemachine_ml {writer}; "
            f"this is {package_version()}, which reads up to format {FORMAT}: upgrade splicemachine_ml"
        )
    try:
        fields = dict(content)
        for name in fields["files"]:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ModelStoreError(f"{path} lists {name!r}, which lies outside of the model's directory")
        fields["files"] = {name: FileEntry(**entry) for name, entry in fields["files"].items()}
        fields["gaps"] = tuple(Gap(**gap) for gap in fields["gaps"])
        for key in ("inputs", "outputs"):
            fields[key] = tuple(ModelColumn(**column) for column in fields[key])
        return Manifest(**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelStoreError(f"{path} is corrupt ({error}); download or log the model again") from error
