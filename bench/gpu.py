"""What a GPU shows that a CPU cannot (`make bench-gpu`): bfloat16, models of real shapes, and the GPU's own kernels.

Recognition and training as `recognise.py` and `distil.py` have them, on one NVIDIA GPU in some five minutes. The models
have the shapes of Qwen3 and random weights, which are made on the spot and never end a turn: speed and memory are those
of real models, and agreement in bfloat16 is at its worst, since random scores lie close together. `parity` is the
engine in float32 with the demo's model, against other batch sizes and the CPU.

Each way has a process of its own. All of them import what they need at once and then wait for their turn, so that the
GPU does not stand idle meanwhile. A way that fails counts as null, its error beside it.
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
from pathlib import Path

import distil
import recognise
from hearth.common.files import read_json, write_json
from hearth.engines import Decoding


def shape(hidden: int, intermediate: int, layers: int, heads: int, shared: dict) -> dict:
    """What `distil.make_model` makes; `shared` is what the models of a family have in common."""
    sizes = {"hidden_size": hidden, "intermediate_size": intermediate}
    return shared | sizes | {"num_hidden_layers": layers, "num_attention_heads": heads}


QWEN3 = {"vocab_size": 151936, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": True}
SHAPES = {
    "qwen3-0.6b": shape(1024, 3072, 28, 16, QWEN3),
    "qwen3-1.7b": shape(2048, 6144, 28, 16, QWEN3),
    "qwen3-4b": shape(2560, 9728, 36, 32, QWEN3),
    "quick": shape(64, 128, 2, 4, QWEN3 | {"vocab_size": 512, "num_key_value_heads": 2, "head_dim": 16}),
}
DTYPES = ("float32", "bfloat16")
# Numbers of tokens, `suffix` and `learned` from the least to the most; `rows` are those of a batch of `generate`; the
# first of the `steps` is not counted.
FULL = {"prefix": 900, "suffix": (250, 350), "new_tokens": 128, "windows": 100, "naive_windows": 4, "rows": 64}
FULL |= {"learned": (600, 800), "steps": 4, "batch_size": 16, "micro_batch_size": 4, "parity_windows": 24}
QUICK = {"prefix": 40, "suffix": (20, 30), "new_tokens": 8, "windows": 8, "naive_windows": 4, "rows": 4}
QUICK |= {"learned": (30, 40), "steps": 2, "batch_size": 4, "micro_batch_size": 2, "parity_windows": 4}


def models_to_make(scratch: Path, device: str, sizes: dict, models: list[str]) -> dict:
    """Write the random models, their prompts and their examples; the parameters of each, and the machine."""
    import torch

    draw = random.Random(0)  # noqa: S311 - data, not secrets

    def text(least: int, most: int, vocabulary: int) -> str:
        return " ".join(str(draw.randrange(2, vocabulary)) for _ in range(draw.randint(least, most)))

    parameters = {}
    for model in models:
        vocabulary = SHAPES[model]["vocab_size"]
        parameters[model] = distil.make_model(scratch / model, SHAPES[model], "bfloat16", device)
        suffixes = [text(*sizes["suffix"], vocabulary) for _ in range(sizes["windows"])]
        prompts = {"prefix": text(sizes["prefix"], sizes["prefix"], vocabulary), "suffixes": suffixes}
        write_json(scratch / f"{model}-prompts.json", prompts)
        for name, count in (("pair", 2), ("examples", sizes["steps"] * sizes["batch_size"])):
            path = scratch / f"{model}-{name}.json"
            distil.make_examples(sizes["prefix"], count, path, sizes["learned"], vocabulary)
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    machine = {"device": name, "cores": os.cpu_count(), "torch": torch.__version__}
    return machine | {"parameters": parameters, "weights": "random"}


def recognition(scratch: Path, device: str, sizes: dict, model: str, way: str) -> dict:
    """Windows and tokens a second of one way in bfloat16, its memory, and the texts: ids in decimal."""
    import torch

    prompts = read_json(scratch / f"{model}-prompts.json")
    if way == "naive":
        prompts["suffixes"] = prompts["suffixes"][: sizes["naive_windows"]]
    complete = recognise.engine if way == "ours" else recognise.generate
    rows = {"naive": 1, "batched": sizes["rows"], "ours": "auto"}[way]
    run = complete(way, scratch / model, rows, "bfloat16", device)  # loads the model
    run(prompts | {"suffixes": prompts["suffixes"][:2]}, Decoding(temperature=0, max_new_tokens=8))  # warm-up
    start = time.monotonic()
    texts, tokens = run(prompts, Decoding(temperature=0, max_new_tokens=sizes["new_tokens"]))
    seconds = time.monotonic() - start  # with its texts here, the GPU is done
    return {
        "windows": len(texts),
        "windows_per_second": round(len(texts) / seconds, 3),
        "new_tokens": tokens,
        "new_tokens_per_second": round(tokens / seconds, 1),
        "seconds": round(seconds, 2),
        "peak_memory_mb": None if device == "cpu" else round(torch.cuda.max_memory_allocated() / 2**20),
        "texts": texts,
    }


def training(scratch: Path, device: str, sizes: dict, model: str, way: str, gradient_checkpointing: bool) -> dict:
    """Examples a second of one way in bfloat16, its memory and its losses."""
    examples, of = scratch / f"{model}-examples.json", (sizes["batch_size"], sizes["micro_batch_size"])
    found = distil.measure(way, scratch / model, examples, *of, "bfloat16", device, gradient_checkpointing)
    return distil.summary([found], sizes["batch_size"]) | {
        "loaded_memory_mb": round(found["loaded_memory_bytes"] / 2**20),
        "seconds_of_steps": [round(seconds, 3) for seconds in found["seconds"]],
        "gradient_checkpointing": gradient_checkpointing,
    }


def gradients(scratch: Path, device: str, sizes: dict, model: str) -> dict:
    """Relative differences of the gradients: shared against plain, and bfloat16 against plain in float32."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    pair = scratch / f"{model}-pair.json"
    found = {dtype: distil.gradients(scratch / model, pair, dtype, device) for dtype in DTYPES}
    exact, (plain, shared) = found["float32"][0], found["bfloat16"]
    return {f"gradient_rel_diff_{dtype}": distil.difference(*found[dtype]) for dtype in DTYPES} | {
        "plain_bfloat16_to_plain_float32": distil.difference(exact, plain),
        "shared_bfloat16_to_plain_float32": distil.difference(exact, shared),
    }


def parity(scratch: Path, device: str, sizes: dict) -> dict:
    """Shares of windows whose text by the demo's model, greedy in float32, is that of batch size 1, and the CPU's."""
    folder, path = distil.PROJECT / "demo" / "models" / "tiny-l", scratch / "parity.json"
    recognise.write_prompts(folder, *recognise.MODELS["tiny-l"], sizes["parity_windows"], path)
    prompts, decoding = read_json(path), Decoding(temperature=0, max_new_tokens=sizes["new_tokens"])

    def texts(rows: int | str, on: str) -> list[str]:
        return recognise.engine("ours", folder, rows, "float32", on)(prompts, decoding)[0]

    alone, five, auto, cpu = (texts(*way) for way in ((1, device), (5, device), ("auto", device), ("auto", "cpu")))
    return {"windows": len(alone), "equal_batches": _equal(alone, five, auto), "equal_cpu": _equal(alone, cpu)}


def agreement(texts: dict[str, list[str]]) -> dict:
    """Of each two ways on the windows both have: the share of equal ones, and how many tokens are alike at first."""
    found = {}
    for first, second in itertools.combinations(texts, 2):
        pairs = [(a.split(), b.split()) for a, b in zip(texts[first], texts[second], strict=False)]
        alike = [sum(itertools.accumulate((x == y for x, y in zip(a, b, strict=False)), min)) for a, b in pairs]
        found[f"{first}_{second}"] = {
            "windows": len(pairs),
            "equal": _equal(*(texts[way][: len(pairs)] for way in (first, second))),
            "common_prefix_tokens": round(statistics.mean(alike), 2),
        }
    return found


PARTS = {
    "models": (models_to_make, ["transformers"]),
    "recognition": (recognition, ["transformers", "peft", "hearth.engines.transformers"]),
    "training": (training, ["hearth.distillation.training"]),
    "gradients": (gradients, ["hearth.distillation.training"]),
    "parity": (parity, ["transformers", "peft", "hearth.engines.transformers"]),
}


class Turn:
    """A part in a fresh process, which imports what it needs and waits."""

    def __init__(self, part: str, options: dict, scratch: Path, device: str, quick: bool):
        self.part, self.options = part, options
        python = distil.TRL if _of_trl(options) and distil.TRL.exists() else sys.executable
        how = ["--device", device, *(["--quick"] if quick else [])]
        self._process = subprocess.Popen(
            [python, __file__, *how, "--turn", part, str(scratch), json.dumps(options)],
            env=os.environ | {"HF_HUB_OFFLINE": "1"} | ({"DS_ACCELERATOR": "cpu"} if device == "cpu" else {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @functools.cached_property
    def began(self) -> str:
        """A line, once it has imported everything; its error, or nothing, if it could not."""
        return self._process.stdout.readline()

    def take(self, limit: float) -> dict:
        """What it finds within `limit` seconds, or its `error`."""
        answer = self.began
        timer = threading.Timer(max(0, limit), self._process.kill)
        timer.start()
        answer += self._process.communicate("\n")[0]
        timer.cancel()
        ended = f"ended with status {self._process.returncode}, its time was {max(0, limit):.0f} s"
        return json.loads(answer) if answer.strip() else {"error": ended}


def take_turn(part: str, scratch: Path, device: str, sizes: dict, options: dict) -> None:
    """In the process of a `Turn`."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    function, modules = PARTS[part]
    try:
        for name in [*modules, *(["datasets", "trl.trainer.sft_trainer"] if _of_trl(options) else [])]:
            importlib.import_module(name)
        print(flush=True, file=answers)
        if not sys.stdin.readline():  # nobody is waiting for it any more
            os._exit(1)
        found = function(scratch, device, sizes, **options)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:600]}"
        print(f"{part} {options}: {reason}", file=sys.stderr, flush=True)
        found = {"error": reason}
    print(json.dumps(found), flush=True, file=answers)
    os._exit(0)  # at once: process groups are slow to end, and the GPU is wanted


def turns_of(quick: bool) -> list[tuple[str, dict]]:
    """Parts and their options, what matters most first."""

    def ways(part: str, model: str, names: tuple, **options) -> list[tuple[str, dict]]:
        return [(part, {"model": model, "way": way, **options}) for way in names]

    *models, tiny = SHAPES
    if quick:
        models = [tiny]
    small = models[0]
    turns = [("models", {"models": models})]
    turns += ways("recognition", small, ("naive", "batched", "ours"))
    turns += ways("training", small, distil.WAYS, gradient_checkpointing=False)
    turns += [("gradients", {"model": small}), ("parity", {})]
    if not quick:
        turns += ways("training", "qwen3-1.7b", distil.WAYS, gradient_checkpointing=False)
        turns += ways("recognition", "qwen3-4b", ("batched", "ours"))
    return turns


def record(report: dict, keys: list[str], found: dict) -> None:
    """Print what was found and put it in its place; an error leaves null there."""
    print(*keys, json.dumps(found), flush=True)
    place = report
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = found
    if "error" in found:
        place[keys[-1]], report["errors"][" ".join(keys)] = None, found["error"]


def _of_trl(options: dict) -> bool:
    return options.get("way", "").startswith("trl")


def _equal(*texts: list[str]) -> float:
    """The share of windows to which all ways give the same text."""
    return round(statistics.mean(len(set(same)) == 1 for same in zip(*texts, strict=True)), 4)


def main() -> None:
    """Make the models, let every process have its turn, write the figures after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny shapes: for a look at whether it runs")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu is for --quick")
    parser.add_argument("--budget", type=float, default=300, help="seconds; what is not over by then is left out")
    parser.add_argument("--limit", type=float, default=60, help="seconds that a turn may take")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    parser.add_argument("--turn", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    device, quick, sizes = arguments.device, arguments.quick, QUICK if arguments.quick else FULL
    if arguments.turn:
        part, scratch, options = arguments.turn
        take_turn(part, Path(scratch), device, sizes, json.loads(options))
        return
    ends = time.monotonic() + arguments.budget
    report, texts = {"errors": {}}, collections.defaultdict(dict)
    with tempfile.TemporaryDirectory() as folder:
        new = functools.partial(Turn, scratch=Path(folder), device=device, quick=quick)
        turns = (new(*each) for each in turns_of(quick))
        if device == "cuda":  # a CPU of few cores has no room for all at once
            turns = list(turns)
        for turn in turns:
            keys = [turn.part, *(turn.options[key] for key in ("model", "way") if key in turn.options)]
            found = turn.take(min(arguments.limit, ends - time.monotonic()))
            if "OutOfMemory" in found.get("error", "") and turn.part == "training":
                turn = new(turn.part, turn.options | {"gradient_checkpointing": True})
                found = turn.take(min(arguments.limit, ends - time.monotonic()))
            if "texts" in found:
                texts[turn.options["model"]][turn.options["way"]] = found.pop("texts")
            record(report, keys, found)
            report["agreement"] = {model: agreement(by_way) for model, by_way in texts.items()}
            write_json(arguments.out, report)
            if device == "cuda" and turn.part == "models":  # nothing is timed while others import
                print("ready:", sum(other.began == "\n" for other in turns[1:]), "of", len(turns) - 1, flush=True)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
