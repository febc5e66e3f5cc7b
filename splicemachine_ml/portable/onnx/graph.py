"""A small ONNX graph under construction, and the columns that flow through it.

Columns are lazy: a vector is a tuple of ``Cell``, each "that column of that tensor" or "1.0 where that
column equals a constant" (one-hot). Only a stage that computes on a vector materialises it, and then in as
few nodes as possible, because for one row a node costs more than the arithmetic in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

X = "x"
DOMAIN_ML = "ai.onnx.ml"
OPSET, OPSET_ML, IR_VERSION = 21, 5, 10


@dataclass(frozen=True, slots=True)
class Cell:
    """One number a row: column ``index`` of ``tensor``, or, with ``equals``, 1.0 where it is that number."""

    tensor: str
    index: int
    equals: float | None = None


@dataclass(frozen=True, eq=False)
class Value:
    """A column of the pipeline inside the graph.

    ``null`` is a bool tensor [N, 1] or None when the column is never null; the content is NaN there.
    ``upper``: the numbers are known to be whole and in ``[0, upper)`` (rows that a rule reports apart).
    ``labels``: the column is text, its cell the position in them. ``spelling``: the Spark type of a number
    ("" unknown), which decides its text. ``compressed``: Spark stored the row
    as these cells ask for: sparse, without zeros, when that is smaller (None: always dense); with
    ``one_hot`` it is always sparse. ``raw``: the name of the raw column that this is, untouched (its null
    flag is made when somebody asks).
    """

    cells: tuple[Cell, ...]
    kind: Literal["number", "vector", "string"]
    null: str | None = None
    may_nan: bool = True
    upper: int | None = None
    labels: tuple[str, ...] = ()
    spelling: str = ""
    compressed: tuple[Cell, ...] | None = None
    one_hot: bool = False
    raw: str = ""

    def but(self, **changes: Any) -> Value:
        """The same column with other facts known about it."""
        return replace(self, **changes)


@dataclass(eq=False)
class Graph:
    """Nodes and constants; every tensor has rank 2, [N, width], float64 unless a converter knows better.

    ``whole`` holds the (tensor, column) pairs known to be whole numbers (or NaN).
    """

    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    _pool: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    _built: dict[tuple[Cell, ...], str] = field(default_factory=dict)
    slices: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    whole: set[tuple[str, int]] = field(default_factory=set)
    _serial: int = 0

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output and return that tensor's name."""
        self._serial += 1
        output = f"{operator.lower()}_{self._serial}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], domain=domain, **attributes))
        return output

    def constant(self, values: Any, kind: type = np.float64) -> str:
        """The name of a constant tensor; equal constants share one."""
        array: NDArray[Any] = np.asarray(values, dtype=kind)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._pool:
            name = f"c{len(self._pool)}"
            self._pool[key] = name
            self.constants[name] = numpy_helper.from_array(
                np.ascontiguousarray(array).reshape(array.shape), name
            )
        return self._pool[key]

    def value(self, tensor: str, width: int = 1, kind: Literal["number", "vector"] = "vector") -> Value:
        """The column whose content is all of ``tensor``."""
        self.widths[tensor] = width
        return Value(tuple(Cell(tensor, index) for index in range(width)), kind)

    def is_whole(self, cell: Cell) -> bool:
        """Is the cell known to be a whole number (or NaN)?"""
        return cell.equals is not None or (cell.tensor, cell.index) in self.whole

    def tensor(self, cells: Sequence[Cell]) -> str:
        """A float64 tensor [N, len(cells)] of these cells, reusing what was built before."""
        key = tuple(cells)
        if key not in self._built:
            self._built[key] = self._materialise(key)
        return self._built[key]

    def truth(self, tensor: str) -> str:
        """A 0/1 tensor as bool."""
        return self.node("Cast", tensor, to=TensorProto.BOOL)

    def number(self, tensor: str) -> str:
        """A bool or integer tensor as float64."""
        return self.node("Cast", tensor, to=TensorProto.DOUBLE)

    def any_column(self, tensor: str) -> str:
        """[N, 1] bool: is any column of the bool tensor true (ReduceMax on 0/1)."""
        axes = self.constant([1], np.int64)
        return self.truth(self.node("ReduceMax", self.number(tensor), axes, keepdims=1))

    def _materialise(self, cells: tuple[Cell, ...]) -> str:
        runs = _runs(cells)
        groups: dict[tuple[str, bool], list[int]] = {}
        for position, cell in enumerate(cells):
            groups.setdefault(_family(cell), []).append(position)
        grouped = 1 + sum(_cost(cells[group[0]]) for group in groups.values())
        if sum(_cost(run[0]) for run in runs) <= grouped:
            parts = [self._run(run) for run in runs]
            return parts[0] if len(parts) == 1 else self.node("Concat", *parts, axis=1)
        parts = [self._run([cells[at] for at in group]) for group in groups.values()]
        order = np.argsort(np.concatenate([np.array(group) for group in groups.values()]))
        joined = self.node("Concat", *parts, axis=1)
        return self.node("Gather", joined, self.constant(order, np.int64), axis=1)

    def _run(self, cells: Sequence[Cell]) -> str:
        """Cells of one family: pick the columns, then compare them with their constants if one-hot."""
        indices = [cell.index for cell in cells]
        if cells[0].equals is None:
            return self._pick(cells[0].tensor, indices)
        if len(set(indices)) == 1:
            indices = indices[:1]  # Equal broadcasts one column against all constants
        picked = self._pick(cells[0].tensor, indices)
        return self.number(self.node("Equal", picked, self.constant([[cell.equals for cell in cells]])))

    def _pick(self, tensor: str, indices: list[int]) -> str:
        first, last = indices[0], indices[-1]
        if indices == list(range(self.widths.get(tensor, -1))):
            return tensor
        if indices == list(range(first, last + 1)):
            begin, end, axis = (self.constant([bound], np.int64) for bound in (first, last + 1, 1))
            picked = self.node("Slice", tensor, begin, end, axis)
            self.slices[picked] = (tensor, first, last + 1)
            return picked
        return self.node("Gather", tensor, self.constant(indices, np.int64), axis=1)

    def _skip_whole_slices(self, x_width: int, output: str) -> None:
        """A Slice that turned out to take all of x (its width is known last) is x itself."""
        whole = {name for name, cut in self.slices.items() if cut == (X, 0, x_width) and name != output}
        for node in self.nodes:
            for at, name in enumerate(node.input):
                if name in whole:
                    node.input[at] = X

    def prune(self, outputs: Sequence[str]) -> None:
        """Drop the nodes and constants that ``outputs`` do not need."""
        needed, kept = set(outputs), []
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.constants = {name: tensor for name, tensor in self.constants.items() if name in needed}

    def model(self, x_width: int, output: str, y_width: int) -> bytes:
        """The finished ModelProto: ``x`` [N, x_width] in, ``output`` [N, y_width] out."""
        self._skip_whole_slices(x_width, output)
        self.prune([output])
        graph = helper.make_graph(
            self.nodes,
            "pipeline",
            [helper.make_tensor_value_info(X, TensorProto.DOUBLE, ["N", x_width])],
            [helper.make_tensor_value_info(output, TensorProto.DOUBLE, ["N", y_width])],
            list(self.constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN_ML, OPSET_ML)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        model.producer_name = "splicemachine_ml"
        return bytes(model.SerializeToString(deterministic=True))


def tensor_attribute(name: str, values: Any, kind: type = np.float64) -> AttributeProto:
    """An attribute holding a tensor, as TreeEnsemble and LabelEncoder want their doubles."""
    array: NDArray[Any] = np.asarray(values, dtype=kind)
    return helper.make_attribute(name, numpy_helper.from_array(array, name))


def _family(cell: Cell) -> tuple[str, bool]:
    return cell.tensor, cell.equals is not None


def _runs(cells: Sequence[Cell]) -> list[list[Cell]]:
    runs: list[list[Cell]] = []
    for cell in cells:
        if runs and _family(runs[-1][0]) == _family(cell):
            runs[-1].append(cell)
        else:
            runs.append([cell])
    return runs


def _cost(cell: Cell) -> int:
    return 1 if cell.equals is None else 3
