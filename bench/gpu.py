"""Measure recognition and training in bfloat16 on one NVIDIA GPU (`make bench-gpu`).

The methods are those of `recognise.py` and `distil.py`; all take about ten minutes. The models have the shapes of
Qwen3 and random weights, and never end their turn. Their speed and memory are those of real models. The agreement of
their texts in bfloat16 is a worst case, because random logits lie close together. The part `parity` runs the demo's
model in float32, and compares its texts across batch sizes and between GPU and CPU.

Each job has its own process. All processes import their libraries at the start and then wait for their turn, so that
the GPU is not idle during imports. If a job fails, its result is null, and its error is in the report.
"""

import argparse
import collections
import functools
import importlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import distil
import recognise
import training_methods
from common import PROJECT, benchmark_parser
from hearth.common.files import read_json, write_json
from hearth.engines.protocol import Decoding

Sizes = dict[str, Any]  # FULL or QUICK
Report = dict[str, Any]


def model_shape(hidden: int, intermediate: int, layers: int, heads: int, family: dict[str, Any]) -> dict[str, Any]:
    """Return the config values for `make_model`; `family` holds those that all models of a family share."""
    sizes = {"hidden_size": hidden, "intermediate_size": intermediate}
    return family | sizes | {"num_hidden_layers": layers, "num_attention_heads": heads}


QWEN3 = {"vocab_size": 151936, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True}
SHAPES = {
    "qwen3-0.6b": model_shape(1024, 3072, 28, 16, QWEN3),
    "qwen3-1.7b": model_shape(2048, 6144, 28, 16, QWEN3),
    "qwen3-4b": model_shape(2560, 9728, 36, 32, QWEN3),
    "quick": model_shape(64, 128, 2, 4, QWEN3 | {"vocab_size": 512, "num_key_value_heads": 2, "head_dim": 32}),
}
DTYPES = ("float32", "bfloat16")
# Methods of training. TRL's others join examples under a mask that only flash-attention's kernels skip.
TRAINING = ("trl_padded", "trl_grouped", "trl_packed", "plain", "shared", "shared_auto")
# From the name of a method to the batch size that vLLM gets.
VLLM_ROWS: dict[str, int | str] = {"vllm-16": 16, "vllm-64": 64, "vllm-auto": "auto"}
# `prefix`, `suffix` and `new_tokens` are numbers of tokens, those of the suffix drawn between two; `trace` is the
# median and the logarithmic standard deviation of the traces' tokens. `rows` is the batch size of `generate`. vLLM gets
# more windows than the others, enough to fill its largest batch. The first of the `steps` is not counted.
FULL = {"prefix": 900, "suffix": (250, 350), "new_tokens": 128, "windows": 100, "naive_windows": 4, "rows": 64}
FULL |= {"vllm_windows": 2048}
FULL |= {"trace": training_methods.TRACE, "steps": 4, "batch_size": 16, "micro_batch_size": 4, "parity_windows": 24}
QUICK = {"prefix": 40, "suffix": (20, 30), "new_tokens": 8, "windows": 8, "naive_windows": 4, "rows": 4}
QUICK |= {"vllm_windows": 16}
QUICK |= {"trace": (15, 0.5), "steps": 2, "batch_size": 4, "micro_batch_size": 2, "parity_windows": 4}


def make_models(scratch: Path, device: str, sizes: Sizes, models: list[str]) -> Report:
    """Write the random models, their prompts and examples; return numbers of parameters, and the machine's hardware."""
    import torch

    rng = random.Random(0)  # noqa: S311 - data, not secrets

    def random_text(least: int, most: int, vocabulary: int) -> str:
        return " ".join(str(rng.randrange(2, vocabulary)) for _ in range(rng.randint(least, most)))

    parameters = {}
    for model in models:
        vocabulary = SHAPES[model]["vocab_size"]
        parameters[model] = training_methods.make_model(scratch / model, SHAPES[model], "bfloat16", device)
        least, most = sizes["suffix"]
        suffixes = [random_text(least, most, vocabulary) for _ in range(sizes["vllm_windows"])]
        prompts = {"prefix": random_text(sizes["prefix"], sizes["prefix"], vocabulary), "suffixes": suffixes}
        write_json(scratch / f"{model}-prompts.json", prompts)
        for name, count in (("pair", 2), ("examples", sizes["steps"] * sizes["batch_size"])):
            path = scratch / f"{model}-{name}.json"
            training_methods.make_examples(
                sizes["prefix"], count, path, sizes["suffix"], sizes["trace"], vocabulary=vocabulary
            )
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    machine = {"device": name, "cores": os.cpu_count(), "torch": torch.__version__}
    return machine | {"parameters": parameters, "weights": "random"}


def measure_recognition(scratch: Path, device: str, sizes: Sizes, model: str, method: str) -> Report:
    """Measure recognition by one method in bfloat16; return windows and tokens per second, memory in MiB, and texts.

    The words of the texts are decimal token ids. `seconds_to_load` is the time that the method takes to load the model,
    and to compile it.
    """
    import torch

    prompts = read_json(scratch / f"{model}-prompts.json")
    windows = sizes["vllm_windows" if method in VLLM_ROWS else "naive_windows" if method == "naive" else "windows"]
    prompts["suffixes"] = prompts["suffixes"][:windows]
    load = recognise.load_generate if method in ("naive", "batched") else recognise.load_engine
    rows = {"naive": 1, "batched": sizes["rows"], "ours": "auto", **VLLM_ROWS}[method]
    start = time.monotonic()
    complete = load(method, scratch / model, rows, "bfloat16", device)
    loaded = time.monotonic() - start
    complete(prompts | {"suffixes": prompts["suffixes"][:2]}, Decoding.greedy(8))  # warm-up
    start = time.monotonic()
    texts, tokens = complete(prompts, Decoding.greedy(sizes["new_tokens"]))
    seconds = time.monotonic() - start  # the GPU has finished, because the texts are on the CPU
    return {
        "seconds_to_load": round(loaded, 1),
        "windows": len(texts),
        "windows_per_second": round(len(texts) / seconds, 3),
        "new_tokens": tokens,
        "new_tokens_per_second": round(tokens / seconds, 1),
        "seconds": round(seconds, 2),
        "peak_memory_mb": None if device == "cpu" else round(torch.cuda.max_memory_allocated() / 2**20),
        "texts": texts,
    }


def measure_training(
    scratch: Path, device: str, sizes: Sizes, model: str, method: str, gradient_checkpointing: bool
) -> Report:
    """Measure training by one method in bfloat16; return examples per second, memory in MiB, and losses."""
    examples = scratch / f"{model}-examples.json"
    sized = (sizes["batch_size"], sizes["micro_batch_size"])
    run = training_methods.measure(
        method, scratch / model, examples, *sized, "bfloat16", device, gradient_checkpointing
    )
    counted = run | {key: run[key][1:] for key in ("seconds", "cpu_seconds")}
    return distil.summarise([counted], (sizes["steps"] - 1) * sizes["batch_size"]) | {
        "loaded_memory_mb": round(run["loaded_memory_bytes"] / 2**20),
        "seconds_of_steps": [round(seconds, 3) for seconds in run["seconds"]],
        "gradient_checkpointing": gradient_checkpointing,
    }


def compare_gradients(scratch: Path, device: str, sizes: Sizes, model: str) -> Report:
    """Return relative differences of the gradients of the methods `shared` and `plain`.

    They are: `shared` from `plain` in each dtype, and both methods in bfloat16 from `plain` in float32.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    pair = scratch / f"{model}-pair.json"
    gradients = {dtype: distil.compute_gradients(scratch / model, pair, dtype, device) for dtype in DTYPES}
    exact, (plain, shared) = gradients["float32"][0], gradients["bfloat16"]
    return {f"gradient_rel_diff_{dtype}": distil.relative_difference(*gradients[dtype]) for dtype in DTYPES} | {
        "plain_bfloat16_to_plain_float32": distil.relative_difference(exact, plain),
        "shared_bfloat16_to_plain_float32": distil.relative_difference(exact, shared),
    }


def compare_texts(scratch: Path, device: str, sizes: Sizes) -> Report:
    """Return the share of windows with equal texts across batch sizes, and that with equal texts on `device` and CPU.

    The demo's model generates them greedily in float32.
    """
    folder, path = PROJECT / "demo" / "models" / "tiny-l", scratch / "parity.json"
    recognise.write_prompts(folder, *recognise.MODELS["tiny-l"], sizes["parity_windows"], path)
    prompts, decoding = read_json(path), Decoding.greedy(sizes["new_tokens"])

    def texts(rows: int | str, on: str) -> list[str]:
        return recognise.load_engine("ours", folder, rows, "float32", on)(prompts, decoding)[0]

    alone, five, auto, cpu = texts(1, device), texts(5, device), texts("auto", device), texts("auto", "cpu")
    equal_batches, equal_cpu = _share_of_equal(alone, five, auto), _share_of_equal(alone, cpu)
    return {"windows": len(alone), "equal_batches": equal_batches, "equal_cpu": equal_cpu}


def compare_methods(texts: dict[str, list[str]]) -> Report:
    """Compare the texts of each pair of methods on their common windows.

    Return a dict from a pair to the share of equal texts and the mean number of tokens before the first difference.
    """
    report = {}
    for first, second in itertools.combinations(texts, 2):
        pairs = [(a.split(), b.split()) for a, b in zip(texts[first], texts[second], strict=False)]
        common = [sum(itertools.accumulate((x == y for x, y in zip(a, b, strict=False)), min)) for a, b in pairs]
        report[f"{first}_{second}"] = {
            "windows": len(pairs),
            "equal": _share_of_equal(*(texts[method][: len(pairs)] for method in (first, second))),
            "common_prefix_tokens": round(statistics.mean(common), 2),
        }
    return report


# From the name of a part to its function, and the modules that its process imports before its turn.
PARTS: dict[str, tuple[Callable[..., Report], list[str]]] = {
    "models": (make_models, ["transformers"]),
    "recognition": (measure_recognition, ["transformers", "peft", "hearth.engines.transformers"]),
    "training": (measure_training, ["hearth.distillation.training"]),
    "gradients": (compare_gradients, ["hearth.distillation.training"]),
    "parity": (compare_texts, ["transformers", "peft", "hearth.engines.transformers"]),
}


class Job:
    """A part in a fresh process, which imports its modules and waits for its turn."""

    def __init__(self, part: str, options: dict[str, Any], scratch: Path, device: str, quick: bool):
        """Start the process; `options` are the arguments of the part's function."""
        self.part, self.options = part, options
        python = training_methods.TRL if _uses_trl(options) and training_methods.TRL.exists() else sys.executable
        if options.get("method") in VLLM_ROWS:
            python = recognise.VLLM
        settings = ["--device", device, *(["--quick"] if quick else [])]
        self._process = subprocess.Popen(
            [python, __file__, *settings, "--job", part, str(scratch), json.dumps(options)],
            env=os.environ | {"HF_HUB_OFFLINE": "1"} | ({"DS_ACCELERATOR": "cpu"} if device == "cpu" else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @functools.cached_property
    def first_line(self) -> str:
        """Return the first line of output: a line break if all imports succeeded, an error, or '' after the end."""
        assert self._process.stdout
        return self._process.stdout.readline()

    def run(self, limit: float) -> Report:
        """Let the process take its turn; return its report.

        If it fails or exceeds `limit` seconds, the report has only the key "error".
        """
        output = self.first_line
        timer = threading.Timer(max(0, limit), self._process.kill)
        timer.start()
        output += self._process.communicate("\n")[0]
        timer.cancel()
        error = f"ended with status {self._process.returncode}, its limit was {max(0, limit):.0f} s"
        return json.loads(output) if output.strip() else {"error": error}


def run_part(part: str, scratch: Path, device: str, sizes: Sizes, options: dict[str, Any]) -> NoReturn:
    """Do the work of a `Job` in its process: import the part's modules, wait for the turn, run it, print its report."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes to stderr, not between the lines of the output
    function, modules = PARTS[part]
    try:
        if options.get("method") in VLLM_ROWS:
            modules = ["hearth.engines.vllm"]
        for name in [*modules, *(["datasets", "trl.trainer.sft_trainer"] if _uses_trl(options) else [])]:
            importlib.import_module(name)
        print(flush=True, file=output)
        if not sys.stdin.readline():  # the benchmark has ended
            os._exit(1)
        report = function(scratch, device, sizes, **options)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"
        print(f"{part} {options}: {reason}", file=sys.stderr, flush=True)
        report = {"error": reason}
    print(json.dumps(report), flush=True, file=output)
    os._exit(0)  # without shutdown, because process groups end slowly and the next job needs the GPU


def list_jobs(quick: bool) -> list[tuple[str, dict[str, Any]]]:
    """Return (part, options) of all jobs, the most important first."""

    def by_method(part: str, model: str, methods: Iterable[str], **options: Any) -> list[tuple[str, dict[str, Any]]]:
        return [(part, {"model": model, "method": method, **options}) for method in methods]

    *models, tiny = SHAPES
    if quick:
        models = [tiny]
    small = models[0]
    jobs: list[tuple[str, dict[str, Any]]] = [("models", {"models": models})]
    jobs += by_method("recognition", small, ("naive", "batched", "ours"))
    jobs += by_method("training", small, TRAINING, gradient_checkpointing=False)
    jobs += [("gradients", {"model": small}), ("parity", {})]
    if not quick:
        jobs += by_method("training", "qwen3-1.7b", TRAINING, gradient_checkpointing=False)
        jobs += by_method("recognition", "qwen3-4b", ("batched", "ours"))
    if recognise.VLLM.exists():
        jobs += by_method("recognition", small, VLLM_ROWS)
    return jobs


def add_result(report: Report, keys: list[str], result: Report) -> None:
    """Print a job's result and put it into the report under nested `keys`; an error leaves null there."""
    print(*keys, json.dumps(result), flush=True)
    parent = report
    for key in keys[:-1]:
        parent = parent.setdefault(key, {})
    parent[keys[-1]] = result
    if "error" in result:
        parent[keys[-1]], report["errors"][" ".join(keys)] = None, result["error"]


def _uses_trl(options: dict[str, Any]) -> bool:
    return options.get("method", "").startswith("trl")


def _share_of_equal(*texts: list[str]) -> float:
    """Return the share of windows, 0 to 1, whose text is the same in all lists."""
    return round(statistics.mean(len(set(same)) == 1 for same in zip(*texts, strict=True)), 4)


def main() -> None:
    """Make the models, run every job in turn, and write the report after each."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--quick", action="store_true", help="use tiny shapes, to see that it works")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="device; use cpu with --quick only")
    parser.add_argument("--budget", type=float, default=580, help="seconds for all jobs; later ones fail")
    parser.add_argument("--limit", type=float, default=90, help="seconds per job")
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device, quick, sizes = arguments.device, arguments.quick, QUICK if arguments.quick else FULL
    if arguments.job:
        part, scratch, options = arguments.job
        run_part(part, Path(scratch), device, sizes, json.loads(options))
    ends = time.monotonic() + arguments.budget
    report: Report = {"errors": {}}
    texts: collections.defaultdict[str, dict[str, list[str]]] = collections.defaultdict(dict)
    with tempfile.TemporaryDirectory() as folder:
        new_job = functools.partial(Job, scratch=Path(folder), device=device, quick=quick)
        jobs: Iterable[Job] = (new_job(*each) for each in list_jobs(quick))
        waiting: list[Job] = []
        if device == "cuda":  # start all jobs now; a machine without a GPU may have too few cores for that
            jobs = waiting = list(jobs)
        for job in jobs:
            keys = [job.part, *(job.options[key] for key in ("model", "method") if key in job.options)]
            result = job.run(min(arguments.limit, ends - time.monotonic()))
            if "OutOfMemory" in result.get("error", "") and job.part == "training":
                job = new_job(job.part, job.options | {"gradient_checkpointing": True})
                result = job.run(min(arguments.limit, ends - time.monotonic()))
            if "texts" in result:
                texts[job.options["model"]][job.options["method"]] = result.pop("texts")
            add_result(report, keys, result)
            report["agreement"] = {model: compare_methods(by_method) for model, by_method in texts.items()}
            write_json(arguments.out, report)
            if device == "cuda" and job.part == "models":  # wait, so that nothing is timed while others import
                ready = [other.first_line == "\n" for other in waiting[1:]]
                print("ready:", sum(ready), "of", len(ready), flush=True)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
