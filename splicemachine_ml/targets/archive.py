"""model.tar.gz: written so that the same input gives the same bytes, read so that nothing escapes."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from splicemachine_ml.errors import ModelStoreError

# 1 January 1980: the first moment that zip and every file system can hold.
_MTIME = 315_532_800


@dataclass(frozen=True)
class Limits:
    """What an archive may hold before it is refused: members, and bytes after decompression."""

    members: int = 10_000
    total_bytes: int = 8 * 1024**3


def write_archive(files: Mapping[str, Path | bytes], out: Path) -> None:
    """Write ``files`` (name in the archive -> file or content) as a tar.gz that depends on nothing else.

    Members are sorted, owned by nobody, with fixed time and mode; ``out`` appears whole or not at all.
    """
    partial = out.with_name(out.name + ".partial")
    try:
        with (
            partial.open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as zipped,
            tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name in sorted(files):
                _add(archive, name, files[name])
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def extract_archive(source: Path, destination: Path, limits: Limits = Limits()) -> None:
    """Unpack ``source`` into the new folder ``destination``, which appears whole or not at all.

    Only regular files and folders inside the archive are taken: an absolute path, ``..``, a link, a device, a
    repeated name or more than ``limits`` allow is a ModelStoreError that names the member. A damaged or
    truncated archive is one too. Modes and owners of the archive are ignored.
    """
    if destination.exists():
        raise ModelStoreError(f"{destination} exists; extract into a new folder")
    destination.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
    try:
        _extract(source, staging, limits)
        staging.rename(destination)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ModelStoreError(f"{source} is not a whole tar.gz archive: {error}") from error
    except OSError as error:
        raise ModelStoreError(f"cannot unpack {source}: {error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode = _MTIME, 0o644
    if isinstance(content, bytes):
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
        return
    with content.open("rb") as file:
        info.size = os.fstat(file.fileno()).st_size
        archive.addfile(info, file)


def _extract(source: Path, folder: Path, limits: Limits) -> None:
    seen: set[str] = set()
    total = 0
    with gzip.open(source) as zipped, tarfile.open(fileobj=zipped, mode="r:") as archive:
        for count, member in enumerate(archive, start=1):
            path = _checked(source, member)
            total += member.size
            if count > limits.members or total > limits.total_bytes:
                raise ModelStoreError(
                    f"{source}: member {member.name!r} is beyond the limit of {limits.members} members "
                    f"and {limits.total_bytes} bytes"
                )
            if member.isdir():
                (folder / path).mkdir(parents=True, exist_ok=True)
                continue
            if str(path) in seen:
                raise ModelStoreError(f"{source}: member {member.name!r} occurs twice")
            seen.add(str(path))
            _write(archive, member, folder / path)
        _read_to_end(source, zipped, limits)


def _read_to_end(source: Path, zipped: gzip.GzipFile, limits: Limits) -> None:
    # tarfile stops at the end mark; gzip compares its checksum only at the end of the stream
    rest = 0
    while chunk := zipped.read(65536):
        rest += len(chunk)
        if rest > limits.total_bytes:
            raise ModelStoreError(f"{source} goes on beyond the limit of {limits.total_bytes} bytes")


def _checked(source: Path, member: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
        raise ModelStoreError(f"{source}: member {member.name!r} leaves the folder; the archive is refused")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise ModelStoreError(
            f"{source}: member {member.name!r} is a link, a device or sparse; the archive is refused"
        )
    return path


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    content = archive.extractfile(member)
    if content is None:
        raise ModelStoreError(f"member {member.name!r} has no content")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("xb") as file:
        shutil.copyfileobj(content, file)
    if target.stat().st_size != member.size:
        raise ModelStoreError(f"member {member.name!r} is cut short")
