"""What pipelines and evaluators say of themselves, as parameters and metrics."""

from __future__ import annotations

from typing import Any

from splicemachine_ml.tracking import Tracking


class Describing(Tracking):
    """log_pipeline_stages, log_feature_transformations, log_model_params and log_evaluator_metrics."""

    def log_pipeline_stages(self, pipeline: Any) -> None:
        """Log the stages of a pipeline, fitted or not, as parameters Stage0, Stage1 and so on."""
        from splicemachine_ml.spark import describe

        self._log_description(describe.pipeline_stages(pipeline))

    def log_feature_transformations(self, unfit_pipeline: Any) -> None:
        """Log every input column's way as parameter "Column- c": "c -> StringIndexer -> ... -> features"."""
        from splicemachine_ml.spark import describe

        self._log_description(describe.feature_transformations(unfit_pipeline))

    def log_model_params(self, pipeline_or_model: Any, stage_index: int = -1) -> None:
        """Log parameter "model" and a "Hyperparameter- name" for each parameter of the model.

        Of a pipeline the last model counts, or the stage at ``stage_index`` when that is not -1.
        """
        from splicemachine_ml.spark import describe

        self._log_description(describe.model_params(pipeline_or_model, stage_index))

    def log_evaluator_metrics(self, evaluator: Any) -> None:
        """Log every metric of the evaluator's get_results."""
        self.log_metrics(evaluator.get_results("dict"))
