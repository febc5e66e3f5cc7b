"""Reader functions of the other models: multilayer perceptron and k-means."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.reader.linear import classifier_columns, predictor_columns
from splicemachine_ml.portable.reader.saved import SavedStage
from splicemachine_ml.portable.reader.values import array, vector, vectors


def multilayer_perceptron(saved: SavedStage) -> ir.Stage:
    """MultilayerPerceptronClassificationModel: the flat weights cut into layers.

    ann.AffineLayerModel keeps W [out, in] column-major, then b [out]; read row-major that is W.T [in, out],
    which is what the IR holds (x @ W.T + b).
    """
    layers = saved.params.integers("layers")
    if len(layers) < 2 or min(layers) < 1:
        raise saved.corrupt(f"the layers are {layers}")
    flat = vector(saved.row("weights")["weights"])
    weights, biases, at = [], [], 0
    for wide, narrow in pairwise(layers):
        end = at + wide * narrow
        if end + narrow > len(flat):
            raise saved.corrupt(f"{len(flat)} weights are too few for the layers {layers}")
        weights.append(flat[at:end].reshape(wide, narrow))
        biases.append(flat[end : end + narrow])
        at = end + narrow
    if at != len(flat):
        raise saved.corrupt(f"{len(flat)} weights do not fit the layers {layers}")
    return ir.MultilayerPerceptron(
        **saved.identity,
        **classifier_columns(saved, layers[-1]),
        num_features=layers[0],
        layers=layers,
        weights=tuple(weights),
        biases=tuple(biases),
    )


def kmeans(saved: SavedStage) -> ir.Stage:
    """KMeansModel: one row a cluster, in any order, over several part files."""
    saved.choice("distanceMeasure", ("euclidean",), "euclidean")
    table = saved.table("clusterIdx", "clusterCenter")
    index = array(table.column("clusterIdx"), np.int64)
    centers = vectors(table.column("clusterCenter"))
    if (
        not centers
        or len({len(c) for c in centers}) != 1
        or not np.array_equal(np.sort(index), np.arange(len(index)))
    ):
        raise saved.corrupt(f"cluster centers {index.tolist()[:20]} are incomplete or of different lengths")
    return ir.KMeans(
        **saved.identity,
        **predictor_columns(saved),
        num_features=len(centers[0]),
        centers=np.stack(centers)[np.argsort(index)],
    )
