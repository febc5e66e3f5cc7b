"""What every deploy target is: the protocol, the request and the deployment, as plain values."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

from splicemachine_ml.errors import DeployError, ScoringError

Mode: TypeAlias = Literal["create", "replace"]
Body: TypeAlias = bytes | str | list[Any] | dict[str, Any]

# SageMaker's rule for endpoint names, kept by all targets so that a name can move between them.
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@dataclass(frozen=True)
class DeployRequest:
    """What to deploy: a logged model's directory under a name.

    ``mode``: "create" refuses a name that exists, "replace" takes its place (and creates one that does not).
    ``options`` are the target's own; a target refuses those it does not know.
    """

    app_name: str
    model_dir: Path
    run_id: str = ""
    mode: Mode = "replace"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name(self.app_name)
        if self.mode not in ("create", "replace"):
            raise DeployError(f"deployment mode {self.mode!r} is not known; choose 'create' or 'replace'")


@dataclass(frozen=True)
class Answer:
    """What an endpoint answered to invoke()."""

    body: bytes
    content_type: str

    def json(self) -> Any:
        """Return the body read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Deployment:
    """A deployed model. ``state`` is InService, Failed (the process is gone) or Unresponsive (no /ping).

    ``checksum`` is the SHA-256 of the model.tar.gz that runs, ``started_at`` UTC in ISO 8601, ``pid`` the
    serving process of a local deployment.
    """

    app_name: str
    target: str
    state: str
    url: str
    run_id: str
    checksum: str
    started_at: str
    pid: int | None = None

    def invoke(
        self, body: Body, content_type: str = "application/json", accept: str = "application/json"
    ) -> Answer:
        """Send one request; see :func:`invoke_url`."""
        return invoke_url(self.url, body, content_type, accept)


class DeployTarget(Protocol):
    """Where a model can be deployed to."""

    @property
    def name(self) -> str:
        """The target's name: local, sagemaker, ..."""

    def deploy(self, request: DeployRequest) -> Deployment:
        """Deploy and wait until it answers; on DeployError nothing has changed."""

    def undeploy(self, app_name: str) -> bool:
        """Take a deployment down; False when there was none."""

    def status(self, app_name: str) -> Deployment:
        """Return the deployment as it is now; DeployError when there is none of this name."""

    def list(self) -> tuple[Deployment, ...]:
        """Return every deployment, by name."""

    def invoke(
        self,
        app_name: str,
        body: Body,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Send one request to a deployment."""

    def logs(self, app_name: str, lines: int = 100) -> str:
        """Return the last lines that the endpoint logged."""


def check_name(name: str) -> None:
    """Raise DeployError unless ``name`` is 1 to 63 letters, digits and hyphens (not at the ends)."""
    if len(name) > 63 or not _NAME.fullmatch(name):
        raise DeployError(
            f"{name!r} cannot name a deployment: use 1 to 63 letters, digits and hyphens, "
            "with a letter or digit at both ends"
        )


def invoke_url(
    url: str,
    body: Body,
    content_type: str = "application/json",
    accept: str = "application/json",
    timeout: float = 60.0,
) -> Answer:
    """POST to ``url``/invocations; a list or dict is sent as JSON.

    Raises ScoringError (column and row) when the endpoint refuses the rows, DeployError when it cannot be
    reached or answers with another error.
    """
    if isinstance(body, (list, dict)):
        body = json.dumps(body)
    payload = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": content_type, "Accept": accept}
    status, answered_type, answer = request(url, "POST", "/invocations", payload, headers, timeout)
    if status == 200:
        return Answer(answer, answered_type)
    try:
        problem = json.loads(answer)
        message = str(problem["error"])
    except (ValueError, KeyError, TypeError):
        problem, message = {}, answer[:200].decode("utf-8", "replace")
    if status == 400:
        raise ScoringError(message, column=problem.get("column"), row=problem.get("row"))
    raise DeployError(f"{url} answered {status}: {message}")


def request(
    url: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 5.0,
) -> tuple[int, str, bytes]:
    """Return status, content type and body; raises DeployError when the endpoint cannot be reached."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request(method, parts.path + path, body, dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.headers.get("content-type", ""), response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise DeployError(
            f"{url} cannot be reached ({reason}); see the deployment's status and logs"
        ) from error
    finally:
        connection.close()
