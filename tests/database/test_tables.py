"""DataFrames into tables and back: types, names, all or nothing, the real loans."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal

import pytest

from splicemachine_ml.errors import DatabaseError

pytestmark = pytest.mark.spark

_EVERY_TYPE = """
select true as a_boolean, cast(-128 as tinyint) as a_byte, cast(-32768 as smallint) as a_short,
  -2147483648 as an_int, 9223372036854775807 as a_long, cast(0.1 as float) as a_float, 4.9E-324D as a_double,
  cast('12345678901234567890.12345678901' as decimal(31,11)) as a_decimal,
  cast(-5 as decimal(1,0)) as a_digit,
  'x''y; ü 😀' as a_string, repeat('z', 40000) as a_clob, X'00FF27' as a_binary,
  date'0001-01-01' as a_date, timestamp'2024-02-29 23:59:59.123456' as a_timestamp,
  timestamp_ntz'1999-12-31 00:00:00.000001' as a_ntz
"""


def test_every_type_goes_there_and_back(spark, splice):
    source = spark.sql(_EVERY_TYPE)
    source = source.unionByName(
        spark.sql("select " + ", ".join(f"cast(null as {kind}) as {name}" for name, kind in source.dtypes))
    )
    splice.createTable(source, "every_type")
    assert splice.insert(source, "every_type") == 2
    back = splice.df("select * from every_type order by a_boolean desc nulls last")
    # A database has no one-byte integer and no second timestamp type; everything else is what it was.
    expected = [
        (name.upper(), {"tinyint": "smallint", "timestamp_ntz": "timestamp"}.get(kind, kind))
        for name, kind in source.dtypes
    ]
    assert back.dtypes == expected
    assert splice.getSchema("every_type").names == [name for name, _ in expected]
    assert [f.dataType.simpleString() for f in splice.getSchema("every_type")] == [k for _, k in expected]
    full, empty = back.collect()
    assert tuple(full) == tuple(source.collect()[0])
    assert Decimal("12345678901234567890.12345678901") == full.A_DECIMAL
    assert dt.datetime(2024, 2, 29, 23, 59, 59, 123456) == full.A_TIMESTAMP
    assert dt.date(1, 1, 1) == full.A_DATE
    assert tuple(empty) == (None,) * len(expected)


def test_the_loans(splice, loans):
    from pyspark.sql import functions as F

    started = time.monotonic()
    splice.createTable(loans, "loans", drop_table=True)
    assert splice.insert(loans, "loans") == 9857
    back = splice.df("select * from loans").toPandas()
    took = time.monotonic() - started
    assert took < 60, f"{took:.1f} s"  # about 3 s on two quiet cores
    expected = loans.toPandas()
    assert list(back.columns) == [name.upper() for name in expected.columns]
    assert back.dtypes.tolist() == expected.dtypes.tolist()
    assert back.values.tolist() == expected.values.tolist()
    (sums,) = splice.executeQuery("select count(*) n, sum(funded_amnt) f, sum(int_rate) r from loans")
    wanted = loans.agg(F.count(F.lit(1)), F.sum("funded_amnt"), F.sum("int_rate")).collect()[0]
    assert (wanted[0], wanted[1], pytest.approx(wanted[2], rel=1e-12)) == (sums.N, sums.F, sums.R)
    kinds = {c.name: c.sql for c in _columns(splice, "loans")}
    assert (kinds["FUNDED_AMNT"], kinds["INT_RATE"], kinds["SUB_GRADE"]) == (
        "INTEGER",
        "DOUBLE",
        "VARCHAR(64)",
    )


def _columns(splice, table):
    from splicemachine_ml.database import catalog
    from splicemachine_ml.database.sql import parse_table

    with splice._connection.use() as java:
        return catalog.columns(java, parse_table(table))


def test_text_is_sized_by_the_data_and_types_can_be_chosen(spark, splice):
    frame = spark.createDataFrame(
        [("😀" * 40, "x" * 32672, "x" * 40000, "k")], "a string, b string, c string, k string"
    )
    splice.createTable(frame, "sized", ["K"], types={"k": "varchar( 10 )"})
    assert [c.sql for c in _columns(splice, "sized")] == [
        "VARCHAR(256)",
        "VARCHAR(32672)",
        "CLOB",
        "VARCHAR(10)",
    ]
    assert [c.nullable for c in _columns(splice, "sized")] == [True, True, True, False]
    assert splice.insert(frame, "sized") == 1
    assert splice.df("select a, c from sized").collect()[0].A == "😀" * 40
    splice.createTable(frame.schema, "sized", drop_table=True)
    assert {c.sql for c in _columns(splice, "sized")} == {"VARCHAR(32672)"}
    with pytest.raises(DatabaseError, match="already; drop_table=True replaces it") as caught:
        splice.createTable(frame.schema, "sized")
    assert caught.value.sqlstate == "X0Y32"


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("array(1) as bad", r"column bad is array<int>.*to_json"),
        ("map('a', 1) as bad", "column bad is map<string,int>"),
        ("named_struct('a', 1) as bad", "column bad is struct<a:int>"),
        ("null as bad", "column bad is void.*cast it"),
        ("interval 1 day as bad", "column bad is interval day"),
        ("cast(1 as decimal(38,18)) as bad", r"column bad is decimal\(38,18\) and a column holds 31 digits"),
    ],
)
def test_types_without_a_column_are_refused_by_name(spark, splice, column, message):
    frame = spark.sql(f"select 1 as good, {column}")
    with pytest.raises(DatabaseError, match=message):
        splice.createTable(frame, "refused")
    assert not splice.tableExists("refused")
    splice.execute("create table if_refused (good int, bad varchar(9))")
    with pytest.raises(DatabaseError, match=r"column (bad|BAD) is"):
        splice.insert(frame, "if_refused")
    splice.dropTable("if_refused")


def test_a_vector_is_refused_with_the_way_out(spark, splice):
    from pyspark.ml.linalg import Vectors

    frame = spark.createDataFrame([(Vectors.dense([1.0]),)], ["features"])
    with pytest.raises(DatabaseError, match=r"column features is .*vector_to_array"):
        splice.createTable(frame, "refused")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"primary_keys": ["idd"]}, "primary key: there is no column idd; did you mean ID"),
        ({"types": {"id": "int); drop table x; --"}}, "is not a column type"),
        ({"types": {"nope": "int"}}, "types: there is no column nope"),
        ({"types": {"id": "clob"}, "primary_keys": ["id"]}, "cannot be a key"),
    ],
)
def test_create_refuses_by_name(spark, splice, arguments, message):
    with pytest.raises(DatabaseError, match=message):
        splice.createTable(spark.range(1), "refused", **arguments)
    assert not splice.tableExists("refused")


def test_odd_column_names_are_names(spark, splice):
    names = ['a"b', "x); drop table odd; --", "sp ace", "dot.ted", "tick`ed", "order"]
    frame = spark.createDataFrame([tuple(range(6))], names)
    splice.createTable(frame, "odd", primary_keys=["order"])
    assert splice.insert(frame, "odd") == 1
    back = splice.df("select * from odd")
    assert back.columns == [name.upper() for name in names]
    assert list(back.collect()[0]) == list(range(6))
    with pytest.raises(DatabaseError, match="a and A are the same column"):
        splice.createTable(spark.createDataFrame([(1, 2)], ["a", "A"]), "collide")


def test_insert_matches_by_name_and_names_what_does_not(spark, splice):
    splice.execute(
        "create table matched (a int, b varchar(3), n bigint generated always as identity, "
        "d double default 2.5)"
    )
    assert splice.insert(spark.createDataFrame([("x", 1)], "B string, A int"), "matched") == 1
    assert splice.executeQuery("select a, b, n, d from matched") == [(1, "x", 1, 2.5)]
    with pytest.raises(
        DatabaseError, match=r"has no column c, e; the DataFrame has no column B\. .*has A, B, N, D"
    ):
        splice.insert(spark.createDataFrame([(1, 2, 3)], "a int, c int, e int"), "matched")
    with pytest.raises(DatabaseError, match=r"no table SPLICE\.MATCHES; did you mean SPLICE\.MATCHED"):
        splice.insert(spark.range(1), "matches")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("i int", "2.5D", r"column V is INTEGER and v of the DataFrame is double"),
        ("i int", "'2'", "is INTEGER and v of the DataFrame is string"),
        ("r real", "1D", "is REAL and v of the DataFrame is double"),
        (
            "n decimal(10,2)",
            "cast(1 as decimal(10,3))",
            r"is DECIMAL\(10,2\) and v of the DataFrame is decimal\(10,3\)",
        ),
        ("v varchar(3)", "'four'", r"column V is VARCHAR\(3\) and the longest value has 4 characters"),
        ("v varchar(3)", "'abc '", "the longest value has 4 characters"),
        ("d double", "double('NaN')", r"column V has 1 value\(s\) that are NaN or infinite"),
        ("d real", "float('-Infinity')", "NaN or infinite"),
        ("i int not null", "int(null)", r"column V is NOT NULL and has 1 null\(s\)"),
        ("s smallint", "70000", "22003"),
        ("i int check (v < 5)", "7", "23513"),
        ("i int not null unique", "explode(array(1, 2, 3, 3))", "23505"),
    ],
)
def test_nothing_is_written_when_a_value_does_not_fit(spark, splice, column, value, message):
    splice.dropTableIfExists("strict")
    splice.execute(f"create table strict (v {column.partition(' ')[2]})")
    with pytest.raises(DatabaseError, match=message):
        splice.insert(spark.sql(f"select {value} as v"), "strict")
    assert splice.executeQuery("select count(*) from strict")[0][0] == 0
    assert _stages(splice) == []


def _stages(splice):
    return splice.executeQuery("select tablename from sys.systables where tablename like 'SPLICEML%'")


def test_a_task_that_fails_leaves_nothing(spark, splice):
    from pyspark.sql import functions as F

    splice.execute("create table failing (id bigint)")
    frame = spark.range(5000).select(
        F.when(F.col("id") < 4000, F.col("id")).otherwise(F.raise_error("no more")).cast("bigint").alias("id")
    )
    with pytest.raises(DatabaseError, match="no more"):
        splice.insert(frame, "failing")
    assert splice.executeQuery("select count(*) from failing")[0][0] == 0
    assert _stages(splice) == []


def test_a_table_can_be_inserted_into_itself_and_empty_frames_work(spark, splice):
    with pytest.raises(DatabaseError, match="NaN"):
        splice.insert(spark.sql("select double('NaN') as v"), "selfish", create_table=True)
    assert not splice.tableExists("selfish")
    splice.insert(spark.range(10), "selfish", create_table=True)
    assert splice.insert(splice.df("select id + 10 as id from selfish"), "selfish") == 10
    assert splice.insert(spark.range(0), "selfish") == 0
    assert splice.df("select id from selfish").agg({"ID": "sum"}).collect()[0][0] == sum(range(20))


def test_old_argument_orders(spark, splice):
    frame = spark.createDataFrame([(1, "x")], "k int, v string")
    with pytest.warns(DeprecationWarning, match="DataFrame comes first") as caught:
        splice.createTable("old_one", frame, ["k"])
    assert caught[0].filename == __file__
    assert [c.nullable for c in _columns(splice, "old_one")] == [False, True]
    with pytest.warns(DeprecationWarning, match="new_schema is ignored"):
        splice.createTable(frame, "newschema.old_one", True, True, {"v": "varchar(7)"})
    assert [c.sql for c in _columns(splice, "newschema.old_one")] == ["INTEGER", "VARCHAR(7)"]
    splice.createTable(frame, "old_one", ["k"], "", True, True)
    splice.createTable(frame, "old_one", primary_keys={"K": "int"}, to_upper=True, drop_table=True)
    with pytest.warns(DeprecationWarning, match="DataFrame comes first") as caught:
        assert splice.insert("old_one", frame) == 1
    assert caught[0].filename == __file__
    with pytest.raises(TypeError, match="has no argument colour"):
        splice.createTable(frame, "old_two", colour="red")
