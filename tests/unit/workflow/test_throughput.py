from dataclasses import replace

import pytest
from hearth.engines.options import option_schemas
from hearth.workflow import gpu_memory
from hearth.workflow.cards import CARDS
from hearth.workflow.gpu_memory import EngineMemory, WindowTokens
from hearth.workflow.throughput import QUANTISED_ON_LOADING, Job, batch_of, format_in_memory, job_of, window_seconds
from model_shapes import QWEN3_0_6B, QWEN3_32B, SMOLLM2_135M

TOKENS = WindowTokens(prefix=900, read=700, written=275)
ON_H200 = Job("vllm", "bf16", CARDS["H200-141"], 1, batch_size=64)
MODEL = {"gpus": 0, "pipeline_parallel": 1, "gpu_type": "", "engine_options": {}}
SETTINGS = {"batch_size": "auto", "device": "auto", "dtype": "auto", "threads": 2}


def test_the_papers_teacher_takes_about_five_gpu_hours_for_a_hundred_thousand_windows():
    assert window_seconds(QWEN3_32B, TOKENS, ON_H200) * 1e5 / 3600 == pytest.approx(5.3, abs=0.3)
    unshared = WindowTokens(0, 1600, 275)
    assert window_seconds(QWEN3_32B, unshared, ON_H200) * 1e5 / 3600 == pytest.approx(8.7, abs=0.3)


@pytest.mark.parametrize(
    ("written", "h200", "h100", "small"),
    [(275, 2.2, 5.8, 0.4), (1000, 6.6, 36, 1.9), (2000, 18, 126, 5.1), (4096, 59, 500, 16)],
)
def test_the_documented_hours_by_length_of_thinking(written, h200, h100, small):
    tokens = WindowTokens(771, 319, written)
    shown = {("H200-141", QWEN3_32B): h200, ("H100-80", QWEN3_32B): h100, ("H100-80", QWEN3_0_6B): small}
    for (card, shape), hours in shown.items():
        job = Job("vllm", "bf16", CARDS[card], 1)
        assert window_seconds(shape, tokens, job) * 1e5 / 3600 == pytest.approx(hours, rel=0.12)


def test_small_batches_read_the_weights_more_often():
    few, many = (window_seconds(QWEN3_32B, TOKENS, replace(ON_H200, batch_size=batch)) for batch in (1, 64))
    assert 15 < few / many < 64


def test_the_batch_is_what_the_cache_holds_and_the_engine_allows():
    auto = replace(ON_H200, batch_size="auto")
    cache = gpu_memory.cache_tokens(QWEN3_32B, "bf16", CARDS["H200-141"])
    assert batch_of(QWEN3_32B, TOKENS, auto) == gpu_memory.windows_in_cache(cache, TOKENS)
    assert batch_of(QWEN3_0_6B, TOKENS, replace(auto, card=CARDS["A100-80"])) == 256
    assert batch_of(QWEN3_32B, TOKENS, replace(auto, card=CARDS["A100-40"])) == 1
    assert batch_of(QWEN3_0_6B, TOKENS, Job("transformers", "fp32")) == 32


def test_two_cards_are_faster_than_one_but_not_twice():
    two = replace(ON_H200, gpus=2)
    assert 1.5 < window_seconds(QWEN3_32B, TOKENS, ON_H200) / window_seconds(QWEN3_32B, TOKENS, two) < 2


def test_the_transformers_engine_takes_the_steps_that_were_measured():
    # 100 windows of 128 new tokens took 53 ms a step, prefill included.
    job = Job("transformers", "bf16", CARDS["H100-80"], 1, batch_size=100)
    step = window_seconds(QWEN3_0_6B, WindowTokens(900, 300, 128), job) * 100 / 128
    assert step == pytest.approx(0.053, rel=0.05)


def test_a_core_takes_the_steps_that_were_measured():
    # SmolLM2-135M in batches of 8: 87 ms a step.
    job = Job("transformers", "fp32", batch_size=8, memory=EngineMemory(cache_value_bytes=4))
    with_answer, without = (window_seconds(SMOLLM2_135M, WindowTokens(813, 308, written), job) for written in (250, 0))
    assert (with_answer - without) / 250 * 8 == pytest.approx(0.087, rel=0.05)


def test_a_job_follows_the_registry_and_the_config():
    assert job_of(QWEN3_0_6B, MODEL, SETTINGS, "transformers") == Job(
        "transformers", "fp32", threads=2, memory=EngineMemory(cache_value_bytes=4)
    )
    options = {
        "gpu_memory_utilization": 0.8,
        "kv_cache_dtype": "fp8",
        "max_num_batched_tokens": 4096,
        "cpu_offload_gb": 2,
    }
    model = {"gpus": 4, "pipeline_parallel": 2, "gpu_type": "h100", "engine_options": options}
    assert job_of(QWEN3_0_6B, model, SETTINGS | {"device": "cpu"}, "transformers").gpus == 0
    job = job_of(QWEN3_32B, model, SETTINGS | {"batch_size": 64}, "vllm", lora_rank=16)
    assert (job.card, job.gpus, job.pipeline, job.batch_size) == (CARDS["H100-80"], 4, 2, 64)
    assert job.memory == EngineMemory(0.8, 1, 64, 4096, 2 * 2**30, 16)


@pytest.mark.parametrize(
    ("stored", "quantisation", "dtype", "on_gpu", "expected"),
    [
        ("bf16", "", "auto", True, "bf16"),
        ("bf16", "", "auto", False, "fp32"),
        ("fp32", "", "bfloat16", True, "bf16"),
        ("bf16", "fp8_per_block", "auto", True, "fp8"),
        ("bf16", "bitsandbytes", "auto", True, "bitsandbytes"),
        ("awq", "awq_marlin", "auto", True, "awq"),
    ],
)
def test_quantised_weights_stay_as_stored_and_others_follow_the_settings(stored, quantisation, dtype, on_gpu, expected):
    assert format_in_memory(replace(QWEN3_32B, stored_as=stored), quantisation, dtype, on_gpu) == expected


def test_every_quantisation_on_loading_that_the_registry_allows_has_a_size():
    allowed = set(option_schemas()["quantization"]["enum"])
    stored = {"awq", "awq_marlin", "gptq", "gptq_marlin", "compressed-tensors"}
    assert allowed - stored == set(QUANTISED_ON_LOADING)
    assert all(gpu_memory.weight_bytes(QWEN3_32B, size) < 40e9 for size in QUANTISED_ON_LOADING.values())
