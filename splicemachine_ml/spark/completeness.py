"""Is a model that Spark has just written really on this disk? Reads files only, needs no Spark.

Spark's writers run on the executors. On a cluster whose executors do not see the driver's disk they all
report success, and what is left in the driver's folder are empty ``_SUCCESS`` files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.spark.writer import stage_folder

_PARQUET_MAGIC = b"PAR1"

# What a class writes beside ``metadata`` when it is not the usual one folder ``data``
# (the MLWriter of each Scala class of that name).
_FOLDERS: dict[str, tuple[str, ...]] = {
    "RandomForestClassificationModel": ("data", "treesMetadata"),
    "RandomForestRegressionModel": ("data", "treesMetadata"),
    "GBTClassificationModel": ("data", "treesMetadata"),
    "GBTRegressionModel": ("data", "treesMetadata"),
    "BisectingKMeansModel": ("data/metadata", "data/data"),
    "RFormulaModel": ("data", "pipelineModel"),
    "ALSModel": ("userFactors", "itemFactors"),
    "DistributedLDAModel": ("oldModel/metadata",),
    "OneVsRestModel": ("classifier", "model_0"),
    "CrossValidatorModel": ("bestModel", "estimator", "evaluator"),
    "TrainValidationSplitModel": ("bestModel", "estimator", "evaluator"),
    "PipelineModel": (),  # its stages are looked up by uid below
}


def check_complete(directory: Path) -> dict[str, Any]:
    """Check every stage below ``directory`` and return the top stage's metadata.

    Raises ModelStoreError naming each folder that is absent or holds nothing but ``_SUCCESS``.
    """
    broken = list(_problems(directory, directory))
    if broken:
        raise ModelStoreError(
            f"the Spark model in {directory} is incomplete:\n"
            + "\n".join(f"  {line}" for line in broken)
            + "\nThis happens when Spark runs on a cluster without storage shared with this machine (the "
            "executors wrote the files on their own disks), when the disk is full, or when files were "
            "deleted. Save to a folder that the driver and all executors mount, or log from a local session."
        )
    return read_metadata(directory)


def read_metadata(directory: Path) -> dict[str, Any]:
    """Return the JSON object Spark wrote to ``directory/metadata``; ModelStoreError when there is none."""
    parts = _parts(directory / "metadata")
    if not parts:
        raise ModelStoreError(f"{directory} holds no saved Spark model: metadata/part-* is missing or empty")
    try:
        lines = parts[0].read_text(encoding="utf-8").splitlines()
        metadata = json.loads(lines[0])
        metadata["class"], metadata["uid"]
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise ModelStoreError(f"{parts[0]} is not a Spark stage's metadata; log the model again") from error
    return dict(metadata)


def _problems(directory: Path, root: Path) -> Iterator[str]:
    name = directory.relative_to(root.parent)
    try:
        metadata = read_metadata(directory)
    except ModelStoreError:
        found = _parts(directory / "metadata")
        yield f"{name}/metadata: " + ("not a stage's metadata" if found else "no part file with content")
        return
    for folder in _expected(metadata, directory):
        if not (directory / folder).is_dir():
            yield f"{name}/{folder}: missing ({metadata['class']})"
        elif not (directory / folder / "metadata").is_dir() and not _parts(directory / folder):
            yield f"{name}/{folder}: no part file with content ({metadata['class']})"
    for child in sorted(p for p in directory.rglob("*") if p.is_dir()):
        if _is_stage(child):
            if _owner(child, root=directory) == directory:
                yield from _problems(child, root)
        elif _owner(child, root=directory) == directory:
            yield from _broken_files(child, child.relative_to(root.parent))


def _is_stage(directory: Path) -> bool:
    # BisectingKMeans and DistributedLDA nest the old RDD format: {metadata, data} below data/ or oldModel/,
    # whose metadata is no stage's (it has no uid).
    if not (directory / "metadata").is_dir():
        return False
    return directory.name not in ("data", "oldModel")


def _owner(directory: Path, *, root: Path) -> Path:
    """Return the nearest stage above ``directory``."""
    above = directory.parent
    while above != root and not _is_stage(above):
        above = above.parent
    return above


def _broken_files(directory: Path, name: Path) -> Iterator[str]:
    files = [p for p in directory.iterdir() if p.is_file()]
    if (directory / "_SUCCESS").exists() and not _parts(directory):
        yield f"{name}: no part file with content"
    for file in files:
        if file.suffix == ".parquet" and file.name.startswith("part-") and not _is_parquet(file):
            yield f"{name / file.name}: truncated ({file.stat().st_size} bytes)"


def _is_parquet(file: Path) -> bool:
    if file.stat().st_size < 2 * len(_PARQUET_MAGIC):
        return False
    with file.open("rb") as stream:
        head = stream.read(len(_PARQUET_MAGIC))
        stream.seek(-len(_PARQUET_MAGIC), 2)
        return head == _PARQUET_MAGIC and stream.read() == _PARQUET_MAGIC


def _parts(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted(p for p in directory.iterdir() if p.name.startswith("part-") and p.stat().st_size > 0)


def _expected(metadata: dict[str, Any], directory: Path) -> tuple[str, ...]:
    """Return the folders this class must have written, relative to its own."""
    kind = str(metadata["class"]).rsplit(".", 1)[-1]
    if kind in ("Pipeline", "PipelineModel"):
        uids = [str(uid) for uid in metadata.get("paramMap", {}).get("stageUids", [])]
        return tuple(stage_folder(place, uid, len(uids)) for place, uid in enumerate(uids))
    if kind in _FOLDERS:
        if kind == "OneVsRestModel":
            return ("classifier", *(f"model_{i}" for i in range(int(metadata.get("numClasses", 1)))))
        return _FOLDERS[kind]
    fitted = kind.endswith("Model") and str(metadata["class"]).startswith("org.apache.spark.ml.")
    return ("data",) if fitted or (directory / "data").exists() else ()
