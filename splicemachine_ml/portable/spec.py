"""What the scorer must know besides the ONNX graph: a frozen value that lives in ``spec.json``.

The file is ``{"format": 1, "sha256": <of the body>, "body": {...}}``; whatever is unknown, missing, mistyped
or does not match its checksum is a ModelStoreError, because a scorer must not guess. NumPy-free on purpose.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from splicemachine_ml.errors import ModelStoreError

FORMAT = 1
SPEC_FILE = "spec.json"
MODEL_FILE = "model.onnx"

_T = TypeVar("_T")


@dataclass(frozen=True)
class InputSpec:
    """A raw column; ``booleans`` tells whether True and False may stand for 1 and 0 in it."""

    name: str
    kind: Literal["number", "string", "any", "vector"]
    size: int
    nullable: bool
    spark_type: str
    booleans: bool


@dataclass(frozen=True)
class Slot:
    """Columns ``start`` to ``start + size`` of the graph's input ``x``.

    ``role``: the column's "number", its "vector", its "null" flag (1.0 where null) or the "code" that
    ``encoders[encoder]`` gives it (``encoder`` is -1 otherwise).
    """

    column: str
    role: Literal["number", "vector", "null", "code"]
    start: int
    size: int
    encoder: int


@dataclass(frozen=True)
class Encoder:
    """A StringIndexer on a raw column: a value's code is its label's position, their number when unseen."""

    uid: str
    column: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """Which rows Spark would refuse ("error") or drop ("skip").

    A ``where="host"`` rule looks at the columns ``at`` of x: NaN hits, or, with ``codes``, that number.
    A ``where="graph"`` rule is the 0/1 columns ``at`` of the graph's output, one for each of ``columns``.
    """

    uid: str
    spark_class: str
    columns: tuple[str, ...]
    action: Literal["error", "skip"]
    message: str
    where: Literal["host", "graph"]
    at: tuple[int, ...]
    codes: tuple[int, ...]


@dataclass(frozen=True)
class OutputSpec:
    """``size`` columns (one, for a number or text) from ``start`` of the graph's output.

    Text is the label at that position in ``labels``.
    """

    name: str
    kind: Literal["number", "vector", "string"]
    size: int
    start: int
    labels: tuple[str, ...]


@dataclass(frozen=True)
class StageSpec:
    """One stage as it is scored: ``scored`` is "host", "graph" or "host and graph"; ``what`` one sentence."""

    kind: str
    uid: str
    spark_class: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    scored: str
    what: str


@dataclass(frozen=True)
class ScoringSpec:
    """Everything between columns and the graph; see the classes of its fields."""

    pipeline_uid: str
    spark_version: str
    model_file: str
    model_sha256: str
    inputs: tuple[InputSpec, ...]
    optional: tuple[str, ...]
    layout: tuple[Slot, ...]
    encoders: tuple[Encoder, ...]
    rules: tuple[Rule, ...]
    outputs: tuple[OutputSpec, ...]
    stages: tuple[StageSpec, ...]

    @property
    def x_width(self) -> int:
        """Number of columns of the graph's input."""
        return sum(slot.size for slot in self.layout)

    @property
    def y_width(self) -> int:
        """Number of columns of the graph's output: the answers, then those of the graph rules."""
        answers = sum(output.size if output.kind == "vector" else 1 for output in self.outputs)
        return answers + sum(len(rule.at) for rule in self.rules if rule.where == "graph")

    def to_json(self) -> str:
        """The text of ``spec.json``."""
        body = dataclasses.asdict(self)
        return json.dumps({"format": FORMAT, "sha256": _checksum(body), "body": body}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str = SPEC_FILE) -> ScoringSpec:
        """Read and check ``spec.json``; ``source`` is its name in messages."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ModelStoreError(f"{source} is not JSON ({error}); convert the model again") from error
        if not isinstance(document, dict) or not isinstance(document.get("format"), int):
            raise ModelStoreError(f"{source} is not a scoring specification; convert the model again")
        if document["format"] > FORMAT:
            raise ModelStoreError(
                f"{source} has the newer format {document['format']}, this version reads up to {FORMAT}: "
                "upgrade splicemachine_ml or convert the model again"
            )
        if document.keys() != {"format", "sha256", "body"}:
            raise ModelStoreError(f"{source} lacks or adds top-level keys: {sorted(document)}")
        if document["sha256"] != _checksum(document["body"]):
            raise ModelStoreError(
                f"{source} is corrupt: its checksum does not match; convert the model again"
            )
        spec = _decode(cls, document["body"], source)
        spec.check(source)
        return spec

    def check(self, source: str) -> None:
        """What types cannot say: every reference points at something; ModelStoreError otherwise."""
        width, end = self.x_width, 0
        for slot in self.layout:
            good = slot.start == end and slot.size >= 0
            good &= (0 <= slot.encoder < len(self.encoders)) if slot.role == "code" else slot.encoder == -1
            if not good:
                raise ModelStoreError(f"{source}: the layout of column {slot.column!r} is inconsistent")
            end += slot.size
        for rule in self.rules:
            limit = width if rule.where == "host" else self.y_width
            fits = len(rule.at) == len(rule.columns) and len(rule.codes) in (0, len(rule.at))
            if not rule.at or not fits or not all(0 <= at < limit for at in rule.at):
                raise ModelStoreError(f"{source}: the rule of {rule.uid} points outside the data")
        known = {column.name for column in self.inputs}
        if unknown := {slot.column for slot in self.layout} - known:
            raise ModelStoreError(f"{source}: the layout names unknown columns {sorted(unknown)}")
        if Path(self.model_file).name != self.model_file:
            raise ModelStoreError(f"{source}: model file {self.model_file!r} is not a plain file name")


def read_spec(directory: Path) -> ScoringSpec:
    """The specification in ``directory``; ModelStoreError when it is absent, newer or corrupt."""
    path = directory / SPEC_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelStoreError(
            f"no readable {SPEC_FILE} in {directory} ({error}): is it a portable model directory?"
        ) from error
    return ScoringSpec.from_json(text, source=str(path))


def _checksum(body: object) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _decode(cls: type[_T], data: object, where: str) -> _T:
    hints = _hints(cls)
    if not isinstance(data, dict) or data.keys() != hints.keys():
        found = sorted(data) if isinstance(data, dict) else type(data).__name__
        raise ModelStoreError(f"{where}: expected the keys {sorted(hints)}, found {found}")
    return cls(**{name: _value(hint, data[name], f"{where}.{name}") for name, hint in hints.items()})


def _value(hint: Any, data: object, where: str) -> Any:
    origin = get_origin(hint)
    if origin is tuple:
        if not isinstance(data, list):
            raise ModelStoreError(f"{where}: expected a list, found {type(data).__name__}")
        item = get_args(hint)[0]
        return tuple(_value(item, entry, f"{where}[{at}]") for at, entry in enumerate(data))
    if origin is Literal:
        if data not in get_args(hint):
            raise ModelStoreError(f"{where}: {data!r} is not one of {get_args(hint)}")
        return data
    if dataclasses.is_dataclass(hint) and not isinstance(hint, types.GenericAlias):
        return _decode(hint, data, where)  # type: ignore[arg-type]
    if type(data) is not hint:
        raise ModelStoreError(f"{where}: expected {hint.__name__}, found {data!r}")
    return data
