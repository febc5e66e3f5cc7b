"""What the converters share while one plan becomes a graph: columns so far, layout of x, encoders, rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable.onnx.graph import Cell, Graph, Value, X
from splicemachine_ml.portable.spec import Encoder, Rule, Slot
from splicemachine_ml.portable.stages import Column, Plan, Stage, StringIndexer

Action = Literal["error", "skip"]


@dataclass(frozen=True)
class GraphRule:
    """A rule whose answer is the bool tensor [N, columns] ``tensor``; its output columns come at the end."""

    rule: Rule
    tensor: str


AnyRule = Rule | GraphRule


def rule_of(rule: AnyRule) -> Rule:
    """The rule itself, wherever it is tested."""
    return rule.rule if isinstance(rule, GraphRule) else rule


@dataclass(eq=False)
class Context:
    """Converters read columns with ``column``/``tensor``, write them with ``define`` and add rules."""

    plan: Plan
    graph: Graph = field(default_factory=Graph)
    layout: list[Slot] = field(default_factory=list)
    encoders: list[Encoder] = field(default_factory=list)
    rules: list[AnyRule] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    codes: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lay_out_inputs()

    # ------------------------------------------------------------ columns

    def column(self, stage: Stage, name: str) -> Value:
        """The column a stage reads; ConversionError when nothing before it made that column."""
        if name not in self.values:
            raise ConversionError(
                f"{stage.uid} ({stage.spark_class}) reads column {name!r}, which is neither an input "
                "nor written by an earlier stage"
            )
        return self.values[name]

    def vector(self, stage: Stage, name: str, size: int) -> Value:
        """A vector column of ``size`` numbers; ConversionError when it is something else."""
        value = self.column(stage, name)
        if value.kind != "vector" or len(value.cells) != size:
            found = f"a vector of {len(value.cells)}" if value.kind == "vector" else f"a {value.kind}"
            raise ConversionError(f"{stage.uid} needs a vector of {size} in column {name!r}, found {found}")
        if value.null is not None:  # Spark's own function breaks on it (NullPointerException)
            self.graph_rule(stage, [name], "error", "null vector", value.null)
        return value

    def tensor(self, value: Value) -> str:
        """The column's content as a float64 tensor."""
        return self.graph.tensor(value.cells)

    def define(self, name: str, value: Value) -> None:
        """Write a column; a switched-off output ("" for a name) is ignored. The plan knows its Spark type."""
        planned = self.plan.columns.get(name)
        if planned is not None and planned.spark_type and value.kind == "number":
            value = value.but(spelling=planned.spark_type)
        if name:
            self.values[name] = value

    def define_number(self, name: str, tensor: str, *, upper: int | None = None) -> None:
        """Write the number column [N, 1] ``tensor``; ``upper`` as in Value."""
        value = self.graph.value(tensor, 1, "number")
        if upper is not None:
            self.graph.whole.add((tensor, 0))
        self.define(name, value.but(upper=upper, may_nan=upper is None, spelling="double"))

    def null_slot(self, name: str) -> int | None:
        """Where in x the null flag of a raw column is, given its place now; None when it is never null."""
        column = next(column for column in self.plan.inputs if column.name == name)
        if not column.nullable:
            return None
        slot = next((slot for slot in self.layout if (slot.column, slot.role) == (name, "null")), None)
        return (slot or self._add_slot(name, "null", 1)).start

    def null_flag(self, name: str) -> str | None:
        """The null flag of a raw column as bool [N, 1]."""
        start = self.null_slot(name)
        return None if start is None else self.graph.truth(self.graph.tensor([Cell(X, start)]))

    def nulls(self, value: Value) -> str | None:
        """Where the column is null (bool [N, 1]), asking for a flag in x when it is a raw column."""
        return self.null_flag(value.raw) if value.raw else value.null

    # ------------------------------------------------------------ rules

    def host_rule(self, stage: Stage, columns: Sequence[str], action: Action, message: str,
                  *, at: Sequence[int], codes: Sequence[int] = ()) -> None:  # fmt: skip
        """A rule on x itself: NaN in a column ``at`` (or the code beside it)."""
        if columns:
            self.rules.append(
                Rule(
                    stage.uid,
                    stage.spark_class,
                    tuple(columns),
                    action,
                    message,
                    "host",
                    tuple(at),
                    tuple(codes),
                )
            )

    def graph_rule(
        self, stage: Stage, columns: Sequence[str], action: Action, message: str, tensor: str
    ) -> None:
        """A rule on something computed: bool ``tensor`` [N, columns], true where a column is invalid."""
        rule = Rule(stage.uid, stage.spark_class, tuple(columns), action, message, "graph", (0,), ())
        self.rules.append(GraphRule(rule, tensor))

    # ------------------------------------------------------------ layout of x

    def _add_slot(self, name: str, role: Literal["number", "vector", "null", "code"], size: int,
                  encoder: int = -1) -> Slot:  # fmt: skip
        slot = Slot(name, role, sum(slot.size for slot in self.layout), size, encoder)
        self.layout.append(slot)
        return slot

    def _lay_out_inputs(self) -> None:
        """Numbers in the order stages read them (an assembler's become one slice), vectors, codes.

        Null flags follow when converters ask for them.
        """
        raw = {column.name: column for column in self.plan.inputs}
        made: set[str] = set()
        read: dict[str, Column] = {}
        coded: list[tuple[StringIndexer, int]] = []
        for stage in self.plan.stages:
            for position, name in enumerate(inputs_of(stage)):
                if name not in raw or name in made:
                    continue
                if isinstance(stage, StringIndexer):
                    coded.append((stage, position))
                elif name not in read:
                    read[name] = raw[name]
            made.update(outputs_of(stage))
        for column in sorted(read.values(), key=lambda column: column.kind == "vector"):  # numbers first
            self.values[column.name] = self._raw_value(column)
        for stage, position in coded:
            name, labels = stage.inputs[position], stage.labels[position]
            self.encoders.append(Encoder(stage.uid, name, labels))
            slot = self._add_slot(name, "code", 1, len(self.encoders) - 1)
            self.codes[stage.uid, stage.outputs[position]] = slot.start
            self.graph.whole.add((X, slot.start))

    def _raw_value(self, column: Column) -> Value:
        if column.kind == "vector":
            slot = self._add_slot(column.name, "vector", column.size)
            cells = tuple(Cell(X, slot.start + index) for index in range(column.size))
            return Value(cells, "vector", raw=column.name)
        if column.kind == "string":
            raise ConversionError(f"column {column.name!r} is text, but a stage reads it as numbers")
        slot = self._add_slot(column.name, "number", 1)
        whole = column.spark_type in WHOLE_TYPES
        may_nan = column.nullable or not whole
        return Value(
            (Cell(X, slot.start),), "number", may_nan=may_nan, spelling=column.spark_type, raw=column.name
        )


WHOLE_TYPES = frozenset({"tinyint", "smallint", "int", "bigint"})


def inputs_of(stage: Stage) -> tuple[str, ...]:
    """The names of the columns a stage reads."""
    for attribute in ("inputs", "input", "features"):
        names = getattr(stage, attribute, None)
        if names is not None:
            return (names,) if isinstance(names, str) else tuple(names)
    raise ConversionError(f"{stage.uid} ({stage.spark_class}) does not say what it reads")


def outputs_of(stage: Stage) -> tuple[str, ...]:
    """The names of the columns a stage writes, switched-off ones left out."""
    single = [getattr(stage, name, "") for name in ("output", *_MODEL_OUTPUTS)]
    return tuple(name for name in (*getattr(stage, "outputs", ()), *single) if name)


_MODEL_OUTPUTS = ("raw_prediction", "probability", "prediction", "variance")
