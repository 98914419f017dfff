import pytest
from hearth.distillation.memory_estimate import Longest, largest_micro_batch, training_bytes
from training_memory import SETTINGS, count_peak_bytes, qwen3, shape_of

PREFIX = 900
SMALL, MIDDLE, LARGE = qwen3(1024, 3072, 6, 16), qwen3(2048, 6144, 6, 16), qwen3(4096, 12288, 4, 32)
EVERYWHERE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def with_lora(**changed):
    return SETTINGS | {"lora": SETTINGS["lora"] | changed}


@pytest.mark.parametrize(
    ("config", "micro_batch", "own", "settings"),
    [
        (SMALL, 1, 4396, SETTINGS),
        (SMALL, 4, 4396, SETTINGS),
        (MIDDLE, 2, 1000, SETTINGS),
        (MIDDLE, 2, 1000, SETTINGS | {"shared_prefix": False}),
        (MIDDLE, 4, 2000, SETTINGS | {"gradient_checkpointing": False}),
        (MIDDLE, 2, 2000, SETTINGS | {"gradient_checkpointing": False, "shared_prefix": False}),
        (LARGE, 3, 4396, SETTINGS),
        (MIDDLE, 2, 2000, with_lora(dropout=0.1)),
        (MIDDLE, 2, 2000, with_lora(dropout=0.1) | {"gradient_checkpointing": False}),
        (MIDDLE, 2, 2000, with_lora(r=64, target_modules=EVERYWHERE) | {"gradient_checkpointing": False}),
    ],
)
def test_estimate_covers_the_counted_tensors_and_is_at_most_a_third_higher(config, micro_batch, own, settings):
    counted = count_peak_bytes(config, micro_batch, own, micro_batch, PREFIX, own - 300, settings)
    estimated = training_bytes(shape_of(config), settings, Longest(PREFIX, own), micro_batch)
    assert counted <= estimated < 1.33 * counted


def test_four_traces_of_4096_tokens_take_less_than_12_gb_beside_a_model_of_1_7_billion_parameters():
    config = qwen3(2048, 6144, 28, 16)
    counted = count_peak_bytes(config, examples=4, tokens=4396, micro_batch_size=4)
    assert counted < 12e9
    assert counted <= training_bytes(shape_of(config), SETTINGS, Longest(PREFIX, 4396), 4) < 12e9


def test_more_steps_of_a_share_take_no_more_memory():
    one, three = (count_peak_bytes(SMALL, examples, 1000, 1, learned=700) for examples in (1, 3))
    assert three < 1.2 * one


def test_largest_micro_batch_fits_and_one_more_does_not():
    shape, longest = shape_of(MIDDLE), Longest(PREFIX, 2000)
    memory = 3e9
    size = largest_micro_batch(shape, SETTINGS, longest, memory, most=64)
    assert 1 < size < 64
    assert training_bytes(shape, SETTINGS, longest, size) <= memory
    assert training_bytes(shape, SETTINGS, longest, size + 1) > memory
    assert largest_micro_batch(shape, SETTINGS, longest, memory, most=2) == 2
    assert largest_micro_batch(shape, SETTINGS, longest, memory=1e8, most=64) == 0
    assert largest_micro_batch(shape, SETTINGS, longest, memory, most=64, value_bytes=4) < size
