"""Count the memory of training without computing anything (`make bench-memory`), and compare it with the estimate.

The trainer's own code runs on tensors without data, in bfloat16: models of Qwen3's shapes, a shared prefix of 900
tokens, windows of 300 and traces of 4,096. Counted are the tensors beside the weights, as on a GPU. The estimate is
that of `snakemake plan` and of micro_batch_size: auto. It adds DeepSpeed's buffers and the optimizer.
"""

import argparse
import json
import sys
from typing import Any

from common import benchmark_parser, run_measurement, write_report
from hearth.distillation.memory_estimate import Longest, training_bytes
from training_memory import SETTINGS, count_peak_bytes, qwen3, shape_of

PREFIX, OWN, LEARNED = 900, 300 + 4096, 4096
MODELS = {
    "qwen3-0.6b": qwen3(1024, 3072, 28, 16),
    "qwen3-1.7b": qwen3(2048, 6144, 28, 16),
    "qwen3-8b": qwen3(4096, 12288, 36, 32, tied=False),
}


def measure(model: str, micro_batch: int, checkpointing: bool) -> dict[str, float]:
    """Return the counted and the estimated GB of a micro-batch of the longest traces, beside the weights."""
    config, settings = MODELS[model], SETTINGS | {"gradient_checkpointing": checkpointing}
    counted = count_peak_bytes(config, micro_batch, OWN, micro_batch, PREFIX, LEARNED, settings)
    estimated = training_bytes(shape_of(config), settings, Longest(PREFIX, OWN), micro_batch)
    return {"counted_gb": round(counted / 1e9, 2), "estimated_gb": round(estimated / 1e9, 2)}


def main() -> None:
    """Count every model with every micro-batch, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--micro-batches", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        model, micro_batch, checkpointing = arguments.measure
        print(json.dumps(measure(model, int(micro_batch), checkpointing == "True")))
        return
    report: dict[str, Any] = {"prefix_tokens": PREFIX, "own_tokens": OWN}
    for model in arguments.models:
        report[model] = {}
        for checkpointing in (True, False):
            key = "with_checkpointing" if checkpointing else "without_checkpointing"
            report[model][key] = {
                size: run_measurement(sys.executable, __file__, model, size, checkpointing)
                for size in arguments.micro_batches
            }
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
