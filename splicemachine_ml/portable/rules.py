"""What becomes of rows that Spark would refuse or drop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from splicemachine_ml.portable.spec import Rule, ScoringSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Broken:
    """The first row (of the chunk) that an "error" rule hits, and the column to blame."""

    rule: Rule
    row: int
    column: str


class RuleBook:
    """The rules of one specification, in stage order."""

    def __init__(self, spec: ScoringSpec) -> None:
        self._rules = spec.rules
        host = [rule for rule in spec.rules if rule.where == "host"]
        graph = [at for rule in spec.rules if rule.where == "graph" for at in rule.at]
        nan_at = sorted({at for rule in host if not rule.codes for at in rule.at})
        coded = [pair for rule in host if rule.codes for pair in zip(rule.at, rule.codes, strict=True)]
        self._graph = slice(min(graph), max(graph) + 1) if graph else None
        self._nan_at: slice | list[int] | None = None
        if nan_at:
            is_run = nan_at == list(range(nan_at[0], nan_at[-1] + 1))
            self._nan_at = slice(nan_at[0], nan_at[-1] + 1) if is_run else nan_at
        self._coded = [(at, float(code)) for at, code in coded]

    def is_clean(self, x: Floats, y: Floats) -> bool:
        """Surely no rule hits any row (a False may be a false alarm: infinities)."""
        if len(x) == 1:
            return self._is_clean_row(x[0].tolist(), y)
        if self._nan_at is not None and np.isnan(x[:, self._nan_at]).any():
            return False
        if any((x[:, at] == code).any() for at, code in self._coded):
            return False
        return self._graph is None or not y[:, self._graph].any()

    def _is_clean_row(self, row: list[float], y: Floats) -> bool:
        """The same for one row, in plain Python, which is faster there than a NumPy call each."""
        if self._nan_at is not None:
            at = self._nan_at
            total = sum(row[at] if isinstance(at, slice) else [row[one] for one in at])
            if total != total:  # NaN in, NaN out
                return False
        for place, code in self._coded:
            if row[place] == code:
                return False
        return self._graph is None or not any(y[0, self._graph].tolist())

    def apply(self, x: Floats, y: Floats) -> NDArray[np.bool_] | Broken:
        """Which rows stay, or the first row an "error" rule hits before a "skip" rule dropped it."""
        alive = np.ones(len(x), dtype=bool)
        for rule in self._rules:
            hits = _hits(rule, x, y)
            rows = hits.any(axis=1) & alive
            if not rows.any():
                continue
            if rule.action == "error":
                row = int(np.flatnonzero(rows)[0])
                at = int(np.flatnonzero(hits[row])[0])
                return Broken(rule, row, rule.columns[at])
            alive &= ~rows
        return alive


def _hits(rule: Rule, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """[N, columns]: which column breaks the rule in which row."""
    if rule.where == "graph":
        return np.not_equal(y[:, list(rule.at)], 0)
    seen = x[:, list(rule.at)]
    hits: NDArray[np.bool_] = seen == np.array(rule.codes, np.float64) if rule.codes else np.isnan(seen)
    return hits
