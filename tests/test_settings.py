"""Settings: the order of the sources, types, errors that name key and source, no secrets in repr."""

from __future__ import annotations

import tomllib
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from splicemachine_ml import Settings
from splicemachine_ml.errors import SettingsError
from splicemachine_ml.settings import conf_dir


@pytest.fixture
def conf(tmp_path):
    """Write a conf file; returns the environment that names it."""

    def write(text: str) -> dict[str, str]:
        (tmp_path / "profile.toml").write_text(text, encoding="utf-8")
        return {"SPLICEMACHINE_ML_CONF": str(tmp_path / "profile.toml")}

    return write


def test_the_shipped_defaults_name_every_setting():
    shipped = tomllib.loads((conf_dir() / "defaults.toml").read_text(encoding="utf-8"))
    assert shipped.pop("format") == 1
    assert set(shipped) == {field.name for field in fields(Settings)}
    settings = Settings.load(environ={})
    assert settings.tracking_uri == "sqlite:///mlflow.db"
    assert settings.state_dir == Path("splicemachine_ml_state")


def test_argument_over_environment_over_conf_over_default(conf):
    assert Settings.load(environ={}).serving_port == 0
    environ = conf("format = 1\nserving_port = 1\n")
    assert Settings.load(environ=environ).serving_port == 1
    environ["SPLICEMACHINE_ML_SERVING_PORT"] = "2"
    assert Settings.load(environ=environ).serving_port == 2
    assert Settings.load(environ=environ, serving_port=3).serving_port == 3
    assert Settings.load(environ=environ, serving_port=None).serving_port == 2
    environ["SPLICEMACHINE_ML_SERVING_PORT"] = ""
    assert Settings.load(environ=environ).serving_port == 1


def test_names_that_other_tools_use():
    environ = {"MLFLOW_TRACKING_URI": "http://tracking", "BEAKERX_SQL_DEFAULT_JDBC": "jdbc:old"}
    settings = Settings.load(environ=environ)
    assert (settings.tracking_uri, settings.database_url) == ("http://tracking", "jdbc:old")
    environ["SPLICEMACHINE_ML_TRACKING_URI"] = "http://ours"
    assert Settings.load(environ=environ).tracking_uri == "http://ours"
    assert Settings.load(environ={"SPLICE_JDBC_URL": "jdbc:new"}).database_url == "jdbc:new"


def test_the_environment_of_the_process_is_read(monkeypatch):
    monkeypatch.setenv("SPLICEMACHINE_ML_SPARK_MASTER", "local[7]")
    assert Settings.load().spark_master == "local[7]"
    assert Settings.load(environ={}).spark_master != "local[7]"


def test_values_get_their_types():
    environ = {"SPLICEMACHINE_ML_SERVING_START_TIMEOUT": "2.5", "SPLICEMACHINE_ML_STATE_DIR": "/var/x"}
    settings = Settings.load(environ=environ, serving_drain_timeout=3)
    assert settings.serving_start_timeout == 2.5
    assert isinstance(settings.serving_drain_timeout, float)
    assert settings.state_dir == Path("/var/x")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"nonsense": 1}, r"unknown setting 'nonsense' in argument; known: artifact_root, "),
        ({"serving_port": "eight"}, r"'serving_port' from argument must be int, not 'eight'"),
        ({"serving_port": 1.5}, r"'serving_port' from argument must be int, not 1\.5"),
        ({"serving_port": True}, r"'serving_port' from argument must be int, not True"),
        ({"tracking_uri": 7}, r"'tracking_uri' from argument must be str, not 7"),
    ],
)
def test_arguments_that_are_wrong(given, message):
    with pytest.raises(SettingsError, match=message):
        Settings.load(environ={}, **given)


def test_a_wrong_environment_variable_is_named():
    with pytest.raises(SettingsError, match="environment variable SPLICEMACHINE_ML_SERVING_PORT must be int"):
        Settings.load(environ={"SPLICEMACHINE_ML_SERVING_PORT": "http"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense = 1", r"unknown setting 'nonsense' in .*profile\.toml"),
        ("serving_port = '", r"profile\.toml is not TOML"),
        ("format = 2", r"profile\.toml has format 2; this version reads 1"),
        ("serving_port = []", r"'serving_port' from .*profile\.toml .* must be int"),
    ],
)
def test_a_wrong_conf_file_is_named(conf, text, message):
    with pytest.raises(SettingsError, match=message):
        Settings.load(environ=conf(text))


def test_a_missing_conf_file_is_named():
    with pytest.raises(SettingsError, match=r"cannot read the conf file /no/where\.toml") as caught:
        Settings.load(environ={"SPLICEMACHINE_ML_CONF": "/no/where.toml"})
    assert isinstance(caught.value.__cause__, OSError)


def test_a_conf_file_that_is_not_utf_8_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes('artifact_root = "é"'.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"mine\.toml is not TOML"):
        Settings.load(environ={"SPLICEMACHINE_ML_CONF": str(path)})


@pytest.mark.parametrize("url", ["jdbc:splice://h:1527/d;user=a;pwd=hush", "https://host/?access_token=hush"])
def test_urls_with_secrets_of_other_names_are_hidden(url):
    assert "hush" not in repr(Settings.load(environ={}, database_url=url))


def test_frozen_and_without_secrets_in_repr():
    settings = Settings.load(
        environ={}, tracking_uri="https://ben:secret@host", database_url="jdbc:x;password=secret"
    )
    assert "secret" not in repr(settings)
    assert "spark_master='local[*]'" in repr(settings)
    with pytest.raises(FrozenInstanceError):
        settings.serving_port = 1


def test_a_misspelt_variable_is_named():
    with pytest.raises(
        SettingsError, match=r"SPLICEMACHINE_ML_TRACKING_URL is no setting; did you mean .*_URI"
    ):
        Settings.load(environ={"SPLICEMACHINE_ML_TRACKING_URL": "sqlite:///x.db"})
