"""What goes in, what comes out, which stages stay, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.plan import make_plan
from splicemachine_ml.portable.reader import read_pipeline
from tests.portable.fixture_files import fixture, names

REFUSED = {"unsupported", "one_vs_rest", "leaf_col", "kmeans_cosine", "rformula_interaction"}
FEATURE = "org.apache.spark.ml.feature."


def plan_of(name: str, schema: bool = True) -> ir.Plan:
    saved = fixture(name)
    return make_plan(read_pipeline(saved.model), saved.schema if schema else None)


def pipeline(*stages: ir.Stage, training: tuple[str, ...] = ()) -> ir.Pipeline:
    return ir.Pipeline("p_1", "org.apache.spark.ml.PipelineModel", "4.3.0", stages, training)


def indexer(source: str, target: str, invalid: ir.HandleInvalid = "error") -> ir.StringIndexer:
    return ir.StringIndexer(
        uid=f"si_{target}",
        spark_class=FEATURE + "StringIndexerModel",
        inputs=(source,),
        outputs=(target,),
        labels=(("a", "b"),),
        handle_invalid=invalid,
    )


def assembler(
    *sources: str, target: str = "features", invalid: ir.HandleInvalid = "error"
) -> ir.VectorAssembler:
    return ir.VectorAssembler(
        uid=f"va_{target}",
        spark_class=FEATURE + "VectorAssembler",
        inputs=sources,
        output=target,
        handle_invalid=invalid,
    )


def linear(width: int, features: str = "features", prediction: str = "prediction") -> ir.LinearRegression:
    return ir.LinearRegression(
        uid=f"lr_{prediction}",
        spark_class="org.apache.spark.ml.regression.LinearRegressionModel",
        features=features,
        prediction=prediction,
        num_features=width,
        coefficients=np.ones(width),
        intercept=0.0,
    )


def normalizer(source: str, target: str) -> ir.Normalizer:
    return ir.Normalizer(
        uid=f"n_{target}", spark_class=FEATURE + "Normalizer", input=source, output=target, p=2.0
    )


def imputer(source: str, target: str) -> ir.Imputer:
    return ir.Imputer(
        uid=f"im_{target}",
        spark_class=FEATURE + "ImputerModel",
        inputs=(source,),
        outputs=(target,),
        surrogates=(1.5,),
        missing_value=float("nan"),
    )


def binarizer(source: str, target: str) -> ir.Binarizer:
    return ir.Binarizer(
        uid=f"b_{target}",
        spark_class=FEATURE + "Binarizer",
        inputs=(source,),
        outputs=(target,),
        thresholds=(0.5,),
    )


def back(source: str, target: str) -> ir.IndexToString:
    return ir.IndexToString(
        uid=f"its_{target}",
        spark_class=FEATURE + "IndexToString",
        input=source,
        output=target,
        labels=("a", "b"),
    )


def kinds(columns: tuple[ir.Column, ...]) -> dict[str, str]:
    return {c.name: f"{c.kind}{c.size or ''}" for c in columns}


# ------------------------------------------------------------ what Spark saved


@pytest.mark.parametrize("with_schema", [True, False])
@pytest.mark.parametrize("name", sorted(set(names()) - REFUSED))
def test_outputs_have_the_width_and_order_of_sparks(name, with_schema):
    saved, plan = fixture(name), plan_of(name, with_schema)
    spark_order = [c for c in saved.answers if c in {o.name for o in plan.outputs}]
    assert [o.name for o in plan.outputs] == spark_order
    for column in plan.outputs:
        first = saved.answers[column.name][0]
        assert (column.size or None) == (len(first) if isinstance(first, list) else None)
        assert column.spark_type == saved.answer_types[column.name]
    assert {c.name for c in plan.inputs} <= set(saved.rows)
    if with_schema:
        assert {c.name for c in (*plan.inputs, *plan.optional)} >= set(saved.rows)


@pytest.mark.parametrize("name", sorted(set(names()) - REFUSED))
def test_derived_columns_have_sparks_kind_and_width(name):
    saved, plan = fixture(name), plan_of(name)
    for column in plan.columns.values():
        if column.name in saved.answer_types:
            assert column.spark_type == saved.answer_types[column.name]
            first = saved.answers[column.name][0]
            assert column.size == (len(first) if isinstance(first, list) else 0), column


def test_the_labels_indexer_is_dropped_and_its_column_optional():
    plan = plan_of("rf_classifier", schema=False)
    assert "Class" not in kinds(plan.inputs)
    assert kinds(plan.optional) == {"Class": "any"}
    assert all("Class" not in getattr(stage, "inputs", ()) for stage in plan.stages)


def test_the_label_is_needed_when_it_is_turned_back_into_text():
    plan = plan_of("logistic")
    assert kinds(plan.inputs)["Class"] == "string"
    assert [c.name for c in plan.outputs][-2:] == ["truth", "answer"]


def test_rformulas_label_is_no_output_and_no_input():
    plan = plan_of("rformula_flag")
    assert [c.name for c in plan.outputs] == ["features"]
    assert "safe" in kinds(plan.optional)


def test_several_models_all_answer():
    plan = plan_of("stacked")
    assert [c.name for c in plan.outputs] == [
        "q1",
        "p1",
        "cluster",
        "rawPrediction",
        "probability",
        "prediction",
    ]
    assert plan.columns["second"].size == 2 + 1 + 1 + 1
    assert plan.columns["cluster"].spark_type == "int", "its text is 0, not 0.0"


def test_an_imputer_that_fills_in_place_gets_columns_of_its_own():
    plan = plan_of("in_place")
    fill, join, _ = plan.stages
    assert fill.inputs == ("revol_util", "all_util")
    assert fill.outputs == ("revol_util (imputed)", "all_util (imputed)")
    assert join.inputs[-2:] == fill.outputs
    assert set(kinds(plan.inputs)) == {"revol_util", "all_util", "funded_amnt", "int_rate", "annual_inc"}


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


# ------------------------------------------------------------ which stages stay


def test_columns_of_a_multi_column_stage_are_cut_away():
    both = ir.StringIndexer(
        uid="si_1",
        spark_class=FEATURE + "StringIndexerModel",
        inputs=("c", "y"),
        outputs=("i", "label"),
        labels=(("a",), ("no", "yes")),
        handle_invalid="error",
    )
    plan = make_plan(pipeline(both, assembler("i"), linear(1), training=("label",)))
    (cut, *_) = plan.stages
    assert (cut.inputs, cut.outputs, cut.labels) == (("c",), ("i",), (("a",),))
    assert kinds(plan.optional) == {"y": "any"}


def test_a_stage_that_drops_rows_stays_though_nobody_reads_it():
    dead = assembler("z", target="dead", invalid="skip")
    plan = make_plan(pipeline(dead, assembler("a"), linear(1)))
    assert set(kinds(plan.inputs)) == {"z", "a"}
    assert len(plan.stages) == 3


def test_unless_it_makes_the_label():
    label = indexer("y", "label", "skip")
    plan = make_plan(pipeline(label, assembler("a"), linear(1), training=("label",)))
    assert set(kinds(plan.inputs)) == {"a"}
    assert set(kinds(plan.optional)) == {"y"}


def test_a_dead_stage_that_may_raise_is_dropped():
    plan = make_plan(pipeline(assembler("z", target="dead"), assembler("a"), linear(1)))
    assert set(kinds(plan.inputs)) == {"a"}
    assert set(kinds(plan.optional)) == {"z"}


def test_optional_are_training_columns_and_the_rest_of_the_schema():
    whole = pipeline(assembler("a"), linear(1), training=("label", "weight"))
    assert list(kinds(make_plan(whole).optional)) == ["label", "weight"]
    plan = make_plan(
        whole, {"a": "int", "id": "string", "label": "double", "when": "timestamp", "features": "vector"}
    )
    assert list(kinds(plan.optional)) == ["label", "weight", "id", "when"]


def test_switched_off_outputs_are_left_out():
    plan = plan_of("logistic_two_rows")
    assert [c.name for c in plan.outputs] == ["rawPrediction", "probability"]


# ------------------------------------------------------------ names


def test_a_column_written_twice():
    with pytest.raises(ConversionError, match=r"lr_x writes column 'x', which .*lr_x"):
        make_plan(pipeline(linear(2, prediction="x"), linear(2, prediction="x")))


def test_a_raw_column_written_over():
    with pytest.raises(ConversionError, match=r"n_v writes column 'v', which .*n_v has already"):
        make_plan(pipeline(normalizer("v", "v"), linear(2, features="v")))


def test_filling_in_place_twice_and_the_name_is_taken():
    stages = (
        imputer("c", "c"),
        imputer("c", "c"),
        indexer("c (imputed)", "i"),
        assembler("c", "i"),
        linear(2),
    )
    first, second, _, join, _ = make_plan(pipeline(*stages)).stages
    assert first.inputs == ("c",)
    assert second.inputs == first.outputs
    assert join.inputs[0] == second.outputs[0]
    assert len({*first.outputs, *second.outputs, "c", "c (imputed)"}) == 4


def test_filling_in_place_with_nothing_behind_it():
    with pytest.raises(ConversionError, match="overwrites its input"):
        make_plan(pipeline(imputer("c", "c")))


def test_one_stage_cannot_write_a_column_twice():
    twice = replace(imputer("a", "x"), inputs=("a", "b"), outputs=("x", "x"), surrogates=(1.0, 2.0))
    with pytest.raises(ConversionError, match="'x'"):
        make_plan(pipeline(twice))


def test_nothing_to_score():
    with pytest.raises(ConversionError, match="nothing to score"):
        make_plan(pipeline())
    with pytest.raises(ConversionError, match="nothing to score"):
        make_plan(pipeline(linear(2, prediction="")))
