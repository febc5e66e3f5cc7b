"""The loader MLflow calls for the ``python_function`` flavor: without Spark where the model allows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.store import manifest as manifests
from splicemachine_ml.store.scorer import Scorer


class PortableModel:
    """A Scorer behind MLflow's ``predict(model_input, params=None)``."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> list[float] | pd.DataFrame:
        """Return the list of predictions, as a model logged by mlflow.spark does.

        Rows that the pipeline's handleInvalid="skip" drops are absent, there as here. A pipeline that
        has no column ``prediction`` gives the DataFrame of its outputs. ``model_input``: DataFrame, list of
        dicts, one dict, or a dict of equally long lists (the scoring server's "inputs"); unknown columns
        of a DataFrame are ignored, ``params`` too.
        """
        answer: pd.DataFrame = self.scorer.predict(_rows(model_input))
        if "prediction" not in answer.columns:
            return answer
        values: list[float] = answer["prediction"].tolist()
        return values


def _rows(model_input: Any) -> Any:
    if isinstance(model_input, dict) and any(isinstance(v, (list, np.ndarray)) for v in model_input.values()):
        try:
            return pd.DataFrame(model_input)
        except ValueError as error:
            raise ScoringError(f"the input's columns do not have the same length: {error}") from error
    return model_input


def _load_pyfunc(path: str, model_config: dict[str, Any] | None = None) -> Any:
    """Load the logged model at ``path`` (the directory that holds MLmodel).

    A pipeline that has no Spark-free form is given to mlflow.spark's own wrapper, which starts a local Spark
    session when none is active.
    """
    directory = Path(path)
    if manifests.verify(directory).portable:
        return PortableModel(Scorer.load(directory))
    import mlflow.spark

    return mlflow.spark._load_pyfunc(str(directory / manifests.SPARK_FOLDER))  # noqa: SLF001 (the loader protocol)
