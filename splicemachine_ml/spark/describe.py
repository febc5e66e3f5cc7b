"""What a pipeline does, as names and text for a run's parameters; read from the params API alone."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

from splicemachine_ml.errors import ModelStoreError

VALUE_LIMIT = 6000  # MLflow's longest parameter value
_WORD = re.compile(r"[A-Za-z_][\w.]*|(?<![\w.])\.(?![\w.])")


def pipeline_stages(pipeline: Any) -> dict[str, str]:
    """Return ``{"Stage0": "StringIndexer", ...}``, nested pipelines flattened, fitted or not."""
    return {f"Stage{i}": stage_name(stage) for i, stage in enumerate(_flat(pipeline))}


def feature_transformations(pipeline: Any) -> dict[str, str]:
    """Return the way of every raw column: ``{"Column- c": "c -> StringIndexer -> ... -> features"}``.

    ``pipeline``: fitted or not. A way ends where no further transformer reads the column (models end it too:
    what they add is no feature). A column that goes several ways has them all, separated by "; ". Stages
    that do not declare their columns (SQLTransformer, custom ones) cannot be followed and are left out.
    """
    ways = _Ways()
    for stage in _flat(pipeline):
        for read, written in _columns(stage):
            ways.add(stage_name(stage), read, written)
        for added in _added_by_model(stage):
            ways.end(added)
    return {f"Column- {column}": _limited("; ".join(lines)) for column, lines in ways.lines().items()}


def model_params(model: Any, stage_index: int = -1) -> dict[str, str]:
    """Return ``{"model": "LogisticRegression", "Hyperparameter- maxIter": "10", ...}``.

    ``model``: a pipeline, fitted or not, of which the last model is described (or the stage at
    ``stage_index``, when that is not -1), or a single model or estimator. Of a CrossValidatorModel or
    TrainValidationSplitModel it is the best model. Values are what explicit settings and defaults amount to.
    """
    stages = _flat(model)
    if not stages:
        raise ModelStoreError(f"{_name_of(model)} has no stages to describe")
    if stage_index == -1:
        chosen = next((s for s in reversed(stages) if _is_model(s)), stages[-1])
    elif -len(stages) <= stage_index < len(stages):
        chosen = stages[stage_index]
    else:
        raise ModelStoreError(f"{_name_of(model)} has {len(stages)} stages, none at index {stage_index}")
    chosen = getattr(chosen, "bestModel", chosen)
    if _stages_of(chosen) is not None:
        return model_params(chosen)
    described = {"model": stage_name(chosen)}
    for param, value in sorted(chosen.extractParamMap().items(), key=lambda item: str(item[0].name)):
        described[f"Hyperparameter- {param.name}"] = _limited(_text(value))
    return described


def stage_name(stage: Any) -> str:
    """Return the estimator's or transformer's name: "StringIndexer" for a StringIndexerModel too."""
    # Spark's fitted models carry their estimator's uid; users may set others, so the name must be a class.
    prefix = str(stage.uid).rsplit("_", 1)[0]
    kind = type(stage).__name__
    module = sys.modules[type(stage).__module__]
    if not prefix.endswith("Model") and isinstance(getattr(module, prefix, None), type):
        return prefix
    for ending, estimator in (("ClassificationModel", "Classifier"), ("RegressionModel", "Regressor")):
        candidate = kind.removesuffix(ending) + estimator
        if kind.endswith(ending) and hasattr(module, candidate):
            return candidate
    return kind.removesuffix("Model") or kind


class _Ways:
    """Follows columns through the stages, in their order."""

    def __init__(self) -> None:
        # column -> every way to it: (raw column, stages so far)
        self._ways: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        self._read: set[str] = set()

    def add(self, stage: str, read: Iterable[str], written: str) -> None:
        """Note that ``stage`` makes ``written`` from ``read``."""
        ways = [way for column in read for way in self._ways.get(column, [(column, ())])]
        self._read.update(read)
        self._ways[written] = [(raw, (*stages, stage)) for raw, stages in ways]
        self._read.discard(written)  # written in place: what comes now is new

    def end(self, written: str) -> None:
        """Note a column that a model adds: not raw when a later stage reads it, and no feature."""
        self._ways[written] = []

    def lines(self) -> dict[str, list[str]]:
        """Return the ways of each raw column, first seen first."""
        found: dict[str, list[str]] = {}
        for column, ways in self._ways.items():
            if column in self._read:
                continue
            for raw, stages in ways:
                line = " -> ".join([raw, *stages, column])
                if line not in found.setdefault(raw, []):
                    found[raw].append(line)
        return found


def _columns(stage: Any) -> list[tuple[list[str], str]]:
    """Return (columns read, column written) for each column a feature stage writes; nothing for models."""
    if stage.hasParam("formula"):
        return _formula_columns(stage)
    if _is_model(stage):
        return []
    inputs, several_in = _value(stage, "inputCols", "inputCol")
    outputs, several_out = _value(stage, "outputCols", "outputCol")
    if not inputs:
        return []
    if several_in and several_out and len(inputs) == len(outputs):
        return [([i], o) for i, o in zip(inputs, outputs, strict=True)]
    if not outputs:
        return [([i], i) for i in inputs]  # VectorSizeHint checks its column in place
    return [(inputs, o) for o in outputs]


def _value(stage: Any, several: str, one: str) -> tuple[list[str], bool]:
    # outputCol always has a default (uid__output): only what was set tells single from multi-column.
    if stage.hasParam(several) and stage.isSet(several):
        return [str(c) for c in stage.getOrDefault(several)], True
    if stage.hasParam(one) and stage.isDefined(one):
        return [str(stage.getOrDefault(one))], False
    return [], False


def _formula_columns(stage: Any) -> list[tuple[list[str], str]]:
    response, _, terms = str(stage.getOrDefault("formula")).partition("~")
    columns = list(dict.fromkeys(_WORD.findall(terms)))  # "." stands for all other columns
    label = _WORD.findall(response)
    found = [(columns, str(stage.getOrDefault("featuresCol")))] if columns else []
    if label:
        found.append((label, str(stage.getOrDefault("labelCol"))))
    return found


def _added_by_model(stage: Any) -> list[str]:
    if not _is_model(stage) or stage.hasParam("formula"):
        return []
    names = ("predictionCol", "probabilityCol", "rawPredictionCol")
    return [str(stage.getOrDefault(n)) for n in names if stage.hasParam(n) and stage.isDefined(n)]


def _is_model(stage: Any) -> bool:
    return bool(stage.hasParam("predictionCol") or hasattr(stage, "bestModel"))


def _stages_of(thing: Any) -> list[Any] | None:
    stages = getattr(thing, "stages", None)
    if isinstance(stages, (list, tuple)):
        return list(stages)  # a PipelineModel
    if hasattr(thing, "getStages"):
        return list(thing.getStages())  # a Pipeline
    return None


def _flat(thing: Any) -> list[Any]:
    if not hasattr(thing, "extractParamMap"):
        raise ModelStoreError(
            f"a Spark ML pipeline, model or estimator is needed, not {_name_of(thing)}; "
            "parameters of other models are logged with log_params"
        )
    stages = _stages_of(thing)
    if stages is None:
        return [thing]
    return [inner for stage in stages for inner in _flat(stage)]


def _name_of(thing: Any) -> str:
    return str(getattr(thing, "uid", type(thing).__name__))


def _text(value: Any) -> str:
    return str(getattr(value, "uid", value))  # an estimator inside a parameter (OneVsRest, CrossValidator)


def _limited(text: str) -> str:
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 3] + "..."
