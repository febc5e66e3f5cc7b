"""From the directory of a saved pipeline or model to the list of its stages, gaps collected on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from splicemachine_ml.errors import ModelStoreError, UnsupportedStageError
from splicemachine_ml.portable import (
    catalog,
)  # its tables are looked up at call time: it imports our siblings
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.disk import LIMITS, read_metadata
from splicemachine_ml.portable.reader.saved import Refused, SavedStage
from splicemachine_ml.portable.reader.values import Params

_FOR_TRAINING = ("labelCol", "weightCol", "censorCol", "offsetCol", "validationIndicatorCol")

# Parameters that only fitting reads. One that is neither here nor read by the stage's reader is refused:
# a newer Spark may have given it a meaning that changes the answer.
# fmt: off
TRAINING_ONLY = frozenset({
    *_FOR_TRAINING,
    "aggregationDepth", "blockSize", "bootstrap", "cacheNodeIds", "checkpointInterval", "elasticNetParam",
    "epsilon", "family", "featureSubsetStrategy", "fitIntercept", "forceIndexLabel", "formula", "impurity",
    "initMode", "initSteps", "initialWeights", "intermediateStorageLevel", "k", "loss", "lossType", "lower",
    "lowerBoundsOnCoefficients", "lowerBoundsOnIntercepts", "maxBins", "maxBlockSizeInMB", "maxCategories",
    "maxDepth", "maxIter", "maxMemoryInMB", "minInfoGain", "minInstancesPerNode",
    "minWeightFractionPerNode", "numTrees", "pruneTree", "regParam", "relativeError", "seed", "solver",
    "standardization", "stepSize", "strategy", "stringIndexerOrderType", "stringOrderType",
    "subsamplingRate", "tol", "upper", "upperBoundsOnCoefficients", "upperBoundsOnIntercepts",
    "validationTol",
})
# fmt: on


def read_pipeline(directory: Path, *, schema: Mapping[str, str] | None = None) -> ir.Pipeline:
    """Read what Spark's ``write().save()`` left in ``directory``: a PipelineModel or a bare model.

    Nested pipelines, tuned models and RFormula are flattened into ordinary stages; where Spark gave one uid
    to several of them, the later ones get ``#2``, ``#3``. ``schema`` is the training schema (column to
    Spark's simpleString), used where the meaning of a stage depends on which columns exist.

    Raises ModelStoreError for a directory that is missing, incomplete or corrupt (it names the stage's
    directory), and UnsupportedStageError for stages without a Spark-free form, all of them at once.
    """
    walk = _Walk(schema or {})
    found = walk.read(Path(directory), 0)
    stages = walk.with_labels(found)
    if walk.gaps:
        raise UnsupportedStageError(walk.gaps)
    meta = read_metadata(Path(directory))
    training = tuple(dict.fromkeys(walk.training_columns))
    return ir.Pipeline(meta.uid, meta.spark_class, meta.spark_version, _unique(stages), training)


class _Walk:
    """One read: what was refused so far, and how much was read."""

    def __init__(self, schema: Mapping[str, str]) -> None:
        self.schema = schema
        self.gaps: list[tuple[str, str, str]] = []
        self.training_columns: list[str] = []
        self.count = 0

    def read(self, directory: Path, depth: int) -> tuple[ir.Stage, ...]:
        """The stages saved in ``directory``; a refused one is noted in ``gaps`` and left out."""
        self.count += 1
        if depth > LIMITS.depth or self.count > LIMITS.stages:
            raise ModelStoreError(
                f"{directory}: more than {LIMITS.stages} stages or {LIMITS.depth} nested pipelines"
            )
        params = Params(read_metadata(directory), directory)
        meta = params.metadata
        reader = catalog.READERS.get(meta.spark_class)
        if reader is None:
            self.gaps.append((meta.uid, meta.spark_class, catalog.reason(meta.spark_class)))
            return ()
        saved = SavedStage(directory, params, lambda path: self.read(path, depth + 1), self.schema)
        try:
            result = reader(saved)
        except Refused as e:
            self.gaps.append((meta.uid, meta.spark_class, str(e)))
            return ()
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, pa.ArrowException) as e:
            # the readers index and convert what the file says: anything that does not fit ends up here
            raise saved.corrupt(
                f"not what Spark writes for {meta.spark_class} ({type(e).__name__}: {e})"
            ) from e
        return self._checked(params, result)

    def _checked(self, params: Params, result: ir.Stage | tuple[ir.Stage, ...]) -> tuple[ir.Stage, ...]:
        """The result as a tuple, unless a parameter was set that nobody knows."""
        for name in _FOR_TRAINING:
            column = params.metadata.explicit.get(name, params.metadata.defaults.get(name))
            if isinstance(column, str) and column:
                self.training_columns.append(column)
        if isinstance(result, tuple):
            return result
        unknown = sorted(params.names() - params.used - TRAINING_ONLY - {"outputCol"})
        if unknown:
            meta = params.metadata
            reason = (
                f"unknown parameter(s) {', '.join(unknown)} (saved by Spark {meta.spark_version}): may matter"
            )
            self.gaps.append((meta.uid, meta.spark_class, reason))
            return ()
        return (result,)

    def with_labels(self, stages: tuple[ir.Stage, ...]) -> tuple[ir.Stage, ...]:
        """Give every IndexToString without labels those of the indexer that wrote its column.

        StringIndexerModel leaves its labels in the column's metadata, "__unknown" behind them when it keeps
        invalid values, and IndexToString reads them there (feature/StringIndexer.scala).
        """
        known: dict[str, tuple[str, ...]] = {}
        result: list[ir.Stage] = []
        for stage in stages:
            if isinstance(stage, ir.StringIndexer):
                more = ("__unknown",) if stage.handle_invalid == "keep" else ()
                known.update(
                    (c, (*words, *more)) for c, words in zip(stage.outputs, stage.labels, strict=True)
                )
            elif isinstance(stage, ir.Rename) and stage.input in known:
                known[stage.output] = known[stage.input]
            elif isinstance(stage, ir.IndexToString) and not stage.labels:
                if stage.input in known:
                    stage = replace(stage, labels=known[stage.input])
                elif not self.gaps:
                    self.gaps.append((stage.uid, stage.spark_class, _NO_LABELS.format(stage.input)))
            result.append(stage)
        return tuple(result)


_NO_LABELS = (
    "it has no labels of its own, and no StringIndexer in this pipeline writes its input column {!r} "
    "(they lived in the DataFrame's metadata, which is not saved); set labels and save again"
)


def _unique(stages: tuple[ir.Stage, ...]) -> tuple[ir.Stage, ...]:
    """RFormula gives its encoder and its assembler one uid: number the later ones."""
    seen: dict[str, int] = {}
    result = []
    for stage in stages:
        seen[stage.uid] = seen.get(stage.uid, 0) + 1
        again = seen[stage.uid] > 1
        result.append(replace(stage, uid=f"{stage.uid}#{seen[stage.uid]}") if again else stage)
    return tuple(result)
