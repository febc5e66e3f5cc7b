"""What a logged model needs, written from the versions installed here: no subprocess, nothing inferred.

mlflow.spark.log_model starts a second JVM to find the same few lines out.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# splicemachine_ml loads the model; pyspark serves mlflow.spark.load_model and pipelines without a scorer.
_PACKAGES = ("mlflow", "numpy", "onnxruntime", "pandas", "pyspark")
_BUILD = ("pip", "setuptools", "wheel")
REQUIREMENTS = "requirements.txt"
CONDA = "conda.yaml"
PYTHON_ENV = "python_env.yaml"


def write_requirements(directory: Path, package_version: str) -> None:
    """Write requirements.txt, conda.yaml and python_env.yaml with the versions of this environment."""
    lines = [*_pinned(_PACKAGES), f"splicemachine_ml=={package_version}"]
    python = platform.python_version()
    (directory / REQUIREMENTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    pip = "".join(f"  - {line}\n" for line in lines)
    conda = (
        f"name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n- python={python}\n- pip\n- pip:\n{pip}"
    )
    (directory / CONDA).write_text(conda, encoding="utf-8")
    build = "".join(f"- {line}\n" for line in _pinned(_BUILD)) or "- pip\n"
    python_env = f"python: {python}\nbuild_dependencies:\n{build}dependencies:\n- -r {REQUIREMENTS}\n"
    (directory / PYTHON_ENV).write_text(python_env, encoding="utf-8")


def _pinned(names: tuple[str, ...]) -> list[str]:
    lines = []
    for name in names:
        try:
            lines.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue  # pip of a uv environment, mlflow as mlflow-skinny: not ours to demand
    return lines
