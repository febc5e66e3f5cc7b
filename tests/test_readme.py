"""The README's example is run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.spark
def test_the_example_runs_as_printed(
    spark: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    monkeypatch.chdir(tmp_path)

    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})

    printed = capsys.readouterr().out
    assert "prediction" in printed
    assert re.search(r"http://127\.0\.0\.1:\d+", printed)


def test_the_example_is_as_short_as_promised() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)

    assert len([line for line in code.splitlines() if line.strip()]) <= 25
