import re
from dataclasses import replace

import pytest
from hearth.distillation.memory_estimate import Longest
from hearth.workflow.cards import CARDS
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.training_memory import (
    Training,
    card_bytes,
    micro_batch_on,
    problem,
    table_rows,
    training_on_gpus,
)
from model_shapes import QWEN3_0_6B, QWEN3_32B
from plan_factories import training_settings

SMALL, LARGE = CARDS["RTX4090-24"], CARDS["H200-141"]
TRAINING = Training("pupil", QWEN3_0_6B, training_settings(), Longest(900, 4396), 1, 2, "")
HUGE = replace(TRAINING, shape=QWEN3_32B)


def test_auto_takes_a_ranks_share_where_it_fits_and_less_where_it_does_not():
    assert micro_batch_on(TRAINING, LARGE) == 16
    assert micro_batch_on(replace(TRAINING, ranks=4), LARGE) == 4
    assert 1 <= micro_batch_on(replace(TRAINING, longest=Longest(900, 40_000)), SMALL) < 16
    assert micro_batch_on(replace(TRAINING, settings=training_settings(micro_batch_size=3)), LARGE) == 3


def test_what_a_cell_says_fits_the_card_and_one_more_example_does_not():
    training = replace(TRAINING, longest=Longest(900, 20_000))
    size = micro_batch_on(training, SMALL)
    assert 0 < size < 16
    assert card_bytes(training, size) <= SMALL.memory < card_bytes(training, size + 1)


def test_longest_example_has_at_most_the_tokens_that_a_training_uses():
    model = {"train_gpus": 2, "nodes": 3, "gpu_type": "h100"}
    longest = WindowTokens(900, 300, 4096)
    training = training_on_gpus("pupil", QWEN3_0_6B, training_settings(), longest, model, "auto", 2)
    assert (training.longest, training.ranks, training.value_bytes) == (Longest(900, 4396), 6, 2)
    short = training_on_gpus("pupil", QWEN3_0_6B, training_settings(max_length=2000), longest, model, "float32", 2)
    assert (short.longest, short.value_bytes) == (Longest(900, 1100), 4)


def test_a_table_says_no_where_not_even_one_example_fits():
    heading, (small, huge) = table_rows([TRAINING, HUGE])
    assert heading[:3] == ["student", "GPUs x examples", "longest example"]
    assert [name.partition(" ")[0] for name in heading[3:]] == list(CARDS)
    assert small[:3] == ["pupil", "1 x 16", "5296"]
    assert all(re.fullmatch(r"16: \d+\.\d", cell) for cell in small[-2:])
    assert huge[heading.index("A100-40 (42.3)")] == "no"
    assert huge[heading.index("H200-141 (150.1)")] != "no"


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (TRAINING, ""),
        (replace(HUGE, gpu_type="h200"), ""),
        (replace(HUGE, gpu_type="mi300x"), ""),
        (replace(HUGE, gpu_type="rtx_a5000"), "more than gpu_type rtx_a5000 has"),
        (replace(HUGE, gpu_type="a100_40gb"), "distil pupil: one trace of 5296 tokens takes"),
        (replace(HUGE, value_bytes=4, longest=Longest(900, 40_000)), "more than any card above has"),
    ],
)
def test_a_training_that_fits_no_card_is_a_problem_with_remedies(training, expected):
    found = problem(training)
    assert (expected in found) if expected else found == ""


def test_weights_that_fit_no_card_are_shared_under_zero3_not_read_with_shorter_examples():
    """No length of an example helps where the weights alone are too much."""
    plain = replace(HUGE, gpu_type="a100_40gb", ranks=4)
    assert "zero3.json" in problem(plain)
    assert "max_length" not in problem(plain)
    assert micro_batch_on(plain, CARDS["A100-40"]) == 0
    shared = replace(plain, zero_stage=3)
    assert problem(shared) == ""
    assert micro_batch_on(shared, CARDS["A100-40"]) >= 1
    assert "train_gpus or nodes" in problem(replace(shared, ranks=1))
    assert "max_length" in problem(replace(TRAINING, gpu_type="rtx4090", longest=Longest(900, 400_000)))


def test_zero3_has_the_prefix_in_every_example():
    model = {"train_gpus": 2, "nodes": 1, "gpu_type": ""}
    parts = "pupil", QWEN3_0_6B, training_settings(), WindowTokens(900, 300, 4096), model, "auto"
    assert training_on_gpus(*parts, 2).settings["shared_prefix"]
    assert not training_on_gpus(*parts, 3).settings["shared_prefix"]


def test_activation_checkpointing_is_a_remedy_only_where_it_is_off():
    plain = replace(TRAINING, gpu_type="rtx4090", settings=training_settings(gradient_checkpointing=False))
    long = replace(plain, longest=Longest(900, 30_000))
    assert "gradient_checkpointing: true" in problem(long)
    assert "gradient_checkpointing" not in problem(replace(HUGE, gpu_type="rtx4090"))
