"""Test the target text and the selected windows of each recipe, without a language model."""

import subprocess
import sys

import pytest
from hearth.common.config_schema import settings_schema
from hearth.distillation.recipes import (
    RECIPES,
    Candidate,
    LeaveOutError,
    Sources,
    Target,
    draw_windows,
    find_recipe,
)
from hearth.workflow.code_hash import SCRIPTS
from hypothesis import given, settings
from hypothesis import strategies as st

TRACE = {"window_id": "toy/s/0", "text": "<think>\nWhy.\n</think>\n\n[]", "finish_reason": "stop"}
CUT_TRACE = TRACE | {"finish_reason": "length"}
NAMES = [f"toy/s/{index}" for index in range(20)]
names_and_marks = st.sets(st.sampled_from(NAMES)).flatmap(
    lambda names: st.tuples(st.just(sorted(names)), st.sets(st.sampled_from(sorted(names) or NAMES)))
)


def candidate(gold, parsed=None, trace=TRACE):
    return Candidate({"window_id": TRACE["window_id"], "gold": gold}, trace, parsed or [])


def reason_to_leave_out(recipe, gold, parsed):
    with pytest.raises(LeaveOutError) as raised:
        RECIPES[recipe].targets(candidate(gold, parsed))
    return str(raised.value)


def select(recipe, names, marked, seed):
    """Return a recipe's selection from `names`; the windows `marked` are flagged by the audit, and complex."""
    sources = Sources(list, flagged=frozenset(marked))
    sources.__dict__["complex"] = frozenset(marked)  # replaces the property that computes it from the windows
    return RECIPES[recipe].select(names, sources, seed)


def test_importing_the_recipes_imports_no_language_model_and_no_pandas():
    code = "import sys; import hearth.distillation.recipes; assert not {'torch', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=SCRIPTS)


def test_the_schema_lists_every_recipe():
    students = settings_schema("students")
    groups = students["groups"]["additionalProperties"]["properties"]
    assert students["recipe"]["enum"] == groups["recipes"]["items"]["enum"] == list(RECIPES)


def test_the_documentation_has_a_line_for_every_recipe():
    text = (SCRIPTS.parent / "config" / "README.md").read_text(encoding="utf-8")
    table = text.partition("## Recipes")[2]
    assert [name for name in RECIPES if f"`{name}`" not in table] == []


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="recipe 'labls' is none of reasoning"):
        find_recipe("labls")


def test_only_recipes_of_labels_teach_no_reasoning():
    assert [name for name, recipe in RECIPES.items() if not recipe.reasons] == [
        "labels",
        "verified-labels",
        "gold-labels",
    ]


@pytest.mark.parametrize(
    "recipe", [name for name, recipe in RECIPES.items() if recipe.reasons and recipe.reads != "samples"]
)
def test_recipes_that_reason_take_a_trace_as_it_is(recipe):
    share = 0.5 if RECIPES[recipe].reads == "log_probabilities" else 0
    for trace, ended in ((TRACE, True), (CUT_TRACE, False)):
        assert RECIPES[recipe].targets(candidate(["eat"], trace=trace))[0] == Target(
            trace["text"], ended, soft_share=share
        )


@pytest.mark.parametrize("recipe", ["labels", "verified-labels", "gold-labels"])
def test_recipes_without_reasoning_learn_the_labels_in_the_form_of_an_answer(recipe):
    answer = '[{"id": 1, "activity": "eat"}, {"id": 2, "activity": "wash"}]'
    labels = ["eat", "wash"]
    assert RECIPES[recipe].targets(candidate(labels, labels, CUT_TRACE)) == [Target(answer, True)]


def test_joint_learns_the_labels_beside_the_trace_with_half_its_weight_in_the_loss():
    trace, answer = RECIPES["joint"].targets(candidate(["eat"], ["wash"]))
    assert trace == Target(TRACE["text"], True)
    assert (answer.text, answer.ended, answer.is_direct) == ('[{"id": 1, "activity": "wash"}]', True, True)
    ((begin, end, weight),) = answer.weights
    assert (begin, end) == (0, len(answer.text))
    assert weight * len(answer.text) == pytest.approx(len(trace.text) / 2)


def test_joint_learns_only_the_trace_of_a_window_with_a_missing_label():
    assert RECIPES["joint"].targets(candidate(["eat"], [None])) == [Target(TRACE["text"], True)]


def test_labels_leaves_out_incomplete_answers_and_verified_labels_wrong_ones_too():
    gold = ["eat", "wash"]
    assert reason_to_leave_out("labels", gold, ["eat", None]) == "unlabelled"
    assert RECIPES["labels"].targets(candidate(gold, ["eat", "eat"]))[0].ended
    assert reason_to_leave_out("verified-labels", gold, ["eat", None]) == "unlabelled"
    assert reason_to_leave_out("verified-labels", gold, ["eat", "eat"]) == "wrong_labels"
    assert RECIPES["verified-labels"].targets(candidate(gold, gold))[0].ended


@given(names_and_marks, st.integers(0, 9))
def test_audited_takes_unflagged_traces_and_its_control_as_many_of_all(names_and_flagged, seed):
    names, flagged = names_and_flagged
    audited, left_out = select("audited", names, flagged, seed)
    assert audited == [name for name in names if name not in flagged]
    assert left_out["flagged"] == len(flagged & set(names))
    control, left_out = select("audited-control", names, flagged, seed)
    assert len(control) == len(audited)
    assert left_out["not_drawn"] == len(names) - len(control)
    # The control has the windows that the recipe `reasoning` would draw if it drew equally many.
    assert control == draw_windows(select("reasoning", names, set(), seed)[0], len(audited), seed)


@given(names_and_marks, st.integers(0, 9))
def test_simple_and_complex_share_nothing_and_are_equally_large(names_and_complex, seed):
    names, hard = names_and_complex
    simple, easy_left_out = select("simple", names, hard, seed)
    difficult, hard_left_out = select("complex", names, hard, seed)
    assert len(simple) == len(difficult) == min(len(hard & set(names)), len(set(names) - hard))
    assert not set(simple) & hard
    assert set(difficult) <= hard
    assert len(simple) + easy_left_out.total() == len(difficult) + hard_left_out.total() == len(names)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_window_is_selected_in_its_order_or_left_out_for_a_reason(recipe):
    marked = set(NAMES[::3])
    selected, left_out = select(recipe, NAMES, marked, seed=1)
    assert len(selected) + left_out.total() == len(NAMES)
    assert selected == [name for name in NAMES if name in selected]
    assert (selected, left_out) == select(recipe, NAMES, marked, seed=1)


@settings(max_examples=50)
@given(st.integers(0, 21), st.integers(0, 21), st.integers(0, 9))
def test_a_smaller_draw_is_a_subset_of_a_larger_one(few, more, seed):
    few, more = sorted((few, more))
    drawn = [set(draw_windows(NAMES, count, seed)) for count in (few, more, None)]
    assert drawn[0] <= drawn[1] <= drawn[2] == set(NAMES)


def test_another_seed_draws_others():
    assert draw_windows(NAMES, 5, seed=1) != draw_windows(NAMES, 5, seed=2)


def numbers(window_ids):
    return [int(window_id.rpartition("/")[2]) for window_id in window_ids]


def test_draws_are_reproducible_across_versions():
    assert numbers(draw_windows(NAMES, 4, seed=0)) == [1, 3, 6, 16]
    marked = set(NAMES[::3])
    control = [1, 2, 5, 6, 7, 9, 11, 13, 14, 15, 16, 18, 19]
    assert numbers(select("audited-control", NAMES, marked, seed=3).window_ids) == control
    assert numbers(select("simple", NAMES, marked, seed=3).window_ids) == [1, 2, 5, 7, 14, 16, 19]
