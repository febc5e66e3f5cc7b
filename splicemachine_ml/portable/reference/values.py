"""What a column is while rows are being scored, and the table of columns that stages work on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable.stages import Floats, Stage

Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Values:
    """One column of N rows, with null kept apart from NaN.

    ``data``: float64 [N], float64 [N, d] or object [N] of str; whatever stands where ``null`` [N] is True is
    filler. ``stored`` [N, d] marks the cells of a vector that Spark holds explicitly (all of them in a dense
    row): scalers and VectorIndexer do not look at the others. ``spark_type`` is the column's simpleString;
    ``raw`` the array the caller gave, kept because numbers become text as their own type spells them.
    """

    data: NDArray[Any]
    null: Bools
    stored: Bools | None = None
    spark_type: str = "double"
    raw: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.data)

    def take(self, keep: Bools) -> Values:
        """The rows where ``keep`` is True."""
        return replace(
            self,
            data=self.data[keep],
            null=self.null[keep],
            stored=None if self.stored is None else self.stored[keep],
            raw=None if self.raw is None else self.raw[keep],
        )


def numbers(data: NDArray[Any], null: Bools | None = None, spark_type: str = "double") -> Values:
    """A column of numbers; nothing is null unless said."""
    values = np.asarray(data, dtype=np.float64)
    return Values(values, np.zeros(len(values), bool) if null is None else null, spark_type=spark_type)


def dense(data: Floats, null: Bools | None = None) -> Values:
    """A column of dense vectors."""
    return Values(
        data, np.zeros(len(data), bool) if null is None else null, np.ones(data.shape, bool), "vector"
    )


def sparse(data: Floats, stored: Bools, null: Bools | None = None) -> Values:
    """A column of vectors of which only the ``stored`` cells are held."""
    return Values(data, np.zeros(len(data), bool) if null is None else null, stored, "vector")


def compressed(data: Floats) -> Values:
    """Vectors as ``linalg.Vector.compressed`` leaves them: sparse, without zeros, when that is smaller.

    Spark 4.3 was seen to do so when 3 nnz + 4 < 2 size, for every size up to 60 (3.5: 3 nnz + 3 < 2 size).
    """
    nonzero = data != 0  # NaN counts as a value
    is_sparse = 3 * nonzero.sum(axis=1) + 4 < 2 * data.shape[1]
    return sparse(data, np.where(is_sparse[:, None], nonzero, True))


class Rows:
    """The rows under way: their columns, and which input row each of them was."""

    def __init__(self, columns: dict[str, Values], count: int) -> None:
        self.columns = columns
        self.index: NDArray[np.int64] = np.arange(count, dtype=np.int64)

    def drop(self, lost: Bools) -> None:
        """Forget the rows where ``lost`` is True (a stage's handleInvalid is "skip")."""
        keep = ~lost
        self.columns = {name: values.take(keep) for name, values in self.columns.items()}
        self.index = self.index[keep]

    def reject(self, broken: Bools, stage: Stage, column: str, why: str) -> None:
        """Raise what Spark would raise.

        Raises:
            ScoringError: when any row is ``broken``; names the first of them by its place in the input.
        """
        if not broken.any():
            return
        row = int(self.index[int(np.argmax(broken))])
        kind = stage.spark_class.rsplit(".", 1)[-1]
        raise ScoringError(
            f"Row {row}, column {column!r}: {why} ({kind} {stage.uid}). Correct the value, or fit the stage "
            "with another handleInvalid if it has one.",
            column=column,
            row=row,
        )

    def vectors(self, stage: Stage, column: str) -> tuple[Floats, Bools]:
        """Cells and stored mask of a vector column that a stage needs in every row.

        Raises:
            ScoringError: a vector is null, on which Spark's own function breaks (NullPointerException).
        """
        values = self.columns[column]
        self.reject(values.null, stage, column, "the vector is null")
        assert values.stored is not None  # noqa: S101 - the plan says that it is a vector
        return values.data, values.stored
