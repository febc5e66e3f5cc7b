"""JDBC URLs: what kind of database one names, and which of its parts are secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from splicemachine_ml.errors import DatabaseError

# Who an unnamed user is. Splice Machine's own default, so that its notebooks find SPLICE.TABLE again.
DEFAULT_USER = "SPLICE"
_EMBEDDED = "jdbc:derby:"
_SERVERS = ("jdbc:splice://", "jdbc:derby://", "jdbc:postgresql://")


@dataclass(frozen=True)
class EmbeddedUrl:
    """An embedded database: ``base`` names it (jdbc:derby:<path>), ``attributes`` apply when it is opened.

    User and password never stand in ``base`` or ``attributes``: they travel as connection properties.
    """

    base: str
    attributes: Mapping[str, str]
    user: str
    password: str = field(repr=False)

    @property
    def connect(self) -> str:
        """The URL that opens the database, attributes included."""
        return ";".join([self.base, *(f"{key}={value}" for key, value in self.attributes.items())])

    @property
    def shutdown(self) -> str:
        """The URL whose connection attempt shuts the database down."""
        return f"{self.base};shutdown=true"


def parse_url(url: str, *, user: str | None, password: str | None, state_dir: Path) -> EmbeddedUrl:
    """Return the embedded database ``url`` names; an empty one is ``database`` below ``state_dir``.

    ``user`` and ``password`` win over the URL's own attributes of these names. Raises DatabaseError for a
    server's URL and for anything that is no JDBC URL; the message shows no attribute, they hold secrets.
    """
    text = url.strip()
    shown, *parts = text.split(";")
    if shown.startswith(_SERVERS):
        raise DatabaseError(
            f"{_without_query(shown)} is a database server: JDBC servers come with a later release. Until "
            "then leave the URL out (and BEAKERX_SQL_DEFAULT_JDBC, SPLICE_JDBC_URL unset) for the embedded "
            "database."
        )
    if text and not (shown.startswith(_EMBEDDED) and len(shown) > len(_EMBEDDED)):
        raise DatabaseError(
            f"not a JDBC URL this release knows: {_without_query(shown)!r}. Give jdbc:derby:<path> "
            "(add ;create=true for a new one) or leave it out for the embedded database."
        )
    attributes = dict(_attribute(part, shown) for part in parts if part.strip())
    own_user, own_password = attributes.pop("user", None), attributes.pop("password", None)
    if not text:
        shown, attributes = f"{_EMBEDDED}{state_dir.resolve() / 'database'}", {"create": "true"}
    return EmbeddedUrl(
        base=shown,
        attributes=attributes,
        user=user or own_user or DEFAULT_USER,
        password=password or own_password or "",
    )


def _attribute(part: str, shown: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    if not equals or not key.strip():
        # The part itself stays out of the message: it may be half of a password.
        raise DatabaseError(f"{shown} has an attribute without a value; write ;name=value")
    if key.strip().lower() == "shutdown":
        raise DatabaseError(f"{shown};shutdown=true closes a database: call close() on its context instead")
    return key.strip(), value.strip()


def _without_query(shown: str) -> str:
    # postgresql carries user and password behind a question mark, some URLs before an @.
    return shown.partition("?")[0].rpartition("@")[2]
