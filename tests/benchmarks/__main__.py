"""``make bench``: ours and theirs side by side in one run; prints the table that the README shows.

Every figure is a median; the two sides take turns, so that a busy machine slows both. Nothing here fails on
a slow machine: the table says what was reached. ``--readme`` writes the table into README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import tempfile
from datetime import date
from pathlib import Path

from tests.benchmarks import measures
from tests.benchmarks.measures import Row

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Measure every row of the table and print it."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    arguments = parser.parse_args()
    rows = [measures.importing()]
    print(rows[0].line(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        bench = measures.Bench(Path(folder))
        try:
            for measure in (bench.logging, bench.one_row, bench.many_rows, bench.over_http):
                for row in measure():
                    rows.append(row)
                    print(row.line(), flush=True)
        finally:
            bench.close()
    table = "\n".join([*Row.header(), *(row.line() for row in rows), "", _machine()])
    print("\n" + table)
    if arguments.readme:
        readme = ROOT / "README.md"
        block = f"<!-- bench -->\n{table}\n<!-- /bench -->"
        text = re.sub(r"<!-- bench -->.*?<!-- /bench -->", lambda _: block, readme.read_text(), flags=re.S)
        readme.write_text(text)


def _machine() -> str:
    from importlib.metadata import version

    parts = ", ".join(f"{name} {version(name)}" for name in ("pyspark", "mlflow", "onnxruntime"))
    return f"{date.today()}, {os.cpu_count()} shared cores, Python {platform.python_version()}, {parts}."


if __name__ == "__main__":
    main()
