"""How fast windows are recognised (`make bench-recognise`): one at a time, in `generate`'s batches, and by the engine.

Ways of decoding the same prompts greedily in float32, on one thread, each in a process of its own, turn by turn and
several times over: `naive` gives transformers' `generate` one whole prompt at a time, `batched` gives it batches
padded on the left, `ours` is the engine of the rule `recognise`, `vllm` the other one, where `make test-vllm` has made
its environment. Ratios are of windows per second of CPU time, which other work on the machine disturbs least.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from hearth.common.files import read_json, write_json
from hearth.engines import Decoding, Request
from hearth.homes.home import load_home
from hearth.models.fetch import fetch_model
from hearth.models.load import load_model, load_tokenizer
from hearth.prompting.prompts import render_prompt, split_prompt, window_text

PROJECT = Path(__file__).resolve().parents[1]
VLLM = PROJECT / ".venv-vllm" / "bin" / "python"
WAYS = ("naive", "batched", "ours", *(("vllm",) if VLLM.exists() else ()))
NEW_TOKENS = (24, 250)
# Template and reasoning of each model, as in config/laptop.yaml and config/demo.yaml.
MODELS = {"smollm2-135m": ("six-parts", "inline"), "tiny-l": ("brief", "think")}


def write_prompts(folder: Path, template: str, reasoning: str, count: int, path: Path) -> None:
    """Write the static prefix and the suffixes, longest first, for windows of a simulated home."""
    from hearth.toy_models.training_data import (
        simulate_windows,  # not at the top: vLLM's environment lacks what it needs
    )

    home = load_home(PROJECT / "config" / "homes" / "marble.yaml")
    system = render_prompt(home, PROJECT / "config" / "prompts" / f"{template}.j2", reasoning)["system"]
    tokenizer = load_tokenizer(folder)
    windows = simulate_windows("marble", home, seed=5000, sessions=2 * count, size=10)
    windows = [window for window in windows if len(window["events"]) == 10][:count]
    parts = [split_prompt(tokenizer, system, window_text(window), reasoning) for window in windows]
    write_json(
        path, {"prefix": parts[0][0], "suffixes": sorted((suffix for _, suffix in parts), key=len, reverse=True)}
    )


def measure(way: str, folder: Path, prompts: dict, new_tokens: int, batch_size: int) -> dict:
    """Complete all prompts in one way: texts in order, seconds, seconds of CPU, new tokens."""
    complete = engine if way in ("ours", "vllm") else generate
    run = complete(way, folder, 1 if way == "naive" else batch_size)
    wall, cpu = time.monotonic(), time.process_time()
    texts, tokens = run(prompts, Decoding(temperature=0, max_new_tokens=new_tokens))
    return {
        "texts": texts,
        "new_tokens": tokens,
        "seconds": time.monotonic() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }


def generate(way: str, folder: Path, batch_size: int, dtype: str = "float32", device: str = "cpu"):
    """A function that completes prompts by transformers' `generate`; the model is loaded when this returns."""
    import torch
    from transformers import GenerationConfig

    tokenizer, model = load_tokenizer(folder), load_model(folder, dtype=dtype, device=device)
    said = model.generation_config.eos_token_id
    ends = sorted({*(said if isinstance(said, list) else [said]), tokenizer.eos_token_id} - {None})
    pad = ends[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    def ids(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    @torch.inference_mode()
    def run(prompts: dict, decoding: Decoding) -> tuple[list[str], int]:
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

    return run


def engine(way: str, folder: Path, batch_size: int | str, dtype: str = "float32", device: str = "cpu"):
    """The same by an engine, its prefix included in what is measured."""
    if way == "vllm":
        from hearth.engines.vllm import VLLMEngine as Engine
    else:
        from hearth.engines.transformers import TransformersEngine as Engine

    loaded = Engine(folder, dtype=dtype, device=device, batch_size=batch_size)
    loaded.load()

    def run(prompts: dict, decoding: Decoding) -> tuple[list[str], int]:
        requests = [Request(str(number), suffix) for number, suffix in enumerate(prompts["suffixes"])]
        found = {c.key: c for group in loaded.complete(prompts["prefix"], requests, decoding) for c in group}
        return [found[r.key].text for r in requests], sum(c.completion_tokens for c in found.values())

    return run


def in_its_own_process(way: str, folder: Path, prompts: Path, new_tokens: int, batch_size: int) -> dict:
    """`measure` in a fresh process, with the peak memory of that process in bytes."""
    arguments = [str(argument) for argument in (way, folder, prompts, new_tokens, batch_size)]
    command = [str(VLLM) if way == "vllm" else sys.executable, __file__, "--measure", *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def summary(runs: list[dict], windows: int) -> dict:
    """Medians of the repeated runs of one way."""
    middle = {key: statistics.median(run[key] for run in runs) for key in ("seconds", "cpu_seconds", "new_tokens")}
    return {
        "windows_per_second": round(windows / middle["seconds"], 3),
        "windows_per_cpu_second": round(windows / middle["cpu_seconds"], 3),
        "tokens_per_cpu_second": round(middle["new_tokens"] / middle["cpu_seconds"], 1),
        "new_tokens": middle["new_tokens"],
        "peak_memory_mb": round(max(run["peak_memory_bytes"] for run in runs) / 2**20),
    }


def ratio(slow: list[dict], fast: list[dict]) -> dict:
    """How many times as many windows a second of CPU the fast way does: median, least and most over the repeats."""
    ratios = [a["cpu_seconds"] / b["cpu_seconds"] for a, b in zip(slow, fast, strict=True)]
    return {name: round(of(ratios), 2) for name, of in (("median", statistics.median), ("min", min), ("max", max))}


def main() -> None:
    """Fetch the models, write the prompts, run every way in turn, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="4 windows, once: for a look on a busy machine")
    parser.add_argument("--windows", type=int, default=32, help="windows of ten events")
    parser.add_argument("--repeats", type=int, default=3, help="times that every way is run")
    parser.add_argument("--batch-size", type=int, default=16, help="windows at a time, of the ways that batch")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which models")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        way, folder, prompts, new_tokens, batch_size = arguments.measure
        found = measure(way, Path(folder), read_json(Path(prompts)), int(new_tokens), int(batch_size))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(found | {"peak_memory_bytes": peak}))
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
                runs = {way: [] for way in WAYS}
                for _ in range(repeats):
                    for way in WAYS:
                        runs[way].append(in_its_own_process(way, folder, prompts, new_tokens, arguments.batch_size))
                wanted = runs["naive"][0]["texts"]
                report[name][str(new_tokens)] = {
                    **{way: summary(runs[way], windows) for way in WAYS},
                    **{f"ratio_{way}": ratio(runs[way], runs["ours"]) for way in WAYS if way != "ours"},
                    "greedy_equal": all(run["texts"] == wanted for run in runs["ours"]),
                }
    first = report[arguments.models[0]]
    for new_tokens in NEW_TOKENS:
        report[f"ratio_naive_{new_tokens}"] = first[str(new_tokens)]["ratio_naive"]["median"]
    report["ratio_vllm_cpu"] = first["250"]["ratio_vllm"]["median"] if "vllm" in WAYS else None
    report["greedy_equal"] = all(
        report[name][str(new_tokens)]["greedy_equal"] for name in arguments.models for new_tokens in NEW_TOKENS
    )
    write_json(arguments.out, report)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
