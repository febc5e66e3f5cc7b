"""The measurements of ``make bench``: each returns rows of the table."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LENDING_CLUB = Path(__file__).parent.parent.parent / "notebooks" / "data" / "lending_club.csv"
CATEGORIES = ["term", "sub_grade", "addr_state", "verification_status", "emp_length"]


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds."""

    what: str
    ours: float
    against: str
    theirs: float
    at_least: float
    limit: float | None = None  # what ours may take at most, in seconds

    @staticmethod
    def header() -> tuple[str, str]:
        """Return the two header lines of the Markdown table."""
        return (
            "| what | here | against | there | ratio | asked for |",
            "|---|---|---|---|---|---|",
        )

    def line(self) -> str:
        """Return the Markdown line, with what the issue asked for beside what was measured."""
        ratio = self.theirs / self.ours
        asked = f">= {self.at_least:g}x" + (f", under {_time(self.limit)}" if self.limit else "")
        reached = ratio >= self.at_least and (self.limit is None or self.ours <= self.limit)
        mark = "" if reached else " (not reached)"
        shown = f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.1f}x"
        return (
            f"| {self.what} | {_time(self.ours)} | {self.against} | {_time(self.theirs)} | "
            f"{shown} | {asked}{mark} |"
        )


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-6:.2g} us"


def _seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def importing(rounds: int = 5) -> Row:
    """Measure the import of either package in a fresh process, less what Python itself takes to start."""
    times: dict[str, list[float]] = {"pass": [], "import splicemachine_ml": [], "import mlflow": []}
    for _ in range(rounds + 1):  # the first round fills the disk cache
        for statement, taken in times.items():
            taken.append(
                _seconds(lambda code=statement: subprocess.run([sys.executable, "-c", code], check=True))
            )
    empty, ours, theirs = (statistics.median(taken[1:]) for taken in times.values())
    return Row("import splicemachine_ml", max(ours - empty, 1e-6), "import mlflow", theirs - empty, 20, 0.3)


class Bench:
    """One Spark session, one fitted pipeline, one tracking store: what the measurements share."""

    def __init__(self, folder: Path) -> None:
        warnings.filterwarnings("ignore")
        from splicemachine_ml import MLManager, Settings, spark_session

        self.folder = folder
        self.settings = Settings.load(
            tracking_uri=f"sqlite:///{folder}/mlflow.db",
            artifact_root=str(folder / "artifacts"),
            state_dir=folder / "state",
            spark_master="local[2]",
        )
        self.spark = spark_session("bench", settings=self.settings)
        self.loans = (
            self.spark.read.csv(str(LENDING_CLUB), header=True, inferSchema=True).drop("rownames").cache()
        )
        self.model = _pipeline(self.loans).fit(self.loans)
        self.manager = MLManager(settings=self.settings)
        self.manager.create_experiment("bench")
        self.manager.create_new_run(user_id="bench")
        self.run_id = self.manager.current_run_id
        self.theirs_uri = ""
        self.rows = self.loans.drop("Class").toPandas()

    def close(self) -> None:
        """End the run and Spark."""
        self.manager.end_run()
        self.spark.stop()

    def logging(self, rounds: int = 2) -> Iterator[Row]:
        """Log the same fitted pipeline both ways; theirs without arguments, as users call it."""
        import mlflow

        self.manager.log_spark_model(self.model, name="warm")
        ours, theirs = [], []
        for turn in range(rounds):
            ours.append(
                _seconds(lambda name=f"model{turn}": self.manager.log_spark_model(self.model, name=name))
            )
            begun = time.perf_counter()
            info = mlflow.spark.log_model(self.model, name=f"theirs{turn}")
            theirs.append(time.perf_counter() - begun)
            self.theirs_uri = info.model_uri
        yield Row(
            "log_spark_model", statistics.median(ours), "mlflow.spark.log_model", statistics.median(theirs), 8
        )

    def one_row(self, rounds: int = 25) -> Iterator[Row]:
        """Score one row both ways."""
        import mlflow

        scorer = self.manager.load_scorer(self.run_id, "model0")
        theirs_model = mlflow.pyfunc.load_model(self.theirs_uri)
        first = self.rows.head(1)
        columns = {c.name: first[c.name].to_numpy() for c in scorer.inputs}
        record = first.to_dict("records")[0]
        ours, ours_dict, theirs = [], [], []
        theirs_model.predict(first)
        for _ in range(rounds):
            ours += [_seconds(lambda: scorer.score(columns)) for _ in range(200)]
            ours_dict += [_seconds(lambda: scorer.predict(record)) for _ in range(50)]
            theirs.append(_seconds(lambda: theirs_model.predict(first)))
        there = statistics.median(theirs)
        yield Row("one row, scorer.score", statistics.median(ours), "mlflow.pyfunc", there, 1000, 200e-6)
        yield Row("one row, scorer.predict(dict)", statistics.median(ours_dict), "mlflow.pyfunc", there, 1000)

    def many_rows(self, count: int = 100_000, rounds: int = 3) -> Iterator[Row]:
        """Score many rows both ways, from columns in memory to answers in memory."""
        scorer = self.manager.load_scorer(self.run_id, "model0")
        position = np.arange(count) % len(self.rows)
        many = self.rows.iloc[position]
        columns = {c.name: many[c.name].to_numpy() for c in scorer.inputs}
        frame = self.spark.createDataFrame(many).repartition(2).cache()
        frame.count()
        ours, theirs = [], []
        for _ in range(rounds + 1):
            ours.append(_seconds(lambda: scorer.score(columns)))
            theirs.append(
                _seconds(lambda: self.model.transform(frame).select("prediction", "probability").collect())
            )
        frame.unpersist()
        yield Row(
            f"{count:,} rows",
            statistics.median(ours[1:]),
            "Spark local[2] transform + collect",
            statistics.median(theirs[1:]),
            1,
        )


def _pipeline(loans: Any) -> Any:
    from pyspark.ml import Pipeline
    from pyspark.ml.classification import RandomForestClassifier
    from pyspark.ml.feature import OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler

    numbers = [name for name, kind in loans.dtypes if kind != "string"]
    return Pipeline(
        stages=[
            StringIndexer(inputCol="Class", outputCol="label", stringOrderType="frequencyDesc"),
            StringIndexer(
                inputCols=CATEGORIES, outputCols=[f"{c}_i" for c in CATEGORIES], handleInvalid="keep"
            ),
            OneHotEncoder(
                inputCols=[f"{c}_i" for c in CATEGORIES], outputCols=[f"{c}_v" for c in CATEGORIES]
            ),
            VectorAssembler(inputCols=[*numbers, *(f"{c}_v" for c in CATEGORIES)], outputCol="assembled"),
            StandardScaler(inputCol="assembled", outputCol="features"),
            RandomForestClassifier(numTrees=20, maxDepth=5, seed=7),
        ]
    )
