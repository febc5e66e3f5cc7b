"""Every request body that is understood, every one that is not, and the answers' bytes."""

from __future__ import annotations

import csv
import io
import json
import math
import time

import numpy as np
import pytest

from splicemachine_ml.errors import ScoringError
from splicemachine_ml.portable.spec import InputSpec
from splicemachine_ml.serving import encoders, media


def column(name, kind, size=0, spark_type="", booleans=False):
    return InputSpec(name, kind, size, True, spark_type, booleans)


INPUTS = (
    column("age", "number", spark_type="int"),
    column("income", "number", spark_type="double"),
    column("grade", "string", spark_type="string"),
)
ROWS = [{"age": 41, "income": 1234.5, "grade": "A"}, {"age": 7, "income": None, "grade": None}]
LISTS = [[41, 1234.5, "A"], [7, None, None]]


def decode(body, content_type="application/json", inputs=INPUTS):
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return media.decode(media.request_type(content_type, body), body, inputs)


def check(columns) -> None:
    assert list(columns) == ["age", "income", "grade"]
    assert columns["age"].dtype == np.int64
    assert columns["age"].tolist() == [41, 7]
    assert columns["income"].dtype == np.float64
    assert columns["income"].tolist() == [1234.5, None]
    assert np.ma.getmaskarray(columns["income"]).tolist() == [False, True]
    assert columns["grade"].tolist() == ["A", None]


COLUMN_LISTS = {"grade": ["A", None], "age": [41, 7], "income": [1234.5, None], "id": ["x", "y"]}
SPLIT = {"columns": ["grade", "id", "age", "income"], "data": [["A", 1, 41, 1234.5], [None, 2, 7, None]]}
JSON_SHAPES = {
    "records": ROWS,
    "more columns": [{"id": i, **row} for i, row in enumerate(ROWS)],
    "lists": LISTS,
    "instances of records": {"instances": ROWS},
    "instances of lists": {"instances": LISTS, "signature_name": "serving_default"},
    "dataframe_records": {"dataframe_records": ROWS},
    "split": SPLIT,
    "dataframe_split": {"dataframe_split": {**SPLIT, "index": [0, 1]}},
    "inputs": {"inputs": COLUMN_LISTS},
    "inputs of records": {"inputs": ROWS},
}


@pytest.mark.parametrize("shape", JSON_SHAPES)
def test_json_shapes(shape) -> None:
    check(decode(JSON_SHAPES[shape]))


@pytest.mark.parametrize("body", [ROWS[0], {"inputs": ROWS[0]}, {"instances": [ROWS[0]]}, [LISTS[0]]])
def test_one_row(body) -> None:
    columns = decode(body)
    assert [column.tolist() for column in columns.values()] == [[41], [1234.5], ["A"]]


@pytest.mark.parametrize("body", [[], {"instances": []}, {"inputs": {n: [] for n in COLUMN_LISTS}}])
def test_no_rows(body) -> None:
    columns = decode(body)
    assert [(len(column), column.dtype.kind) for column in columns.values()] == [(0, "i"), (0, "f"), (0, "O")]


def test_a_column_may_have_a_wrappers_name() -> None:
    inputs = (column("inputs", "number"), column("data", "number"), column("columns", "number"))
    columns = decode({"inputs": 1, "data": 2, "columns": 3}, inputs=inputs)
    assert [column.tolist() for column in columns.values()] == [[1.0], [2.0], [3.0]]


def test_a_single_input_takes_bare_values() -> None:
    assert decode({"instances": [1, 2.5]}, inputs=INPUTS[1:2])["income"].tolist() == [1.0, 2.5]


def test_json_takes_nan_and_infinity_literals_and_keeps_null_apart() -> None:
    income = decode('[{"age":1,"grade":"a","income":NaN},{"age":1,"grade":"a","income":-Infinity},'
                    '{"age":1,"grade":"a","income":null}]')["income"]  # fmt: skip
    assert math.isnan(income.data[0])
    assert income.data[1] == -math.inf
    assert np.ma.getmaskarray(income).tolist() == [False, False, True]


def test_values_of_unknown_type_keep_theirs() -> None:
    inputs = (column("c", "any"),)
    for values, kind in [
        ([1, 2], "i"),
        ([1, 2.5], "f"),
        (["1", "2"], "O"),
        ([True, False], "b"),
        ([1, None], "O"),
    ]:
        array = decode([{"c": value} for value in values], inputs=inputs)["c"]
        assert (array.dtype.kind, array.tolist()) == (kind, values)


def test_booleans_where_the_model_takes_them() -> None:
    inputs = (column("b", "number", booleans=True),)
    assert decode([{"b": True}, {"b": 0}], inputs=inputs)["b"].tolist() == [1.0, 0.0]
    assert decode("b\ntrue\nFALSE\n1", "text/csv", inputs)["b"].tolist() == [1.0, 0.0, 1.0]


def test_a_bigint_keeps_every_digit() -> None:
    inputs = (column("id", "number", spark_type="bigint"),)
    assert decode([{"id": 2**53 + 1}], inputs=inputs)["id"].tolist() == [2**53 + 1]
    assert decode(f"id\n{2**53 + 1}", "text/csv", inputs)["id"].tolist() == [2**53 + 1]


def test_vectors() -> None:
    inputs = (column("v", "vector", size=2), column("n", "number"))
    fields = [("v", "f8", 2), ("n", "i4")]
    for columns in (
        decode([{"v": [1, 2.5], "n": 0}, {"v": [3, 4], "n": 1}], inputs=inputs),
        decode('v,n\n"[1, 2.5]",0\n"[3,4]",1\n', "text/csv", inputs),
        decode(npy(np.array([[1, 2.5, 0], [3, 4, 1]])), "application/x-npy", inputs),
        decode(npy(np.array([([1, 2.5], 0), ([3, 4], 1)], fields)), "application/x-npy", inputs),
    ):  # fmt: skip
        assert columns["v"].tolist() == [[1, 2.5], [3, 4]]
        assert columns["n"].tolist() == [0, 1]
    for value in ([1], [1, 2, 3], "x", None, [1, None], [[1, 2]]):
        with pytest.raises(ScoringError, match="'v' takes a list of 2 numbers, row 0") as caught:
            decode([{"v": value, "n": 0}], inputs=inputs)
        assert (caught.value.column, caught.value.row) == ("v", 0)


# ---------------------------------------------------------------- CSV


@pytest.mark.parametrize("content_type", ["text/csv", "TEXT/CSV; Charset=UTF-8", "application/csv", ""])
@pytest.mark.parametrize(
    "body",
    [
        "age,income,grade\n41,1234.5,A\n7,,\n",
        "id,grade,income,age\r\n1,A,1234.5,41\r\n2,,,7\r\n",
        '41,1.2345e3,"A"\n7,"",""',
        "41,1234.5,A\n7,,\n\n\n",
    ],
)
def test_csv_with_and_without_header(body, content_type) -> None:
    check(decode(body, content_type))


def test_csv_quoting() -> None:
    body = 'age,income,grade\n1,2,"a ""quoted"", b\nnext line"\n'
    assert decode(body, "text/csv")["grade"].tolist() == ['a "quoted", b\nnext line']


def test_csv_header_parameter() -> None:
    inputs = (column("color", "string"),)
    assert decode("color\nred\n", "text/csv", inputs)["color"].tolist() == ["red"]
    assert decode("color\nred\n", "text/csv; header=absent", inputs)["color"].tolist() == ["color", "red"]
    with pytest.raises(ScoringError, match="'color' is missing; the closest name sent is 'colour'"):
        decode("colour\nred\n", "text/csv; header=present", inputs)


def test_csv_header_only_is_no_rows() -> None:
    assert [len(column) for column in decode("age,income,grade\n", "text/csv").values()] == [0, 0, 0]


def test_csv_numbers() -> None:
    inputs = (column("n", "number", spark_type="double"),)
    cells = ["1", "-1.5", "1e-300", "NaN", "Infinity", "-inf", "0.1"]
    values = decode("\n".join(cells), "text/csv; header=absent", inputs)["n"]
    assert values.tolist()[:3] + values.tolist()[4:] == [1, -1.5, 1e-300, math.inf, -math.inf, 0.1]
    for bad in ("1_000", "x", "1,5", "0x10", "true", "1d"):
        with pytest.raises(ScoringError, match="'n' takes numbers, row 1 has") as caught:
            decode(f'1\n"{bad}"', "text/csv; header=absent", inputs)
        assert (caught.value.column, caught.value.row) == ("n", 1)


# ---------------------------------------------------------------- JSON lines, charsets, npy


@pytest.mark.parametrize(
    "content_type", ["application/jsonlines", "application/x-ndjson", "application/jsonl"]
)
@pytest.mark.parametrize("rows", [ROWS, LISTS])
def test_json_lines(content_type, rows) -> None:
    check(decode("\r\n".join(map(json.dumps, rows)) + "\n\n", content_type))


def test_charsets() -> None:
    text = "age,income,grade\n41,1,Prüfung\n"
    for charset in ("utf-8", "ISO-8859-1", "windows-1252", '"utf-16"', "utf-16le"):
        columns = decode(text.encode(charset.strip('"')), f"text/csv; charset={charset}")
        assert columns["grade"].tolist() == ["Prüfung"]
    check(decode("\ufeffage,income,grade\n41,1234.5,A\n7,,\n".encode(), "text/csv"))
    check(decode(b"\xef\xbb\xbf" + json.dumps(ROWS).encode()))
    assert media.request_type("text/csv; charset=unicode_escape", b"") is None
    assert media.request_type("application/xml", b"") is None
    with pytest.raises(ScoringError, match="not utf-8 text: byte 4"):
        decode(b"age,\xff", "text/csv; charset=utf-8")


def npy(array) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def test_npy_matrix() -> None:
    body = npy(np.asfortranarray([[41, 1234.5], [7, math.nan]]))
    for content_type in ("application/x-npy", ""):
        columns = decode(body, content_type, INPUTS[:2])
        assert columns["age"].tolist() == [41, 7]
        assert columns["income"][0] == 1234.5
        assert math.isnan(columns["income"][1])
    assert decode(npy(np.array([[1, 2]], dtype=">i2")), "application/x-npy", INPUTS[:2])["age"].tolist() == [
        1
    ]


def test_npy_structured() -> None:
    rows = np.array([("A", 41, 1.5), ("ü", 7, 2.5)], [("grade", "U3"), ("age", "i4"), ("income", "f4")])
    columns = decode(npy(rows), "application/x-npy")
    assert {name: column.tolist() for name, column in columns.items()} == {
        "age": [41, 7],
        "income": [1.5, 2.5],
        "grade": ["A", "ü"],
    }


class Trap:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


NUMBERS = INPUTS[:2]
BAD_NPY = {
    "objects": (npy(np.array([[Trap(), 1]], dtype=object)), "Python objects"),
    "not npy": (b"\x93NUMPX", "not a .npy"),
    "cut header": (npy(np.zeros((2, 2)))[:40], "header is cut short"),
    "cut data": (npy(np.zeros((2, 2)))[:-1], "not the size of the data"),
    "more data": (npy(np.zeros((2, 2))) + b"1", "not the size of the data"),
    "header code": (npy(np.zeros((2, 2))).replace(b"(2, 2)", b"exit()"), "header is damaged"),
    "three columns": (npy(np.zeros((2, 3))), r"shape \[2, 3\]; the model takes \[N, 2\]: age, income"),
    "one dimension": (npy(np.zeros(2)), r"shape \[2\]"),
    "scalar": (npy(np.array(1.0)), r"shape \[\]"),
    "text": (npy(np.array([["a", "b"]])), "takes numbers, not <U1"),
    "dates": (npy(np.zeros((1, 2), "M8[s]")), "takes numbers"),
    "missing field": (
        npy(np.zeros(1, [("age", "f8"), ("incme", "f8")])),
        "'income' is missing; the closest name sent is 'incme'",
    ),
    "wide field": (npy(np.zeros(1, [("age", "f8", 2), ("income", "f8")])), "takes one value a row"),
}


@pytest.mark.parametrize("what", BAD_NPY)
def test_bad_npy(what) -> None:
    body, message = BAD_NPY[what]
    with pytest.raises(ScoringError, match=message):
        decode(body, "application/x-npy", NUMBERS)


def test_npy_claims_are_checked_before_memory_is_taken() -> None:
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999, 2), }\n"
    body = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + bytes(16)
    with pytest.raises(ScoringError, match="not the size of the data"):
        decode(body, "application/x-npy", NUMBERS)


@pytest.mark.parametrize("spark_type", ["bigint", "double"])
def test_npy_unsigned_numbers_do_not_wrap(spark_type) -> None:
    inputs = (column("n", "number", spark_type=spark_type),)
    body = npy(np.array([[1], [2**63 - 1]], dtype=np.uint64))
    assert decode(body, "application/x-npy", inputs)["n"].tolist() == [1, 2**63 - 1]
    with pytest.raises(ScoringError, match="'n', row 1: 9223372036854775808 is out of range") as caught:
        decode(npy(np.array([[1], [2**63]], dtype=np.uint64)), "application/x-npy", inputs)
    assert (caught.value.column, caught.value.row) == ("n", 1)


def test_npy_bytes_must_be_utf_8() -> None:
    table = np.array([(1, 2.0, b"\xff")], dtype=[("age", "i4"), ("income", "f8"), ("grade", "S3")])
    with pytest.raises(ScoringError, match="column 'grade' has text that is no UTF-8"):
        decode(npy(table), "application/x-npy")


@pytest.mark.parametrize("order", "<>")
def test_npy_text_must_be_unicode(order) -> None:
    kinds = [("age", "i4"), ("income", "f8"), ("grade", order + "U2")]
    good = npy(np.array([(1, 2.0, "né")], dtype=kinds))
    assert decode(good, "application/x-npy")["grade"].tolist() == ["né"]
    with pytest.raises(ScoringError, match="column 'grade' has text that is not Unicode"):
        decode(good[:-4] + b"\x7f\x11\x11\x7f", "application/x-npy")


def test_the_row_out_of_range_is_the_right_one() -> None:
    inputs = (column("n", "number", spark_type="double"),)
    with pytest.raises(ScoringError, match=r"row 1: 1000.* is out of range") as caught:
        decode('[{"n": 100000000000000000000}, {"n": 1' + "0" * 400 + "}]", inputs=inputs)
    assert caught.value.row == 1


def test_a_body_of_names_costs_no_more_than_it_is_long() -> None:
    names = [str(i) for i in range(300_000)]
    begin = time.perf_counter()
    with pytest.raises(ScoringError, match="column 'age' is missing"):
        decode({"columns": names, "data": []})
    with pytest.raises(ScoringError, match="column 'age' is missing"):
        decode(",".join(names), "text/csv; header=present")
    assert time.perf_counter() - begin < 5.0  # comparing every pair would take an hour


def test_npy_matrix_has_no_text() -> None:
    with pytest.raises(ScoringError, match="'grade' takes text") as caught:
        decode(npy(np.zeros((1, 3))), "application/x-npy")
    assert caught.value.column == "grade"


# ---------------------------------------------------------------- bad text


def bad(row: int, **values):
    rows = [dict(ROWS[0]) for _ in range(3)]
    rows[row].update(values)
    return rows


def without(row: int, name: str):
    rows = [dict(ROWS[0]) for _ in range(3)]
    del rows[row][name]
    return rows


J, L, C = "application/json", "application/jsonlines", "text/csv"
UNEVEN = {"inputs": {"age": [1], "income": [1, 2], "grade": ["a"]}}
MIXED = {"inputs": {"age": [1], "income": 2, "grade": ["a"]}}
LACKING = {"columns": ["age"], "data": [[1]]}
BAD = {
    "text for a number": (J, bad(2, income="1.5"), "'income' takes numbers, row 2 has text: '1", "income", 2),
    "boolean for a number": (J, bad(1, age=True), "row 1 has a boolean", "age", 1),
    "list for a number": (J, bad(1, age=[1]), "row 1 has a list", "age", 1),
    "number for text": (J, bad(0, grade=1), "'grade' takes text, row 0 has a number: 1", "grade", 0),
    "number beyond double": (J, bad(1, income=10**400), "row 1: .* out of range", "income", 1),
    "missing in one record": (J, without(1, "grade"), "'grade' is missing in row 1", "grade", 1),
    "misspelt": (J, [{"age": 1, "incom": 1, "grade": "A"}], "the closest name sent is 'incom'", "income", 0),
    "record among lists": (J, [LISTS[0], ROWS[0]], "row 1 is dict", None, 1),
    "list among records": (J, [ROWS[0], LISTS[0]], "row 1 is list", None, 1),
    "short list": (J, [LISTS[0], [1]], "row 1 has 1 values instead of 3: age, income, grade", None, 1),
    "scalar": (J, 3, "expected a list of records, not int", None, None),
    "list of scalars": (J, [1, 2], "row 0 is int", None, 0),
    "null": (J, None, "expected a list of records", None, None),
    "instances no list": (J, {"instances": 3}, "expected a list of records", None, None),
    "no JSON": (J, "{age: 1}", "the body is not JSON: .*line 1 column 2", None, None),
    "empty JSON": (J, b"", "the body is not JSON", None, None),
    "deep JSON": (J, "[" * 100_000, "nested too deeply", None, None),
    "endless number": (J, "[" + "9" * 5000 + "]", "not JSON", None, None),
    "split without data": (J, {"dataframe_split": {"columns": []}}, '"columns" and "data"', None, None),
    "split with a name twice": (J, {"columns": ["age", "age"], "data": []}, "more than once", "age", None),
    "split names": (J, {"columns": [1], "data": []}, "list of names", None, None),
    "split lacks": (J, LACKING, "'income' is missing; there is age", "income", None),
    "column lengths": (J, UNEVEN, "has 2 values", "income", None),
    "column scalar": (J, MIXED, "must be a list", "income", None),
    "line no JSON": (L, '[1,2,"a"]\n{"age"\n', "row 1 is not JSON", None, 1),
    "two values a line": (L, '[1,2,"a"],[1,2,"a"]', "row 0 is not JSON", None, 0),
    "CSV number": (C, "1,2,a\n1,x,a", "'income' takes numbers, row 1 has 'x'", "income", 1),
    "CSV number, header": (C, "age,income,grade\n1,2,a\n1,x,a", "row 1 has 'x'", "income", 1),
    "CSV ragged": (C, "1,2,a\n1,2", "row 1 has 2 cells instead of 3", None, 1),
    "CSV hole": (C, "1,2,a\n\n1,2,a", "row 1 has 0 cells", None, 1),
    "CSV lacks": (C, "age,income\n1,2", "'grade' is missing", "grade", None),
    "CSV twice": (C, "age,age,income,grade\n1,1,2,a", "more than once", "age", None),
    "CSV quotes": (C, '1,2,"a', "not CSV", None, None),
    "CSV empty": (C, b"", "body is empty", None, None),
    "CSV lines only": (C, "\n\n", "body is empty", None, None),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_bodies_name_column_and_row(what) -> None:
    content_type, body, message, column, row = BAD[what]
    with pytest.raises(ScoringError, match=message) as caught:
        decode(body, content_type)
    assert (caught.value.column, caught.value.row) == (column, row)


# ---------------------------------------------------------------- answers

ANSWER = {
    "prediction": np.array([0.1, 1 / 3]),
    "probability": np.array([[0.1 + 0.2, 5e-324], [1.7976931348623157e308, -0.0]]),
    "label": np.array(['a "b"', "c,ü"], dtype=object),
    "row_index": np.array([0, 1]),
}


def answered(accept: str, answer=ANSWER, rows: int = 2):
    content_type, body = media.encode(media.response_type(accept), answer, rows)
    return content_type, body


def test_json_answer_keeps_every_bit() -> None:
    content_type, body = answered("application/json")
    assert content_type == "application/json"
    payload = json.loads(body)
    assert list(payload) == ["predictions"]
    assert [list(row) for row in payload["predictions"]] == [["prediction", "probability", "label"]] * 2
    for name in ("prediction", "probability"):
        back = np.array([row[name] for row in payload["predictions"]])
        assert back.tobytes() == ANSWER[name].tobytes()
    assert [row["label"] for row in payload["predictions"]] == ['a "b"', "c,ü"]


def test_csv_answer_keeps_every_bit() -> None:
    content_type, body = answered("text/csv")
    assert content_type == "text/csv; charset=utf-8"
    header, *rows = csv.reader(io.StringIO(body.decode()))
    assert header == ["prediction", "probability_0", "probability_1", "label"]
    back = np.array([[float(cell) for cell in row[:3]] for row in rows])
    assert back[:, 0].tobytes() == ANSWER["prediction"].tobytes()
    assert back[:, 1:].tobytes() == ANSWER["probability"].tobytes()
    assert [row[3] for row in rows] == ['a "b"', "c,ü"]
    assert len(answered("text/csv; header=absent")[1].splitlines()) == 2


def test_json_lines_answer() -> None:
    content_type, body = answered("application/x-ndjson")
    assert content_type == "application/jsonlines"
    assert [json.loads(line)["prediction"] for line in body.splitlines()] == [0.1, 1 / 3]


def test_npy_answer() -> None:
    _, body = answered("application/x-npy")
    table = np.load(io.BytesIO(body), allow_pickle=False)
    assert table.dtype.names == ("prediction", "probability", "label")
    assert table["probability"].tobytes() == ANSWER["probability"].tobytes()
    assert table["label"].tolist() == ['a "b"', "c,ü"]


def test_row_index_is_there_exactly_when_rows_were_dropped() -> None:
    answer = {"prediction": np.array([1.0, 0.0]), "row_index": np.array([0, 3])}
    assert json.loads(answered("", answer, 4)[1]) == {
        "predictions": [{"prediction": 1.0}, {"prediction": 0.0}],
        "row_index": [0, 3],
    }
    assert answered("text/csv", answer, 4)[1] == b"prediction,row_index\n1.0,0\n0.0,3\n"
    assert json.loads(answered("application/jsonl", answer, 4)[1].splitlines()[1])["row_index"] == 3
    assert np.load(io.BytesIO(answered("application/x-npy", answer, 4)[1]))["row_index"].tolist() == [0, 3]
    assert "row_index" not in json.loads(answered("", answer, 2)[1])


def test_no_rows_in_any_format() -> None:
    none = {name: values[:0] for name, values in ANSWER.items()}
    assert json.loads(answered("", none, 0)[1]) == {"predictions": []}
    assert answered("text/csv", none, 0)[1] == b"prediction,probability_0,probability_1,label\n"
    assert answered("application/jsonlines", none, 0)[1] == b""
    assert len(np.load(io.BytesIO(answered("application/x-npy", none, 0)[1]))) == 0


def test_nan_and_infinity_are_strings_as_in_sparks_json() -> None:
    answer = {
        "prediction": np.array([math.nan, math.inf]),
        "raw": np.array([[-math.inf, 1.0], [0.0, 1.0]]),
        "row_index": np.array([0, 1]),
    }
    expected = [
        {"prediction": "NaN", "raw": ["-Infinity", 1.0]},
        {"prediction": "Infinity", "raw": [0.0, 1.0]},
    ]
    assert json.loads(answered("", answer)[1], parse_constant=pytest.fail)["predictions"] == expected
    assert answered("text/csv", answer)[1] == b"prediction,raw_0,raw_1\nNaN,-Infinity,1.0\nInfinity,0.0,1.0\n"
    lines = answered("application/jsonlines", answer)[1].splitlines()
    assert [json.loads(line, parse_constant=pytest.fail) for line in lines] == expected


def test_an_error_says_what_and_where() -> None:
    assert json.loads(encoders.encode_error("no \ud800", column="c", row=3)) == {
        "error": "no \ud800",
        "column": "c",
        "row": 3,
    }


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("Text/CSV", "text/csv"),
        ("text/html, application/x-npy;q=0.5, text/csv;q=0.9, */*;q=0.1", "text/csv"),
        ("text/csv;q=0, application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
    ],
)
def test_accept(accept, name) -> None:
    assert media.response_type(accept).name == name


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "text/csv;q=x"])
def test_nothing_acceptable(accept) -> None:
    assert media.response_type(accept) is None
