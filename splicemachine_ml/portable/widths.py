"""How wide every vector column is: widths are passed on, forward and back, until nothing changes."""

from __future__ import annotations

from collections.abc import Iterable

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.kinds import Kinds
from splicemachine_ml.portable.wiring import describe, readers_of, reads

_SAME_WIDTH = (
    ir.VectorIndexer,
    ir.StandardScaler,
    ir.MinMaxScaler,
    ir.MaxAbsScaler,
    ir.RobustScaler,
    ir.Normalizer,
)


class IsVector(Exception):
    """Raised while solving: an undecided column must be a vector of several values."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def find_widths(stages: Iterable[ir.Stage], kinds: Kinds) -> dict[str, int]:
    """The width of every vector column.

    An undecided column is a vector when it alone fills an assembler's known width, else a number.
    Raises IsVector for the first (solve again with it as a vector) and ConversionError, naming column and
    stage, for widths that contradict each other or that nothing tells.
    """
    solver = _Widths(tuple(stages), kinds)
    solver.settle()
    if solver.undecided:  # nothing says otherwise: numbers
        solver.undecided.clear()
        solver.settle()
    for name, column in kinds.columns.items():
        if column.kind == "vector" and name not in solver.sizes:
            by = next((describe(stage) for c, stage in readers_of(solver.stages) if c == name), "no stage")
            raise ConversionError(
                f"nothing tells how wide the vector column {name!r} is (read by {by}): put it through a "
                "stage that knows, or give it the type 'vector(n)' in the schema"
            )
    return solver.sizes


def own_width(stage: ir.Stage) -> int | None:
    """The width of the vector that a stage reads, when its parameters fix it."""
    if isinstance(stage, ir.Predictor | ir.VectorIndexer):
        return stage.num_features
    if isinstance(stage, ir.StandardScaler):
        return len(stage.mean)
    if isinstance(stage, ir.MinMaxScaler):
        return len(stage.original_min)
    if isinstance(stage, ir.MaxAbsScaler):
        return len(stage.max_abs)
    if isinstance(stage, ir.RobustScaler):
        return len(stage.range)
    return int(stage.pc.shape[0]) if isinstance(stage, ir.PCA) else None


class _Widths:
    """The state of one solution: widths known so far and columns still undecided."""

    def __init__(self, stages: tuple[ir.Stage, ...], kinds: Kinds) -> None:
        self.stages = stages
        self.columns = kinds.columns
        self.undecided = set(kinds.undecided)
        self.sizes = {c.name: c.size for c in kinds.columns.values() if c.size}

    def settle(self) -> None:
        """Apply every stage's rule until no width and no decision is added."""
        state = None
        while state != (state := (len(self.sizes), len(self.undecided))):
            for stage in self.stages:
                self._apply(stage)

    def _apply(self, stage: ir.Stage) -> None:
        own = own_width(stage)
        if own is not None:
            self._set(reads(stage)[0], own, stage)
        if isinstance(stage, ir.VectorAssembler):
            self._assembler(stage)
        elif isinstance(stage, ir.OneHotEncoder):
            extra = (stage.handle_invalid == "keep") - stage.drop_last
            for name, size in zip(stage.outputs, stage.category_sizes, strict=True):
                self._set(name, size + extra, stage)
        elif isinstance(stage, ir.PCA):
            self._set(stage.output, int(stage.pc.shape[1]), stage)
        elif isinstance(stage, _SAME_WIDTH):
            self._same(stage.input, stage.output, stage)
        elif isinstance(stage, ir.Binarizer):
            for name, out in zip(stage.inputs, stage.outputs, strict=True):
                self._same(name, out, stage)
        elif isinstance(stage, ir.Classifier):
            for name in filter(None, (stage.raw_prediction, stage.probability)):
                self._set(name, stage.num_classes, stage)

    def _same(self, one: str, other: str, stage: ir.Stage) -> None:
        if one in self.sizes:
            self._set(other, self.sizes[one], stage)
        elif other in self.sizes:
            self._set(one, self.sizes[other], stage)

    def _assembler(self, stage: ir.VectorAssembler) -> None:
        """The output is as wide as the inputs together; a known output decides about one unknown input."""
        parts = [self._part(c) for c in stage.inputs]
        total, unknown = (
            sum(p or 0 for p in parts),
            [c for c, p in zip(stage.inputs, parts, strict=True) if p is None],
        )
        if not unknown:
            self._set(stage.output, total, stage)
        elif stage.output in self.sizes:
            self._fill(stage, unknown, self.sizes[stage.output] - total)

    def _fill(self, stage: ir.VectorAssembler, unknown: list[str], rest: int) -> None:
        """Share ``rest`` values among the inputs of unknown width."""
        if rest < len(unknown):
            raise ConversionError(
                f"{describe(stage)} makes more values of {', '.join(stage.inputs)} than the "
                f"{self.sizes[stage.output]} that the stage behind it reads from {stage.output!r}"
            )
        loose = [c for c in unknown if c in self.undecided]
        if rest == len(unknown) == len(loose):
            self.undecided.difference_update(loose)
        elif len(unknown) == 1:
            if loose:
                raise IsVector(unknown[0])
            self._set(unknown[0], rest, stage)
        elif len(loose) == len(unknown):
            raise ConversionError(
                f"{describe(stage)} must make {self.sizes[stage.output]} values of "
                f"{', '.join(stage.inputs)}: which of {', '.join(loose)} are vectors? Give the schema"
            )

    def _part(self, name: str) -> int | None:
        """How many values a column adds to an assembler; None when that is not known yet."""
        if name in self.sizes:
            return self.sizes[name]
        return None if name in self.undecided or self.columns[name].kind == "vector" else 1

    def _set(self, name: str, size: int, stage: ir.Stage) -> None:
        known = self.sizes.setdefault(name, size)
        if known != size:
            raise ConversionError(
                f"{describe(stage)} has {size} values in {name!r}, the rest of the pipeline {known}: "
                "these stages were not fitted together"
            )
