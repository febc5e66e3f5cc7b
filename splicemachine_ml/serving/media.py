"""Content types: what a request says it sends and what it accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.serving import decoders, encoders
from splicemachine_ml.serving.columns import Columns
from splicemachine_ml.serving.decoders import Inputs
from splicemachine_ml.serving.encoders import Answer

CSV, JSON, JSON_LINES, NPY = "text/csv", "application/json", "application/jsonlines", "application/x-npy"
ALLOWED = (CSV, JSON, JSON_LINES, NPY)

# spelling -> the type it means
_SAME = {
    **{name: name for name in ALLOWED},
    "application/csv": CSV,
    "text/json": JSON,
    "application/x-ndjson": JSON_LINES,
    "application/ndjson": JSON_LINES,
    "application/jsonl": JSON_LINES,
}
_WILDCARDS = {"*/*": JSON, "application/*": JSON, "text/*": CSV}

# A closed table: some of Python's codecs are slow on purpose-made input, and no client sends them.
_CHARSETS = {
    "": "utf-8-sig",
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}

Encoder: TypeAlias = Callable[[Answer, int], bytes]


@dataclass(frozen=True)
class MediaType:
    """A content type taken apart: name and parameters, lower case."""

    name: str
    parameters: dict[str, str]

    @classmethod
    def parse(cls, value: str) -> MediaType:
        """Read ``type/subtype; key=value``; what is malformed comes out as a name nobody knows."""
        name, *rest = value.split(";")
        pairs = (part.partition("=") for part in rest)
        return cls(
            name.strip().lower(),
            {key.strip().lower(): text.strip().strip('"').lower() for key, _, text in pairs},
        )


def request_type(content_type: str, body: bytes) -> MediaType | None:
    """Return what the body is, or None when the type or its charset is not among the allowed ones.

    Without a content type the body's first character tells: { or [ is JSON, NumPy's magic .npy, else CSV.
    """
    given = MediaType.parse(content_type)
    name = _SAME.get(given.name)
    if not content_type.strip():
        start = body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        name = NPY if body.startswith(decoders.NPY_MAGIC) else JSON if start in (b"{", b"[") else CSV
    if name is None or given.parameters.get("charset", "") not in _CHARSETS:
        return None
    return MediaType(name, given.parameters)


def decode(media: MediaType, body: bytes, inputs: Inputs) -> Columns:
    """Return the columns of a request body; raises ScoringError for whatever is wrong with it."""
    if media.name == NPY:
        return decoders.decode_npy(body, inputs)
    charset = media.parameters.get("charset", "")
    try:
        text = body.decode(_CHARSETS[charset])
    except UnicodeDecodeError as error:
        raise ScoringError(f"the body is not {charset or 'utf-8'} text: byte {error.start}") from error
    if media.name == CSV:
        return decoders.decode_csv(text, inputs, media.parameters.get("header", ""))
    if media.name == JSON_LINES:
        return decoders.decode_json_lines(text, inputs)
    return decoders.decode_json(text, inputs)


def response_type(accept: str) -> MediaType | None:
    """Return the best of the types that the client accepts, JSON when it does not say; None for none."""
    if not accept.strip():
        return MediaType(JSON, {})
    best: tuple[float, MediaType] | None = None
    for part in accept.split(","):
        media = MediaType.parse(part)
        name = _SAME.get(media.name) or _WILDCARDS.get(media.name)
        try:
            quality = float(media.parameters.get("q", "1"))
        except ValueError:
            quality = 0.0
        if name and quality > 0 and (best is None or quality > best[0]):
            best = (quality, MediaType(name, media.parameters))
    return best[1] if best else None


def encode(media: MediaType, answer: Answer, rows: int) -> tuple[str, bytes]:
    """Return the content type and the body of an answer to ``rows`` rows."""
    if media.name == CSV:
        header = media.parameters.get("header") != "absent"
        return "text/csv; charset=utf-8", encoders.encode_csv(answer, rows, header)
    return media.name, _ENCODERS[media.name](answer, rows)


_ENCODERS: dict[str, Encoder] = {
    JSON: encoders.encode_json,
    JSON_LINES: encoders.encode_json_lines,
    NPY: encoders.encode_npy,
}
