"""Decision trees drawn at random."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from splicemachine_ml.portable import stages as ir

EDGES = [-1.0, -0.0, 0.0, 0.25, 0.5, 1.0, 2.0, 5e-324]
VALUES = [-2.0, -0.5, 0.25, 1.0, 4.0]


@st.composite
def trees(draw, width, classes):
    """One to three trees on ``width`` features, each of them either categorical or continuous throughout."""
    kinds = tuple(draw(st.lists(st.booleans(), min_size=width, max_size=width)))
    return tuple(draw(st.lists(tree(kinds, classes), min_size=1, max_size=3)))


@st.composite
def tree(draw, kinds, classes):
    """A tree of at most depth 3, nodes in pre-order as Spark saves them; ``kinds[i]``: is i categorical."""
    nodes: list[dict] = []
    _grow(draw, nodes, kinds, 3)
    count = len(nodes)
    stats = st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0]), min_size=classes, max_size=classes)
    return ir.Tree(
        feature=np.array([node["feature"] for node in nodes]),
        threshold=np.array([node.get("threshold", 0.0) for node in nodes]),
        left=np.array([node.get("left", -1) for node in nodes]),
        right=np.array([node.get("right", -1) for node in nodes]),
        prediction=np.array(draw(st.lists(st.sampled_from(VALUES), min_size=count, max_size=count))),
        impurity_stats=np.array([draw(stats) for _ in nodes]),
        num_categories=np.array([4 if "categories" in node else -1 for node in nodes]),
        categories={at: node["categories"] for at, node in enumerate(nodes) if "categories" in node},
        is_left={at: node["is_left"] for at, node in enumerate(nodes) if "categories" in node},
    )


def _grow(draw, nodes, kinds, depth):
    at = len(nodes)
    nodes.append({"feature": -1})
    if depth == 0 or not draw(st.booleans()):
        return at
    node = {"feature": draw(st.integers(0, len(kinds) - 1))}
    if not kinds[node["feature"]]:
        node["threshold"] = draw(st.sampled_from(EDGES))
    else:
        chosen = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0]), min_size=1, max_size=2, unique=True)
        node["categories"], node["is_left"] = tuple(draw(chosen)), draw(st.booleans())
    node["left"] = _grow(draw, nodes, kinds, depth - 1)
    node["right"] = _grow(draw, nodes, kinds, depth - 1)
    nodes[at] = node
    return at
