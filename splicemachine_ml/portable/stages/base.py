"""What all stages have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
HandleInvalid: TypeAlias = Literal["error", "skip", "keep"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """One fitted stage. ``uid`` is Spark's, ``spark_class`` the Scala class that was saved."""

    uid: str
    spark_class: str
