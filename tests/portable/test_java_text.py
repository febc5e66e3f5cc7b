"""How Java spells numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicemachine_ml.portable import java_text

DOUBLES = {
    1.0: "1.0",
    -1.0: "-1.0",
    0.0: "0.0",
    100.0: "100.0",
    0.1: "0.1",
    1.5: "1.5",
    1e-3: "0.001",
    0.002: "0.002",
    9.999e-4: "9.999E-4",
    1e-4: "1.0E-4",
    1.25e-5: "1.25E-5",
    1e7: "1.0E7",
    9999999.0: "9999999.0",
    9999999.999999998: "9999999.999999998",
    12345678.9: "1.23456789E7",
    1e10: "1.0E10",
    1e21: "1.0E21",
    1e23: "1.0E23",
    2e23: "2.0E23",
    123456789012345680.0: "1.2345678901234568E17",
    5e-324: "4.9E-324",
    1e-323: "9.9E-324",
    1.5e-323: "1.5E-323",
    2.2250738585072014e-308: "2.2250738585072014E-308",
    1.7976931348623157e308: "1.7976931348623157E308",
    math.pi: "3.141592653589793",
    2.0**-44: "5.684341886080802E-14",
    math.inf: "Infinity",
    -math.inf: "-Infinity",
}
FLOATS = {
    0.1: "0.1",
    1.1: "1.1",
    16777216.0: "1.6777216E7",
    3.4028235e38: "3.4028235E38",
    1.4e-45: "1.4E-45",
    1e10: "1.0E10",
    0.33333334: "0.33333334",
    1e-3: "0.001",
    -0.0: "-0.0",
    100.0: "100.0",
}


@pytest.mark.parametrize(("value", "expected"), [(repr(value), text) for value, text in DOUBLES.items()])
def test_double_text(value, expected):
    assert java_text.double_text(float(value)) == expected


def test_negative_zero_and_nan():
    assert java_text.double_text(-0.0) == "-0.0"
    assert java_text.double_text(math.nan) == java_text.float_text(math.nan) == "NaN"


@pytest.mark.parametrize(("value", "expected"), list(FLOATS.items()))
def test_float_text(value, expected):
    assert java_text.float_text(value) == expected


@given(st.floats(allow_nan=False))
def test_a_double_reads_back_and_finds_its_label(value):
    text = java_text.double_text(value)
    assert float(text.replace("Infinity", "inf")).hex() == value.hex()
    keys = java_text.double_keys(["other", text])
    assert keys == {int(java_text.bits(np.array([value]))[0]): 1}


@given(st.floats(allow_nan=False, width=32))
def test_a_float_reads_back_and_finds_its_label(value):
    single = np.float32(value)
    text = java_text.float_text(single)
    assert np.float32(text.replace("Infinity", "inf")).tobytes() == single.tobytes()
    assert java_text.float_keys([text]) == {int(java_text.bits(np.array([single]))[0]): 0}


@given(st.floats(min_value=1e-3, max_value=9999999, exclude_max=True, allow_nan=False))
def test_between_a_thousandth_and_ten_million_there_is_no_exponent(value):
    assert "E" not in java_text.double_text(value)


@pytest.mark.parametrize(
    "label", ["1", "01.0", "1.00", "0.50", "1e3", "10000000.0", "0.0001", "1.0E2", "+1.0", " 1.0", "", "nan"]
)
def test_text_that_java_never_writes_is_no_number(label):
    assert java_text.double_keys([label]) == {}


def test_a_spelling_of_an_older_jdk_is_the_same_number():
    """JDK 17 writes 2^-44 with a digit more; a label of then is found by the double of now."""
    assert java_text.double_keys(["5.6843418860808015E-14"]) == java_text.double_keys(
        ["5.684341886080802E-14"]
    )


def test_whole_labels():
    assert java_text.whole_keys(["0", "-1", "007", "1.0", "9223372036854775807"]) == {
        0: 0,
        -1: 1,
        2**63 - 1: 4,
    }


def test_every_nan_is_one_and_negative_zero_is_not_zero():
    odd = np.array([np.nan, -np.nan, 0.0, -0.0])
    bits = java_text.bits(odd).tolist()
    assert bits[0] == bits[1]
    assert bits[2] != bits[3]
