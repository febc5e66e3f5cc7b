"""SQL text: identifiers, splitting a script into statements, hiding what a literal holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from splicemachine_ml.errors import DatabaseError

_LONGEST_NAME = 128  # Derby's limit for schemas, tables and columns
_REGULAR = r"[^\W\d]\w*"
_NAME = rf"(?:{_REGULAR}|\"(?:[^\"]|\"\")+\")"
_TABLE = re.compile(rf"\s*(?:(?P<schema>{_NAME})\s*\.\s*)?(?P<table>{_NAME})\s*")
_DROP_IF_EXISTS = re.compile(rf"\s*drop\s+table\s+if\s+exists\s+(?P<table>(?:{_NAME}\.)?{_NAME})\s*", re.I)

# Whole quoted strings, names and line comments are one token each; comment marks, semicolons and quotes that
# nothing closes are tokens of their own; everything else comes in runs.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*|\*/|[;'\"]|[^'\"\-/*;]+|.", re.S)


@dataclass(frozen=True)
class TableName:
    """A table as the database stores its name; ``schema`` None means the user's own."""

    schema: str | None
    table: str

    @property
    def sql(self) -> str:
        """The quoted form for a statement."""
        return quote(self.table) if self.schema is None else f"{quote(self.schema)}.{quote(self.table)}"

    def __str__(self) -> str:
        return self.table if self.schema is None else f"{self.schema}.{self.table}"


def quote(name: str) -> str:
    """Return ``name`` as a delimited identifier: exactly these characters, whatever they are."""
    if not name or len(name) > _LONGEST_NAME or "\0" in name:
        raise DatabaseError(
            f"not a name a database can hold (1 to {_LONGEST_NAME} characters): {name[:140]!r}"
        )
    return '"' + name.replace('"', '""') + '"'


def parse_table(*parts: str) -> TableName:
    """Read ``"table"``, ``"schema.table"`` or the two as separate arguments.

    Plain names are folded to upper case as SQL does; ``"Odd name"`` in double quotes stays as it is.
    Raises DatabaseError for anything else, so that no name carries a statement with it.
    """
    if len(parts) == 2:
        schema, table = (parse_table(part) for part in parts)
        if schema.schema is None and table.schema is None:
            return TableName(schema.table, table.table)
    if len(parts) == 1 and isinstance(parts[0], str) and (match := _TABLE.fullmatch(parts[0])):
        schema_name = match["schema"]
        name = TableName(schema_name and _fold(schema_name), _fold(match["table"]))
        quote(name.table)
        return name
    raise DatabaseError(
        f"not a table name: {', '.join(map(repr, parts))}. Write 'table', 'schema.table' or "
        "'schema', 'table'; a name with other characters than letters, digits and _ in double quotes."
    )


def _fold(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()


def dropped_if_exists(statement: str) -> TableName | None:
    """Return the table of a ``DROP TABLE IF EXISTS``, which Splice Machine has and Derby has not."""
    match = _DROP_IF_EXISTS.fullmatch(statement)
    return parse_table(match["table"]) if match else None


def split_statements(script: str) -> list[str]:
    """Split at the semicolons that end a statement: none in a string, a quoted name or a comment.

    Empty pieces and pieces of comments only are left out; everything else is returned as it was written,
    without outer white space. Raises DatabaseError for a quote or a comment that nothing closes.
    """
    statements: list[str] = []
    piece: list[str] = []
    for kind, text in _tokens(script):
        if kind == "open":
            line = script[: len(script) - len(text)].count("\n") + 1
            raise DatabaseError(f"what starts with {text[:20]!r} in line {line} is never closed")
        if kind == "end":
            statements.append("".join(piece))
            piece = []
        else:
            piece.append(text)
    statements.append("".join(piece))
    return [statement.strip() for statement in statements if _says_something(statement)]


def redact(statement: str) -> str:
    """Return the statement for a message: every string literal hidden, cut to one screen line or two."""
    shown = "".join(
        "'…'" if kind == "string" or (kind == "open" and text.startswith("'")) else text
        for kind, text in _tokens(statement)
    )
    shown = " ".join(shown.split())
    return shown if len(shown) <= 300 else shown[:299] + "…"


def _says_something(statement: str) -> bool:
    return any(kind != "comment" and text.strip() for kind, text in _tokens(statement))


def _tokens(script: str) -> Iterator[tuple[str, str]]:
    # (kind, text): string, name, comment, end (a semicolon), text, or open: the rest, which nothing closes.
    position = 0
    while match := _TOKEN.match(script, position):
        text, position = match.group(), match.end()
        if text == "/*":
            position = _comment_end(script, match.end())
            text = script[match.start() : position]
        if text in ("'", '"') or position < 0:
            yield "open", script[match.start() :]
            return
        yield _kind(text), text


def _comment_end(script: str, position: int) -> int:
    # Bracketed comments nest, in Derby as in the SQL standard. -1: it never ends.
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(script, position):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1


def _kind(text: str) -> str:
    if text == ";":
        return "end"
    if text.startswith(("--", "/*")):
        return "comment"
    return {"'": "string", '"': "name"}.get(text[0], "text")
