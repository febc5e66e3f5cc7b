"""Whatever bytes arrive, the answer is columns or a ScoringError: never another exception (a 500)."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable.scorer import Scorer
from splicemachine_ml.serving import media

COMMON = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

names = st.sampled_from(["age", "income", "grade", "id", "instances", "inputs", "columns", "data", ""])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**310),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["A", "B"]),
)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5),
    max_leaves=25,
)
rows = st.lists(st.fixed_dictionaries({"age": scalars, "income": scalars, "grade": scalars}), max_size=5)
cells = st.text(alphabet='0123456789.,-+eE"\n\r_ naifAB[]\x00é', max_size=60)


@pytest.fixture(scope="module")
def scorer(model_dir):
    return Scorer.load(model_dir / "portable")


def answer(scorer, content_type: str, body: bytes) -> None:
    sent = media.request_type(content_type, body)
    if sent is None:
        return
    try:
        columns = media.decode(sent, body, scorer.inputs)
        scored = scorer.score(columns)
    except ScoringError:
        return
    count = len(columns["age"])
    for wanted in media.ALLOWED:
        media.encode(media.MediaType(wanted, {}), scored, count)


@COMMON
@given(
    body=st.binary(max_size=200),
    content_type=st.sampled_from([*media.ALLOWED, "", "text/csv; charset=utf-16"]),
)
def test_any_bytes(scorer, body, content_type) -> None:
    answer(scorer, content_type, body)


@COMMON
@given(document=st.one_of(documents, rows, st.fixed_dictionaries({"instances": rows})))
def test_any_json(scorer, document) -> None:
    answer(scorer, "application/json", json.dumps(document).encode())
    if isinstance(document, list):
        answer(scorer, "application/jsonlines", "\n".join(map(json.dumps, document)).encode())


@COMMON
@given(
    text=cells,
    head=st.sampled_from(["", "grade,age,income\n"]),
    parameter=st.sampled_from(["", "; header=present"]),
)
def test_any_csv(scorer, text, head, parameter) -> None:
    answer(scorer, "text/csv" + parameter, (head + text).encode())


@COMMON
@given(data=st.data())
def test_any_damage_to_a_npy_body(scorer, data) -> None:
    out = io.BytesIO()
    np.save(out, np.array([("A", 1, 2.5)] * 3, [("grade", "U1"), ("age", "i4"), ("income", "f8")]))
    body = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    answer(scorer, "application/x-npy", bytes(body[: data.draw(st.integers(0, len(body)))]))
    answer(scorer, "application/x-npy", bytes(body))


@COMMON
@example(descr="<f8", shape=(0, 2**30, 2**30), order=False, size=0)
@given(
    descr=st.sampled_from(
        ["<f8", "|O", "<U3", "<M8[s]", "|V4", "<c16", "?", "<f2", "<i8", [("age", "<f8")], "x", 1, None]
    ),
    shape=st.one_of(
        st.lists(st.integers(-2, 10**12), max_size=3).map(tuple), st.sampled_from([None, "ab", (1.5,)])
    ),
    order=st.booleans(),
    size=st.integers(0, 64),
)
def test_any_npy_header(scorer, descr, shape, order, size) -> None:
    head = (repr({"descr": descr, "fortran_order": order, "shape": shape}) + "\n").encode()
    body = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(size)
    answer(scorer, "application/x-npy", body)
