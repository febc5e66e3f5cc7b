"""SpliceMLContext on the real embedded engine: statements, names, errors, the lock."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import warnings
from decimal import Decimal

import pytest

from splicemachine_ml.errors import DatabaseError

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def people(splice):
    splice.execute(
        """create table people (id int not null primary key, name varchar(40), born date, score double);
        insert into people values (1, 'Ben; the first', '1980-02-29', 1.5);
        insert into people values (2, 'O''Hara -- not a comment', null, -0.25)"""
    )
    return splice


def test_results_have_upper_case_columns(people):
    frame = people.df(
        'select id, name as "Full name", count(*), score, score from people group by id, name, score'
    )
    assert frame.columns == ["ID", "FULL NAME", "3", "SCORE", "SCORE"]
    assert [tuple(row) for row in frame.orderBy("ID").collect()] == [
        (1, "Ben; the first", 1, 1.5, 1.5),
        (2, "O'Hara -- not a comment", 1, -0.25, -0.25),
    ]
    assert people.df("select id from people", True).columns == ["id"]
    assert people.df("select id from people -- all of them\n;").count() == 2
    assert people.df("values 1, 2").count() == 2


def test_the_filter_reaches_the_database(people):
    plan = people.df("select id, name from people").filter("ID > 1")._jdf.queryExecution().toString()
    assert "PushedFilters: [*IsNotNull(ID), *GreaterThan(ID,1)]" in plan


def test_parameters_of_every_type(splice):
    splice.execute(
        "create table params (b boolean, s smallint, i int, l bigint, r real, d double, n decimal(20,5), "
        "v varchar(99), c clob, x varchar(9) for bit data, y blob, dd date, t timestamp, tt time)"
    )
    values = [
        True,
        -7,
        2**31 - 1,
        -(2**63),
        0.5,
        1e-300,
        Decimal("123456789012345.67890"),
        "'; drop table params; -- ü 😀",
        "long " * 10_000,
        b"\x00\xff",
        bytes(range(256)),
        dt.date(1, 1, 1),
        dt.datetime(2024, 3, 31, 2, 30, 0, 123456),
        dt.time(23, 59, 59),
    ]
    marks = ", ".join("?" * len(values))
    assert splice.executeUpdate(f"insert into params values ({marks})", values) == 1
    assert splice.executeUpdate(f"insert into params values ({marks})", [None] * len(values)) == 1
    full, empty = splice.executeQuery("select * from params order by coalesce(i, 0) desc")
    assert list(full) == values
    assert [type(value) for value in full] == [type(value) for value in values]
    assert list(empty) == [None] * len(values)
    assert values[7] == full.V
    for column, value in zip("silrdnv", values[1:8], strict=True):
        assert splice.executeQuery(f"select count(*) as c from params where {column} = ?", [value])[0].C == 1
    (row,) = splice.df("select v, t, n from params where l = ?", params=[-(2**63)]).collect()
    assert tuple(row) == (values[7], values[12], values[6])


def test_numpy_numbers_are_numbers(people):
    import numpy as np

    (row,) = people.executeQuery(
        "select name from people where id = ? and score = ?", [np.int64(1), np.float32(1.5)]
    )
    assert row.NAME == "Ben; the first"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], r"has 1 parameter\(s\) \(\?\) and 0 value"),
        ([1, 2], "and 2 value"),
        ("1", r"write \[value\]"),
        ([float("nan")], "parameter 1 is nan"),
        ([Decimal("Infinity")], "parameter 1 is Infinity"),
        ([object()], "parameter 1 is object"),
        ([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], "time zone"),
    ],
)
def test_bad_parameters_are_named(people, parameters, message):
    with pytest.raises(DatabaseError, match=message):
        people.executeQuery("select * from people where id = ?", parameters)


def test_several_statements_and_the_count_of_rows(splice):
    splice.execute("create table several (a int); ; -- nothing\n insert into several values (1), (2), (3)")
    assert splice.executeUpdate("update several set a = a + 1; delete from several where a > 3") == 4
    with pytest.raises(DatabaseError, match="go with one statement and this text has 2"):
        splice.execute("delete from several; delete from several", [1])
    with pytest.raises(DatabaseError, match="there is no statement"):
        splice.execute(" -- nothing")
    with pytest.raises(DatabaseError, match="2 statements"):
        splice.df("select a from several; select a from several")
    with pytest.raises(DatabaseError, match="not a query"):
        splice.df("delete from several")
    with pytest.raises(DatabaseError, match="SQLSTATE X0Y79"):
        splice.executeUpdate("select a from several")


def test_drop_table_if_exists_works_though_derby_has_none(splice):
    splice.execute("create table dropped (a int); drop table if exists dropped; drop table if exists dropped")
    assert not splice.tableExists("dropped")


def test_an_error_has_the_state_and_the_statement_without_secrets_or_java(splice):
    with pytest.raises(DatabaseError) as caught:
        splice.execute("insert into nowhere values ('s3cret')")
    assert caught.value.sqlstate == "42X05"
    assert str(caught.value) == (
        "Table/View 'NOWHERE' does not exist. (SQLSTATE 42X05)\nStatement: insert into nowhere values ('…')"
    )
    assert caught.value.__cause__ is not None
    with pytest.raises(DatabaseError, match="42X01"):
        splice.df("selec 1")


def test_table_names_in_both_forms(splice):
    splice.execute('create table forms."Odd one" (a int); create table forms.a_b (a int)')
    assert splice.tableExists("forms.a_b")
    assert splice.tableExists("FORMS", "A_B")
    assert splice.tableExists("forms", '"Odd one"')
    assert not splice.tableExists("forms.axb")
    splice.execute("create table forms.axb (b double)")
    assert splice.getSchema("forms", "a_b").names == ["A"]
    splice.dropTable("forms", "a_b")
    splice.dropTable('forms."Odd one"')
    splice.dropTableIfExists("forms.axb")
    splice._dropTableIfExists("forms", "axb")
    with pytest.raises(DatabaseError, match=r"no table FORMS.AXB"):
        splice.dropTable("forms.axb")
    splice.execute("create table lookalike (a int)")
    with pytest.raises(DatabaseError, match=r"did you mean SPLICE\.LOOKALIKE"):
        splice.getSchema("lookalik")


@pytest.mark.parametrize("name", ["people; drop table people", "people--", "people where 1=1", "' or '1'='1"])
def test_names_carry_no_statement(people, name):
    for method in (people.tableExists, people.dropTable, people.dropTableIfExists, people.getSchema):
        with pytest.raises(DatabaseError, match="not a table name"):
            method(name)
    assert people.tableExists("people")


def test_a_user_has_a_schema_and_a_transaction_its_own_view(spark, splice, database_settings):
    from splicemachine_ml.database.context import PySpliceContext, SpliceMLContext

    assert PySpliceContext is SpliceMLContext
    ben = SpliceMLContext(spark, user="ben", settings=database_settings)
    ben.execute("create table mine (a int)")
    assert ben.tableExists("ben.mine")
    assert not splice.tableExists("mine")
    assert splice.tableExists("ben.mine")
    with ben.transaction():
        ben.executeUpdate("insert into mine values (1)")
        with pytest.raises(DatabaseError, match="inside transaction"):
            ben.df("select * from mine")
        with pytest.raises(DatabaseError, match="inside transaction"):
            ben.insert(ben.spark.range(1), "mine")
        ben.executeUpdate("delete from mine")

    def break_off():
        with ben.transaction():
            ben.executeUpdate("insert into mine values (1)")
            ben.executeUpdate("insert into mine values ('x')")

    with pytest.raises(DatabaseError, match="SQLSTATE 42821"):
        break_off()
    assert ben.df("select a from mine").count() == 0
    with ben.transaction(), ben.transaction():
        ben.executeUpdate("insert into mine values (1)")
    assert [row.A for row in ben.df("select a from mine").collect()] == [1]
    ben.close()


def test_close_releases_and_another_context_goes_on(spark, splice, database_settings):
    from splicemachine_ml.database.context import SpliceMLContext

    other = SpliceMLContext(spark, settings=database_settings)
    other.execute("create table outlives (a int)")
    lock = database_settings.state_dir / "database" / "db.lck"
    assert lock.exists()
    other.close()
    other.shutdown()
    assert not lock.exists()
    with pytest.raises(DatabaseError, match="this context is closed"):
        other.df("values 1")
    assert splice.tableExists("outlives")


def test_a_second_process_is_told_who_holds_the_database(spark, tmp_path):
    from splicemachine_ml import Settings
    from splicemachine_ml.database.context import SpliceMLContext

    settings = Settings.load(environ={}, state_dir=str(tmp_path))
    jars = spark._jvm.java.lang.System.getProperty("java.class.path")
    java = spark._jvm.java.lang.System.getProperty("java.home") + "/bin/java"
    # Derby's own shell is the second process: it starts in a second, another Spark in ten.
    holder = subprocess.Popen(
        [java, "-cp", jars, f"-Dderby.system.home={tmp_path}", "org.apache.derby.tools.ij"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        holder.stdin.write(f"connect 'jdbc:derby:{tmp_path}/database;create=true';\nvalues 'ready';\n")
        holder.stdin.flush()
        while "1 row selected" not in (line := holder.stdout.readline()):
            assert line, "ij ended"
        with pytest.raises(DatabaseError, match="another process has the embedded database") as caught:
            SpliceMLContext(spark, settings=settings)
        assert caught.value.sqlstate == "XSDB6"
    finally:
        holder.stdin.close()
        holder.wait(timeout=30)
    SpliceMLContext(spark, settings=settings).close()


def test_urls(spark, database_settings, tmp_path):
    from splicemachine_ml.database.context import SpliceMLContext

    url = f"jdbc:derby:{tmp_path}/own"
    with pytest.raises(DatabaseError, match="add ;create=true"):
        SpliceMLContext(spark, url, settings=database_settings)
    with SpliceMLContext(spark, url + ";create=true;user=amy", settings=database_settings) as context:
        context.execute("create table t (a int); insert into t values (4)")
        assert context.df("select a from amy.t").collect()[0].A == 4
        assert repr(context) == f"SpliceMLContext('{url}', user='amy')"
    with pytest.raises(DatabaseError, match="later release"):
        SpliceMLContext(spark, "jdbc:splice://host:1527/splicedb", settings=database_settings)


def test_old_constructor_forms(spark, database_settings):
    from splicemachine_ml.database.context import PySpliceContext

    url = "jdbc:derby:memory:old;create=true"
    forms = [
        ((url, spark), {}, "the session comes first now"),
        ((spark,), {"JDBC_URL": url}, "JDBC_URL is now called url"),
        ((spark,), {"useH2O": True}, "useH2O is ignored"),
    ]
    for arguments, named, message in forms:
        with pytest.warns(DeprecationWarning, match=message) as caught:
            context = PySpliceContext(*arguments, settings=database_settings, **named)
        assert caught[0].filename == __file__
        assert context.executeQuery("values 1")[0][0] == 1
    with pytest.warns(DeprecationWarning, match="useH2O is ignored"):
        PySpliceContext(spark, True, settings=database_settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PySpliceContext(spark, settings=database_settings)
    with pytest.raises(TypeError, match="has no argument colour"):
        PySpliceContext(spark, colour="red")
    with pytest.raises(TypeError, match="needs a Spark session"):
        PySpliceContext()


def test_where_the_embedded_database_cannot_be(spark, monkeypatch, database_settings):
    from splicemachine_ml.database.embedded import refuse_other_processes

    monkeypatch.setattr(spark.sparkContext, "master", "spark://host:7077")
    with pytest.raises(DatabaseError, match="cannot be opened by the executors of spark://host:7077"):
        refuse_other_processes(spark, "jdbc:derby:x")


_OWN_SESSION = """
import os, sys
from pyspark.sql import SparkSession
from splicemachine_ml import Settings, SpliceMLContext
from splicemachine_ml.errors import DatabaseError
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
splice = SpliceMLContext(spark, settings=Settings.load(environ={}, state_dir="state"))
splice.createTable(spark.range(3), "t")
splice.insert(spark.range(3), "t")
assert splice.df("select id from t").count() == 3
assert sorted(os.listdir(".")) == ["state"], os.listdir(".")
assert sorted(os.listdir("state")) == ["database", "derby.log"], os.listdir("state")
spark.stop()
try:
    splice.df("values 1")
except DatabaseError as error:
    assert "stopped" in str(error), error
else:
    raise AssertionError("no error")
try:
    SpliceMLContext(spark)
except DatabaseError as error:
    assert "stopped" in str(error), error
else:
    raise AssertionError("no error")
assert os.path.exists("state/database/db.lck")
splice.close()
assert not os.path.exists("state/database/db.lck")
print("fine")
"""


def test_a_session_of_the_users_own(tmp_path):
    from splicemachine_ml.spark.java import find_java

    env = os.environ | {"JAVA_HOME": str(find_java().path), "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(
        [sys.executable, "-c", _OWN_SESSION],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stdout.strip() == "fine", done.stderr[-3000:]
