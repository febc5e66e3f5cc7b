"""The Spark-free scorer as users meet it: loaded from any store, fed with pandas or dicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd

from splicemachine_ml.errors import ModelStoreError, ScoringError, UnsupportedStageError
from splicemachine_ml.portable import scorer as portable
from splicemachine_ml.portable.spec import SPEC_FILE, ScoringSpec
from splicemachine_ml.store import manifest as manifests
from splicemachine_ml.store import rows as convert

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # two letters or more: C:/ is a disk


class Scorer(portable.Scorer):
    """Scores with Spark's own answers, without Spark. Thread-safe.

    ``score`` takes and gives NumPy arrays by column, ``predict`` rows and a DataFrame.
    """

    def __init__(self, spec: ScoringSpec, model: bytes) -> None:
        super().__init__(spec, model)
        self._inputs = {column.name: column for column in spec.inputs}
        self._ignored = frozenset(spec.optional)
        self._answers_as = convert.Answers(spec.outputs)

    @classmethod
    def load(cls, directory: str | Path) -> Scorer:
        """Load a scorer from a logged model or a portable/ folder on disk, or from any MLflow URI.

        URIs: runs:/<run id>/<name>, models:/<name>/<version>, models:/<model id>, mlflow-artifacts:/, s3:/
        and whatever else MLflow reads. Checksums are verified (a portable/ folder alone has none). Raises
        ModelStoreError when there is no such model, or it is damaged or newer; UnsupportedStageError with
        all gaps when it needs Spark.
        """
        if isinstance(directory, str) and _URI.match(directory):
            from splicemachine_ml.store.flavor import download

            directory = download(directory)
        folder = Path(directory)
        if not folder.is_dir():
            raise ModelStoreError(f"there is no model directory {folder}")
        if (folder / SPEC_FILE).is_file():
            return cast("Scorer", super().load(folder))
        manifest = manifests.verify(folder)
        if not manifest.portable:
            raise UnsupportedStageError([(gap.uid, gap.spark_class, gap.reason) for gap in manifest.gaps])
        return cast("Scorer", super().load(folder / manifests.PORTABLE_FOLDER))

    def predict(self, rows: Any) -> pd.DataFrame:
        """Return the columns transform() would add for ``rows``.

        ``rows``: a pandas DataFrame (columns that are no inputs are ignored, its index is kept), a list of
        dicts or one dict (keys that are no inputs are refused). Rows that handleInvalid="skip" drops are
        absent from the answer. Numbers are float64, IndexToString's outputs text, and vectors
        (probability, rawPrediction) lists of floats, so that JSON and CSV keep their digits. Null is None,
        pandas.NA and, in columns of text, NaN. Raises ScoringError naming column and row.
        """
        if isinstance(rows, Mapping):
            ignored = self._ignored
            row = {name: convert.of_value(value) for name, value in rows.items() if name not in ignored}
            return self._answers_as.one(self.score(row))
        if isinstance(rows, pd.DataFrame):
            return self._answers_as.frame(self.score(convert.of_frame(rows, self._inputs)), rows.index)
        if isinstance(rows, (list, tuple)):
            return self._answers_as.frame(self.score(convert.of_dicts(rows, self._inputs)), None)
        raise ScoringError(
            f"rows are a pandas DataFrame, a list of dicts or a dict, not {type(rows).__name__}"
        )
