"""Reader functions of stages that hold other stages: pipelines, tuning and RFormula."""

from __future__ import annotations

from splicemachine_ml.errors import ModelStoreError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.disk import LIMITS, child
from splicemachine_ml.portable.reader.saved import SavedStage


def pipeline(saved: SavedStage) -> tuple[ir.Stage, ...]:
    """PipelineModel, written by Scala or by Python: stages/<zero-padded index>_<uid>, flattened."""
    uids = saved.params.texts("stageUids")
    if len(uids) > LIMITS.stages:
        raise ModelStoreError(f"{saved.directory} lists {len(uids)} stages; {LIMITS.stages} are allowed")
    home, digits = saved.directory / "stages", len(str(len(uids)))
    flat: list[ir.Stage] = []
    for index, uid in enumerate(uids):
        flat.extend(saved.nested(child(home, f"{index:0{digits}d}_{uid}")))
    return tuple(flat)


def tuned(saved: SavedStage) -> tuple[ir.Stage, ...]:
    """CrossValidatorModel and TrainValidationSplitModel: transform() is the best model's."""
    return saved.nested(saved.directory / "bestModel")


def rformula(saved: SavedStage) -> tuple[ir.Stage, ...]:
    """RFormulaModel: its inner pipeline as ordinary stages, then the label.

    A text label has its StringIndexer inside the pipeline. A number label is copied under labelCol by
    RFormulaModel.transformLabel, unless a column of that name is there already.
    """
    inner = saved.nested(saved.directory / "pipelineModel")
    source, target = saved.row("label")["label"].as_py(), saved.params.text("labelCol")
    if not isinstance(source, str):
        raise saved.corrupt("the formula's label is no text")
    there = source == target or target in saved.schema
    if there or any(target in getattr(stage, "outputs", ()) for stage in inner):
        return inner
    uid, spark_class = saved.identity["uid"], saved.identity["spark_class"]
    return (*inner, ir.Rename(uid=uid, spark_class=spark_class, input=source, output=target))


def nothing(saved: SavedStage) -> tuple[ir.Stage, ...]:
    """RFormula's private ColumnPruner and VectorAttributeRewriter: they change no value that scoring reads.

    The first drops the formula's temporary columns, the second renames attributes in a column's metadata.
    """
    saved.table()
    return ()
