"""The README's example is run as it stands."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from splicemachine_ml.portable.catalog import READERS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
MODULES = ("feature", "classification", "regression", "clustering", "tuning")


@pytest.mark.spark
def test_the_example_runs_as_printed(
    spark: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.S)
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    monkeypatch.chdir(tmp_path)

    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})

    printed = capsys.readouterr().out
    assert "prediction" in printed
    assert re.search(r"http://127\.0\.0\.1:\d+", printed)


def test_the_table_names_what_the_catalog_reads() -> None:
    row = next(
        line for line in README.read_text().splitlines() if line.startswith("| scoring without Spark |")
    )
    named = set(re.findall(r"`(\w+)`", row.split("|")[2]))
    inside_rformula = {"ColumnPruner", "VectorAttributeRewriter"}
    read = {java.rsplit(".", 1)[1] for java in READERS} - inside_rformula - {"PipelineModel"}

    # QuantileDiscretizer leaves a Bucketizer behind: it has no saved form of its own.
    assert named == {estimator_of(model) for model in read} | {"QuantileDiscretizer"}


def estimator_of(model: str) -> str:
    """DecisionTreeClassificationModel -> DecisionTreeClassifier: the name that people write."""
    modules = [import_module(f"pyspark.ml.{name}") for name in MODULES]
    endings = {"": "", "Model": "", "ClassificationModel": "Classifier", "RegressionModel": "Regressor"}
    for ending, written in sorted(endings.items(), key=lambda pair: len(pair[0]), reverse=True):
        name = model.removesuffix(ending) + written
        if model.endswith(ending) and any(hasattr(module, name) for module in modules):
            return name
    raise AssertionError(f"nothing in pyspark.ml fits a {model}")


def test_the_example_is_as_short_as_promised() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.S)

    assert len([line for line in code.splitlines() if line.strip()]) <= 25
