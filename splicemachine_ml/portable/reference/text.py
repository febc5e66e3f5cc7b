"""Numbers and the text that Spark's cast to string makes of them, for StringIndexer.

A label of a fitted StringIndexer on a number column is Java's spelling of that number. Which digits Java
prints depends on its version (before JDK 19 Float.toString(2.458034E10) ended in ...397E10), but every
version prints text that reads back as the same number. So a number is matched to the label that reads back
as it and is spelled the way Java spells: the answer is Spark's, on whichever JDK the labels were made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.portable.reference.values import Values

INTEGERS = ("tinyint", "smallint", "int", "bigint")
# Java's Double.toString: plain from 1e-3 up to 1e7, else one digit, a point, digits, E and the exponent
_PLAIN = re.compile(r"-?(0|[1-9]\d{0,6})\.(0|\d*[1-9])")
_SCIENTIFIC = re.compile(r"-?[1-9]\.(0|\d*[1-9])E(-?[1-9]\d*)")
_WORDS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def java_number(label: str) -> float | None:
    """The number that Java spells as ``label``, or None: it writes 1.0, never 1, 1.50 or 1e3."""
    if label in _WORDS:
        return _WORDS[label]
    if _PLAIN.fullmatch(label):
        value = float(label)
        return value if value == 0 or abs(value) >= 1e-3 else None
    found = _SCIENTIFIC.fullmatch(label)
    if found and not -3 <= int(found[2]) < 7:
        return float(label)
    return None


def positions(values: Values, labels: Sequence[str]) -> NDArray[np.int64]:
    """Where each value stands in ``labels``, -1 where it does not (always so for null).

    The type decides the spelling: the column's Spark type, else the type of what the caller gave.
    """
    source = values.data if values.raw is None else values.raw
    by_text = {label: place for place, label in enumerate(labels)}
    by_double = _by_number(labels, float)
    by_float = _by_number(labels, np.float32)
    find = _finder(values.spark_type, by_text, by_double, by_float)
    found = [-1 if null else find(value) for value, null in zip(source, values.null, strict=True)]
    return np.array(found, dtype=np.int64)


def _finder(
    spark_type: str, by_text: dict[str, int], by_double: dict[str, int], by_float: dict[str, int]
) -> Callable[[Any], int]:
    """The look-up for one Spark type; for "" it depends on each value's own type."""

    def text(value: Any) -> int:
        return by_text.get(str(value), -1)

    def whole(value: Any) -> int:
        return by_text.get(str(int(value)), -1)

    def double(value: Any) -> int:
        return by_double.get(_key(float(value)), -1)

    def single(value: Any) -> int:
        return by_float.get(_key(np.float32(value)), -1)

    def decimal(value: Any) -> int:
        return by_text.get(_decimal_text(value, spark_type), -1)

    def own(value: Any) -> int:
        if isinstance(value, str | Decimal):
            return text(value)
        if isinstance(value, np.float32):
            return single(value)
        return double(value) if isinstance(value, float | np.floating) else whole(value)

    if spark_type in INTEGERS:
        return whole
    if spark_type.startswith("decimal"):
        return decimal
    return {"string": text, "double": double, "float": single}.get(spark_type, own)


def _by_number(labels: Sequence[str], number: type) -> dict[str, int]:
    """Labels by the number they spell; the first of equals wins."""
    found: dict[str, int] = {}
    for place, label in enumerate(labels):
        value = java_number(label)
        if value is not None:
            # text -> float32 directly: through a double it would be rounded twice
            found.setdefault(_key(number(label) if number is np.float32 else value), place)
    return found


def _key(value: Any) -> str:
    """A dictionary key that tells -0.0 from 0.0 and finds NaN again, as their texts do."""
    return float(value).hex()


def _decimal_text(value: Any, spark_type: str) -> str:
    """decimal(p,s) as text: always s digits behind the point."""
    scale = int(spark_type.rstrip(")").rpartition(",")[2])
    return format(Decimal(str(value)).quantize(Decimal(1).scaleb(-scale)), "f")
