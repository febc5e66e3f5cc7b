"""The embedded database of the test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from splicemachine_ml import Settings


@pytest.fixture(scope="session")
def database_settings(tmp_path_factory):
    return Settings.load(environ={}, state_dir=str(tmp_path_factory.mktemp("database")))


@pytest.fixture(scope="session")
def splice(spark, database_settings) -> Iterator[object]:
    """One context on an embedded database of its own; every test uses table names of its own."""
    from splicemachine_ml.database.context import SpliceMLContext

    with SpliceMLContext(spark, settings=database_settings) as context:
        yield context
