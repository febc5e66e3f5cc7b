"""The ``splicemachine-ml`` command; the only module that prints.

Exit codes: 0 done; 1 the command failed, the message says why; 2 the command line is wrong; 3 ``doctor``
found something missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from splicemachine_ml import __version__
from splicemachine_ml.errors import SpliceMLError, TrackingError

OK, FAILED, USAGE, MISSING = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except SpliceMLError as error:
        print(f"splicemachine-ml: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        sys.stderr.close()
        return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="splicemachine-ml",
        description="From a Spark notebook to a served model.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong command line, 3 doctor found something missing.",
    )
    parser.add_argument("--version", action="version", version=f"splicemachine-ml {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
    tracked = argparse.ArgumentParser(add_help=False)
    tracked.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="MLflow tracking URI (default: MLFLOW_TRACKING_URI, conf, or mlflow.db in this folder)",
    )

    runs = commands.add_parser("runs", parents=[common, tracked], help="list the logged runs, newest first")
    runs.add_argument("--experiment", metavar="NAME", help="only of this experiment")
    runs.add_argument("--max", type=_count, default=20, metavar="N", help="at most N runs (default 20)")
    runs.set_defaults(run=_runs)

    deploy = commands.add_parser("deploy", help="put a logged model behind an endpoint")
    targets = deploy.add_subparsers(title="targets", required=True, metavar="TARGET")
    local = targets.add_parser(
        "local",
        parents=[common, tracked],
        help="the SageMaker container contract as a process of this machine",
    )
    local.add_argument("--run-id", required=True, metavar="ID", help="run that logged the model")
    local.add_argument(
        "--name", default="model", metavar="NAME", help="name it was logged under (default: model)"
    )
    local.add_argument("--app-name", required=True, metavar="NAME", help="name of the deployment")
    local.add_argument("--port", type=int, metavar="PORT", help="port to listen on (default: any free one)")
    local.add_argument(
        "--mode",
        choices=("create", "replace"),
        default="replace",
        help="create refuses a name in use; replace (default) switches over once the new endpoint answers",
    )
    local.set_defaults(run=_deploy_local)

    undeploy = commands.add_parser("undeploy", parents=[common, tracked], help="stop a local deployment")
    undeploy.add_argument("app_name", metavar="NAME")
    undeploy.set_defaults(run=_undeploy)

    deployed = commands.add_parser(
        "deployments", parents=[common, tracked], help="list the local deployments"
    )
    deployed.set_defaults(run=_deployments)

    score = commands.add_parser(
        "score",
        parents=[common, tracked],
        help="score a CSV file with a logged model, without Spark",
        description="Score a CSV file (with a header) with a logged model, without Spark, and write CSV.",
    )
    which = score.add_mutually_exclusive_group(required=True)
    which.add_argument("--run-id", metavar="ID", help="run that logged the model")
    which.add_argument("--model", metavar="PATH_OR_URI", help="a model directory or MLflow model URI")
    score.add_argument(
        "--name", default="model", metavar="NAME", help="name it was logged under (default: model)"
    )
    score.add_argument(
        "--input", required=True, metavar="FILE", help="CSV with a header; - reads standard input"
    )
    score.add_argument(
        "--output", default="-", metavar="FILE", help="where to write (default: standard output)"
    )
    score.set_defaults(run=_score)

    doctor = commands.add_parser(
        "doctor", parents=[common], help="what this machine has, what is missing and how to get it"
    )
    doctor.set_defaults(run=_doctor)
    return parser


def _manager(arguments: argparse.Namespace) -> Any:
    from splicemachine_ml.manager import MLManager

    return MLManager(tracking_uri=arguments.tracking_uri)


def _show(rows: list[dict[str, Any]], arguments: argparse.Namespace, *, empty: str) -> None:
    """Print rows as JSON or as a table."""
    if arguments.json:
        print(json.dumps(rows, default=str))
        return
    if not rows:
        print(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0], box=None, header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console = Console()
    # A pipe has no width: never cut values there.
    Console(width=console.width if console.is_terminal else 10_000).print(table)


def _runs(arguments: argparse.Namespace) -> int:
    manager = _manager(arguments)
    names = [arguments.experiment] if arguments.experiment else None
    if names and manager.get_experiment_by_name(arguments.experiment) is None:
        raise TrackingError(
            f"there is no experiment named {arguments.experiment!r}; without --experiment every run is listed"
        )
    found = manager.search_runs(
        experiment_names=names,
        search_all_experiments=names is None,
        max_results=arguments.max,
        output_format="list",
    )
    rows = [
        {
            "run_id": run.info.run_id,
            "name": run.info.run_name,
            "user": run.data.tags.get("mlflow.user", ""),
            "status": run.info.status,
            "metrics": _metrics(run.data.metrics, whole=arguments.json),
        }
        for run in found
    ]
    _show(rows, arguments, empty="no runs yet: log one with MLManager().create_new_run(...)")
    return OK


def _metrics(metrics: dict[str, float], *, whole: bool) -> Any:
    """All of them for programs; as many as a line holds for people."""
    if whole:
        return metrics
    some = ", ".join(f"{name}={value:.4g}" for name, value in sorted(metrics.items())[:4])
    return some + (", ..." if len(metrics) > 4 else "")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def _deploy_local(arguments: argparse.Namespace) -> int:
    deployment = _manager(arguments).deploy_local(
        arguments.app_name,
        run_id=arguments.run_id,
        name=arguments.name,
        port=arguments.port,
        mode=arguments.mode,
    )
    facts = {
        "app_name": deployment.app_name,
        "state": deployment.state,
        "url": deployment.url,
        "pid": deployment.pid,
    }
    if arguments.json:
        print(json.dumps(facts))
    else:
        print(f"{deployment.app_name} answers at {deployment.url}/invocations (process {deployment.pid}).")
        print(f"Stop it with: splicemachine-ml undeploy {deployment.app_name}")
    return OK


def _undeploy(arguments: argparse.Namespace) -> int:
    _manager(arguments).undeploy(arguments.app_name)
    print(
        json.dumps({"app_name": arguments.app_name})
        if arguments.json
        else f"{arguments.app_name} is stopped."
    )
    return OK


def _deployments(arguments: argparse.Namespace) -> int:
    frame = _manager(arguments).get_deployed_models()
    _show(frame.to_dict("records"), arguments, empty="nothing is deployed here")
    return OK


def _score(arguments: argparse.Namespace) -> int:
    from splicemachine_ml.serving.decoders import decode_csv
    from splicemachine_ml.serving.encoders import encode_csv, encode_json_lines

    scorer = _scorer(arguments)
    columns = decode_csv(_read(arguments.input), scorer.inputs, header="present")
    answer = scorer.score(columns)
    rows = len(next(iter(columns.values()))) if columns else 0
    encoded = (encode_json_lines if arguments.json else encode_csv)(answer, rows)
    if arguments.output == "-":
        sys.stdout.write(encoded.decode())
        return OK
    try:
        Path(arguments.output).write_bytes(encoded)
    except OSError as error:
        raise SpliceMLError(f"cannot write {arguments.output}: {error.strerror}") from error
    kept = len(answer["row_index"])
    print(f"{kept} of {rows} rows scored into {arguments.output}", file=sys.stderr)
    return OK


def _scorer(arguments: argparse.Namespace) -> Any:
    if arguments.model:
        from splicemachine_ml.store.scorer import Scorer

        return Scorer.load(arguments.model)
    return _manager(arguments).load_scorer(arguments.run_id, arguments.name)


def _read(name: str) -> str:
    try:
        # utf-8-sig: spreadsheets put a byte order mark in front of the first column's name.
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SpliceMLError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpliceMLError(f"{name} is not UTF-8 text: {error}") from error


def _doctor(arguments: argparse.Namespace) -> int:
    from splicemachine_ml.doctor import examine

    findings = examine()
    missing = [finding for finding in findings if not finding["ok"]]
    if arguments.json:
        print(json.dumps({"ok": not missing, "findings": findings}))
    else:
        for finding in findings:
            print(f"{'ok     ' if finding['ok'] else 'MISSING'}  {finding['what']:<16} {finding['found']}")
        print("Everything is here." if not missing else f"{len(missing)} missing.")
    return MISSING if missing else OK
