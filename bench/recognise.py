"""Measure the speed of recognising windows (`make bench-recognise`): one by one, in batches, and by the engines.

Four methods decode the same prompts greedily, in float32, on one thread:
- `naive`: transformers' `generate` on one whole prompt at a time
- `batched`: `generate` on batches that are padded on the left
- `ours`: the transformers engine of the rule `recognise`
- `vllm`: the vLLM engine, where `make test-vllm` has made its environment

Each run has its own process. The methods take turns, several times over. Ratios compare windows per second of CPU time,
which depends less on other work on the machine than wall time does.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from common import PROJECT, benchmark_parser, run_measurement, write_report
from hearth.common.files import read_json, write_json
from hearth.common.memory import peak_memory_bytes
from hearth.engines.protocol import Decoding, Request
from hearth.engines.registry import make_local_engine
from hearth.homes.home import load_home
from hearth.models.fetch import fetch_model
from hearth.models.load import load_model, load_tokenizer
from hearth.prompting.chat_templates import split_prompt
from hearth.prompting.prompts import render_prompt, window_text

VLLM = PROJECT / ".venv-vllm" / "bin" / "python"
METHODS = ("naive", "batched", "ours", *(("vllm",) if VLLM.exists() else ()))
# Numbers of tokens to generate per window.
NEW_TOKENS = (24, 250)
# Prompt template and reasoning mode of each model, as in config/laptop.yaml and config/demo.yaml.
MODELS = {"smollm2-135m": ("six-parts", "inline"), "tiny-l": ("brief", "think")}

Prompts = dict[str, Any]  # {"prefix": text, "suffixes": [text]}
# Complete all prompts; return the texts in order and the number of generated tokens.
CompletePrompts = Callable[[Prompts, Decoding], tuple[list[str], int]]


def write_prompts(folder: Path, template: str, reasoning: str, count: int, path: Path) -> None:
    """Write the static prefix and the suffixes, longest first, for `count` windows of a simulated home."""
    # Not imported at the top, because vLLM's environment lacks packages that this module imports.
    from hearth.toy_models.training_data import simulate_windows

    home = load_home(PROJECT / "config" / "homes" / "marble.yaml")
    system = render_prompt(home, PROJECT / "config" / "prompts" / f"{template}.j2", reasoning)["system"]
    tokenizer = load_tokenizer(folder)
    windows = simulate_windows("marble", home, seed=5000, sessions=2 * count, size=10)
    windows = [window for window in windows if len(window["events"]) == 10][:count]
    parts = [split_prompt(tokenizer, system, window_text(window), reasoning) for window in windows]
    write_json(
        path, {"prefix": parts[0][0], "suffixes": sorted((suffix for _, suffix in parts), key=len, reverse=True)}
    )


def measure(method: str, folder: Path, prompts: Prompts, new_tokens: int, batch_size: int) -> dict[str, Any]:
    """Complete all prompts by one method; return texts in order, number of new tokens, wall and CPU seconds."""
    load = load_engine if method in ("ours", "vllm") else load_generate
    complete = load(method, folder, 1 if method == "naive" else batch_size)
    wall, cpu = time.monotonic(), time.process_time()
    texts, tokens = complete(prompts, Decoding.greedy(new_tokens))
    return {
        "texts": texts,
        "new_tokens": tokens,
        "seconds": time.monotonic() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }


def load_generate(
    method: str, folder: Path, batch_size: int, dtype: str = "float32", device: str = "cpu"
) -> CompletePrompts:
    """Load a model; return a function that completes prompts with transformers' `generate`."""
    import torch
    from transformers import GenerationConfig

    tokenizer, model = load_tokenizer(folder), load_model(folder, dtype=dtype, device=device)
    configured = model.generation_config.eos_token_id
    ends = sorted({*(configured if isinstance(configured, list) else [configured]), tokenizer.eos_token_id} - {None})
    pad = ends[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    @torch.inference_mode()
    def complete(prompts: Prompts, decoding: Decoding) -> tuple[list[str], int]:
        model.generation_config = GenerationConfig(
            do_sample=False, max_new_tokens=decoding.max_new_tokens, eos_token_id=ends, pad_token_id=pad
        )
        texts, tokens = [], 0
        for first in range(0, len(prompts["suffixes"]), batch_size):
            rows = [ids(prompts["prefix"]) + ids(suffix) for suffix in prompts["suffixes"][first : first + batch_size]]
            width = max(map(len, rows))
            output = model.generate(
                input_ids=torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=device),
                attention_mask=torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device),
            )
            for row in output[:, width:].tolist():
                end = next((at for at, token in enumerate(row) if token in ends), len(row))
                texts.append(tokenizer.decode(row[:end], clean_up_tokenization_spaces=False))
                tokens += min(end + 1, len(row))
        return texts, tokens

    return complete


def load_engine(
    method: str, folder: Path, batch_size: int | str, dtype: str = "float32", device: str = "cpu"
) -> CompletePrompts:
    """Load a model; return a function that completes prompts with an engine. Its time includes encoding the prefix."""
    name = "vllm" if method.startswith("vllm") else "transformers"
    engine = make_local_engine(name, folder, None, dtype, device, batch_size)
    engine.load()

    def complete(prompts: Prompts, decoding: Decoding) -> tuple[list[str], int]:
        requests = [Request(str(number), suffix) for number, suffix in enumerate(prompts["suffixes"])]
        completions = {c.key: c for group in engine.complete(prompts["prefix"], requests, decoding) for c in group}
        return [completions[r.key].text for r in requests], sum(c.completion_tokens for c in completions.values())

    return complete


def summarise(runs: list[dict[str, Any]], windows: int) -> dict[str, float]:
    """Return medians of speed and the maximum of memory over the repeated runs of one method."""
    medians = {key: statistics.median(run[key] for run in runs) for key in ("seconds", "cpu_seconds", "new_tokens")}
    return {
        "windows_per_second": round(windows / medians["seconds"], 3),
        "windows_per_cpu_second": round(windows / medians["cpu_seconds"], 3),
        "tokens_per_cpu_second": round(medians["new_tokens"] / medians["cpu_seconds"], 1),
        "new_tokens": medians["new_tokens"],
        "peak_memory_mb": round(max(run["peak_memory_bytes"] for run in runs) / 2**20),
    }


def speed_ratio(slow: list[dict[str, Any]], fast: list[dict[str, Any]]) -> dict[str, float]:
    """Return the speed of the method `fast` divided by that of `slow`: median, minimum and maximum over the repeats.

    Speed is windows per CPU second.
    """
    ratios = [a["cpu_seconds"] / b["cpu_seconds"] for a, b in zip(slow, fast, strict=True)]
    return {"median": round(statistics.median(ratios), 2), "min": round(min(ratios), 2), "max": round(max(ratios), 2)}


def main() -> None:
    """Fetch the models, write the prompts, run every method in turn, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--quick", action="store_true", help="run 4 windows once, to see that it works")
    parser.add_argument("--windows", type=int, default=32, help="number of windows of ten events")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method")
    parser.add_argument("--batch-size", type=int, default=16, help="windows per batch, for all methods but naive")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="models to run")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        method, folder, prompts, new_tokens, batch_size = arguments.measure
        measured = measure(method, Path(folder), read_json(Path(prompts)), int(new_tokens), int(batch_size))
        print(json.dumps(measured | {"peak_memory_bytes": peak_memory_bytes()}))
        return
    windows, repeats = (4, 1) if arguments.quick else (arguments.windows, arguments.repeats)
    registry = yaml.safe_load((PROJECT / "config" / "models.yaml").read_text(encoding="utf-8"))
    report = {"windows": windows, "repeats": repeats, "batch_size": arguments.batch_size, "threads": 1}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.models:
            spec = {key: registry[name][key] for key in registry[name] if key not in ("gpus", "mem_mb", "runtime")}
            folder, prompts = Path(scratch) / name, Path(scratch) / f"{name}.json"
            fetch_model(name, spec, Path(scratch) / "work", folder, PROJECT)
            write_prompts(folder, *MODELS[name], windows, prompts)
            report[name] = {}
            for new_tokens in NEW_TOKENS:
                runs: dict[str, list[dict[str, Any]]] = {method: [] for method in METHODS}
                for _ in range(repeats):
                    for method in METHODS:
                        python = VLLM if method == "vllm" else sys.executable
                        options = (method, folder, prompts, new_tokens, arguments.batch_size)
                        runs[method].append(run_measurement(python, __file__, *options))
                naive_texts = runs["naive"][0]["texts"]
                report[name][str(new_tokens)] = {
                    **{method: summarise(runs[method], windows) for method in METHODS},
                    **{f"ratio_{name}": speed_ratio(runs[name], runs["ours"]) for name in METHODS if name != "ours"},
                    "greedy_equal": all(run["texts"] == naive_texts for run in runs["ours"]),
                }
    first = report[arguments.models[0]]
    for new_tokens in NEW_TOKENS:
        report[f"ratio_naive_{new_tokens}"] = first[str(new_tokens)]["ratio_naive"]["median"]
    report["ratio_vllm_cpu"] = first["250"]["ratio_vllm"]["median"] if "vllm" in METHODS else None
    report["greedy_equal"] = all(
        report[name][str(new_tokens)]["greedy_equal"] for name in arguments.models for new_tokens in NEW_TOKENS
    )
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
