"""Spark ML persistence without a JVM: a saved directory in, the intermediate representation out."""

from splicemachine_ml.portable.reader.walk import read_pipeline

__all__ = ["read_pipeline"]
