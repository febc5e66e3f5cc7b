"""The package itself: light, lazy, and with one error hierarchy."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import splicemachine_ml
from splicemachine_ml import errors

HEAVY = {
    "boto3", "botocore", "jaydebeapi", "jpype", "matplotlib", "mlflow", "numpy", "onnx", "onnxruntime",
    "pandas", "py4j", "pyarrow", "pyspark", "rich", "sagemaker", "sklearn", "sqlalchemy", "uvicorn",
}  # fmt: skip


def loaded_after(code: str) -> set[str]:
    """Top-level modules loaded by ``code`` in a process of its own."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_importing_the_package_loads_nothing_heavy():
    assert loaded_after("import splicemachine_ml; dir(splicemachine_ml)") & HEAVY == set()


def test_errors_and_settings_are_as_light():
    code = "from splicemachine_ml import Settings, errors; Settings.load(environ={})"
    assert loaded_after(code) & HEAVY == set()


def test_the_manager_loads_nothing_heavy_but_what_mlflow_loads():
    loaded = loaded_after("from splicemachine_ml import MLManager") - loaded_after("import mlflow")
    assert loaded & (HEAVY - {"sqlalchemy"}) == set()


def test_dir_names_what_is_public():
    names = dir(splicemachine_ml)
    assert names == sorted(splicemachine_ml.__all__)
    assert {"MLManager", "SpliceMLContext", "Scorer", "Settings", "__version__"} <= set(names)


@pytest.mark.parametrize("name", [n for n in splicemachine_ml.__all__ if n != "__version__"])
def test_every_public_name_is_there_and_documented(name):
    value = getattr(splicemachine_ml, name)
    assert inspect.getdoc(value)
    assert getattr(splicemachine_ml, name) is value


def test_a_name_that_does_not_exist():
    with pytest.raises(AttributeError, match="no attribute 'MlManager'; it has MLManager, "):
        splicemachine_ml.MlManager  # noqa: B018


def test_the_version_is_the_distributions():
    from importlib.metadata import version

    assert splicemachine_ml.__version__ == version("splicemachine_ml")


def test_every_error_is_ours():
    raised = [value for value in vars(errors).values() if isinstance(value, type)]
    kinds = [value for value in raised if issubclass(value, Exception)]
    assert len(kinds) >= 10
    for kind in kinds:
        assert issubclass(kind, errors.SpliceMLError)
        assert inspect.getdoc(kind)


def test_unsupported_stages_are_told_all_at_once():
    error = errors.UnsupportedStageError([("Word2Vec_1", "Word2VecModel", "a"), ("LDA_2", "LDAModel", "b")])
    assert error.gaps == (("Word2Vec_1", "Word2VecModel", "a"), ("LDA_2", "LDAModel", "b"))
    assert "2 stage(s)" in str(error)
    assert "Word2Vec_1 (Word2VecModel): a" in str(error)
    assert "LDA_2 (LDAModel): b" in str(error)
