import pytest
from hearth.workflow import gpu_memory
from hearth.workflow.cards import CARDS, OTHER_CARDS, UNKNOWN_CARD, card_of, find_card
from hearth.workflow.gpu_memory import EngineMemory, WindowTokens, cache_tokens, divides, weight_bytes, windows_in_cache
from model_shapes import QWEN3_32B


def tokens(weight_format, card, gpus, **settings):
    return cache_tokens(QWEN3_32B, weight_format, CARDS[card], gpus, **settings)


@pytest.mark.parametrize(
    ("weight_format", "card", "gpus", "expected"),
    # By an independent calculation, which took 0.9 of the memory and a smaller reserve.
    [
        ("bf16", "H100-80", 1, 39_000),
        ("bf16", "H100-80", 2, 329_000),
        ("bf16", "A100-40", 4, 304_000),
        ("bf16", "L40S-48", 2, 66_000),
        ("fp8", "H100-80", 1, 160_000),
    ],
)
def test_the_cache_of_qwen3_32b_is_near_an_independent_calculation(weight_format, card, gpus, expected):
    assert expected - 17_000 < tokens(weight_format, card, gpus) < expected * 1.1


def test_weights_that_do_not_fit_leave_no_cache():
    assert tokens("bf16", "A100-40", 1) == tokens("bf16", "L40S-48", 1) == 0
    assert tokens("awq", "RTX4090-24", 1) > 0


def test_quantised_weights_take_their_files_bytes_or_are_calculated():
    awq = weight_bytes(QWEN3_32B, "awq")
    # The published checkpoint's index says 19.3 GB.
    assert awq == pytest.approx(19.3e9, rel=0.02)
    assert weight_bytes(QWEN3_32B, "fp8") == pytest.approx(32.76e9 + QWEN3_32B.embeddings, rel=0.01)
    assert weight_bytes(QWEN3_32B, "bf16") == 65_524_246_528


def test_only_sizes_that_divide_heads_and_groups_are_possible():
    possible = [size for size in range(1, 17) if divides(QWEN3_32B, "bf16", size)]
    assert possible == [1, 2, 4, 8, 16]
    assert not divides(QWEN3_32B, "awq", 16)  # 25600 / 16 is no multiple of 128


def test_groups_of_layers_hold_as_much_as_slices_of_layers():
    slices, groups = (tokens("bf16", "A100-40", 4, pipeline=size) for size in (1, 4))
    # The first group has the embeddings for itself.
    assert 0.9 * slices < groups < slices


def test_more_cards_than_key_value_heads_hold_copies():
    eight, sixteen = (tokens("bf16", "H100-80", size) for size in (8, 16))
    assert sixteen < 1.2 * eight


def test_settings_of_the_engine_change_the_cache():
    plain = tokens("bf16", "H100-80", 1)
    assert tokens("bf16", "H100-80", 1, memory=EngineMemory(cache_value_bytes=1)) == pytest.approx(2 * plain, abs=1)
    assert tokens("bf16", "H100-80", 1, memory=EngineMemory(share=0.8)) == 0
    assert tokens("bf16", "H100-80", 1, memory=EngineMemory(batched_tokens=2048, sequences=64)) > 1.2 * plain
    assert tokens("bf16", "H100-80", 1, memory=EngineMemory(lora_rank=16)) < plain
    assert tokens("bf16", "H100-80", 1, memory=EngineMemory(offloaded=QWEN3_32B.cache_bytes() * 1000)) == plain + 1000


def test_windows_share_the_prefix():
    assert windows_in_cache(10_000, WindowTokens(1000, 300, 600)) == 10
    assert windows_in_cache(1800, WindowTokens(1000, 300, 600)) == 0
    assert gpu_memory.windows_in_cache(0, WindowTokens(1000, 300, 600)) == 0


@pytest.mark.parametrize(
    ("gpu_type", "card"),
    [
        ("h100", "H100-80"),
        ("nvidia_h200", "H200-141"),
        ("a100", "A100-40"),
        ("NVIDIA A100-SXM4-80GB", "A100-80"),
        ("a100_3g.40gb", "A100-40"),
        ("l40s", "L40S-48"),
        ("geforce_rtx_4090", "RTX4090-24"),
        ("NVIDIA GeForce RTX 3090", "RTX3090-24"),
        ("rtx_a5000", "A5000-24"),
        ("nvidia_a10g", "A10-24"),
        ("NVIDIA L4", "L4-24"),
        ("rtxa6000", "A6000-48"),
        ("a40", "A40-48"),
    ],
)
def test_a_card_is_known_by_its_clusters_name(gpu_type, card):
    assert find_card(gpu_type) == card
    assert card_of(gpu_type) == (CARDS | OTHER_CARDS)[card]


def test_an_unknown_card_is_one_of_middle_speed():
    for gpu_type in ("", "mi300x", "a4000", "l40", "gh200"):
        assert find_card(gpu_type) is None
        assert card_of(gpu_type) == UNKNOWN_CARD
