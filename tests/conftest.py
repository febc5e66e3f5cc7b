"""Fixtures of the whole test run: one Spark session, one state directory, real data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

LENDING_CLUB = Path(__file__).parent.parent / "notebooks" / "data" / "lending_club.csv"


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The one Spark session of the run; its embedded database and warehouse live in a temporary folder."""
    from splicemachine_ml import Settings, spark_session

    home = tmp_path_factory.mktemp("spark")
    settings = Settings.load(environ={}, state_dir=str(home), spark_master="local[2]")
    session = spark_session("splicemachine_ml tests", settings=settings)
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def loans(spark):
    """The 9,857 real loans as a Spark DataFrame, cached."""
    frame = spark.read.csv(str(LENDING_CLUB), header=True, inferSchema=True).drop("rownames").cache()
    assert frame.count() == 9857
    return frame
