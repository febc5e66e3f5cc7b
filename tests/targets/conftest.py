"""A tiny logged model and a local target with a state folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from splicemachine_ml.settings import Settings
from splicemachine_ml.targets.base import Deployment, DeployRequest
from splicemachine_ml.targets.local import LocalTarget
from tests.serving.model import write_model


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A logged model's directory: manifest.json and portable/."""
    return write_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="session")
def other_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model with other coefficients, so that its answers can be told apart."""
    return write_model(tmp_path_factory.mktemp("other") / "model", intercept=-2.0)


@dataclass
class Site:
    """A state folder and what deploys into it."""

    state_dir: Path
    model_dir: Path
    targets: list[LocalTarget] = field(default_factory=list)

    def target(self, **settings) -> LocalTarget:
        target = LocalTarget(self.state_dir, Settings.load(environ={}, **settings))
        self.targets.append(target)
        return target

    def deploy(
        self, name: str = "loans", model_dir: Path | None = None, mode="replace", **options
    ) -> Deployment:
        request = DeployRequest(name, model_dir or self.model_dir, "run1", mode, options)
        return self.targets[0].deploy(request)

    def files(self) -> list[str]:
        """Return what lies under deployments/, two levels deep, without the lock."""
        home = self.state_dir / "deployments"
        return sorted(
            p.relative_to(home).as_posix() for p in [*home.glob("*"), *home.glob("*/*")] if p.name != ".lock"
        )


@pytest.fixture
def site(tmp_path: Path, model_dir: Path) -> Iterator[Site]:
    """An empty state folder; whatever still runs at the end is undeployed."""
    made = Site(tmp_path / "state", model_dir)
    target = made.target(serving_drain_timeout=2.0)
    yield made
    for folder in (made.state_dir / "deployments").glob("[!.]*"):
        target.undeploy(folder.name)


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[], Path]:
    """A model whose checksums are right and whose content is not: it passes the bundle and fails to load."""

    def make() -> Path:
        return write_model(tmp_path / "damaged", onnx=b"no graph")

    return make
