"""Spark models: from a fitted pipeline to the store and back."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splicemachine_ml.tracking import Tracking

if TYPE_CHECKING:
    from splicemachine_ml.store.flavor import LoggedModel
    from splicemachine_ml.store.scorer import Scorer

_NAME_TAG = "splice.model_name"


class Models(Tracking):
    """log_spark_model, load_spark_model and load_scorer."""

    def log_spark_model(
        self,
        model: Any,
        name: str = "model",
        *,
        df: Any = None,
        registered_model_name: str | None = None,
    ) -> LoggedModel:
        """Log a fitted PipelineModel or Model to the active run, with its Spark-free form.

        ``df`` is a Spark or pandas DataFrame with the training columns: only its column types are read, they
        give the model a signature. ``registered_model_name`` also makes it a version of that registered
        model. Stages without a Spark-free form give one warning that names them all; the Spark model is
        logged all the same. Raises ModelStoreError for a pipeline that is not fitted.
        """
        from splicemachine_ml.spark import pipeline_io
        from splicemachine_ml.store import flavor

        self.require_run()
        schema = None if df is None else pipeline_io.schema_of(df)
        with tempfile.TemporaryDirectory(prefix="splicemachine_ml-") as folder:
            saved = pipeline_io.save_model(model, Path(folder) / "spark")
            self.make_current()
            logged = flavor.log_model(saved, name, schema=schema, registered_model_name=registered_model_name)
        self.set_tag(_NAME_TAG, name)
        if logged.gaps:
            gaps = "\n".join(f"  {gap.uid} ({gap.spark_class}): {gap.reason}" for gap in logged.gaps)
            warnings.warn(
                f"model {name!r} is logged, but has no Spark-free form; only load_spark_model() can score "
                f"with it:\n{gaps}",
                UserWarning,
                stacklevel=2,
            )
        return logged

    def load_spark_model(self, run_id: str | None = None, name: str = "model") -> Any:
        """Return the PipelineModel, or the bare model, that a run logged (the active one by default)."""
        from splicemachine_ml.spark import pipeline_io

        return pipeline_io.load_model(self._model_path(run_id, name))

    def load_scorer(self, run_id: str | None = None, name: str = "model") -> Scorer:
        """Return the Spark-free scorer of a run's model (of the active run by default)."""
        from splicemachine_ml.store.scorer import Scorer

        return Scorer.load(self._model_path(run_id, name))

    def _model_path(self, run_id: str | None, name: str) -> Path:
        from splicemachine_ml.store import flavor

        run_id = self.require_run(run_id)
        self.make_current()
        return flavor.model_path(run_id, name)
