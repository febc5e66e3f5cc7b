"""Pipelines drawn at random, straight as representation: no Spark, no files.

All parameters are short binary fractions, so that sums come out exactly in whatever order they are added:
where two scorers then choose differently, they mean different things, and it is not rounding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from splicemachine_ml.portable import stages as ir
from tests.parity.drawn_trees import trees

NAN, INF = np.nan, np.inf
SCHEMA = {"x": "double", "y": "double", "z": "double", "n": "int", "f": "float", "s": "string", "t": "string"}
PLAIN = [-3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 4.0]
CELLS: dict[str, list[Any]] = {
    "double": [*PLAIN, -0.0, 1.5, 0.5 + 2**-53, np.nextafter(0.5, 0.0), 5e-324, NAN, INF, -INF, None],
    "int": [-1, 0, 1, 2, 7, None],
    "float": [*PLAIN, 0.1, NAN, None],
    "string": ["a", "b", "", "1", "1.0", "\U0001f600", "zz", None],
}
LABELS = {
    "double": ["1.0", "0.0", "-0.0", "0.5", "NaN", "4.9E-324", "1"],
    "int": ["1", "0", "2", "1.0"],
    "float": ["0.1", "1.0", "-0.0"],
    "string": ["a", "b", "", "1.0", "\U0001f600"],
}
HANDLES = st.sampled_from(["error", "skip", "keep"])
plain = st.sampled_from(PLAIN)
half = st.sampled_from([0.0, 0.25, 0.5, 2.0, 4.0])  # what a scaler divides by


def array(draw, source, *shape):
    size = int(np.prod(shape))
    return np.array(draw(st.lists(source, min_size=size, max_size=size)), dtype=float).reshape(shape)


class Sketch:
    """A pipeline being drawn: its stages and what columns there are by now."""

    def __init__(self, draw):
        self.draw = draw
        self.stages: list[ir.Stage] = []
        self.types = dict(SCHEMA)
        self.vectors: dict[str, int] = {}

    def add(self, stage, /, **fields):
        name = stage.__name__
        uid = f"{name}_{len(self.stages)}"
        self.stages.append(stage(uid=uid, spark_class=f"org.apache.spark.ml.{name}", **fields))

    def name(self):
        return f"c{len(self.stages)}"

    def pick(self, names, most=2):
        return tuple(
            self.draw(st.lists(st.sampled_from(sorted(names)), min_size=1, max_size=most, unique=True))
        )

    def numbers(self):
        return [name for name, kind in self.types.items() if kind != "string"]

    def scalars(self):
        """One stage on text and numbers."""
        draw, kind = (
            self.draw,
            self.draw(st.sampled_from(["index", "impute", "bucket", "binary", "hot", "text"])),
        )
        if kind == "text":
            self.add(
                ir.IndexToString,
                input=self.pick(self.numbers(), 1)[0],
                output=self.name(),
                labels=tuple("abcd"),
            )
            return
        names = self.pick(self.types if kind == "index" else self.numbers())
        outputs = tuple(f"{self.name()}_{at}" for at in range(len(names)))
        io: dict[str, Any] = {"inputs": names, "outputs": outputs}
        if kind == "index":
            labels = [
                st.lists(st.sampled_from(LABELS[self.types[n]]), min_size=1, unique=True) for n in names
            ]
            found = tuple(tuple(draw(label)) for label in labels)
            self.add(ir.StringIndexer, labels=found, handle_invalid=draw(HANDLES), **io)
        elif kind == "impute":
            fill = tuple(array(draw, plain, len(names)))
            self.add(ir.Imputer, surrogates=fill, missing_value=draw(st.sampled_from([NAN, -1.0, 0.0])), **io)
        elif kind == "bucket":
            cuts = st.lists(st.sampled_from([-INF, *PLAIN, INF]), min_size=3, max_size=5, unique=True)
            splits = tuple(np.array(sorted(draw(cuts))) for _ in names)
            self.add(ir.Bucketizer, splits=splits, handle_invalid=draw(HANDLES), **io)
        elif kind == "binary":
            self.add(ir.Binarizer, thresholds=tuple(array(draw, plain, len(names))), **io)
        else:
            self.hot(names, io)
            return
        self.types |= {
            out: self.types[name] if kind == "impute" else "double"
            for name, out in zip(names, outputs, strict=True)
        }

    def hot(self, names, io):
        sizes = tuple(self.draw(st.lists(st.integers(2, 4), min_size=len(names), max_size=len(names))))
        drop, handle = self.draw(st.booleans()), self.draw(st.sampled_from(["error", "keep"]))
        self.add(ir.OneHotEncoder, category_sizes=sizes, drop_last=drop, handle_invalid=handle, **io)
        widths = [size + (handle == "keep") - drop for size in sizes]
        self.vectors |= dict(zip(io["outputs"], widths, strict=True))

    def assemble(self):
        names = self.pick([*self.numbers(), *self.vectors], most=5)
        output = self.name()
        self.add(ir.VectorAssembler, inputs=names, output=output, handle_invalid=self.draw(HANDLES))
        self.vectors[output] = sum(self.vectors.get(name, 1) for name in names)

    def vector(self):
        """One stage on a vector."""
        draw, name, output = self.draw, self.pick(self.vectors, 1)[0], self.name()
        width, flags = self.vectors[name], st.booleans()
        self.vectors[output] = width
        io = {"input": name, "output": output}
        kind = draw(st.sampled_from(["std", "robust", "minmax", "maxabs", "norm", "pca", "index", "binary"]))
        if kind == "std":
            self.add(ir.StandardScaler, mean=array(draw, plain, width), std=array(draw, half, width),
                     with_mean=draw(flags), with_std=draw(flags), **io)  # fmt: skip
        elif kind == "robust":
            self.add(ir.RobustScaler, median=array(draw, plain, width), range=array(draw, half, width),
                     with_centering=draw(flags), with_scaling=draw(flags), **io)  # fmt: skip
        elif kind == "minmax":
            low = array(draw, plain, width)
            self.add(ir.MinMaxScaler, original_min=low, original_max=low + array(draw, half, width),
                     min=draw(st.sampled_from([0.0, -1.0])), max=1.0, **io)  # fmt: skip
        elif kind == "maxabs":
            self.add(ir.MaxAbsScaler, max_abs=array(draw, half, width), **io)
        elif kind == "norm":
            self.add(ir.Normalizer, p=draw(st.sampled_from([1.0, 2.0, INF])), **io)
        elif kind == "pca":
            self.vectors[output] = 2
            self.add(ir.PCA, pc=array(draw, plain, width, 2), **io)
        elif kind == "index":
            keys = st.lists(st.sampled_from(PLAIN), min_size=1, max_size=4, unique=True)
            maps = {at: self.categories(draw(keys)) for at in range(width) if draw(flags)}
            self.add(
                ir.VectorIndexer, num_features=width, category_maps=maps, handle_invalid=draw(HANDLES), **io
            )
        else:
            io = {"inputs": (name,), "outputs": (output,)}
            self.add(ir.Binarizer, thresholds=(draw(plain),), **io)

    @staticmethod
    def categories(keys):
        """As VectorIndexer numbers them: 0.0 first when it is there."""
        return {key: at for at, key in enumerate(sorted(keys, key=lambda key: (key != 0, key)))}

    def model(self):
        draw, (features,) = self.draw, self.pick(self.vectors, 1)
        at, width = len(self.stages), self.vectors[features]
        io = {"features": features, "prediction": f"p{at}", "num_features": width}
        kind = draw(
            st.sampled_from(["linear", "svc", "binary", "softmax", "mlp", "kmeans", "trees", "forest"])
        )
        linear = {"intercept": draw(plain), "sparse": draw(st.booleans())}
        if kind == "linear":
            self.add(ir.LinearRegression, coefficients=array(draw, plain, width), **linear, **io)
        elif kind == "kmeans":
            self.add(ir.KMeans, centers=array(draw, plain, 3, width), **io)
        elif kind == "forest":
            family, grown = draw(st.sampled_from(["dt", "rf", "gbt"])), draw(trees(width, 3))
            grown = grown[:1] if family == "dt" else grown
            weights = array(draw, half, len(grown)) if family == "gbt" else np.ones(len(grown))
            spread = f"v{at}" if family == "dt" else ""
            self.add(ir.TreeRegressor, kind=family, trees=grown, weights=weights, variance=spread, **io)
        else:
            self.classifier(kind, at, io, linear)

    def classifier(self, kind, at, io, linear):
        draw, width = self.draw, io["num_features"]
        classes = 2 if kind in ("svc", "binary") else 3
        raw = draw(st.sampled_from(["", f"r{at}"]))
        probability = draw(st.sampled_from(["", f"q{at}"])) if kind != "svc" else ""
        limits = draw(st.sampled_from([None, (0.25, 0.5, 0.25), (0.5, 0.0, 0.5)])) if classes == 3 else None
        io |= {"raw_prediction": raw, "probability": probability, "num_classes": classes}
        io["thresholds"] = None if limits is None else np.array(limits)
        threshold = draw(st.sampled_from([0.0, 0.25, 0.5, 1.0]))
        if kind == "svc":
            self.add(
                ir.LinearSVC, coefficients=array(draw, plain, width), threshold=threshold, **linear, **io
            )
        elif kind in ("binary", "softmax"):
            rows = 1 if kind == "binary" else 3
            fit = {"coefficients": array(draw, plain, rows, width), "intercepts": array(draw, plain, rows)}
            fit |= {"is_multinomial": rows == 3, "threshold": threshold, "sparse": linear["sparse"]}
            self.add(ir.LogisticRegression, **fit, **io)
        elif kind == "mlp":
            weights = (array(draw, plain, width, 2), array(draw, plain, 2, 3))
            biases = (array(draw, plain, 2), array(draw, plain, 3))
            self.add(ir.MultilayerPerceptron, layers=(width, 2, 3), weights=weights, biases=biases, **io)
        else:
            self.tree_classifier(io)

    def tree_classifier(self, io):
        family = self.draw(st.sampled_from(["dt", "rf", "gbt"]))
        if family == "gbt":
            io |= {"num_classes": 2, "thresholds": None if io["thresholds"] is None else io["thresholds"][:2]}
        grown = self.draw(trees(io["num_features"], io["num_classes"]))
        grown = grown[:1] if family == "dt" else grown
        weights = array(self.draw, half, len(grown)) if family == "gbt" else np.ones(len(grown))
        self.add(ir.TreeClassifier, kind=family, trees=grown, weights=weights, **io)


@st.composite
def pipelines(draw):
    """A pipeline of up to about ten stages."""
    sketch = Sketch(draw)
    for _ in range(draw(st.integers(0, 4))):
        sketch.scalars()
    for _ in range(draw(st.integers(1, 2))):
        sketch.assemble()
        for _ in range(draw(st.integers(0, 2))):
            sketch.vector()
    for _ in range(draw(st.integers(0, 2))):
        sketch.model()
    return ir.Pipeline("drawn", "org.apache.spark.ml.PipelineModel", "4.3.0", tuple(sketch.stages))


@st.composite
def tables(draw, names):
    """A few rows of the columns ``names``."""
    count = draw(st.integers(1, 5))
    columns = {}
    for name in names:
        cells = np.empty(count, dtype=object)
        source = st.sampled_from(CELLS[SCHEMA[name]])
        cells[:] = draw(st.lists(source, min_size=count, max_size=count))
        columns[name] = cells
    return columns
