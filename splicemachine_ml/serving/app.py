"""The endpoint as an ASGI application: GET /ping and POST /invocations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.serving import media
from splicemachine_ml.serving.columns import Array, Columns, Input
from splicemachine_ml.serving.encoders import encode_error

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY_BYTES = 6_291_456  # SageMaker refuses more
INLINE_BYTES = 8_192  # a body this small is scored faster than a thread is woken
_METHODS = {"/ping": ("GET", "HEAD"), "/invocations": ("POST",)}


class ScorerLike(Protocol):
    """What the endpoint needs of ``portable.scorer.Scorer``; must be thread-safe."""

    @property
    def inputs(self) -> Sequence[Input]:
        """The columns a request must bring."""

    def score(self, columns: Columns) -> Mapping[str, Array]:
        """Return the outputs and row_index."""


@dataclass(frozen=True)
class Response:
    """Status, body and content type of an answer; ``headers`` are additional ones."""

    status: int
    body: bytes = b""
    content_type: str = media.JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def refusal(status: int, message: str, **more: Any) -> Response:
    """Return an error answer; ``more`` becomes keys of its JSON body."""
    return Response(status, encode_error(message, **more))


class App:
    """ASGI callable around one loaded scorer.

    Bodies up to INLINE_BYTES are scored on the event loop, larger ones on ``workers`` threads so that
    /ping is answered meanwhile. Once ``draining`` is set every answer closes its connection, which lets a
    client that keeps connections alive move on without a failed request.
    """

    def __init__(self, scorer: ScorerLike, *, max_body_bytes: int = MAX_BODY_BYTES, workers: int = 2) -> None:
        self._scorer = scorer
        self._max_body_bytes = max_body_bytes
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="scoring")
        self.draining = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request.

        An unforeseen error is answered by a 500 that tells nothing, and goes on to the server, which logs it.
        """
        if scope["type"] != "http":
            return
        response: Response | None = refusal(500, "internal error; the endpoint's log has the details")
        try:
            response = await self._respond(scope, receive)
        finally:
            if response is not None:
                await self._send(response, send)

    def close(self) -> None:
        """End the worker threads once they are idle."""
        self._workers.shutdown()

    async def _respond(self, scope: Scope, receive: Receive) -> Response | None:
        allowed = _METHODS.get(scope["path"])
        if allowed is None:
            return refusal(404, "not found; there are GET /ping and POST /invocations")
        if scope["method"] not in allowed:
            response = refusal(405, f"{scope['path']} takes {allowed[0]}")
            return Response(
                response.status, response.body, headers=((b"allow", ", ".join(allowed).encode()),)
            )
        if scope["path"] == "/ping":
            return Response(200)
        headers = dict(scope["headers"])
        body = await self._body(headers, receive)
        if body is None or isinstance(body, Response):
            return body
        sent = media.request_type(headers.get(b"content-type", b"").decode("latin-1"), body)
        if sent is None:
            return refusal(415, "this content type or charset is not understood", allowed=media.ALLOWED)
        wanted = media.response_type(headers.get(b"accept", b"").decode("latin-1"))
        if wanted is None:
            return refusal(406, "none of the accepted content types can be written", allowed=media.ALLOWED)
        if len(body) <= INLINE_BYTES:
            return self._invoke(sent, wanted, body)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, self._invoke, sent, wanted, body)

    def _invoke(self, sent: media.MediaType, wanted: media.MediaType, body: bytes) -> Response:
        try:
            columns = media.decode(sent, body, self._scorer.inputs)
            rows = len(next(iter(columns.values()), ()))
            answer = self._scorer.score(columns)
        except ScoringError as error:
            return refusal(400, str(error), column=error.column, row=error.row)
        content_type, encoded = media.encode(wanted, answer, rows)
        return Response(200, encoded, content_type)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | Response | None:
        """Return the whole body, the refusal of one that is too large, or None when the client is gone.

        What a refused client still sends is thrown away by the server, so it can read the answer.
        """
        limit = self._max_body_bytes
        too_large = refusal(413, f"the body is larger than {limit} bytes; send fewer rows at once")
        if int(headers.get(b"content-length", b"0")) > limit:
            return too_large
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunks.append(message["body"])
            size += len(message["body"])
            if size > limit:
                return too_large
            if not message["more_body"]:
                return b"".join(chunks)

    async def _send(self, response: Response, send: Send) -> None:
        headers = [
            (b"content-type", response.content_type.encode("latin-1")),
            (b"content-length", str(len(response.body)).encode()),
            *response.headers,
        ]
        if self.draining:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
