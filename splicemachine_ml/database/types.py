"""Types: from Spark's to a column's and back, and which values may go into which column."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyspark.sql import types as T

from splicemachine_ml.errors import DatabaseError

LONGEST_VARCHAR = 32_672  # Derby's and Splice Machine's limit, in UTF-16 units
MOST_DIGITS = 31

# Spark type -> column type, where no size is needed.
_PLAIN: dict[type[T.DataType], str] = {
    T.BooleanType: "BOOLEAN",
    T.ByteType: "SMALLINT",
    T.ShortType: "SMALLINT",
    T.IntegerType: "INTEGER",
    T.LongType: "BIGINT",
    T.FloatType: "REAL",
    T.DoubleType: "DOUBLE",
    T.DateType: "DATE",
    T.TimestampType: "TIMESTAMP",
    T.TimestampNTZType: "TIMESTAMP",
    T.BinaryType: "BLOB",
}

# java.sql.Types -> Spark type. TIME is left to Spark, whose versions disagree about it.
_SPARK: dict[int, T.DataType] = {
    16: T.BooleanType(),
    -7: T.BooleanType(),
    5: T.ShortType(),
    4: T.IntegerType(),
    -5: T.LongType(),
    7: T.FloatType(),
    8: T.DoubleType(),
    6: T.DoubleType(),
    1: T.StringType(),
    12: T.StringType(),
    -1: T.StringType(),
    2005: T.StringType(),
    91: T.DateType(),
    92: T.TimestampType(),
    93: T.TimestampType(),
    -2: T.BinaryType(),
    -3: T.BinaryType(),
    -4: T.BinaryType(),
    2004: T.BinaryType(),
}
DECIMAL_CODES = (2, 3)
TIME_CODE = 92

_NUMBER = r"\s*\(\s*\d+\s*\)"
_ALLOWED = re.compile(
    rf"BOOLEAN|SMALLINT|INT|INTEGER|BIGINT|REAL|DOUBLE|DOUBLE PRECISION|FLOAT(?:{_NUMBER})?"
    r"|(?:DEC|DECIMAL|NUMERIC)(?:\s*\(\s*\d+\s*(?:,\s*\d+\s*)?\))?"
    rf"|(?:CHAR|CHARACTER|VARCHAR|CHAR VARYING|CHARACTER VARYING)(?:{_NUMBER})?(?: FOR BIT DATA)?"
    r"|LONG VARCHAR(?: FOR BIT DATA)?"
    r"|(?:CLOB|BLOB|CHARACTER LARGE OBJECT|BINARY LARGE OBJECT)(?:\s*\(\s*\d+\s*[KMG]?\s*\))?"
    r"|DATE|TIME|TIMESTAMP"
)

_TEXT = (1, 12, -1, 2005)
# Spark type -> the column types (java.sql.Types) that take its values without losing anything unnoticed:
# what does not fit is then an error of the database, never a rounded or cut value.
_TAKES: dict[type[T.DataType], tuple[int, ...]] = {
    T.BooleanType: (16,),
    T.ByteType: (5, 4, -5, 2, 3, 7, 8),
    T.ShortType: (5, 4, -5, 2, 3, 7, 8),
    T.IntegerType: (5, 4, -5, 2, 3, 8),
    T.LongType: (5, 4, -5, 2, 3),
    T.FloatType: (7, 8),
    T.DoubleType: (8,),
    T.DecimalType: (2, 3),
    T.StringType: _TEXT,
    T.CharType: _TEXT,
    T.VarcharType: _TEXT,
    T.DateType: (91,),
    T.TimestampType: (93,),
    T.TimestampNTZType: (93,),
    T.BinaryType: (2004,),
}


@dataclass(frozen=True)
class Column:
    """One column of a table as the database describes it; ``code`` is its java.sql.Types number."""

    name: str
    code: int
    kind: str
    size: int
    scale: int
    nullable: bool
    filled: bool  # has a default or generates its value, so an insert may leave it out

    @property
    def sql(self) -> str:
        """The type for a message, e.g. VARCHAR(20)."""
        if self.code in DECIMAL_CODES:
            return f"{self.kind}({self.size},{self.scale})"
        return f"{self.kind}({self.size})" if self.code in (1, 12) else self.kind

    @property
    def longest(self) -> int | None:
        """How many UTF-16 units a text column takes, None when that is no limit to speak of."""
        return self.size if self.code in (1, 12, -1) else None


def column_type(field: T.StructField, longest: int | None) -> str:
    """Return the column type for a Spark field; ``longest`` is the length of its longest text, if known.

    Text gets a VARCHAR with room for twice the longest value (at least 64), or CLOB beyond VARCHAR's limit;
    without data VARCHAR of the full size. Raises DatabaseError naming the column for a type no column has.
    """
    kind = field.dataType
    if isinstance(kind, T.DecimalType):
        if kind.precision > MOST_DIGITS:
            raise DatabaseError(
                f"column {field.name} is decimal({kind.precision},{kind.scale}) and a column holds "
                f"{MOST_DIGITS} digits. Cast it to a smaller decimal, e.g. decimal(31,{min(kind.scale, 10)})."
            )
        return f"DECIMAL({kind.precision},{kind.scale})"
    if isinstance(kind, T.VarcharType | T.CharType):
        longest = max(1, kind.length)
        return f"VARCHAR({longest})" if longest <= LONGEST_VARCHAR else "CLOB"
    if isinstance(kind, T.StringType):
        if longest is None:
            return f"VARCHAR({LONGEST_VARCHAR})"
        if longest > LONGEST_VARCHAR:
            return "CLOB"
        return f"VARCHAR({min(LONGEST_VARCHAR, 1 << max(6, (2 * longest - 1).bit_length()))})"
    plain = _PLAIN.get(type(kind))
    if plain is None:
        raise DatabaseError(
            f"column {field.name} is {kind.simpleString()}, which no column type holds. {_way_out(kind)}"
        )
    return plain


def _way_out(kind: T.DataType) -> str:
    if isinstance(kind, T.NullType):
        return "Give it a type first: cast it."
    if isinstance(kind, T.UserDefinedType):
        return "Take its numbers apart first (pyspark.ml.functions.vector_to_array), or drop it."
    if isinstance(kind, T.ArrayType | T.MapType | T.StructType):
        return "Write it as text (pyspark.sql.functions.to_json), take it apart, or drop it."
    return "Cast it to a number, text, a date or a timestamp, or drop it."


def checked_type(column: str, given: str | T.DataType) -> str:
    """Return a type the caller chose for a column, in SQL; nothing but a type gets through."""
    if isinstance(given, T.DataType):
        return column_type(T.StructField(column, given), None)
    text = " ".join(given.upper().split())
    if not _ALLOWED.fullmatch(text):
        raise DatabaseError(
            f"column {column}: {given!r} is not a column type; e.g. VARCHAR(40), DECIMAL(10,2)"
        )
    return text


def spark_type(column: Column) -> T.DataType:
    """Return the Spark type a column reads back as; raises DatabaseError for XML and Java objects."""
    if column.code in DECIMAL_CODES:
        return T.DecimalType(column.size, column.scale)
    if column.code not in _SPARK:
        raise DatabaseError(f"column {column.name} is {column.kind}, which Spark cannot read; cast it in SQL")
    return _SPARK[column.code]


def check_fit(field: T.StructField, column: Column) -> None:
    """Raise DatabaseError when values of a DataFrame's field cannot go into a column as they are."""
    kind = field.dataType
    if type(kind) not in _TAKES:
        column_type(field, None)  # raises, with the way out
    fits = column.code in _TAKES[type(kind)]
    if fits and isinstance(kind, T.DecimalType):
        fits = kind.scale <= column.scale  # a longer fraction would be cut without a word
    if not fits:
        raise DatabaseError(
            f"column {column.name} is {column.sql} and {field.name} of the DataFrame is "
            f"{kind.simpleString()}; nothing was written. Cast it to what the column holds."
        )


def staging_type(field: T.StructField) -> str:
    """Return the type a value waits in before it goes into its column.

    CLOB for every text: Spark binds NULL strings as CLOB (DerbyDialect), which a VARCHAR refuses.
    """
    if isinstance(field.dataType, T.StringType | T.CharType | T.VarcharType):
        return "CLOB"
    return column_type(field, None)
