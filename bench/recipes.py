"""Measure an optimiser step of the recipes `reasoning` and `soft` beside TRL's trainers (`make bench-recipes`).

- `reasoning`: Hearth's loss on the trace, beside `trl_sft`, TRL's SFTTrainer
- `soft`: Hearth's mixture of cross-entropy and the divergence to 16 stored log-probabilities a token, beside `trl_gkd`,
  TRL's GKDTrainer on the same fixed text, which stores none: it loads the teacher, asks it in every step, and holds all
  logits of both models

The models are random: a small Qwen3 with a vocabulary of 32,768, about a fifth of a real one's, whose logits take five
times as much memory for each token. The teacher of `trl_gkd` has the student's size, so its cost is a lower bound: a
real one is fifty times as large. Hearth's step does not contain the scoring of the text, once, before training.

Every run trains two optimiser steps in a process of its own, in float32 on one thread, the first to warm up; methods
take turns. Reported are medians of the second steps, and ratios of CPU seconds, which depend less on other work on the
machine. Memory is the highest of a run above the memory before the first step; `peak_memory_mb` includes the models.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import benchmark_parser, run_measurement, write_report
from training_methods import TRL, make_examples, make_model, measure, teacher_of

# The names of the methods in the report, and in `training_methods`.
METHODS = {"reasoning": "shared", "trl_sft": "trl_padded", "soft": "shared_soft", "trl_gkd": "trl_gkd"}
PAIRS = {"reasoning": "trl_sft", "soft": "trl_gkd"}
SHAPE = {
    "vocab_size": 32_768,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 32,
    "tie_word_embeddings": True,
}
STEPS = 2
WINDOW, TRACE = (100, 140), (120, 0.3)


def summarise(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians over the runs of a method: seconds of the last step, and memory."""

    def median(values: list[float]) -> float:
        return statistics.median(values)

    return {
        "cpu_seconds": round(median([run["cpu_seconds"][-1] for run in runs]), 3),
        "seconds": round(median([run["seconds"][-1] for run in runs]), 3),
        "step_memory_mb": round(
            median([run["peak_memory_bytes"] - run["loaded_memory_bytes"] for run in runs]) / 2**20
        ),
        "peak_memory_mb": round(median([run["peak_memory_bytes"] for run in runs]) / 2**20),
    }


def main() -> None:
    """Make the models and the examples, train by every method in turn, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--quick", action="store_true", help="take a small vocabulary and one run of each method")
    parser.add_argument("--batch-size", type=int, default=8, help="windows per optimiser step")
    parser.add_argument("--micro-batch-size", type=int, default=2, help="windows per backward pass")
    parser.add_argument("--prefix", type=int, default=300, help="tokens in the static prefix")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        method, model, examples, batch_size, micro_batch_size = arguments.measure
        print(json.dumps(measure(method, Path(model), Path(examples), int(batch_size), int(micro_batch_size))))
        return
    shape = SHAPE | ({"vocab_size": 5_000} if arguments.quick else {})
    repeats = 1 if arguments.quick else arguments.repeats
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in METHODS}
    with tempfile.TemporaryDirectory() as scratch:
        model, examples = Path(scratch) / "model", Path(scratch) / "examples.json"
        parameters = make_model(model, shape)
        make_model(teacher_of(model), shape, seed=1)
        make_examples(arguments.prefix, STEPS * arguments.batch_size, examples, WINDOW, TRACE, shape["vocab_size"])
        for _ in range(repeats):
            for name, method in METHODS.items():
                python = TRL if method.startswith("trl") else sys.executable
                options = (method, model, examples, arguments.batch_size, arguments.micro_batch_size)
                run = run_measurement(python, __file__, *options)
                runs[name].append(run)
                memory = run["peak_memory_bytes"] - run["loaded_memory_bytes"]
                print(f"{name}: {run['cpu_seconds'][-1]:.2f} CPU seconds, {memory / 2**20:.0f} MB", flush=True)
    report: dict[str, Any] = {
        "parameters": parameters,
        "vocabulary": shape["vocab_size"],
        "prefix_tokens": arguments.prefix,
        "batch_size": arguments.batch_size,
        "micro_batch_size": arguments.micro_batch_size,
        "repeats": repeats,
        "threads": 1,
        "load_average": os.getloadavg(),
        **{name: summarise(found) for name, found in runs.items()},
    }
    for own, other in PAIRS.items():
        seconds = [b["cpu_seconds"][-1] / a["cpu_seconds"][-1] for a, b in zip(runs[own], runs[other], strict=True)]
        report[f"{other}_seconds_of_{own}"] = round(statistics.median(seconds), 2)
        report[f"{other}_memory_of_{own}"] = round(report[other]["step_memory_mb"] / report[own]["step_memory_mb"], 2)
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
