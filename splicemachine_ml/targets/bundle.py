"""The bundle: one model.tar.gz with the model and the code that serves it, the same bytes every time.

manifest.json         of the logged model
portable/             model.onnx and spec.json
code/splicemachine_ml the modules named below; PYTHONPATH=/opt/ml/model/code serves the model
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splicemachine_ml.errors import DeployError, ModelStoreError
from splicemachine_ml.targets.archive import write_archive

# Everything that the endpoint imports of this package; a test compares it with what a serving process loads.
ENDPOINT_FILES = (
    "__init__.py",
    "errors.py",
    "portable/__init__.py",
    "portable/coder.py",
    "portable/encode.py",
    "portable/java_text.py",
    "portable/rules.py",
    "portable/scorer.py",
    "portable/spec.py",
    "serving/__init__.py",
    "serving/__main__.py",
    "serving/app.py",
    "serving/columns.py",
    "serving/control.py",
    "serving/decoders.py",
    "serving/encoders.py",
    "serving/media.py",
    "serving/server.py",
)

_MANIFEST_FORMAT = 1
_MANIFEST_KEYS = {"format": int, "portable": bool, "gaps": list, "files": dict}
_MODEL_FILES = ("portable/model.onnx", "portable/spec.json")


@dataclass(frozen=True)
class Bundle:
    """A written model.tar.gz and its SHA-256."""

    path: Path
    checksum: str


def make_bundle(model_dir: Path, out: Path) -> Bundle:
    """Write ``out`` (model.tar.gz) from a logged model's directory.

    Raises DeployError when the model has no Spark-free form, naming the stages in the way, and
    ModelStoreError when the directory is not a logged model.
    """
    manifest = _manifest(model_dir)
    if not manifest["portable"]:
        raise DeployError(_gaps(model_dir, manifest))
    files: dict[str, Path | bytes] = {"manifest.json": model_dir / "manifest.json"}
    for name in _MODEL_FILES:
        files[name] = _verified(model_dir / name, manifest["files"].get(name))
    package = Path(__file__).parent.parent
    for name in ENDPOINT_FILES:
        files[f"code/splicemachine_ml/{name}"] = package / name
    write_archive(files, out)
    with out.open("rb") as file:
        return Bundle(out, hashlib.file_digest(file, "sha256").hexdigest())


def _manifest(model_dir: Path) -> dict[str, Any]:
    path = model_dir / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelStoreError(
            f"{model_dir} is not a model logged by log_spark_model: manifest.json {error.strerror}"
        ) from error
    except ValueError as error:
        raise ModelStoreError(f"{path} is damaged: {error}") from error
    if not isinstance(manifest, dict) or not all(
        isinstance(manifest.get(key), kind) for key, kind in _MANIFEST_KEYS.items()
    ):
        raise ModelStoreError(f"{path} is damaged: it is no manifest of splicemachine_ml")
    if manifest["format"] > _MANIFEST_FORMAT:
        raise ModelStoreError(
            f"{path} has format {manifest['format']}, this version reads up to {_MANIFEST_FORMAT}: "
            "upgrade splicemachine_ml"
        )
    return manifest


def _verified(path: Path, entry: Any) -> bytes:
    # Read once: what is compared with the checksum is what travels.
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelStoreError(f"{path}: {error.strerror}; download or log the model again") from error
    if not isinstance(entry, dict) or hashlib.sha256(content).hexdigest() != entry.get("sha256"):
        raise ModelStoreError(f"{path} is not what was logged (checksum); download or log the model again")
    return content


def _gaps(model_dir: Path, manifest: dict[str, Any]) -> str:
    lines = [
        f"  {gap.get('uid') or 'the pipeline'} ({gap.get('spark_class')}): {gap.get('reason')}"
        for gap in manifest["gaps"]
    ]
    return (
        f"the model in {model_dir} cannot be deployed, it has no Spark-free form:\n"
        + "\n".join(lines)
        + "\nReplace these stages, or score with Spark (load_spark_model)."
    )
