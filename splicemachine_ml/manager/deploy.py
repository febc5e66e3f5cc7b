"""Deployments: a run's model behind an endpoint."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Literal

import pandas as pd

from splicemachine_ml.errors import DeployError
from splicemachine_ml.manager.models import Models
from splicemachine_ml.settings import Settings

if TYPE_CHECKING:
    from splicemachine_ml.targets.base import Deployment
    from splicemachine_ml.targets.local import LocalTarget


class Deploying(Models):
    """deploy_local, undeploy and get_deployed_models."""

    settings: Settings

    def deploy_local(
        self,
        app_name: str,
        *,
        run_id: str | None = None,
        name: str = "model",
        port: int | None = None,
        mode: Literal["create", "replace"] = "replace",
    ) -> Deployment:
        """Serve a run's model (the active one's by default) on this machine; return when it answers.

        A process of its own with the SageMaker container contract, from a real model.tar.gz. ``port`` None
        takes the settings' port, 0 any free one. ``mode`` "create" refuses a name that is taken.
        """
        from splicemachine_ml.targets.base import DeployRequest

        run_id = self.require_run(run_id)
        options = {} if port is None else {"port": port}
        request = DeployRequest(app_name, self._model_path(run_id, name), run_id, mode, options)
        return self._local().deploy(request)

    def undeploy(self, app_name: str) -> None:
        """Stop a deployment and remove its files; raises DeployError when there is none of that name."""
        target = self._local()
        if not target.undeploy(app_name):
            names = ", ".join(one.app_name for one in target.list()) or "none"
            raise DeployError(f"there is no deployment named {app_name!r}; there are: {names}")

    def get_deployed_models(self) -> pd.DataFrame:
        """Return every deployment and its state: a row each, as the fields of targets.base.Deployment."""
        from splicemachine_ml.targets.base import Deployment

        rows = [asdict(one) for one in self._local().list()]
        return pd.DataFrame(rows, columns=[field.name for field in fields(Deployment)])

    def _local(self) -> LocalTarget:
        from splicemachine_ml.targets.local import LocalTarget

        return LocalTarget(self.settings.state_dir, self.settings)
