"""Kinds and widths of columns: from the schema, from the stages, and contradictions between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable.plan import make_plan
from tests.portable.small_stages import (
    assembler,
    back,
    binarizer,
    imputer,
    indexer,
    kinds,
    linear,
    normalizer,
    pipeline,
)

# ------------------------------------------------------------ kinds


def test_a_string_indexers_column_is_any_until_the_schema_says():
    whole = pipeline(indexer("c", "i"), assembler("i"), linear(1))
    assert kinds(make_plan(whole).inputs) == {"c": "any"}
    assert kinds(make_plan(whole, {"c": "string"}).inputs) == {"c": "string"}
    for spark_type in ("tinyint", "int", "bigint", "float", "double", "decimal(10,2)"):
        (column,) = make_plan(whole, {"c": spark_type}).inputs
        assert (column.kind, column.spark_type) == ("number", spark_type)


def test_a_column_read_as_text_and_as_a_number_is_a_number():
    (column,) = make_plan(pipeline(indexer("c", "i"), assembler("i", "c"), linear(2))).inputs
    assert (column.kind, column.spark_type) == ("number", "")


@pytest.mark.parametrize(("labels", "spark_type"), [(("3", "-1"), "bigint"), (("3.0", "1.5E10"), "")])
def test_labels_show_that_a_column_was_an_integer(labels, spark_type):
    stages = (imputer("c", "d"), replace(indexer("d", "i"), labels=(labels,)), assembler("i"), linear(1))
    plan = make_plan(pipeline(*stages))
    assert plan.inputs[0].spark_type == spark_type
    assert plan.columns["d"].spark_type == (spark_type or "double")


@pytest.mark.parametrize(
    ("stages", "schema", "message"),
    [
        ((assembler("c"), linear(1)), {"c": "string"}, r"va_features reads column 'c', a string"),
        ((assembler("c"), linear(1)), {"c": "date"}, r"va_features reads column 'c', a date"),
        ((indexer("c", "i"),), {"c": "boolean"}, r"si_i reads column 'c', a boolean"),
        ((indexer("c", "i"),), {"c": "vector"}, r"a vector; Spark takes a string or a number"),
        ((imputer("c", "d"),), {"c": "boolean"}, r"im_d reads column 'c', a boolean"),
        ((normalizer("c", "d"),), {"c": "double"}, r"n_d reads column 'c', a double; Spark takes a vector"),
        ((binarizer("c", "d"),), {"c": "boolean"}, r"Spark takes a number or a vector"),
        ((back("c", "t"),), {"c": "string"}, r"its_t reads column 'c', a string"),
        ((indexer("c", "i"), normalizer("i", "d")), None, r"n_d reads column 'i', a double"),
        ((back("c", "t"), assembler("t"), linear(1)), None, r"va_features reads column 't', a string"),
        (
            (normalizer("c", "d"), imputer("c", "e")),
            None,
            r"'c' is a vector for .*n_d.* single value for .*im_e",
        ),
        ((assembler("c"), linear(1)), {"d": "int"}, r"'c', which is not in the schema"),
        ((assembler("int_rate"), linear(1)), {"intrate": "int"}, r"did you mean 'intrate'"),
    ],
)
def test_what_spark_would_refuse_names_stage_and_column(stages, schema, message):
    with pytest.raises(ConversionError, match=message):
        make_plan(pipeline(*stages), schema)


def test_a_boolean_is_a_number_for_an_assembler():
    (column,) = make_plan(pipeline(assembler("c"), linear(1)), {"c": "boolean"}).inputs
    assert (column.kind, column.spark_type) == ("number", "boolean")


def test_an_integer_stays_one_through_an_imputer():
    whole = pipeline(imputer("c", "d"), indexer("d", "i"), assembler("i"), linear(1))
    plan = make_plan(whole, {"c": "int"})
    assert plan.columns["d"].spark_type == "int"
    assert make_plan(whole).columns["d"].spark_type == "double"


# ------------------------------------------------------------ widths


def test_a_bare_models_vector_has_the_models_width():
    assert kinds(make_plan(pipeline(linear(7))).inputs) == {"features": "vector7"}


def test_widths_travel_back_through_stages_that_keep_them():
    whole = pipeline(normalizer("raw", "n"), binarizer("n", "features"), linear(4))
    assert kinds(make_plan(whole).inputs) == {"raw": "vector4"}


def test_the_one_unknown_input_of_an_assembler_is_solved():
    whole = pipeline(indexer("c", "i"), assembler("i", "v"), linear(6))
    assert kinds(make_plan(whole).inputs) == {"c": "any", "v": "vector5"}
    assert kinds(make_plan(whole, {"c": "string", "v": "vector"}).inputs) == {"c": "string", "v": "vector5"}


def test_two_unknown_inputs_need_the_schema():
    whole = pipeline(assembler("a", "v"), linear(6))
    with pytest.raises(ConversionError, match="which of a, v are vectors"):
        make_plan(whole)
    assert kinds(make_plan(whole, {"a": "double", "v": "vector"}).inputs) == {"a": "number", "v": "vector5"}
    with pytest.raises(ConversionError, match=r"how wide the vector column 'a'"):
        make_plan(whole, {"a": "vector", "v": "vector"})
    wide = make_plan(whole, {"a": "vector(2)", "v": "vector"})
    assert kinds(wide.inputs) == {"a": "vector2", "v": "vector4"}


def test_nested_assemblers():
    whole = pipeline(assembler("a", "b", target="one"), assembler("one", "v"), linear(5))
    with pytest.raises(ConversionError, match="vectors"):
        make_plan(pipeline(assembler("a", "v", target="one"), assembler("one"), linear(5)))
    assert kinds(make_plan(whole, {"a": "int", "b": "int", "v": "vector"}).inputs)["v"] == "vector3"


@pytest.mark.parametrize("schema", [None, {"a": "int", "b": "int"}])
def test_an_assembler_that_makes_too_much_or_too_little(schema):
    with pytest.raises(ConversionError, match=r"features"):
        make_plan(pipeline(assembler("a", "b"), linear(1)), schema)
    if schema:
        with pytest.raises(ConversionError, match=r"not fitted together"):
            make_plan(pipeline(assembler("a", "b"), linear(3)), schema)


def test_nothing_tells_the_width():
    with pytest.raises(ConversionError, match=r"n_out.*vector\(n\)"):
        make_plan(pipeline(normalizer("v", "out")))


def test_without_a_model_an_assemblers_columns_are_numbers():
    plan = make_plan(pipeline(assembler("a", "b")))
    assert kinds(plan.inputs) == {"a": "number", "b": "number"}
    assert kinds(plan.outputs) == {"features": "vector2"}
