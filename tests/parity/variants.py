"""One pipeline under every handleInvalid; one fitted model with other columns and thresholds."""

from __future__ import annotations

from tests.parity.harness import Case

HANDLES = ("error", "skip", "keep")


def variant(model, name, *, raw=True, probability=True, **params):
    """A copy of a fitted model that writes its own columns, or leaves them out."""
    copy = model.copy()
    columns = {"predictionCol": f"{name}_class"}
    if model.hasParam("rawPredictionCol"):
        columns["rawPredictionCol"] = f"{name}_raw" if raw else ""
    if model.hasParam("probabilityCol"):
        columns["probabilityCol"] = f"{name}_p" if probability else ""
    for param, value in {**columns, **params}.items():
        copy.set(getattr(copy, param), value)
    return copy


def ways(model, name, **params):
    """The three ways to a class: from raw scores, from probabilities, and the model's own predict."""
    return [
        variant(model, name, **params),
        variant(model, f"{name}2", raw=False, **params),
        variant(model, f"{name}3", raw=False, probability=False, **params),
    ]


def per_handle(name, fit, rows, bad, family):
    """The three cases of a pipeline with a handleInvalid; ``bad`` rows are of the error case, or of all."""
    return [
        Case(f"{name}-{handle}", family, fit(handle), "clean", rows(handle), bad.get(handle, ()))
        for handle in HANDLES
    ]
