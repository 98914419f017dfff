"""What the recipes make of the traces; they need no language model."""

import subprocess
import sys

import pytest
from hearth.common.schemas import read_yaml
from hearth.distillation.recipes import RECIPES
from hearth.distillation.selection import draw, select, target, unfit
from hearth.distillation.settings import CONFIG_SCHEMA
from hearth.workflow.code_hash import SCRIPTS
from hypothesis import given, settings
from hypothesis import strategies as st

TRACE = {"window_id": "toy/s/0", "text": "<think>\nWhy.\n</think>\n\n[]", "finish_reason": "stop"}
NAMES = [f"toy/s/{index}" for index in range(20)]
names_and_marks = st.sets(st.sampled_from(NAMES)).flatmap(
    lambda names: st.tuples(st.just(sorted(names)), st.sets(st.sampled_from(sorted(names) or NAMES)))
)


def test_recipes_are_named_without_loading_a_language_model():
    modules = "hearth.distillation.recipes, hearth.distillation.selection"
    code = f"import sys; import {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=SCRIPTS)


def test_a_config_may_name_every_recipe():
    students = read_yaml(CONFIG_SCHEMA)["properties"]["students"]["properties"]
    groups = students["groups"]["additionalProperties"]["properties"]
    assert students["recipe"]["enum"] == groups["recipes"]["items"]["enum"] == list(RECIPES)


def test_only_recipes_of_labels_teach_no_reasoning():
    assert [name for name, recipe in RECIPES.items() if not recipe.reasons] == [
        "labels",
        "verified-labels",
        "gold-labels",
    ]


@pytest.mark.parametrize("recipe", [name for name, recipe in RECIPES.items() if recipe.reasons])
def test_recipes_that_reason_take_a_trace_as_it_is(recipe):
    assert target(recipe, TRACE, None) == (TRACE["text"], True)
    assert target(recipe, TRACE | {"finish_reason": "length"}, None) == (TRACE["text"], False)
    assert unfit(recipe, None, ["eat"]) == ""


@pytest.mark.parametrize("recipe", ["labels", "verified-labels", "gold-labels"])
def test_recipes_without_reasoning_learn_labels_as_the_asked_for_answer(recipe):
    answer = '[{"id": 1, "activity": "eat"}, {"id": 2, "activity": "wash"}]'
    assert target(recipe, TRACE | {"finish_reason": "length"}, ["eat", "wash"]) == (answer, True)


def test_labels_leaves_out_what_the_teacher_did_not_label_and_verified_labels_what_it_got_wrong():
    assert unfit("labels", ["eat", None], ["eat", "wash"]) == "unlabelled"
    assert unfit("labels", ["eat", "eat"], ["eat", "wash"]) == ""
    assert unfit("verified-labels", ["eat", None], ["eat", "wash"]) == "unlabelled"
    assert unfit("verified-labels", ["eat", "eat"], ["eat", "wash"]) == "wrong_labels"
    assert unfit("verified-labels", ["eat", "wash"], ["eat", "wash"]) == ""


@given(names_and_marks, st.integers(0, 9))
def test_audited_takes_what_is_not_flagged_and_its_control_as_many_of_all(given, seed):
    names, flagged = given
    audited, left_out = select("audited", names, flagged, seed)
    assert audited == [name for name in names if name not in flagged]
    assert left_out["flagged"] == len(flagged & set(names))
    control, left_out = select("audited-control", names, flagged, seed)
    assert len(control) == len(audited)
    assert left_out["not_drawn"] == len(names) - len(control)
    # The control is what the recipe `reasoning` would keep of so many examples.
    assert control == draw(select("reasoning", names, set(), seed)[0], len(audited), seed)


@given(names_and_marks, st.integers(0, 9))
def test_simple_and_complex_share_nothing_and_are_equally_large(given, seed):
    names, hard = given
    simple, easy_left_out = select("simple", names, hard, seed)
    difficult, hard_left_out = select("complex", names, hard, seed)
    assert len(simple) == len(difficult) == min(len(hard & set(names)), len(set(names) - hard))
    assert not set(simple) & hard
    assert set(difficult) <= hard
    assert len(simple) + easy_left_out.total() == len(difficult) + hard_left_out.total() == len(names)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_trace_is_chosen_in_its_order_or_left_out_for_a_reason(recipe):
    marked = set(NAMES[::3])
    chosen, left_out = select(recipe, NAMES, marked, seed=1)
    assert len(chosen) + left_out.total() == len(NAMES)
    assert chosen == [name for name in NAMES if name in chosen]
    assert (chosen, left_out) == select(recipe, NAMES, marked, seed=1)


@settings(max_examples=50)
@given(st.integers(0, 21), st.integers(0, 21), st.integers(0, 9))
def test_fewer_are_a_part_of_more(few, more, seed):
    few, more = sorted((few, more))
    assert set(draw(NAMES, few, seed)) <= set(draw(NAMES, more, seed)) <= set(draw(NAMES, None, seed)) == set(NAMES)


def test_another_seed_draws_others():
    assert draw(NAMES, 5, seed=1) != draw(NAMES, 5, seed=2)
