"""Settings: one frozen value, resolved once, passed to whoever needs it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from splicemachine_ml.errors import SettingsError

FORMAT = 1
_PREFIX = "SPLICEMACHINE_ML_"
# What a text looks like that may hold a password: user@host, or an attribute of a JDBC URL.
_SECRET = re.compile(r"@|passw|pwd|secret|token", re.IGNORECASE)

# Names other tools use for the same thing, tried after our own.
_FOREIGN = {
    "tracking_uri": ("MLFLOW_TRACKING_URI",),
    "database_url": ("BEAKERX_SQL_DEFAULT_JDBC", "SPLICE_JDBC_URL"),
}


@dataclass(frozen=True)
class Settings:
    """Resolved settings; the meaning and the default of each key stand in ``conf/defaults.toml``."""

    tracking_uri: str
    artifact_root: str
    state_dir: Path
    database_url: str
    spark_master: str
    spark_driver_memory: str
    serving_host: str
    serving_port: int
    serving_max_body_bytes: int
    serving_start_timeout: float
    serving_drain_timeout: float

    def __repr__(self) -> str:
        """Show every key, credentials left out."""
        return "Settings(" + ", ".join(f"{f.name}={self.shown(f.name)!r}" for f in fields(self)) + ")"

    def shown(self, key: str) -> Any:
        """Return the value of ``key`` as it may be printed: a URL that may carry credentials is hidden."""
        value = getattr(self, key)
        if isinstance(value, str) and _SECRET.search(value):
            return "<hidden: it may carry credentials>"
        return value

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **arguments: Any) -> Settings:
        """Resolve every key: argument > environment > conf file > default.

        ``arguments`` that are None count as not given. Raises SettingsError for a key that does not exist
        or a value of the wrong type, naming the key and its source.
        """
        env = os.environ if environ is None else environ
        known = {f.name: str(f.type) for f in fields(cls)}
        values: dict[str, Any] = {}
        sources: dict[str, str] = {}

        def take(source: str, given: Mapping[str, Any]) -> None:
            for key, value in given.items():
                if key not in known:
                    raise SettingsError(
                        f"unknown setting {key!r} in {source}; known: {', '.join(sorted(known))}"
                    )
                values[key], sources[key] = value, source

        for variable in sorted(env):  # a misspelt one would otherwise be ignored without a word
            key = variable.removeprefix(_PREFIX).lower()
            if variable.startswith(_PREFIX) and key not in {*known, "conf"}:
                near = get_close_matches(key, list(known), 1)
                hint = f"; did you mean {_PREFIX}{near[0].upper()}?" if near else ""
                raise SettingsError(f"environment variable {variable} is no setting{hint}")
        defaults = conf_dir() / "defaults.toml"
        take(str(defaults), _read(defaults))
        if named := env.get(_PREFIX + "CONF"):
            take(f"{named} (named by {_PREFIX}CONF)", _read(Path(named)))
        for key in known:
            for variable in (_PREFIX + key.upper(), *_FOREIGN.get(key, ())):
                if env.get(variable):
                    take(f"environment variable {variable}", {key: env[variable]})
                    break
        take("argument", {k: v for k, v in arguments.items() if v is not None})
        missing = sorted(set(known) - set(values))
        if missing:
            raise SettingsError(f"{defaults} gives no value for {', '.join(missing)}")
        return cls(**{key: _convert(key, known[key], values[key], sources[key]) for key in known})


def conf_dir() -> Path:
    """Return the folder of the shipped defaults: inside an installed package, or conf/ of a checkout."""
    package = Path(__file__).parent
    for candidate in (package / "_conf", package.parent / "conf"):
        if (candidate / "defaults.toml").is_file():
            return candidate
    raise SettingsError(f"defaults.toml is missing beside {package}; install the package again")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the conf file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error
    version = content.pop("format", FORMAT)
    if version != FORMAT:
        raise SettingsError(f"{path} has format {version}; this version reads {FORMAT}")
    return content


def _convert(key: str, kind: str, value: Any, source: str) -> Any:
    # The environment gives text, TOML and arguments give values: one conversion serves both.
    converters: dict[str, Any] = {"str": str, "int": int, "float": float, "Path": Path}
    allowed: dict[str, tuple[type, ...]] = {
        "str": (str,),
        "int": (int, str),
        "float": (int, float, str),
        "Path": (str, Path),
    }
    if not isinstance(value, allowed[kind]) or isinstance(value, bool):
        raise SettingsError(f"setting {key!r} from {source} must be {kind}, not {value!r}")
    try:
        return converters[kind](value)
    except ValueError as error:
        raise SettingsError(f"setting {key!r} from {source} must be {kind}, not {value!r}") from error
