"""The serving process: ``python -m splicemachine_ml.serving --model-dir DIR --host H --port P``.

``python -m splicemachine_ml.serving serve`` is what a SageMaker container runs: every interface, port 8080
(or SAGEMAKER_BIND_TO_PORT), the model in /opt/ml/model (or SM_MODEL_DIR).
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from splicemachine_ml.errors import DeployError, SpliceMLError
from splicemachine_ml.serving.app import MAX_BODY_BYTES, App

logger = logging.getLogger("splicemachine_ml.serving")

_BACKLOG = 2048


class _Formatter(logging.Formatter):
    """Log lines without values: an exception's message may hold what a client sent."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Return where the exception came from and its class, not its message."""
        return "".join(traceback.format_tb(ei[2])) + (ei[0].__qualname__ if ei[0] else "")


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Serve until a signal; the exit code is 0, or 1 when the model or the port cannot be had."""
    options = parse(arguments, os.environ if environ is None else environ)
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("splicemachine_ml").setLevel(logging.INFO)
    try:
        _serve(options)
    except SpliceMLError as error:
        logger.error("cannot serve: %s", error)
        return 1
    return 0


def model_home(directory: Path) -> Path:
    """Return the folder with model.onnx and spec.json: portable/ of a model directory, or itself."""
    return directory / "portable" if (directory / "portable").is_dir() else directory


def _serve(options: argparse.Namespace) -> None:
    # imported late: --help and a mistyped option should not wait for onnxruntime
    from splicemachine_ml.portable.scorer import Scorer
    from splicemachine_ml.serving.server import EndpointServer, ServerOptions

    app = App(Scorer.load(model_home(options.model_dir)), max_body_bytes=options.max_body_bytes)
    listener = socket.socket(fileno=options.fd) if options.fd is not None else _bind(options)
    server_options = ServerOptions(options.drain_timeout, options.ready_fd, options.control)
    EndpointServer(app, listener, server_options).serve_forever()


def _bind(options: argparse.Namespace) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise DeployError(
            f"cannot listen on {options.host} port {options.port}: {error.strerror}; "
            "stop what uses it, or choose another --port (0: any free one)"
        ) from error


def parse(arguments: Sequence[str] | None, environ: Mapping[str, str]) -> argparse.Namespace:
    """Return the options; a usage error ends the process with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m splicemachine_ml.serving",
        description="Serve a model over HTTP: /ping and /invocations.",
    )
    given = sys.argv[1:] if arguments is None else list(arguments)
    container = "serve" in given[:1]
    parser.add_argument("mode", nargs="?", choices=["serve"], help="the defaults of a SageMaker container")
    parser.add_argument(
        "--model-dir", type=Path, required=not container, help="a logged model, or its portable/"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--fd", type=int, help="a listening socket to serve instead of host and port")
    parser.add_argument(
        "--ready-fd", type=int, help='"ready PORT" is written here once requests are accepted'
    )
    parser.add_argument("--control", type=Path, help="Unix socket that hands the port to a successor")
    parser.add_argument("--max-body-bytes", type=int, default=MAX_BODY_BYTES)
    parser.add_argument("--drain-timeout", type=float, default=25.0, help="seconds for requests in flight")
    if container:
        try:
            parser.set_defaults(
                host="0.0.0.0",  # noqa: S104 - a container is reached from outside
                port=int(environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
                model_dir=Path(environ.get("SM_MODEL_DIR", "/opt/ml/model")),
                max_body_bytes=int(
                    environ.get("SPLICEMACHINE_ML_SERVING_MAX_BODY_BYTES", str(MAX_BODY_BYTES))
                ),
                drain_timeout=float(environ.get("SPLICEMACHINE_ML_SERVING_DRAIN_TIMEOUT", "25")),
            )
        except ValueError as error:
            parser.error(f"an environment variable is not a number: {error}")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())
