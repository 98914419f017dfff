"""Measure the speed of training students (`make bench-distil`): with TRL's SFTTrainer, and with Hearth.

`training_methods.py` lists the methods. They train a random model (two layers of Qwen3-0.6B's shape) in float32 on one
thread; a prefix of 900 tokens, then a window of about 300 and a trace of log-normal length, about 500. Each run has its
own process. The methods take turns, several times over. Ratios compare examples per second of CPU time, which depends
less on other work on the machine than wall time does.

Tokens per second count the tokens of the examples, prefix included and padding not. "mfu" is the share of the machine's
floating-point operations per second, measured by multiplying large matrices, that goes into `count_flops`; with a
shared prefix "effective_mfu" counts the operations of training without a shared prefix.
"""

import argparse
import functools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import benchmark_parser, run_measurement, write_report
from hearth.common.files import read_json
from training_methods import (
    METHODS,
    SETTINGS,
    SHAPE,
    TRL,
    count_flops,
    make_examples,
    make_model,
    measure,
    read_examples,
)

if TYPE_CHECKING:
    import torch


def compute_gradients(model: Path, examples: Path, dtype: str = "float32", device: str = "cpu") -> list["torch.Tensor"]:
    """Return two gradients of one optimizer step over all examples: one of plain PyTorch, then that of `shared`.

    The first takes the loss that transformers computes of each example alone. Both are float64 of shape (trainable
    parameters,). The adapter has the dtype of the base model, as under DeepSpeed.
    """
    import torch
    from hearth.distillation import training
    from hearth.models.load import load_tokenizer
    from transformers import TrainerCallback, TrainingArguments

    if device == "cpu":
        torch.set_num_threads(1)
    data = read_examples(examples)

    def student() -> torch.nn.Module:
        torch.manual_seed(0)
        made = training.lora_student(model, SETTINGS, dtype)
        for name, weights in made.named_parameters():
            if "lora_B" in name:  # the B matrices are zero at first, so the A matrices would have no gradient
                torch.nn.init.normal_(weights, std=0.02)
        return made.to(device, getattr(torch, dtype))

    def gradient(made: torch.nn.Module) -> torch.Tensor:
        return torch.cat([p.grad.flatten() for p in made.parameters() if p.requires_grad]).double()

    gradients: list[torch.Tensor] = []

    class Gradient(TrainerCallback):
        def on_pre_optimizer_step(
            self, args: object, state: object, control: object, model: torch.nn.Module, **kwargs: object
        ) -> None:
            gradients.append(gradient(model))

    plain = student()
    learned = sum(len(item.completion_ids) for item in data.items)
    for row in (data[number] for number in range(len(data))):
        tensors = {name: torch.tensor([row[name]], device=device) for name in ("input_ids", "labels")}
        plain(**tensors, num_items_in_batch=learned).loss.backward()
    gradients.append(gradient(plain))
    settings = SETTINGS | {"batch_size": len(data), "micro_batch_size": max(1, len(data) // 2), "shared_prefix": True}
    with tempfile.TemporaryDirectory() as run:
        arguments = TrainingArguments(
            output_dir=run,
            max_steps=1,
            per_device_train_batch_size=len(data),
            use_cpu=device == "cpu",
            optim="adamw_torch",
            max_grad_norm=0,
            save_strategy="no",
            report_to="none",
            remove_unused_columns=False,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer, _ = training.make_trainer(
            student(), load_tokenizer(model), data, settings, arguments, callbacks=[Gradient()]
        )
        trainer.train()
    return gradients


def relative_difference(expected: "torch.Tensor", actual: "torch.Tensor") -> float:
    """Return the norm of the difference of two gradients, divided by the norm of the expected one."""
    return float((actual - expected).norm() / expected.norm())


def matmul_flops(size: int = 2048, repeats: int = 5) -> float:
    """Return the floating-point operations per CPU second of a product of two square matrices, the best of several."""
    import torch

    torch.set_num_threads(1)
    a, b = torch.randn(size, size), torch.randn(size, size)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        a @ b
        seconds.append(time.process_time() - start)
    return 2 * size**3 / min(seconds)


def summarise(runs: list[dict[str, Any]], examples: int) -> dict[str, Any]:
    """Return medians of speed and maxima of memory over the repeated runs of one method, and the losses of a run.

    `examples` is the number of examples of a run.
    """
    cpu, wall = (statistics.median(sum(run[key]) for run in runs) for key in ("cpu_seconds", "seconds"))
    return {
        "examples_per_second": round(examples / wall, 4),
        "examples_per_cpu_second": round(examples / cpu, 4),
        "peak_memory_mb": round(max(run["peak_memory_bytes"] for run in runs) / 2**20),
        "training_memory_mb": round(max(r["peak_memory_bytes"] - r["loaded_memory_bytes"] for r in runs) / 2**20),
        "losses": runs[0]["losses"],
    }


def speed_ratio(slow: list[dict[str, Any]], fast: list[dict[str, Any]]) -> float:
    """Return the speed of the method `fast` divided by that of `slow`: the median over the repeats.

    Speed is examples per CPU second.
    """
    ratios = [sum(a["cpu_seconds"]) / sum(b["cpu_seconds"]) for a, b in zip(slow, fast, strict=True)]
    return round(statistics.median(ratios), 3)


def main() -> None:
    """Make the model and the examples, train by every method in turn, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--quick", action="store_true", help="take 4 examples and short traces once")
    parser.add_argument("--batch-size", type=int, default=16, help="examples per optimizer step")
    parser.add_argument("--micro-batch-size", default=4, help="examples per backward pass")
    parser.add_argument("--prefix", type=int, default=900, help="tokens in the static prefix")
    parser.add_argument("--steps", type=int, default=1, help="optimizer steps per run")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method")
    parser.add_argument("--ways", nargs="+", choices=METHODS, default=METHODS, help="methods besides `shared`")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        method, model, examples, batch_size, micro_batch_size = arguments.measure
        print(json.dumps(measure(method, Path(model), Path(examples), int(batch_size), int(micro_batch_size))))
        return
    batch_size, micro_batch_size = arguments.batch_size, int(arguments.micro_batch_size)
    repeats, make = arguments.repeats, functools.partial(make_examples, arguments.prefix)
    if arguments.quick:
        batch_size, micro_batch_size, repeats = 4, 2, 1
        make = functools.partial(make, window=(100, 120), trace=(100, 0.7))
    count = arguments.steps * batch_size
    methods = [method for method in METHODS if method in {*arguments.ways, "shared"}]
    runs: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    with tempfile.TemporaryDirectory() as scratch:
        model, examples = Path(scratch) / "model", Path(scratch) / "examples.json"
        parameters = make_model(model)
        make(3, examples)
        gradient_rel_diff = relative_difference(*compute_gradients(model, examples))
        make(count, examples)
        content = read_json(examples)
        for _ in range(repeats):
            for method in methods:
                python = TRL if method.startswith("trl") else sys.executable
                options = (method, model, examples, batch_size, micro_batch_size)
                run = run_measurement(python, __file__, *options)
                runs[method].append(run)
                seconds, memory = sum(run["cpu_seconds"]), run["peak_memory_bytes"] - run["loaded_memory_bytes"]
                print(f"{method}: {seconds:.1f} CPU seconds, {memory / 2**20:.0f} MB", flush=True)
    peak = matmul_flops()
    tokens = count * len(content["prefix"]) + sum(len(window) + len(trace) for window, trace in content["windows"])
    report: dict[str, Any] = {
        "parameters": parameters,
        "prefix_tokens": arguments.prefix,
        "tokens": tokens,
        "longest_trace": max(len(trace) for _, trace in content["windows"]),
        "batch_size": batch_size,
        "micro_batch_size": micro_batch_size,
        "steps": arguments.steps,
        "repeats": repeats,
        "threads": 1,
        "matmul_gflops": round(peak / 1e9, 1),
    }
    for method in methods:
        summary = summarise(runs[method], count)
        speed = summary["examples_per_cpu_second"] / count
        summary["tokens_per_cpu_second"] = round(tokens * speed, 1)
        summary["mfu"] = round(count_flops(content, SHAPE, method.startswith("shared")) * speed / peak, 3)
        if method.startswith("shared"):
            summary["effective_mfu"] = round(count_flops(content, SHAPE, shared=False) * speed / peak, 3)
        report[method] = summary
    others = [name for name in methods if name.startswith("trl")]
    report |= {f"ratio_{name}": speed_ratio(runs[name], runs["shared"]) for name in methods if name != "shared"}
    if others:
        report["trl_fastest"] = min(others, key=lambda name: report[f"ratio_{name}"])
        report["trl_least_memory"] = min(others, key=lambda name: report[name]["training_memory_mb"])
    write_report(arguments.out, report | {"gradient_rel_diff": gradient_rel_diff})


if __name__ == "__main__":
    main()
