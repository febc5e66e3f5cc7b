from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splicemachine_ml.database.sql import (
    TableName,
    dropped_if_exists,
    parse_table,
    quote,
    redact,
    split_statements,
)
from splicemachine_ml.errors import DatabaseError

# Pieces that a careless splitter cuts: each is whole, and none ends a statement.
_WHOLE = st.sampled_from(
    ["'a;b'", "'it''s; here'", '"odd;name"', '"a""b;"', "/* ; ' */", "/* a /* ; */ b */", "-- it's; so\n"]
)
_STATEMENT = st.lists(
    st.one_of(_WHOLE, st.sampled_from(["select", "x", "1 - 2", "3 / 4", "=", "(?)"])), min_size=1, max_size=6
).map(lambda parts: " ".join(["select", *parts]).strip())


@given(st.lists(_STATEMENT, max_size=5))
def test_joined_statements_come_apart_again(statements):
    # The line break ends a comment that a statement may end with.
    assert split_statements("\n;".join(statements)) == statements


@given(st.text(alphabet="a '\";-/*\n?", max_size=40))
def test_any_text_is_split_without_loss_or_refused(text):
    try:
        pieces = split_statements(text)
    except DatabaseError:
        return
    position = 0
    for piece in pieces:
        assert piece
        position = text.index(piece, position) + len(piece)
        assert split_statements(piece) == [piece]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" ; ;; -- nothing\n /* at; all */", []),
        ("select 1", ["select 1"]),
        ("a; b;", ["a", "b"]),
        ("insert into t values ('x;y'); -- done;\nb", ["insert into t values ('x;y')", "-- done;\nb"]),
        ("/* it's; */ select 'x;' ; b", ["/* it's; */ select 'x;'", "b"]),
        ("select 4/2; select 3-1", ["select 4/2", "select 3-1"]),
    ],
)
def test_split(script, expected):
    assert split_statements(script) == expected


@pytest.mark.parametrize("script", ["a;\nselect 'x", 'a;\nselect "x', "a;\n/* /* */ x"])
def test_what_is_never_closed_is_named_with_its_line(script):
    with pytest.raises(DatabaseError, match=r"in line 2 is never closed"):
        split_statements(script)


def test_redact_hides_every_literal_and_keeps_the_rest():
    shown = redact("call create_user('ben',\n 'it''s secret') -- 'really'\n, \"T'1\", 'open")
    assert shown == "call create_user('…', '…') -- 'really' , \"T'1\", '…'"
    assert len(redact("select " + "x, " * 1000)) == 300


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("loans",), TableName(None, "LOANS")),
        (("Ben.loans_2",), TableName("BEN", "LOANS_2")),
        (("ben", "loans"), TableName("BEN", "LOANS")),
        (('"my Schema"."a ""b"""',), TableName("my Schema", 'a "b"')),
        ((" été . Übung ",), TableName("ÉTÉ", "ÜBUNG")),
    ],
)
def test_table_names(parts, expected):
    assert parse_table(*parts) == expected


@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("",),
        ("a.b.c",),
        ("t; drop table u",),
        ("t--",),
        ('"t',),
        ("t where 1=1",),
        ("1t",),
        ("a.b", "c"),
        ("a", "b", "c"),
        (3,),
        ("x" * 129,),
        ('"a\0b"',),
    ],
)
def test_what_is_no_table_name_is_refused(parts):
    with pytest.raises(DatabaseError, match="not a"):
        parse_table(*parts)


@given(st.text(min_size=1, max_size=128).filter(lambda name: "\0" not in name))
def test_a_quoted_name_reads_back(name):
    assert parse_table(quote(name)) == TableName(None, name)
    assert split_statements(f"select {quote(name)}") == [f"select {quote(name)}"]


def test_drop_table_if_exists_is_recognised():
    assert dropped_if_exists(" DROP table If  exists a.b ") == TableName("A", "B")
    assert dropped_if_exists("drop table if exists a; b") is None
    assert dropped_if_exists("drop table a") is None
