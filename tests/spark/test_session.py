from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from splicemachine_ml import Settings
from splicemachine_ml.errors import SettingsError
from splicemachine_ml.settings import conf_dir
from splicemachine_ml.spark.session import read_defaults, spark_session

_FRESH = """
import json, os
from splicemachine_ml import Settings, spark_session
settings = Settings.load(environ={}, state_dir="st ate", spark_master="local[2]", spark_driver_memory="600m")
spark = spark_session("fresh", settings=settings, config={"spark.sql.shuffle.partitions": "3"})
assert spark_session() is spark
total = spark.range(10).rdd.map(lambda row: row.id).sum()
table = spark.range(4).toPandas()
spark.range(3).write.saveAsTable("t")
try:
    spark.range(2).selectExpr("raise_error('once')").collect()
except Exception as error:
    caught = type(error).__name__
system = spark._jvm.java.lang.System
print(json.dumps({
    "total": total, "rows": len(table), "caught": caught, "java": system.getProperty("java.version"),
    "home": os.environ["JAVA_HOME"], "files": sorted(os.listdir(".")), "state": sorted(os.listdir("st ate")),
    "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
    "memory": spark._jvm.Runtime.getRuntime().maxMemory(),
    "arrow": spark.conf.get("spark.sql.execution.arrow.pyspark.enabled"), "ui": spark.sparkContext.uiWebUrl,
    "python": spark.sparkContext.pythonExec, "derby": system.getProperty("derby.system.home"),
}))
"""


@pytest.mark.spark
def test_a_quiet_session_on_a_machine_without_java(tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for tool in Path(folder).glob("*"):
            link = tools / tool.name
            if not tool.name.startswith(("java", "python")) and not link.is_symlink():
                link.symlink_to(tool)
    work = tmp_path / "work"
    work.mkdir()
    env = {"PATH": str(tools), "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _FRESH], cwd=work, env=env, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert (seen["total"], seen["rows"], seen["partitions"], seen["arrow"]) == (45, 4, "3", "true")
    assert seen["home"].startswith(str(tmp_path / ".cache" / "splicemachine_ml"))
    assert int(seen["java"].split(".")[0]) >= 17
    assert seen["files"] == ["st ate"]
    assert seen["state"] == ["spark-warehouse"]
    assert seen["derby"] == str(work / "st ate")
    assert seen["ui"] is None
    assert seen["python"] == sys.executable
    assert 500e6 < seen["memory"] < 700e6
    # Java itself may warn once about an option; Spark says nothing, not even about the failed task.
    lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING: ")]
    assert lines == []


@pytest.mark.spark
def test_the_running_session_is_returned_untouched(spark):
    before = spark.sparkContext.getConf().getAll()
    settings = Settings.load(environ={}, spark_master="spark://nowhere:7077")
    assert spark_session("other", settings=settings, config={"spark.sql.shuffle.partitions": "999"}) is spark
    assert spark.sparkContext.getConf().getAll() == before
    assert spark.conf.get("spark.sql.shuffle.partitions") == "8"


@pytest.mark.spark
def test_another_thread_gets_the_same_context(spark):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(spark_session).result().sparkContext is spark.sparkContext


@pytest.mark.spark
def test_the_loans_fixture(loans):
    assert len(loans.columns) == 23


def test_the_shipped_defaults_are_read():
    config = read_defaults(conf_dir() / "spark-defaults.conf")
    assert config["spark.ui.enabled"] == "false"
    assert all(key.startswith("spark.") for key in config)


def test_a_line_without_a_value_is_named(tmp_path):
    path = tmp_path / "spark-defaults.conf"
    path.write_text("# fine\n\nspark.a b c\nspark.b\n")
    with pytest.raises(SettingsError, match=r"line 4: 'spark.b' has no value"):
        read_defaults(path)


def test_keys_and_values_are_parted_by_any_white_space(tmp_path):
    path = tmp_path / "spark-defaults.conf"
    path.write_text("spark.a\tb c\nspark.b   d\n")
    assert read_defaults(path) == {"spark.a": "b c", "spark.b": "d"}


_NO_START = """
from splicemachine_ml import Settings, spark_session
from splicemachine_ml.errors import SettingsError
for key, value, expected in [
    ("spark_master", "sc://host", "SparkSession.builder.remote"),
    ("spark_driver_memory", "lots", "spark_driver_memory='lots'"),
]:
    try:
        spark_session(settings=Settings.load(environ={}, state_dir="s", **{key: value}))
    except SettingsError as error:
        assert expected in str(error), error
    else:
        raise AssertionError(key)
print("fine")
"""


@pytest.mark.spark
def test_a_session_that_cannot_start_says_why(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _NO_START], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "fine", done.stderr[-2000:]
