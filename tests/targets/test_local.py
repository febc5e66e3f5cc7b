"""The local target with real processes: every way in, every way out, and nothing left half made."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from splicemachine_ml.errors import DeployError, ModelStoreError, ScoringError
from splicemachine_ml.settings import Settings
from splicemachine_ml.targets import records
from splicemachine_ml.targets.base import Deployment, DeployTarget
from splicemachine_ml.targets.local import LocalTarget
from splicemachine_ml.targets.records import Record

ROW = {"age": 41, "income": 0.25, "grade": "A"}


def processes(text: str) -> list[int]:
    """Return the running processes whose command line holds ``text``, zombies not counted."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def prediction(answer) -> float:
    return answer.json()["predictions"][0]["probability"][0]


def test_deploy_invoke_status_list_logs_undeploy(site) -> None:
    target: DeployTarget = site.targets[0]
    deployed = site.deploy("loans")
    assert deployed == Deployment(
        app_name="loans",
        target="local",
        state="InService",
        url=deployed.url,
        run_id="run1",
        checksum=deployed.checksum,
        started_at=deployed.started_at,
        pid=deployed.pid,
    )
    assert len(deployed.checksum) == 64
    assert target.status("loans") == deployed
    assert target.list() == (deployed,)
    assert prediction(target.invoke("loans", [ROW])) == prediction(deployed.invoke(json.dumps(ROW)))
    assert deployed.invoke(b"A,41,0.25", "text/csv", "text/csv").content_type == "text/csv; charset=utf-8"
    with pytest.raises(ScoringError, match="takes numbers") as caught:
        target.invoke("loans", [ROW, {**ROW, "income": "x"}])
    assert (caught.value.column, caught.value.row) == ("income", 1)
    with pytest.raises(DeployError, match="answered 415"):
        target.invoke("loans", "<xml/>", "application/xml")
    assert f"process {deployed.pid}" in target.logs("loans")
    assert target.undeploy("loans") is True
    assert (site.files(), target.list(), processes(str(site.state_dir))) == ([], (), [])
    assert target.undeploy("loans") is False
    with pytest.raises(DeployError, match="nothing is deployed as 'loans'; there is no deployment"):
        target.status("loans")


def test_what_runs_is_what_travels_and_knows_no_credentials(site, monkeypatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    deployed = site.deploy()
    environ = Path(f"/proc/{deployed.pid}/environ").read_bytes()
    assert b"hidden" not in environ
    code = next((site.state_dir / "deployments/loans").glob("r-*/model/code"))
    assert f"PYTHONPATH={code}".encode() in environ.split(b"\0")
    assert list((code / "splicemachine_ml/serving").rglob("app.*.pyc"))  # the code there was imported


DEPLOYING = """
import sys
from pathlib import Path
from splicemachine_ml.settings import Settings
from splicemachine_ml.targets.base import DeployRequest
from splicemachine_ml.targets.local import LocalTarget
name, state, model = sys.argv[1:]
target = LocalTarget(Path(state), Settings.load(environ={}))
print(target.deploy(DeployRequest(name, Path(model), mode="create")).url)
"""


def deploying(site, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DEPLOYING, name, str(site.state_dir), str(site.model_dir)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_deployment_outlives_the_process_that_made_it(site) -> None:
    url, errors = deploying(site, "loans").communicate(timeout=60)
    assert errors == ""
    status = site.targets[0].status("loans")
    assert (status.state, status.url) == ("InService", url.strip())
    assert os.getsid(status.pid) == status.pid  # no terminal's Ctrl-C reaches it
    assert site.targets[0].undeploy("loans")
    assert processes(str(site.state_dir)) == []


def test_two_processes_create_the_same_name_and_one_wins(site) -> None:
    both = [deploying(site, "loans") for _ in range(2)]
    errors = sorted(one.communicate(timeout=60)[1] for one in both)
    assert errors[0] == ""
    assert "'loans' is deployed already" in errors[1]
    assert len(processes(str(site.state_dir))) == 1


# ---------------------------------------------------------------- ports, modes, options


def test_a_port_of_ones_own_and_one_that_is_taken(site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(DeployError, match=rf"127\.0\.0\.1 port {port} .*in use.*port 0") as caught:
            site.deploy(port=port)
        assert isinstance(caught.value.__cause__, OSError)
        assert site.files() == []
    assert site.deploy(port=port).url == f"http://127.0.0.1:{port}"
    with pytest.raises(DeployError, match=f"port {port}"):
        site.deploy("another", port=port)
    assert [one.app_name for one in site.targets[0].list()] == ["loans"]
    with pytest.raises(DeployError, match="nothing is deployed as 'another'; there is loans"):
        site.targets[0].invoke("another", [ROW])


def test_create_refuses_a_name_that_exists(site) -> None:
    first = site.deploy(mode="create")
    with pytest.raises(DeployError, match=r"'loans' is deployed already; .*replace.*undeploy"):
        site.deploy(mode="create")
    assert site.targets[0].status("loans") == first


def test_options_are_checked(site) -> None:
    with pytest.raises(DeployError, match="unknown option 'instance_type'; it knows host and port"):
        site.deploy(instance_type="ml.m5.xlarge")
    for bad in (
        {"port": "80"},
        {"port": True},
        {"port": 70000},
        {"port": -1},
        {"host": 1},
        {"host": "no such host"},
    ):
        with pytest.raises(DeployError, match="local target: "):
            site.deploy(**bad)
    assert site.files() == []


def test_other_addresses_of_this_machine(site) -> None:
    deployed = site.deploy(host="0.0.0.0")
    assert deployed.url.startswith("http://127.0.0.1:")
    assert prediction(deployed.invoke([ROW]))
    if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
        again = site.deploy(host="::1")
        assert again.url.startswith("http://[::1]:")
        assert prediction(again.invoke([ROW]))


# ---------------------------------------------------------------- replace


def test_replace_keeps_the_url_and_changes_the_answers(site, other_model_dir) -> None:
    first = site.deploy()
    before = prediction(first.invoke([ROW]))
    second = site.deploy(model_dir=other_model_dir)
    assert second.url == first.url
    assert second.pid != first.pid
    assert second.checksum != first.checksum
    assert prediction(first.invoke([ROW])) != before
    assert processes(str(site.state_dir)) == [second.pid]
    assert len(site.files()) == 3  # the name, deployment.json and one revision


def test_replace_can_move_to_another_port(site) -> None:
    first = site.deploy()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert site.deploy(port=port).url.endswith(f":{port}")
    with pytest.raises(DeployError, match="cannot be reached"):
        first.invoke([ROW])


class Load:
    """Clients that ask without a pause: some with a connection a request, some keeping theirs."""

    def __init__(self, url: str, kept: int, fresh: int) -> None:
        self.address = urlsplit(url)
        self.errors: list[object] = []
        self.answers: list[float] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i < kept,)) for i in range(kept + fresh)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def run(self, keep: bool) -> None:
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=20)
        while not self.stop.is_set():
            try:
                connection.request("POST", "/invocations", json.dumps(ROW))
                response = connection.getresponse()
                body = json.loads(response.read())
                self.answers.append(body["predictions"][0]["probability"][0])
            except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
                self.errors.append(error)
            if not keep:
                connection.close()
        connection.close()


def test_replace_under_load_without_an_error(site, other_model_dir) -> None:
    first = site.deploy()
    old = prediction(first.invoke([ROW]))
    with Load(first.url, kept=2, fresh=2) as load:
        for model_dir in (other_model_dir, site.model_dir, other_model_dir):
            site.deploy(model_dir=model_dir)
    assert load.errors == []
    assert len(load.answers) > 100
    assert set(load.answers) == {old, prediction(first.invoke([ROW]))}


def test_a_failed_replacement_leaves_the_old_one_answering(site, damaged) -> None:
    first = site.deploy()
    files = site.files()
    with Load(first.url, kept=1, fresh=1) as load, pytest.raises(DeployError, match="ended while starting"):
        site.deploy(model_dir=damaged())
    assert load.errors == []
    assert len(set(load.answers)) == 1
    assert site.targets[0].status("loans") == first
    assert (site.files(), processes(str(site.state_dir))) == (files, [first.pid])


def test_replacing_a_dead_process_keeps_its_port(site) -> None:
    first = site.deploy()
    os.kill(first.pid, signal.SIGKILL)
    assert wait_for_state(site.targets[0], "Failed")
    with pytest.raises(DeployError, match="cannot be reached"):
        site.targets[0].invoke("loans", [ROW])
    second = site.deploy()
    assert (second.url, second.state) == (first.url, "InService")
    assert len(site.files()) == 3


def wait_for_state(target: LocalTarget, state: str) -> bool:
    for _ in range(100):
        if target.status("loans").state == state:
            return True
        time.sleep(0.02)
    return False


def test_a_replacement_interrupted_after_the_switch_is_finished_by_the_next_call(site, monkeypatch) -> None:
    first = site.deploy()

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("splicemachine_ml.targets.process.stop", interrupted)
        with pytest.raises(KeyboardInterrupt):
            site.deploy()
    second = site.targets[0].status("loans")
    assert second.state == "InService"
    assert sorted(processes(str(site.state_dir))) == sorted([first.pid, second.pid])
    third = site.deploy()
    assert processes(str(site.state_dir)) == [third.pid]
    assert (third.url, len(site.files())) == (first.url, 3)


# ---------------------------------------------------------------- failures


def test_a_process_that_does_not_start_shows_its_log_and_leaves_nothing(site, damaged) -> None:
    with pytest.raises(
        DeployError, match=r"(?s)ended while starting.*End of its log:.*cannot serve: .*model\.onnx"
    ):
        site.deploy(model_dir=damaged())
    assert (site.files(), processes(str(site.state_dir))) == ([], [])


def test_a_process_that_is_too_slow_is_stopped_and_leaves_nothing(site) -> None:
    site.targets.insert(0, site.target(serving_start_timeout=0.01))
    with pytest.raises(DeployError, match=r"was not ready after 0\.01 s; it was stopped"):
        site.deploy()
    assert (site.files(), processes(str(site.state_dir))) == ([], [])


def test_a_model_that_cannot_be_bundled_leaves_nothing(site, tmp_path) -> None:
    with pytest.raises(ModelStoreError, match="not a model logged"):
        site.deploy(model_dir=tmp_path / "absent")
    assert site.files() == []


def test_a_starter_that_dies_takes_its_unfinished_process_along(site) -> None:
    starter = deploying(site, "loans")
    folder = site.state_dir / "deployments" / "loans"
    while starter.poll() is None and not list(folder.glob("r-*/serving.log")):
        time.sleep(0.001)
    starter.kill()
    starter.communicate()
    for _ in range(300):
        if not processes(str(site.state_dir)):
            break
        time.sleep(0.02)
    assert processes(str(site.state_dir)) == []
    assert site.deploy().state == "InService"


def test_a_deployment_that_goes_while_the_list_is_made_is_left_out(site, monkeypatch) -> None:
    kept, gone = site.deploy("kept"), site.deploy("gone")
    read = records.read

    def undeployed_first(folder: Path) -> Record | None:
        if folder.name == gone.app_name and (folder / records.FILE).exists():
            monkeypatch.setattr(records, "read", read)
            site.targets[0].undeploy(gone.app_name)
        return read(folder)

    monkeypatch.setattr(records, "read", undeployed_first)
    assert site.targets[0].list() == (kept,)


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '{"format": 99}'])
def test_a_damaged_deployment_file_is_named(site, content) -> None:
    deployed = site.deploy()
    path = site.state_dir / "deployments/loans/deployment.json"
    good = path.read_text()
    path.write_text(content)
    for action in (site.targets[0].status, site.targets[0].undeploy):
        with pytest.raises(DeployError, match=r"deployment\.json"):
            action("loans")
    path.write_text(good)
    assert site.targets[0].status("loans") == deployed


# ---------------------------------------------------------------- stopping


def test_a_reused_process_number_is_never_killed(site) -> None:
    deployed = site.deploy()
    path = site.state_dir / "deployments/loans/deployment.json"
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = json.loads(path.read_text())
        record["process"]["pid"] = bystander.pid
        path.write_text(json.dumps(record))
        assert site.targets[0].status("loans").state == "Failed"
        assert site.targets[0].undeploy("loans")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
        os.kill(deployed.pid, signal.SIGKILL)
        os.waitpid(deployed.pid, 0)


def test_undeploy_waits_for_a_request_in_flight_and_no_longer_than_the_drain_timeout(site) -> None:
    deployed = site.deploy()
    address = urlsplit(deployed.url)
    with socket.create_connection((address.hostname, address.port)) as raw:
        raw.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        time.sleep(0.1)
        begun = time.perf_counter()
        assert site.targets[0].undeploy("loans")
    assert 2.0 <= time.perf_counter() - begun < 20.0  # the drain timeout, not the request's own patience
    assert processes(str(site.state_dir)) == []


def test_a_process_that_ignores_sigterm_is_killed(site, monkeypatch) -> None:
    monkeypatch.setattr("splicemachine_ml.targets.local._STOP_MARGIN_SECONDS", -1.0)
    deployed = site.deploy()
    os.kill(deployed.pid, signal.SIGSTOP)  # a stopped process does not act on SIGTERM
    assert site.targets[0].undeploy("loans")
    assert processes(str(site.state_dir)) == []


def test_a_stopped_process_is_unresponsive(site, monkeypatch) -> None:
    deployed = site.deploy()
    monkeypatch.setattr("splicemachine_ml.targets.local._PING_SECONDS", 0.2)
    os.kill(deployed.pid, signal.SIGSTOP)
    assert site.targets[0].status("loans").state == "Unresponsive"
    os.kill(deployed.pid, signal.SIGCONT)
    assert site.targets[0].status("loans").state == "InService"


def test_the_state_folder_is_its_owners_alone(site) -> None:
    site.deploy()
    assert (site.state_dir / "deployments").stat().st_mode & 0o777 == 0o700


def test_a_long_state_folder(site, tmp_path) -> None:
    long = tmp_path / ("x" * 120)  # beyond what a Unix socket's address holds
    target = LocalTarget(long, Settings.load(environ={}))
    site.targets.insert(0, target)
    first = site.deploy()
    try:
        assert site.deploy().url == first.url
    finally:
        target.undeploy("loans")
