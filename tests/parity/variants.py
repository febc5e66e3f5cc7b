"""A fitted model used several times: with other columns switched on, with other thresholds."""

from __future__ import annotations


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
