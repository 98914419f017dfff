"""Estimate the seconds that a window takes, from a model's shape and a processor.

Light enough to be called while the Snakefile is read. `docs/cards-and-cost.md` has the formula, and says which of these
figures are measured.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hearth.models.measure import ModelShape
from hearth.workflow import gpu_memory
from hearth.workflow.cards import GIB, Card, card_of
from hearth.workflow.gpu_memory import EngineMemory, WindowTokens

# Assumed: the shares of a GPU's arithmetic and of its bandwidth that vLLM reaches, and the share of the speed that is
# left with every doubling of the GPUs that share a model, because they exchange their results.
FLOPS_SHARE, BANDWIDTH_SHARE, PARALLEL_SHARE = 0.5, 0.8, 0.85
# Measured (docs/benchmarks.md): seconds that the transformers engine takes, in every step, to start a layer's kernels
# from Python. On an H100 50 of 53 ms for 28 layers, on a CPU core 20 of 87 ms for 30 layers.
LAYER_SECONDS = {"cuda": 0.050 / 28, "cpu": 0.020 / 30}
TRANSFORMERS_ROWS = {"cuda": 128, "cpu": 32}
# Measured on a CPU core (docs/benchmarks.md): operations and bytes per second, and the shares that are reached.
CORE_FLOPS, CORE_BANDWIDTH = 106e9 * 0.58, 12.8e9 * 0.87
# From options by which vLLM quantises weights while it loads them to the format whose size they then have.
QUANTISED_ON_LOADING = {
    **dict.fromkeys(("fp8", "fp8_per_tensor", "fp8_per_block", "fp8_per_channel", "mxfp8"), "fp8"),
    "int8_per_channel_weight_only": "int8",
    "bitsandbytes": "bitsandbytes",
}
# Numbers of GPUs of a node that may share a model.
COUNTS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Job:
    """The engine, number format and GPUs of a job that runs a model. `card` is None on a CPU.

    `weight_format` is the format that the weights have in memory. `gpus` cards share the model, in `pipeline` groups of
    layers.
    """

    engine: Literal["vllm", "transformers"]
    weight_format: str
    card: Card | None = None
    gpus: int = 0
    pipeline: int = 1
    batch_size: int | Literal["auto"] = "auto"
    threads: int = 1
    memory: EngineMemory = field(default_factory=EngineMemory)


def job_of(
    shape: ModelShape, model: Mapping[str, Any], settings: Mapping[str, Any], engine: str, lora_rank: int = 0
) -> Job:
    """Return how a job runs a model of this shape.

    `model` is the model's entry in the registry, `settings` the section `engine` of the config, `engine` the name of
    the engine that runs it: a server of the run counts as vllm; transformers ignores engine_options.
    `lora_rank` is that of the adapter, 0 without one.
    """
    options: Mapping[str, Any] = {} if engine == "transformers" else model["engine_options"]
    gpus = 0 if settings["device"] == "cpu" else model["gpus"]
    weight_format = format_in_memory(shape, options.get("quantization", ""), settings["dtype"], bool(gpus))
    cache_in_fp8 = options.get("kv_cache_dtype", "").startswith("fp8")
    memory = EngineMemory(
        share=options.get("gpu_memory_utilization", gpu_memory.MEMORY_SHARE),
        cache_value_bytes=1 if cache_in_fp8 else 4 if weight_format == "fp32" else 2,
        sequences=0 if settings["batch_size"] == "auto" else settings["batch_size"],
        batched_tokens=options.get("max_num_batched_tokens", 0),
        offloaded=options.get("cpu_offload_gb", 0) * GIB,
        lora_rank=lora_rank,
    )
    return Job(
        "transformers" if engine == "transformers" else "vllm",
        weight_format,
        card_of(model["gpu_type"]) if gpus else None,
        gpus,
        model["pipeline_parallel"],
        settings["batch_size"],
        settings["threads"],
        memory,
    )


def format_in_memory(shape: ModelShape, quantisation: str, dtype: str, on_gpu: bool) -> str:
    """Return the format of the weights in memory: quantised ones stay as stored, others follow the settings."""
    if shape.stored_as not in gpu_memory.UNQUANTISED:
        return shape.stored_as
    if quantisation in QUANTISED_ON_LOADING:
        return QUANTISED_ON_LOADING[quantisation]
    return "bf16" if dtype == "bfloat16" or (dtype == "auto" and on_gpu) else "fp32"


def batch_of(shape: ModelShape, tokens: WindowTokens, job: Job) -> int:
    """Return the number of windows that run at a time, at least 1."""
    if job.engine == "transformers":
        limit = TRANSFORMERS_ROWS["cuda" if job.card else "cpu"]
    else:
        limit = job.card.sequences if job.card else 256
    if job.batch_size != "auto":
        limit = job.batch_size
    if job.card is None:
        return limit
    cache = gpu_memory.cache_tokens(shape, job.weight_format, job.card, job.gpus, job.pipeline, job.memory)
    return max(1, min(limit, gpu_memory.windows_in_cache(cache, tokens)))


def windows_held(shape: ModelShape, longest: WindowTokens, job: Job) -> int:
    """Return the number of longest windows that a job's cards hold at a time; 0 if the model cannot be split so."""
    assert job.card, "a job on GPUs"
    if job.engine == "transformers" and job.gpus > 1:
        return 0
    if not gpu_memory.divides(shape, job.weight_format, job.gpus // job.pipeline):
        return 0
    tokens = gpu_memory.cache_tokens(shape, job.weight_format, job.card, job.gpus, job.pipeline, job.memory)
    return gpu_memory.windows_in_cache(tokens, longest)


def window_seconds(shape: ModelShape, tokens: WindowTokens, job: Job) -> float:
    """Return the seconds of a job that one window takes, of many that run at a time.

    The prefix counts in the cache that each token reads, not in the prompt: it is computed once. The transformers
    engine also reads it once for all windows of a batch.
    """
    batch = batch_of(shape, tokens, job)
    flops, bandwidth, step = _speed(shape, job)
    prefix = tokens.prefix / (batch if job.engine == "transformers" else 1)
    # While a token is generated, half of the answer is in the cache on average.
    context = prefix + tokens.read + tokens.written / 2
    cached = context * shape.cache_bytes(job.memory.cache_value_bytes)
    moved = gpu_memory.weight_bytes(shape, job.weight_format) / batch + cached
    operations = 2 * shape.parameters / flops
    return tokens.read * operations + tokens.written * (max(operations, moved / bandwidth) + step / batch)


def _speed(shape: ModelShape, job: Job) -> tuple[float, float, float]:
    """Return (operations per second, bytes per second, seconds that a step takes beside them) that a job reaches."""
    step = shape.layers * LAYER_SECONDS["cuda" if job.card else "cpu"] if job.engine == "transformers" else 0
    if job.card is None:
        return job.threads * CORE_FLOPS, job.threads * CORE_BANDWIDTH, step
    flops = job.card.fp8 if job.weight_format == "fp8" else job.card.bf16
    together = job.gpus * PARALLEL_SHARE ** math.log2(job.gpus)
    return flops * FLOPS_SHARE * together, job.card.bandwidth * BANDWIDTH_SHARE * together, step
