"""A saved Spark pipeline becomes a portable model: ``model.onnx`` and ``spec.json`` in one directory."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.portable.onnx import build
from splicemachine_ml.portable.plan import make_plan
from splicemachine_ml.portable.reader import read_pipeline
from splicemachine_ml.portable.spec import MODEL_FILE, SPEC_FILE
from splicemachine_ml.portable.stages import Plan


def convert(spark_directory: Path, out: Path, *, schema: Mapping[str, str] | None = None) -> Plan:
    """Read the pipeline saved in ``spark_directory`` (no Spark needed) and write its portable form.

    ``schema``: column name to Spark type, of the data the pipeline was fitted on, when known. ``out`` must
    not exist or be empty; it appears complete or not at all. Raises ModelStoreError (the saved pipeline is
    damaged, ``out`` is taken), UnsupportedStageError (all gaps at once) or ConversionError.
    """
    plan = make_plan(read_pipeline(Path(spark_directory), schema=schema), schema)
    write(plan, Path(out))
    return plan


def write(plan: Plan, out: Path) -> None:
    """Build the plan and write ``model.onnx`` and ``spec.json`` to the new directory ``out``, atomically."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelStoreError(f"{out} is not empty: choose another directory or remove it first")
    model, spec = build(plan)
    beside = out.parent / f".{out.name}-{uuid.uuid4().hex}"
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise ModelStoreError(f"cannot write beside {out}: {error}") from error
    try:
        (beside / MODEL_FILE).write_bytes(model)
        (beside / SPEC_FILE).write_text(spec.to_json(), encoding="utf-8")
        os.replace(beside, out)
    except OSError as error:
        raise ModelStoreError(f"cannot write the portable model to {out}: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
