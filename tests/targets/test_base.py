"""Names, requests and the HTTP client of a deployment."""

from __future__ import annotations

import inspect
import socket
from pathlib import Path

import pytest

from splicemachine_ml.errors import DeployError
from splicemachine_ml.targets.base import DeployRequest, DeployTarget, check_name, invoke_url
from splicemachine_ml.targets.local import LocalTarget


@pytest.mark.parametrize("name", ["a", "loans", "Loans-2", "a--b", "9", "x" * 63])
def test_names_that_every_target_takes(name) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a_b", "a.b", "../x", "a/b", "a b", "x" * 64, "ä", "a\n", ".lock", "-" * 60]
)
def test_other_names_are_refused_with_the_rule(name) -> None:
    with pytest.raises(DeployError, match="1 to 63 letters, digits and hyphens") as caught:
        DeployRequest(name, Path())
    assert repr(name) in str(caught.value)


def test_an_unknown_mode() -> None:
    with pytest.raises(DeployError, match="'add' is not known; choose 'create' or 'replace'"):
        DeployRequest("a", Path(), mode="add")  # type: ignore[arg-type]


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeployError, match=rf"http://127.0.0.1:{port} cannot be reached"):
        invoke_url(f"http://127.0.0.1:{port}", "[]")


def test_the_local_target_is_a_deploy_target() -> None:
    """Name for name and argument for argument, so that another target can take its place."""
    offered = {name for name in vars(DeployTarget) if not name.startswith("_")}
    assert offered == {"name", "deploy", "undeploy", "status", "list", "invoke", "logs"}
    for name in offered - {"name"}:
        asked = inspect.signature(getattr(DeployTarget, name)).parameters
        given = inspect.signature(getattr(LocalTarget, name)).parameters
        assert [(one.name, one.default, one.kind) for one in given.values()] == [
            (one.name, one.default, one.kind) for one in asked.values()
        ], name
