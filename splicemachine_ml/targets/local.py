"""The local target: the endpoint as a process of this machine, started from the same bundle as elsewhere.

    state_dir/deployments/.lock
    state_dir/deployments/<name>/deployment.json     which revision answers, and its process
    state_dir/deployments/<name>/<revision>/model/   the unpacked model.tar.gz
    state_dir/deployments/<name>/<revision>/serving.log

A replacement is a new revision: it starts beside the old one, takes over the same listening socket (no
request is lost), and deployment.json switches to it before the old process is told to stop.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from splicemachine_ml.errors import DeployError
from splicemachine_ml.settings import Settings
from splicemachine_ml.targets import launch, process, records
from splicemachine_ml.targets.archive import extract_archive
from splicemachine_ml.targets.base import (
    Answer,
    Body,
    Deployment,
    DeployRequest,
    check_name,
    invoke_url,
    request,
)
from splicemachine_ml.targets.bundle import make_bundle
from splicemachine_ml.targets.launch import Address
from splicemachine_ml.targets.records import Record

# Beyond the drain timeout, before SIGKILL: the pause for open connections, and the exit itself.
_STOP_MARGIN_SECONDS = 5.0
_PING_SECONDS = 2.0  # SageMaker's limit


class LocalTarget:
    """Deploys to processes on this machine; everything it knows is on disk in ``state_dir``.

    Options of a request: ``host``, and ``port`` (0: any free one; replacements keep it). The settings give
    their defaults. Safe to use from several processes at once.
    """

    name = "local"

    def __init__(self, state_dir: Path, settings: Settings) -> None:
        self._home = Path(state_dir).resolve() / "deployments"
        self._settings = settings

    def deploy(self, request: DeployRequest) -> Deployment:
        """Start the model and wait for its first good /ping.

        Raises DeployError (name taken in mode create, port taken, no Spark-free form, or the process does not
        start: with the end of its log) or ModelStoreError; then nothing is left behind and an older
        deployment of that name answers as before.
        """
        address = self._address(request.options)
        with self._locked():
            old = records.read(self._home / request.app_name)
            if old is not None and request.mode == "create":
                raise DeployError(
                    f"local target: {request.app_name!r} is deployed already; "
                    "deploy with mode 'replace', or undeploy it first"
                )
            folder = self._home / request.app_name / f"r-{secrets.token_hex(4)}"
            try:
                record = self._start(request, folder, address, old)
            except BaseException:
                self._discard(folder)
                raise
            if old is not None:
                record = self._retire(old, record)
        return _deployment(record, "InService")

    def undeploy(self, app_name: str) -> bool:
        """Let the process finish its requests, end it and remove its files; False when there is none."""
        check_name(app_name)
        folder = self._home / app_name
        if not folder.is_dir():
            return False
        with self._locked():
            record = records.read(folder)
            if record is not None:
                for running in (record.process, record.previous):
                    if running is not None:
                        process.stop(running, self._patience())
            shutil.rmtree(folder, ignore_errors=True)
            return record is not None

    def status(self, app_name: str) -> Deployment:
        """Return the deployment and its state now: InService, Failed or Unresponsive."""
        return _now(self._record(app_name))

    def list(self) -> tuple[Deployment, ...]:
        """Return every deployment, by name."""
        folders = sorted(path.parent for path in self._home.glob(f"*/{records.FILE}"))
        # None: undeployed since the line above
        return tuple(_now(record) for folder in folders if (record := records.read(folder)) is not None)

    def invoke(
        self,
        app_name: str,
        body: Body,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Send one request; raises ScoringError for refused rows, DeployError when nothing answers."""
        return invoke_url(self._record(app_name).url, body, content_type, accept)

    def logs(self, app_name: str, lines: int = 100) -> str:
        """Return the last lines of the serving process's log."""
        record = self._record(app_name)
        return launch.tail(self._home / app_name / record.revision / launch.LOG, lines)

    # ------------------------------------------------------------ steps of deploy

    def _start(self, request: DeployRequest, folder: Path, address: Address, old: Record | None) -> Record:
        folder.mkdir(parents=True, mode=0o700)
        bundle = make_bundle(request.model_dir, folder / "model.tar.gz")
        extract_archive(bundle.path, folder / "model")
        bundle.path.unlink()
        with self._listener(address, old) as listener:
            port = listener.getsockname()[1]
            started = launch.start(folder, listener, self._settings, os.environ)
        record = Record(
            app_name=request.app_name,
            revision=folder.name,
            run_id=request.run_id,
            checksum=bundle.checksum,
            host=address.host,
            port=port,
            started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
            process=started,
            previous=old.process if old is not None else None,
        )
        try:
            if not _answers(record.url):
                raise DeployError(
                    f"local target: {record.url} does not answer; is {address.host} an own address?"
                )
            records.write(folder.parent, record)  # the switch: from here on this revision is the deployment
        except BaseException:
            process.stop(started, 0.5)
            raise
        return record

    def _listener(self, address: Address, old: Record | None) -> socket.socket:
        """Return the socket to serve: the old one's when the address stays, so that no request is lost."""
        if old is None or old.host != address.host or address.port not in (0, old.port):
            return launch.open_listener(address)
        taken = launch.take_listener(self._home / old.app_name / old.revision / launch.CONTROL)
        if taken is not None:
            return taken
        if address.port == 0:  # its process is gone; clients know the old port, so try that first
            with suppress(DeployError):
                return launch.open_listener(replace(address, port=old.port))
        return launch.open_listener(address)

    def _retire(self, old: Record, record: Record) -> Record:
        for running in (old.process, old.previous):
            if running is not None:
                process.stop(running, self._patience())
        folder = self._home / record.app_name
        for revision in folder.glob("r-*"):
            if revision.name != record.revision:
                shutil.rmtree(revision, ignore_errors=True)
        record = replace(record, previous=None)
        records.write(folder, record)
        return record

    def _discard(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # only when no older revision lives there

    # ------------------------------------------------------------ helpers

    def _address(self, options: Mapping[str, Any]) -> Address:
        unknown = sorted(set(options) - {"host", "port"})
        if unknown:
            raise DeployError(f"local target: unknown option {unknown[0]!r}; it knows host and port")
        host, port = options.get("host"), options.get("port")
        host = self._settings.serving_host if host is None else host
        port = self._settings.serving_port if port is None else port
        if not isinstance(host, str) or isinstance(port, bool) or not isinstance(port, int):
            raise DeployError(f"local target: host must be text and port a number, not {host!r} and {port!r}")
        return Address(host, port)

    def _record(self, app_name: str) -> Record:
        check_name(app_name)
        record = records.read(self._home / app_name)
        if record is None:
            known = ", ".join(sorted(path.parent.name for path in self._home.glob(f"*/{records.FILE}")))
            raise DeployError(
                f"local target: nothing is deployed as {app_name!r}; there is {known or 'no deployment'}"
            )
        return record

    def _patience(self) -> float:
        return self._settings.serving_drain_timeout + _STOP_MARGIN_SECONDS

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # 0700: the control sockets below hand out listening sockets to whoever can open them.
        self._home.mkdir(parents=True, mode=0o700, exist_ok=True)
        with (self._home / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _now(record: Record) -> Deployment:
    if not process.alive(record.process):
        return _deployment(record, "Failed")
    return _deployment(record, "InService" if _answers(record.url) else "Unresponsive")


def _answers(url: str) -> bool:
    try:
        return request(url, "GET", "/ping", timeout=_PING_SECONDS)[0] == 200
    except DeployError:
        return False


def _deployment(record: Record, state: str) -> Deployment:
    return Deployment(
        app_name=record.app_name,
        target=LocalTarget.name,
        state=state,
        url=record.url,
        run_id=record.run_id,
        checksum=record.checksum,
        started_at=record.started_at,
        pid=record.process.pid,
    )
