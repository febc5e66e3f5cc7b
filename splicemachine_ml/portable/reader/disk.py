"""What Spark leaves on disk: one JSON line of metadata a stage, and Parquet parts, read without a JVM.

Everything here treats the directory as untrusted: sizes are bounded before they are allocated, names that
leave the directory are refused, and every defect is a ModelStoreError that names the stage's directory.
Layout as written by Spark 4.3.0 (org.apache.spark.ml.util.DefaultParamsWriter): ``metadata/part-*`` is text,
``data/part-*`` (and ``treesMetadata``) is Parquet; names that start with "_" or "." are not data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from splicemachine_ml.errors import ModelStoreError


@dataclass(frozen=True)
class Limits:
    """Upper bounds for what one saved pipeline may hold; a directory beyond them is refused, not read."""

    stages: int = 10_000
    depth: int = 16
    files: int = 10_000
    metadata_bytes: int = 256 << 20
    table_bytes: int = 4 << 30
    nodes: int = 20_000_000
    width: int = 10_000_000
    cells: int = 100_000_000


LIMITS = Limits()


@dataclass(frozen=True)
class Metadata:
    """The JSON line of a stage: class, uid, version, the two parameter maps and whatever came along."""

    spark_class: str
    uid: str
    spark_version: str
    explicit: Mapping[str, Any]
    defaults: Mapping[str, Any]
    extra: Mapping[str, Any] = field(default_factory=dict)


def part_files(directory: Path) -> list[Path]:
    """The data files of a Hadoop output directory, in name order, without checksums and markers.

    Nothing tells how many parts there were, but where Hadoop's ``.<part>.crc`` sidecars came along, one
    without its part is a part that got lost.
    """
    try:
        listed = sorted(directory.iterdir())
    except (OSError, ValueError) as e:
        raise ModelStoreError(
            f"{directory} is missing or unreadable: the saved model is incomplete; save it again"
        ) from e
    files = [p for p in listed if p.is_file() and not p.name.startswith(("_", "."))]
    there = {p.name for p in files}
    lost = [
        n for p in listed if p.name.endswith(".crc") and (n := p.name[1:-4])[:1] != "_" and n not in there
    ]
    if lost:
        raise ModelStoreError(f"{directory} has lost {lost[0]}: the saved model is incomplete; save it again")
    if not files:
        raise ModelStoreError(f"{directory} holds no part file: the saved model is incomplete; save it again")
    if len(files) > LIMITS.files:
        raise ModelStoreError(f"{directory} holds {len(files)} files, more than the {LIMITS.files} allowed")
    return files


def read_metadata(directory: Path) -> Metadata:
    """The metadata of the stage saved in ``directory``; any defect is a ModelStoreError."""
    if not directory.is_dir():
        raise ModelStoreError(
            f"{directory} does not exist (or is no directory): no saved Spark ML model there"
        )
    if not (directory / "metadata").is_dir() and (directory / "metadata.json").is_file():
        line = _text(directory / "metadata.json")  # pyspark.ml.connect's local format (io_utils.py)
    else:
        lines = (_first_line(p) for p in part_files(directory / "metadata"))
        line = next((text for text in lines if text), "")
    return parse_metadata(line, f"{directory / 'metadata'}")


def parse_metadata(line: str, place: str) -> Metadata:
    """Metadata from its JSON text; ``place`` is what errors call it."""
    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as e:
        raise ModelStoreError(f"{place} is not valid JSON (truncated or corrupt): {e}") from e
    if not isinstance(content, dict):
        raise ModelStoreError(f"{place} holds no JSON object: not the metadata of a Spark ML stage")
    explicit, defaults = content.pop("paramMap", None), content.pop("defaultParamMap", {})
    spark_class, uid = content.pop("class", None), content.pop("uid", None)
    version = content.pop("sparkVersion", "")
    if not (isinstance(spark_class, str) and isinstance(uid, str) and isinstance(version, str)):
        raise ModelStoreError(f"{place} names no class and uid: not the metadata of a Spark ML stage")
    if not (isinstance(explicit, dict) and isinstance(defaults, dict)):
        raise ModelStoreError(f"{place} lacks paramMap: not the metadata of a Spark ML stage")
    return Metadata(spark_class, uid, version, explicit, defaults, content)


def _first_line(path: Path) -> str:
    return next((line.strip() for line in _text(path).split("\n") if line.strip()), "")


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > LIMITS.metadata_bytes:
            raise ModelStoreError(f"{path} has {size} bytes, more than the {LIMITS.metadata_bytes} allowed")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise ModelStoreError(f"{path} cannot be read as UTF-8 text: {e}") from e


def child(directory: Path, *names: str) -> Path:
    """A path below ``directory``; a name from the metadata that would leave it is refused."""
    for name in names:
        if not name or name in {".", ".."} or set(name) & {"/", "\\", "\0"}:
            raise ModelStoreError(f"{directory}: {name!r} is no name of a directory inside a saved model")
    return directory.joinpath(*names)


def _unpacked_size(footer: Any) -> int:
    """What a Parquet file's footer says its content takes in memory, in bytes.

    Only the footer's and row groups' own fields are asked for: asking for a damaged column's metadata ends
    the process (pyarrow 25 lets that C++ exception through).
    """
    groups = (footer.row_group(i) for i in range(footer.num_row_groups))
    return int(max(8 * footer.num_rows, sum(group.total_byte_size for group in groups)))


def read_table(directory: Path, name: str = "data") -> pa.Table:
    """All Parquet parts of ``directory/name`` as one table with unchunked columns.

    The row order is that of the files: sort by an id column where the order matters.
    """
    home = directory / name
    if home.is_file():
        raise ModelStoreError(
            f"{home} is a file: Spark Connect's local cache format, which is not a saved model; "
            "save the model with write().save(path)"
        )
    tables, size = [], 0
    for path in part_files(home):
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
                size += _unpacked_size(parquet.metadata)
                if size > LIMITS.table_bytes:
                    raise ModelStoreError(f"{home} unpacks to more than {LIMITS.table_bytes} bytes")
                tables.append(parquet.read(use_threads=False))
        except (pa.ArrowException, OSError, ValueError) as e:
            raise ModelStoreError(f"{path} is no readable Parquet file (truncated or corrupt): {e}") from e
    try:
        table: pa.Table = pa.concat_tables(tables).combine_chunks()
    except pa.ArrowException as e:
        raise ModelStoreError(f"the parts of {home} do not have the same columns: {e}") from e
    return table
