"""Every class of pyspark.ml that can stand in a saved pipeline is in exactly one table."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import zipfile
from collections import defaultdict
from pathlib import Path

import pyspark
from pyspark.ml.base import Transformer
from pyspark.ml.param import Param
from pyspark.ml.util import MLWritable
from pyspark.ml.wrapper import JavaParams

from splicemachine_ml.portable.catalog import READERS, UNSUPPORTED, reason
from splicemachine_ml.portable.reader.disk import read_metadata
from splicemachine_ml.portable.reader.saved import Refused, SavedStage
from splicemachine_ml.portable.reader.values import Params
from splicemachine_ml.portable.reader.walk import TRAINING_ONLY
from tests.portable.fixture_files import FIXTURES

MODULES = [
    "classification", "clustering", "feature", "fpm", "pipeline", "recommendation", "regression", "tuning",
]  # fmt: skip
CONNECT = ["classification", "feature", "pipeline", "tuning"]

# Public in the jar, but never the class of a saved stage.
ABSTRACT = {
    "Model", "PredictionModel",
    "classification.ClassificationModel", "classification.ProbabilisticClassificationModel",
    "clustering.LDAModel", "feature.LSHModel", "feature.SelectorModel", "regression.RegressionModel",
}  # fmt: skip


def defined_in(module) -> list[type]:
    return [
        kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__ and not name.startswith("_") and not inspect.isabstract(kind)
    ]


def classes() -> dict[str, type]:
    """Saved class name -> Python class; a class around a Java object is saved under the Java name."""
    found: dict[str, type] = {}
    for name in MODULES:
        for kind in defined_in(importlib.import_module(f"pyspark.ml.{name}")):
            if not issubclass(kind, Transformer) or not issubclass(kind, MLWritable):
                continue
            python = f"{kind.__module__}.{kind.__qualname__}"
            # JavaParams._from_java maps the one name to the other by this very replacement
            java = python.replace("pyspark", "org.apache.spark").replace(".ml.pipeline.", ".ml.")
            found[java] = kind
            if not issubclass(kind, JavaParams):
                found[python] = kind
    return found


def test_every_class_is_in_exactly_one_table():
    found = set(classes())
    assert len(found) > 60
    assert "org.apache.spark.ml.PipelineModel" in found
    tables = set(READERS) | set(UNSUPPORTED)
    assert sorted(found - tables) == [], "in neither READERS nor UNSUPPORTED"
    assert sorted(set(READERS) & set(UNSUPPORTED)) == []


def test_every_class_of_pyspark_ml_connect_that_saves_something():
    """Read from the source: importing pyspark.ml.connect needs grpcio."""
    found = []
    for name in CONNECT:
        source = Path(pyspark.__file__).parent / "ml" / "connect" / f"{name}.py"
        for node in ast.parse(source.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                bases = {ast.unparse(base) for base in node.bases}
                if bases & {"Model", "Transformer", "PredictionModel"}:
                    found.append(f"pyspark.ml.connect.{name}.{node.name}")
    assert len(found) == 6
    assert sorted(set(found) - set(UNSUPPORTED)) == []


def test_every_model_class_of_the_jar_is_known():
    (jar,) = (Path(pyspark.__file__).parent / "jars").glob("spark-mllib_*.jar")
    with zipfile.ZipFile(jar) as archive:
        names = [
            n.removesuffix(".class").replace("/", ".") for n in archive.namelist() if n.endswith(".class")
        ]
    pattern = re.compile(r"org\.apache\.spark\.ml\.((?:\w+\.)?\w+Model)")
    models = {m[1] for n in names if (m := pattern.fullmatch(n))} - ABSTRACT
    models = {m for m in models if not m.startswith(("tree.", "ann.", "optim."))}
    assert len(models) > 40
    unknown = {f"org.apache.spark.ml.{m}" for m in models} - set(READERS) - set(UNSUPPORTED)
    assert sorted(unknown) == []


def test_reasons_are_one_line():
    for text in UNSUPPORTED.values():
        assert 10 < len(text) < 100
        assert "\n" not in text
    assert reason("org.apache.spark.ml.feature.DCT") == UNSUPPORTED["org.apache.spark.ml.feature.DCT"]


def used_parameters() -> dict[str, set[str]]:
    """Scala class -> parameters its reader looked at, over all fixtures."""
    used: dict[str, set[str]] = defaultdict(set)
    for path in FIXTURES.rglob("metadata"):
        params = Params(read_metadata(path.parent), path.parent)
        reader = READERS.get(params.metadata.spark_class)
        if reader is None:
            continue
        try:
            reader(SavedStage(path.parent, params, lambda _: (), {}))
        except Refused:
            continue
        used[params.metadata.spark_class] |= params.used
    return used


def test_every_parameter_of_a_converted_class_is_read_or_known_to_be_for_training_only():
    used, found = used_parameters(), classes()
    holders = ("Pipeline", "tuning", "RFormula")  # they hold stages, whose parameters count
    converted = [n for n in set(READERS) & set(found) if not any(h in n for h in holders)]
    assert len(converted) == 25
    for name in converted:
        declared = {a for a in dir(found[name]) if isinstance(getattr(found[name], a, None), Param)}
        assert sorted(declared - used[name] - TRAINING_ONLY) == [], name


def test_metadata_of_the_fixtures_is_of_the_spark_version_we_test_with():
    versions = {read_metadata(p.parent).spark_version for p in FIXTURES.rglob("metadata")}
    assert versions == {"4.3.0"}
    assert json.loads((FIXTURES / "mlp" / "answers.json").read_text())["schema"]["int_rate"] == "double"
