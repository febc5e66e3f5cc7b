"""What of an error of Spark is told."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkException

from splicemachine_ml.database.embedded import as_database_error

WORKER = """[PYTHON_EXCEPTION] From the Python worker: Traceback (most recent call last):
  File "cell.py", line 5, in <genexpr>
    1 / 0
ZeroDivisionError: division by zero
 SQLSTATE: 38000"""


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            WORKER,
            "[PYTHON_EXCEPTION] From the Python worker: ZeroDivisionError: division by zero",
        ),
        ("[DIVIDE_BY_ZERO] Division by zero.\n\tat org.apache.spark", "[DIVIDE_BY_ZERO] Division by zero."),
        ("", "it gave no reason"),
    ],
)
def test_the_line_that_says_why_is_told(message, told) -> None:
    error = as_database_error(PySparkException(message), None)
    assert str(error) == f"Spark could not do it: {told}"
