"""What goes in, what comes out, and which stages stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splicemachine_ml.errors import ConversionError
from splicemachine_ml.portable import stages as ir
from splicemachine_ml.portable.plan import make_plan
from splicemachine_ml.portable.reader import read_pipeline
from tests.portable.fixture_files import fixture, names
from tests.portable.small_stages import (
    FEATURE,
    assembler,
    imputer,
    indexer,
    kinds,
    linear,
    normalizer,
    pipeline,
)

REFUSED = {"unsupported", "one_vs_rest", "leaf_col", "kmeans_cosine", "rformula_interaction"}


def plan_of(name: str, schema: bool = True) -> ir.Plan:
    saved = fixture(name)
    return make_plan(read_pipeline(saved.model), saved.schema if schema else None)


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


def test_inputs_come_in_the_order_of_the_training_columns_where_that_is_known():
    # Rows sent without column names (CSV without a header, .npy) are in this order.
    read = pipeline(assembler("late", "early"), linear(2))
    schema = {"early": "double", "unused": "double", "late": "double"}
    assert [c.name for c in make_plan(read, schema).inputs] == ["early", "late"]
    assert [c.name for c in make_plan(read).inputs] == ["late", "early"]
