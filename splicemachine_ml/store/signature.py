"""The MLflow signature of a portable model: its raw inputs, and what pyfunc's predict returns."""

from __future__ import annotations

from typing import Any

from splicemachine_ml.store.manifest import Manifest, ModelColumn

_INTEGERS = ("tinyint", "smallint", "int", "bigint")


def signature_of(manifest: Manifest) -> Any:
    """Return an mlflow ModelSignature, or None when the model was logged without a schema or has no scorer.

    Whole numbers are ``long`` whatever their Spark width, since pandas reads them as int64 and MLflow
    refuses to narrow. No input is ``required``: nullable columns may be absent from MLflow's point of view,
    the scorer itself raises for a column it misses.
    """
    if manifest.schema is None or not manifest.portable or not manifest.inputs:
        return None
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    inputs = Schema([ColSpec(_type(column), column.name) for column in manifest.inputs])
    predicted = any(column.name == "prediction" for column in manifest.outputs)
    return ModelSignature(inputs, Schema([ColSpec("double", "prediction")]) if predicted else None)


def _type(column: ModelColumn) -> Any:
    if column.kind == "vector":
        from mlflow.types import DataType
        from mlflow.types.schema import Array

        return Array(DataType.double)
    if column.kind == "string" or column.spark_type == "string":
        return "string"
    if column.spark_type == "boolean":
        return "boolean"
    return "long" if column.spark_type in _INTEGERS else "double"
