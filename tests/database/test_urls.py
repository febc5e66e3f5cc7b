from __future__ import annotations

from pathlib import Path

import pytest

from splicemachine_ml.database.urls import parse_url
from splicemachine_ml.errors import DatabaseError


def _parse(url, user=None, password=None):
    return parse_url(url, user=user, password=password, state_dir=Path("/state"))


def test_no_url_is_the_database_of_the_state_folder():
    url = _parse("")
    assert (url.base, url.connect) == ("jdbc:derby:/state/database", "jdbc:derby:/state/database;create=true")
    assert (url.user, url.password) == ("SPLICE", "")


def test_attributes_are_kept_but_who_it_is_travels_apart():
    url = _parse("jdbc:derby:/x/y;create=true;user=ben;password=s3cret;bootPassword=abc")
    assert url.connect == "jdbc:derby:/x/y;create=true;bootPassword=abc"
    assert (url.user, url.password, url.shutdown) == ("ben", "s3cret", "jdbc:derby:/x/y;shutdown=true")
    assert "s3cret" not in repr(url)
    assert _parse("jdbc:derby:memory:a;user=ben", "amy", "p").user == "amy"


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:splice://host:1527/splicedb;user=splice;password=s3cret",
        "jdbc:derby://localhost:1527/db;password=s3cret",
        "jdbc:postgresql://host/db?user=u&password=s3cret",
    ],
)
def test_a_server_is_refused_by_name_and_without_its_password(url):
    with pytest.raises(DatabaseError, match="JDBC servers come with a later release") as caught:
        _parse(url)
    assert "s3cret" not in str(caught.value)
    assert "host" in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite:///x.db", "jdbc:derby:", "jdbc:mysql://u:s3cret@h/x", "host:1527"])
def test_other_urls_are_refused(url):
    with pytest.raises(DatabaseError, match="not a JDBC URL this release knows") as caught:
        _parse(url)
    assert "s3cret" not in str(caught.value)


def test_broken_attributes_are_refused():
    with pytest.raises(DatabaseError, match="without a value"):
        _parse("jdbc:derby:x;s3cret")
    with pytest.raises(DatabaseError, match="close"):
        _parse("jdbc:derby:x;shutdown=true")
