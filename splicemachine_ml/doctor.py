"""What this machine has for splicemachine_ml, what is missing and how to get it. Looks, never changes."""

from __future__ import annotations

import os
import sys
from typing import Any

from splicemachine_ml.errors import SpliceMLError
from splicemachine_ml.settings import Settings


def examine() -> list[dict[str, Any]]:
    """Return one ``{"what", "found", "ok"}`` for each thing that is needed; credentials are left out."""
    return [*_packages(), _java(), *_settings()]


def _finding(what: str, found: str, *, ok: bool = True) -> dict[str, Any]:
    return {"what": what, "found": found, "ok": ok}


def _packages() -> list[dict[str, Any]]:
    # From the metadata: importing them all takes ten seconds and more.
    from importlib.metadata import PackageNotFoundError, version

    findings = [_finding("python", sys.version.split()[0])]
    for name in ("splicemachine_ml", "pyspark", "mlflow", "onnxruntime", "jaydebeapi", "boto3", "sagemaker"):
        try:
            findings.append(_finding(name, version(name)))
        except PackageNotFoundError:
            findings.append(_finding(name, f"not installed; pip install {name}", ok=False))
    return findings


def _java() -> dict[str, Any]:
    from splicemachine_ml.spark.java import find_java

    try:
        java = find_java(state_dir=Settings.load().state_dir)
    except SpliceMLError as error:
        return _finding("java", str(error), ok=False)
    return _finding("java", f"{java.version} from {java.source}")


def _settings() -> list[dict[str, Any]]:
    try:
        settings = Settings.load()
    except SpliceMLError as error:
        return [_finding("settings", str(error), ok=False)]
    state = settings.state_dir.resolve()
    nearest = next(folder for folder in (state, *state.parents) if folder.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK)
    advice = "" if writable else " is not writable; set SPLICEMACHINE_ML_STATE_DIR to a folder that is"
    return [
        _finding("tracking store", settings.shown("tracking_uri")),
        _finding("state folder", f"{state}{advice}", ok=writable),
    ]
