"""How Java spells numbers: a StringIndexer reads numbers through a cast to text.

Spark's ``cast(double as string)`` is ``Double.toString`` and ``cast(float as string)`` ``Float.toString``.
Since JDK 19 both give the shortest decimal that rounds back to the number, with two digits at least;
older JDKs sometimes gave a digit more. A label is therefore matched by the number it *reads as*, when it
has Java's shape, so that a model trained on either JDK finds its own labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

import numpy as np

_NUMBER = re.compile(r"-?(\d+)\.(\d+)(E-?\d+)?")
_WHOLE = re.compile(r"0|-?[1-9]\d*")
_SPECIAL = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_CANONICAL_NAN = float("nan")


def double_text(value: float) -> str:
    """``Double.toString(value)`` of JDK 19 and later."""
    value = float(value)
    if value != value or value in (float("inf"), float("-inf")) or value == 0.0:
        return _special_text(value)
    shortest = repr(value)
    return _lay_out(_two_digits(shortest, value))


def float_text(value: float | np.float32) -> str:
    """``Float.toString(value)`` of JDK 19 and later."""
    single = np.float32(value)
    if np.isnan(single) or np.isinf(single) or single == 0.0:
        return _special_text(float(single))
    shortest = np.format_float_scientific(single, unique=True, trim="-")
    return _lay_out(_two_digits(shortest, float(single)))


def double_keys(labels: Iterable[str]) -> dict[int, int]:
    """Bits of a double (int64, NaN canonical) -> position of the label that spells it."""
    return _keys(labels, np.float64, double_text)


def float_keys(labels: Iterable[str]) -> dict[int, int]:
    """Bits of a float (int32, NaN canonical) -> position of the label that spells it."""
    return _keys(labels, np.float32, float_text)


def whole_keys(labels: Iterable[str]) -> dict[int, int]:
    """Whole number -> position of the label that spells it."""
    return {int(label): position for position, label in enumerate(labels) if _WHOLE.fullmatch(label)}


def bits(values: np.ndarray) -> np.ndarray:
    """The bit pattern of float32 or float64 numbers; every NaN has the same one, -0.0 is not 0.0."""
    whole = np.int64 if values.dtype == np.float64 else np.int32
    missing = np.isnan(values)
    if missing.any():
        values = np.where(missing, values.dtype.type(_CANONICAL_NAN), values)
    return np.ascontiguousarray(values).view(whole)


def _keys(labels: Iterable[str], kind: type, spell: Callable[[float], str]) -> dict[int, int]:
    found: dict[int, int] = {}
    exact: dict[int, bool] = {}
    for position, label in enumerate(labels):
        value = _read(label)
        if value is None:
            continue
        with np.errstate(over="ignore"):
            key = int(bits(np.array([value], kind))[0])
        is_exact = spell(value) == label
        if key not in found or (is_exact and not exact[key]):
            found[key], exact[key] = position, is_exact
    return found


def _read(label: str) -> float | None:
    """The number a label in Java's shape stands for, None for any other text ("1", "0.50", "1e3")."""
    if label in _SPECIAL:
        return _SPECIAL[label]
    if not _NUMBER.fullmatch(label):
        return None
    if label in ("0.0", "-0.0"):
        return float(label)
    number = Decimal(label)
    return float(label) if number and _lay_out(number) == label else None


def _two_digits(shortest: str, value: float) -> Decimal:
    """Java takes the nearest decimal of two digits when one digit would do (4.9E-324, not 5E-324)."""
    number = Decimal(shortest).normalize()
    return number if len(number.as_tuple().digits) > 1 else Decimal(f"{value:.1e}")


def _lay_out(number: Decimal) -> str:
    """Plain notation from 10^-3 up to 10^7, else computerised scientific notation."""
    sign, digit_tuple, exponent = number.as_tuple()
    text = "".join(map(str, digit_tuple))
    point = len(text) + int(exponent)
    text = text.rstrip("0")
    minus = "-" if sign else ""
    if not -2 <= point <= 7:
        return f"{minus}{text[0]}.{text[1:] or '0'}E{point - 1}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    return f"{minus}{text[:point].ljust(point, '0')}.{text[point:] or '0'}"


def _special_text(value: float) -> str:
    if value != value:
        return "NaN"
    if value == 0.0:
        return "-0.0" if np.signbit(value) else "0.0"
    return "Infinity" if value > 0 else "-Infinity"
