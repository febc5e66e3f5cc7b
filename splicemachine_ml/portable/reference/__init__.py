"""The answers of Spark's ``transform()`` in plain NumPy: slow, readable and independent.

This is the yardstick of the tests: it was written from Spark's Scala source and from experiments on Spark
4.3, never from the ONNX converters, so that an error would have to be made twice to go unseen. It keeps what
an ONNX graph can only imitate: null beside NaN, the cells a sparse vector stores, and the order in which
Spark comes to filter and to raise (see :mod:`.engine`).
"""

from splicemachine_ml.portable.reference.engine import score

__all__ = ["score"]
