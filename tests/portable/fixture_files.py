"""The saved Spark models of ``fixtures`` and what Spark answered for their rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True)
class Fixture:
    """One saved model: its directory, the schema and rows that went in, and Spark's answers by column."""

    name: str
    model: Path
    schema: dict[str, str]
    rows: dict[str, list[Any]]
    answers: dict[str, list[Any]]
    answer_types: dict[str, str]


def fixture(name: str) -> Fixture:
    """Load one by name."""
    home = FIXTURES / name
    content = json.loads((home / "answers.json").read_text())
    return Fixture(name, home / "model", **content)


def names() -> list[str]:
    """Every fixture there is."""
    return sorted(p.name for p in FIXTURES.iterdir() if (p / "answers.json").is_file())
