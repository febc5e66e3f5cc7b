"""deployment.json: what the local target remembers of a deployment."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from splicemachine_ml.errors import DeployError
from splicemachine_ml.targets.process import ProcessId

FORMAT = 1
FILE = "deployment.json"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound


@dataclass(frozen=True)
class Record:
    """The revision that answers and its process.

    ``previous`` is the process that this revision replaces, for as long as it may still run.
    """

    app_name: str
    revision: str
    run_id: str
    checksum: str
    host: str
    port: int
    started_at: str
    process: ProcessId
    previous: ProcessId | None = None
    format: int = FORMAT

    @property
    def url(self) -> str:
        """The base URL under which this machine reaches the process."""
        host = _EVERYWHERE.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def write(folder: Path, record: Record) -> None:
    """Write ``folder``/deployment.json in one step."""
    partial = folder / (FILE + ".partial")
    partial.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")
    os.replace(partial, folder / FILE)


def read(folder: Path) -> Record | None:
    """Return the record of ``folder``, or None when there is no deployment.

    Raises DeployError when it is damaged or of a newer format.
    """
    path = folder / FILE
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] > FORMAT:
            raise DeployError(
                f"{path} has format {content['format']}, this version reads up to {FORMAT}: "
                "upgrade splicemachine_ml"
            )
        previous = content.pop("previous")
        process = ProcessId(**content.pop("process"))
        return Record(**content, process=process, previous=ProcessId(**previous) if previous else None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeployError(
            f"{path} cannot be read ({error!r}); end its process by hand, remove {folder} and deploy again"
        ) from error
