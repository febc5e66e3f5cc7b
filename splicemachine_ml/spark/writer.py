"""Write a fitted pipeline in Spark's format, its stages side by side.

PipelineModel's own writer saves one stage after the other. Each is a tiny Spark job or two whose time is
planning and committing, so several at once take two thirds of the time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_AT_ONCE = 8
JAVA_PIPELINE = "org.apache.spark.ml.PipelineModel"


def write_pipeline(whole: Any, directory: Path, uri: str) -> None:
    """Write the PipelineModel ``whole`` to ``directory``, whose URI for Spark is ``uri`` (overwritten).

    A pipeline with a stage that only Python can write is left to Spark's writer, which marks it as Python's.
    Raises what Spark's writers raise.
    """
    from pyspark.ml.util import JavaMLWritable

    plain = list(_plain(whole))
    if not all(isinstance(stage, JavaMLWritable) for stage in plain):
        whole.write().overwrite().save(uri)
        return
    jobs = list(_lay_out(whole, directory, uri))
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="save-stage") as pool:
        for future in [pool.submit(_save, stage, target) for stage, target in jobs]:
            future.result()


def stage_folder(place: int, uid: str, count: int) -> str:
    """Return a stage's folder below its pipeline's (Pipeline.SharedReadWrite.getStagePath)."""
    return f"stages/{place:0{len(str(count))}d}_{uid}"


def _save(stage: Any, uri: str) -> None:
    stage.write().overwrite().save(uri)


def _plain(model: Any) -> Iterator[Any]:
    from pyspark.ml import PipelineModel

    if isinstance(model, PipelineModel):
        for stage in model.stages:
            yield from _plain(stage)
    else:
        yield model


def _lay_out(model: Any, directory: Path, uri: str) -> Iterator[tuple[Any, str]]:
    """Write the metadata of ``model`` and of the pipelines in it; yield the stages left, with their URIs."""
    import pyspark
    from pyspark.ml import PipelineModel

    uids = [str(stage.uid) for stage in model.stages]
    # As DefaultParamsWriter.getMetadataToSave has it: one line of JSON in a text part.
    metadata = {
        "class": JAVA_PIPELINE,
        "timestamp": int(time.time() * 1000),
        "sparkVersion": pyspark.__version__,
        "uid": str(model.uid),
        "paramMap": {"stageUids": uids},
        "defaultParamMap": {},
    }
    (directory / "metadata").mkdir(parents=True, exist_ok=True)
    text = json.dumps(metadata, separators=(",", ":")) + "\n"
    (directory / "metadata" / "part-00000").write_text(text, encoding="utf-8")
    for place, stage in enumerate(model.stages):
        folder = stage_folder(place, stage.uid, len(uids))
        if isinstance(stage, PipelineModel):
            yield from _lay_out(stage, directory / folder, f"{uri}/{folder}")
        else:
            yield stage, f"{uri}/{folder}"
