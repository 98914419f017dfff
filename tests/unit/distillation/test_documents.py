"""Check the warning of traces that were cut off, and the card that shows it."""

import pytest
from factories import MODEL, TRAINING_LOG
from hearth.distillation.card import model_card
from hearth.distillation.documents import truncated_examples, truncated_warning


@pytest.mark.parametrize(("truncated", "traces"), [(0, 0), (0, 5), (5, 100), (1, 20)])
def test_up_to_a_twentieth_of_the_traces_may_be_cut_off(truncated, traces):
    assert truncated_warning(truncated, traces) == ""


@pytest.mark.parametrize(("truncated", "traces", "said"), [(6, 100, "6 of 100 traces (6%)"), (1, 1, "1 of 1 traces")])
def test_more_are_warned_of_with_what_to_do(truncated, traces, said):
    warning = truncated_warning(truncated, traces)
    assert warning.startswith(said)
    assert all(key in warning for key in ("max_new_tokens", "reasoning_budget", "truncated_traces: drop"))


def test_the_teacher_is_not_blamed_for_replayed_traces_that_were_cut_off():
    counts = {"traces": 40, "used": 38, "truncated": 12, "left_out": {}}
    own, again = counts | {"used": 28, "truncated": 1}, counts | {"used": 10, "truncated": 9}
    parts = [
        {"dataset": "made-up", "is_replayed": False, "counts": own},
        {"dataset": "spare", "is_replayed": True, "counts": again},
    ]
    both = truncated_examples(counts, parts)
    assert both.startswith("3 of 28 traces (11%) were cut off")
    assert "9 of 10 replayed traces of the base itself (90%) were cut off" in both
    assert truncated_examples(counts | {"truncated": 10}, parts).startswith("9 of 10 replayed traces")
    assert "teacher" not in truncated_examples(counts | {"truncated": 10}, parts)


def test_a_students_card_warns_of_what_it_learned():
    counts = {"traces": 9, "used": 8, "truncated": 0, "left_out": {}}
    own = {"base": MODEL, "prompt": {"version": "x", "reasoning": "think"}, "steps": 2, "trainable_parameters": 3}
    log = TRAINING_LOG | own | {"examples": counts}
    assert "cut off" not in model_card(log, [])
    card = model_card(log | {"examples": counts | {"truncated": 3}}, [])
    assert "> **Note.** 3 of 8 traces (38%) were cut off at the token limit" in card


def test_a_card_lists_the_datasets_of_several_and_those_replayed():
    counts = {"traces": 9, "used": 8, "truncated": 0, "left_out": {}}
    own = {"base": MODEL, "prompt": {"version": "x", "reasoning": "think"}, "steps": 2, "trainable_parameters": 3}
    alone = model_card(TRAINING_LOG | own | {"examples": counts}, [])
    assert "| Dataset | made-up, split train1 |" in alone
    assert "It learned from one dataset (made-up); other homes" in alone
    assert "with the prompt and reasoning mode above (think)" in alone
    parts = [
        {"dataset": name, "is_replayed": again, "counts": counts | {"used": used}}
        for name, again, used in (("one", False, 4), ("two", False, 2), ("sim", True, 2))
    ]
    log = TRAINING_LOG | own | {"examples": counts, "dataset": "all", "parts": parts, "balance": "size"}
    card = model_card(log, [])
    assert "| Datasets | all: one (4 of 9), two (2 of 9); balanced by size, split train1 |" in card
    assert "| Replayed traces of the base itself | sim (2 of 9); 25.0% of all examples |" in card
    assert "It learned from 2 datasets (one, two); other homes" in card
    assert "with a prompt of its homes and reasoning mode above (think)" in card


def test_a_card_says_how_else_a_student_was_trained_than_with_traces_and_one_prompt():
    own = {"base": MODEL, "prompt": {"version": "x", "reasoning": "think"}, "steps": 2, "trainable_parameters": 3}
    log = TRAINING_LOG | own | {"examples": {"traces": 9, "used": 8, "truncated": 0, "left_out": {}}}
    plain, joint = model_card(log, []), model_card(log | {"recipe": "joint"}, [])
    assert "above (think); it was trained with no other" in plain
    assert "above (think), or with its direct prompt; it was trained with no other" in joint
    later = {"continues": {"student": "earlier", "adapter": "", "steps": 7}, "own_texts": {"learned": 3, "cut": 5}}
    card = model_card(log | later | {"recipe": "on-policy"}, [])
    assert "| Adapter trained on | that of earlier, after 7 steps |" in card
    assert "| Windows with the student's own text | 3 of 8 |" in card
    assert "Adapter trained on" not in plain
