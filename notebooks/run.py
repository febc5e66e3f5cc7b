"""Run a notebook in this process and print it as it goes: headings, what its cells print, and the time.

``make demo`` uses it, so that the demo and the notebook are one text. Jupyter runs the same file as well.

    python notebooks/run.py notebooks/01_loans.ipynb
"""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path
from typing import Any

import nbformat


def main(path: Path) -> None:
    """Execute every cell of the notebook at ``path`` in order; the first error ends the run."""
    cells = nbformat.read(path, as_version=4).cells
    headings = sum(_heading(cell) is not None for cell in cells)
    names: dict[str, Any] = {"__name__": "__main__"}
    begun, number = time.perf_counter(), 0
    for position, cell in enumerate(cells):
        if heading := _heading(cell):
            number += 1
            elapsed = time.perf_counter() - begun
            print(f"\n[{number}/{headings}  {elapsed:5.1f} s] {heading}", flush=True)
        if cell.cell_type == "code":
            _execute(cell.source, f"{path.name}, cell {position + 1}", names)
    print(f"\nDone in {time.perf_counter() - begun:.1f} s.", flush=True)


def _heading(cell: Any) -> str | None:
    first = cell.source.partition("\n")[0]
    return first.lstrip("# ") if cell.cell_type == "markdown" and first.startswith("#") else None


def _execute(source: str, where: str, names: dict[str, Any]) -> None:
    # As Jupyter does: the value of a last line that is an expression is shown.
    body = ast.parse(source, where).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), where, "exec"), names)
    if isinstance(last, ast.Expr):
        value = eval(compile(ast.Expression(last.value), where, "eval"), names)
        if value is not None:
            print(value, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
