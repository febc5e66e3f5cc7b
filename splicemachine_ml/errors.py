"""Every error this package raises. Each message names the object and the way out."""

from __future__ import annotations

from collections.abc import Sequence


class SpliceMLError(Exception):
    """Base of all errors raised on purpose by splicemachine_ml."""


class SettingsError(SpliceMLError):
    """A setting is unknown or has a value that is not allowed; names the key and where it came from."""


class MissingExtraError(SpliceMLError):
    """Something outside this package is needed (a package, Java); says how to get it."""


class TrackingError(SpliceMLError):
    """No active run, an unknown run or experiment, or the tracking server refused a call."""


class ModelStoreError(SpliceMLError):
    """A model directory is missing, incomplete, corrupt (checksum) or of a newer format."""


class ConversionError(SpliceMLError):
    """A saved pipeline cannot become a Spark-free scorer; names stage uid, class and column."""


class UnsupportedStageError(ConversionError):
    """Some stages have no Spark-free form: all of them at once, each with its reason.

    ``gaps`` holds one ``(stage uid, class name, reason)`` a stage.
    """

    def __init__(self, gaps: Sequence[tuple[str, str, str]]) -> None:
        self.gaps = tuple(gaps)
        lines = "\n".join(f"  {uid} ({kind}): {reason}" for uid, kind, reason in self.gaps)
        super().__init__(
            f"{len(self.gaps)} stage(s) cannot be scored without Spark:\n{lines}\n"
            "The pipeline can still be logged and scored by Spark (load_spark_model)."
        )


class ScoringError(SpliceMLError):
    """Input rows break a rule of the pipeline.

    ``column`` and ``row`` (0-based position in the batch) say where, when that is known.
    """

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.row = row


class DatabaseError(SpliceMLError):
    """The database refused a statement; ``sqlstate`` is its SQLSTATE when it gave one."""

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class DeployError(SpliceMLError):
    """A deployment failed; says the target, the state reached and what was undone."""
