"""When Spark gets to each stage: which rows are dropped before which others raise."""

from __future__ import annotations

from splicemachine_ml.portable.onnx.context import Action, inputs_of, outputs_of
from splicemachine_ml.portable.stages import Bucketizer, Plan, StringIndexer, VectorAssembler, VectorIndexer

# their functions are non-deterministic to Spark's optimizer, which evaluates those where they stand
_EAGER = (StringIndexer, VectorAssembler)
_DROP_BEFORE = (StringIndexer, Bucketizer, VectorAssembler)
_DROP_AFTER = (VectorIndexer,)

Event = tuple[int, Action]


def evaluation_order(plan: Plan) -> list[Event]:
    """(stage number, "skip") where a stage drops rows, (stage number, "error") where it computes.

    A filter needs its own inputs only; all else is evaluated as late as an eager function or the answer asks
    for it. So a row that a later filter drops does not raise in an earlier Bucketizer. A stage that nothing
    asks for never computes. Observed on Spark 4.3 (tests/parity).
    """
    return _Evaluation(plan).events


class _Evaluation:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._done: set[int] = set()
        self._writer = {name: at for at, stage in enumerate(plan.stages) for name in outputs_of(stage)}
        self.events: list[Event] = []
        for at in range(len(plan.stages)):
            self._visit(at)
        for column in plan.outputs:
            self._evaluate(self._writer.get(column.name))

    def _visit(self, at: int) -> None:
        stage = self._plan.stages[at]
        drops = getattr(stage, "handle_invalid", "") == "skip"
        if drops and isinstance(stage, _DROP_BEFORE):
            self._evaluate_inputs(at)
            self.events.append((at, "skip"))
        if isinstance(stage, _EAGER) or (drops and isinstance(stage, _DROP_AFTER)):
            self._evaluate(at)
        if drops and isinstance(stage, _DROP_AFTER):
            self.events.append((at, "skip"))

    def _evaluate_inputs(self, at: int) -> None:
        for name in inputs_of(self._plan.stages[at]):
            writer = self._writer.get(name)
            if writer is not None and writer < at:
                self._evaluate(writer)

    def _evaluate(self, at: int | None) -> None:
        if at is not None and at not in self._done:
            self._done.add(at)
            self._evaluate_inputs(at)
            self.events.append((at, "error"))
