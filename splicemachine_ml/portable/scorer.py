"""Score a Spark pipeline without Spark: NumPy and onnxruntime, nothing else.

One call: the host makes one float64 matrix of the columns (labels become positions), one ONNX graph in
double precision does the arithmetic, and the host acts on broken rules as Spark's handleInvalid says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from splicemachine_ml.errors import ModelStoreError, ScoringError
from splicemachine_ml.portable.coder import is_null
from splicemachine_ml.portable.encode import Batch, Matrix
from splicemachine_ml.portable.rules import Broken, RuleBook
from splicemachine_ml.portable.spec import (
    InputSpec,
    OutputSpec,
    ScoringSpec,
    StageSpec,
    read_spec,
)

CHUNK_ROWS = 2048  # x, one-hot columns and leaf numbers of a chunk stay in a core's cache

Columns = Mapping[str, NDArray[Any]]


class Scorer:
    """A loaded model; thread-safe, no call changes it.

    ``spec`` is everything known about the model, ``session`` the onnxruntime session of its graph.
    """

    def __init__(self, spec: ScoringSpec, model: bytes) -> None:
        self.spec = spec
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # rows are too small to share
        options.log_severity_level = 3
        try:
            self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except _ORT_ERRORS as error:
            raise ModelStoreError(f"onnxruntime cannot load {spec.model_file}: {error}") from error
        # InferenceSession.run checks its arguments again: 3 of 13 microseconds
        self._session_run = getattr(self.session, "_sess", self.session).run
        self._matrix = Matrix(spec)
        self._rules = RuleBook(spec)
        self._output_names = [output.name for output in self.session.get_outputs()]
        self._places: list[tuple[str, int | slice]] = [
            (output.name, _place(output)) for output in spec.outputs
        ]
        self._texts = [
            (output.name, np.array(output.labels, dtype=object))
            for output in spec.outputs
            if output.kind == "string"
        ]

    @classmethod
    def load(cls, directory: str | Path) -> Scorer:
        """Load ``model.onnx`` and ``spec.json``; ModelStoreError when absent, damaged or newer."""
        folder = Path(directory)
        spec = read_spec(folder)
        try:
            model = (folder / spec.model_file).read_bytes()
        except OSError as error:
            raise ModelStoreError(f"no readable {spec.model_file} in {folder}: {error}") from error
        if hashlib.sha256(model).hexdigest() != spec.model_sha256:
            raise ModelStoreError(f"{folder / spec.model_file} is corrupt: its checksum does not match")
        return cls(spec, model)

    def __repr__(self) -> str:
        """Name the model, what goes in and what comes out; ``explain()`` tells the rest."""
        names = ", ".join(column.name for column in self.inputs)
        outputs = ", ".join(column.name for column in self.outputs)
        return f"{type(self).__name__}({self.spec.pipeline_uid}: {names} -> {outputs})"

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The raw columns ``score`` needs: name, kind, size (vectors), nullable, Spark type."""
        return self.spec.inputs

    @property
    def outputs(self) -> tuple[OutputSpec, ...]:
        """The columns ``score`` returns, besides ``row_index``: name, kind, size, labels."""
        return self.spec.outputs

    @property
    def stages(self) -> tuple[StageSpec, ...]:
        """The scored stages in order: kind, uid, and how each is scored."""
        return self.spec.stages

    def score(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """Spark's ``transform`` of N rows.

        ``columns``: every input by name, shape [N] (vectors [N, size] or an object array of sequences).
        Returns numbers float64 [M], vectors float64 [M, size], text as object arrays, and ``row_index``
        int64 [M], the input row of each answer (M < N where handleInvalid="skip" drops rows). A null number
        is NaN. Raises ScoringError with the column and, where known, the row.
        """
        x = self._matrix.one_row(columns)
        if x is not None:
            y = self._run(x)
            if self._rules.is_clean(x, y):
                return self._answers(y, np.zeros(1, np.int64))
        return self._score_batch(self._matrix.batch(columns))

    def explain(self) -> str:
        """What the scorer does, stage by stage, for people."""
        lines = [f"Pipeline {self.spec.pipeline_uid} (Spark {self.spec.spark_version}), scored without Spark"]
        lines.append("Inputs: " + ", ".join(_column_text(column) for column in self.inputs))
        if self.spec.optional:
            lines.append("Accepted and ignored: " + ", ".join(self.spec.optional))
        for number, stage in enumerate(self.stages, 1):
            lines.append(f"{number}. {stage.kind} {stage.uid}, on the {stage.scored}: {stage.what}")
            lines.append(f"   {', '.join(stage.inputs)} -> {', '.join(stage.outputs)}")
        for rule in self.spec.rules:
            verb = "raise an error" if rule.action == "error" else "are dropped"
            lines.append(f"Rows {verb} in {rule.uid} ({', '.join(rule.columns)}): {rule.message}")
        lines.append("Outputs: " + ", ".join(_column_text(column) for column in self.outputs))
        return "\n".join(lines)

    def _run(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        (y,) = self._session_run(self._output_names, {"x": x}, None)
        return y  # type: ignore[no-any-return]

    def _score_batch(self, batch: Batch) -> dict[str, NDArray[Any]]:
        answers, kept = [np.empty((0, self.spec.y_width))], [np.empty(0, np.int64)]
        for low in range(0, batch.rows, CHUNK_ROWS):
            high = min(low + CHUNK_ROWS, batch.rows)
            x = self._matrix.fill(batch, low, high)
            y = self._run(x)
            rows = np.arange(low, high)
            if not self._rules.is_clean(x, y):
                alive = self._rules.apply(x, y)
                if isinstance(alive, Broken):
                    self._raise(alive, batch, low)
                y, rows = y[alive], rows[alive]
            answers.append(y)
            kept.append(rows)
        return self._answers(np.concatenate(answers), np.concatenate(kept))

    def _answers(self, y: NDArray[np.float64], rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        result: dict[str, NDArray[Any]] = {name: y[:, at] for name, at in self._places}
        for name, labels in self._texts:
            result[name] = labels[result[name].astype(np.int64)]
        result["row_index"] = rows
        return result

    def _raise(self, broken: Broken, batch: Batch, low: int) -> NoReturn:
        rule, row = broken.rule, low + broken.row
        name = broken.column
        shown = ""
        if name in batch.columns:
            shown = f", found {_shown(batch.columns[name][row])}"
        stage = f"{rule.spark_class.rpartition('.')[2]} {rule.uid}"
        raise ScoringError(
            f"column {name!r}, row {row}: {rule.message}{shown} [{stage}]", column=name, row=row
        )


def _shown(value: Any) -> str:
    # As people write it: no np.float64(...) around a number, and null for what stands for it.
    if is_null(value) or value is np.ma.masked:
        return "null"
    return repr(value.item() if isinstance(value, np.generic) else value)


_ORT_ERRORS = (
    ort_state.EPFail,
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
    RuntimeError,
    ValueError,
)


def _place(output: OutputSpec) -> int | slice:
    return slice(output.start, output.start + output.size) if output.kind == "vector" else output.start


def _column_text(column: InputSpec | OutputSpec) -> str:
    size = f"[{column.size}]" if column.kind == "vector" else ""
    return f"{column.name} ({column.kind}{size})"
