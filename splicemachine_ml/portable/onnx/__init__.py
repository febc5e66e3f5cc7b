"""A plan as an ONNX graph in double precision: ``build(plan) -> (model bytes, ScoringSpec)``."""

from splicemachine_ml.portable.onnx.build import build

__all__ = ["build"]
