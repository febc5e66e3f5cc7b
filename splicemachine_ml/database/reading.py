"""A query's rows as a Spark DataFrame, through Spark's JDBC source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splicemachine_ml.database.embedded import translated
from splicemachine_ml.database.sql import quote
from splicemachine_ml.database.types import TIME_CODE, Column, spark_type

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def read(spark: SparkSession, options: dict[str, str], query: str, columns: list[Column]) -> DataFrame:
    """Return the query as a lazy DataFrame with upper-case names; ``columns`` is how the database sees it.

    Spark puts a query into a derived table and names its columns one by one, which fails for expressions
    without a name and for names that come twice: the derived table therefore gets names of its own. Types
    follow the columns in every version of Spark (SMALLINT stays smallint).
    """
    labels = [column.name.upper() for column in columns]
    names = _distinct(labels)
    # TIME keeps the type this version of Spark gives it.
    schema = ", ".join(
        f"`{name.replace('`', '``')}` {spark_type(column).simpleString()}"
        for name, column in zip(names, columns, strict=True)
        if column.code != TIME_CODE
    )
    # The line break ends a comment at the query's end.
    source = f"({query}\n) Q({', '.join(quote(name) for name in names)})"
    with translated(query):
        reader = spark.read.format("jdbc").options(**options).option("dbtable", source)
        frame = (reader.option("customSchema", schema) if schema else reader).load()
    return frame if names == labels else frame.toDF(*labels)


def _distinct(labels: list[str]) -> list[str]:
    # A, A, B -> A, A_2, B
    taken = set(labels)
    names: list[str] = []
    for label in labels:
        name, number = label, 1
        while name in names or (number > 1 and name in taken):
            number += 1
            name = f"{label}_{number}"
        names.append(name)
    return names
