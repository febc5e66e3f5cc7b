"""The measurements of ``make bench``: each returns rows of the table."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.http_bench import Running, free_port, measure_latency, running

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
        os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
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
            info = mlflow.spark.log_model(self.model, f"theirs{turn}")
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

    def over_http(self, rounds: int = 3) -> Iterator[Row]:
        """Start both endpoints as processes, again and again, and ask each for one row while both run."""
        body = json.dumps({"dataframe_records": self.rows.head(1).to_dict("records")}).encode()
        ours_starts, theirs_starts, ours, theirs = [], [], [], []
        for turn in range(rounds):
            with ExitStack() as stack:
                here = stack.enter_context(self._our_endpoint(turn))
                there = stack.enter_context(self._their_endpoint(turn))
                ours_starts.append(here.start_seconds)
                theirs_starts.append(there.start_seconds)
                for _ in range(3):
                    ours.append(measure_latency(here.url, body, requests=300, warmup=20).p50_ms / 1e3)
                    theirs.append(measure_latency(there.url, body, requests=7, warmup=2).p50_ms / 1e3)
        serve = "mlflow models serve (Spark)"
        yield Row("one row over HTTP", statistics.median(ours), serve, statistics.median(theirs), 100, 2e-3)
        yield Row(
            "process start to first good /ping",
            statistics.median(ours_starts),
            serve,
            statistics.median(theirs_starts),
            15,
            2.0,
        )

    @contextmanager
    def _our_endpoint(self, turn: int) -> Iterator[Running]:
        # What deploy_local starts: the code inside model.tar.gz, not the one in this checkout.
        home = self.folder / f"container{turn}"
        from splicemachine_ml.store.flavor import model_path
        from splicemachine_ml.targets.archive import extract_archive
        from splicemachine_ml.targets.bundle import make_bundle

        bundle = make_bundle(model_path(self.run_id, "model0"), self.folder / f"model{turn}.tar.gz")
        extract_archive(bundle.path, home)
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "splicemachine_ml.serving",
            "--model-dir",
            str(home),
            "--port",
            str(port),
        ]
        environ = {**os.environ, "PYTHONPATH": str(home / "code")}
        url = f"http://127.0.0.1:{port}"
        with running(command, url, self.folder / f"ours{turn}.log", environ=environ) as endpoint:
            yield endpoint

    @contextmanager
    def _their_endpoint(self, turn: int) -> Iterator[Running]:
        port = free_port()
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
        command += ["-m", self.theirs_uri, "-h", "127.0.0.1", "-p", str(port)]
        environ = {**os.environ, "MLFLOW_TRACKING_URI": self.settings.tracking_uri}
        environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        url = f"http://127.0.0.1:{port}"
        with running(command, url, self.folder / f"theirs{turn}.log", environ=environ) as endpoint:
            yield endpoint


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
