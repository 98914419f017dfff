"""Measure the speed of training students (`make bench-distil`): with TRL's SFTTrainer, and with Hearth in two ways.

All methods train LoRA adapters on the same random model (two layers of Qwen3-0.6B's shape, a small vocabulary) and the
same examples (a prefix of 900 tokens, about 700 tokens of a window and its trace), in float32 on one thread, with equal
settings of the Trainer and of DeepSpeed:
- `trl_padded`: TRL; the examples of a micro-batch are padded to equal length
- `trl_packed`: TRL; two examples are packed into one sequence, without padding
- `plain`: Hearth; padded, and the prefix is encoded with every example
- `shared`: Hearth; padded, and the prefix is encoded once per optimizer step

Each run has its own process. The methods take turns, several times over. The first optimizer step of a run is not
counted unless it is the only one. Ratios compare examples per second of CPU time, which depends less on other work on
the machine than wall time does.
"""

import argparse
import dataclasses
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import PROJECT, benchmark_parser, run_measurement, write_report
from hearth.common.files import read_json, write_json
from hearth.common.memory import peak_memory_bytes

if TYPE_CHECKING:
    import torch
    from hearth.distillation.examples import Examples
    from transformers import Trainer, TrainingArguments

TRL = PROJECT / ".venv-trl" / "bin" / "python"
METHODS = ("trl_padded", "trl_packed", "plain", "shared")
PAD, END = 0, 1
SHAPE = {
    "vocab_size": 512,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 2,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}
SETTINGS = {
    "lora": {"r": 16, "alpha": 32, "dropout": 0, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
    "learning_rate": 2.0e-4,
    "epochs": 1,
    "warmup_ratio": 0.03,
    "max_length": 8192,
    "seed": 0,
    "gradient_checkpointing": False,
    "save_steps": 1000,
    "truncated_traces": "keep",
    "max_examples": None,
}


def make_model(folder: Path, shape: dict[str, Any] = SHAPE, dtype: str = "float32", device: str = "cpu") -> int:
    """Write a random Qwen3 and a tokenizer whose words are the decimal token ids; return the number of parameters.

    The model never ends its turn: the end token's embedding is zero, so its logit is 0, and other logits are greater.
    """
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(**shape, eos_token_id=END, pad_token_id=PAD, dtype=dtype)
    with torch.device(device):
        model = Qwen3ForCausalLM._from_config(config)
    model.get_output_embeddings().weight.data[END] = 0
    model.save_pretrained(folder)
    words = Tokenizer(
        WordLevel({"<pad>": PAD, "<end>": END} | {str(n): n for n in range(2, shape["vocab_size"])}, "<pad>")
    )
    words.pre_tokenizer = WhitespaceSplit()
    tokens = {"pad_token": "<pad>", "eos_token": "<end>"}
    PreTrainedTokenizerFast(tokenizer_object=words, **tokens).save_pretrained(folder)
    return model.num_parameters()


def make_examples(
    prefix: int, count: int, path: Path, lengths: tuple[int, int] = (600, 800), vocabulary: int = SHAPE["vocab_size"]
) -> None:
    """Write `count` random examples: a prefix of `prefix` tokens, then a window and its trace in `lengths` tokens.

    A third of these tokens is the trace.
    """
    rng = random.Random(0)  # noqa: S311 - data, not secrets

    def tokens(length: int) -> list[int]:
        return [rng.randrange(2, vocabulary) for _ in range(length)]

    totals = [rng.randint(*lengths) for _ in range(count)]
    prefix_ids = tokens(prefix)
    windows = [[tokens(2 * length // 3), [*tokens(length - 2 * length // 3 - 1), END]] for length in totals]
    write_json(path, {"prefix": prefix_ids, "windows": windows})


def read_examples(path: Path) -> "Examples":
    """Return the examples in the form in which the rule `distil` trains on them."""
    from hearth.distillation.examples import Example, Examples

    content = read_json(path)
    items = [Example(str(number), *window) for number, window in enumerate(content["windows"])]
    return Examples(content["prefix"], items, {})


def measure(
    method: str,
    model: Path,
    examples: Path,
    batch_size: int,
    micro_batch_size: int,
    dtype: str = "float32",
    device: str = "cpu",
    gradient_checkpointing: bool = False,
) -> dict[str, Any]:
    """Train by one method; return CPU seconds, wall seconds and loss of each optimizer step, and memory in bytes.

    "loaded_memory_bytes" is the memory before the first step, "peak_memory_bytes" the peak memory: on a CPU of the
    process, on a GPU of its tensors.
    """
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    os.environ.update(HF_HUB_OFFLINE="1")
    if device == "cpu":
        os.environ.update(DS_ACCELERATOR="cpu")
    import torch
    from hearth.distillation import training
    from transformers import TrainerCallback

    if device == "cpu":
        torch.set_num_threads(1)
    measured: dict[str, Any] = {"cpu_seconds": [], "seconds": [], "losses": []}

    class Clock(TrainerCallback):
        def on_step_begin(self, args: object, state: object, control: object, **kwargs: object) -> None:
            memory = peak_memory_bytes() if device == "cpu" else torch.cuda.memory_allocated()
            measured.setdefault("loaded_memory_bytes", memory)
            self.start = time.process_time(), time.monotonic()

        def on_step_end(self, args: object, state: object, control: object, **kwargs: object) -> None:
            if device == "cuda":  # kernels may still run when Python returns
                torch.cuda.synchronize()
            measured["cpu_seconds"].append(time.process_time() - self.start[0])
            measured["seconds"].append(time.monotonic() - self.start[1])

        def on_log(
            self, args: object, state: object, control: object, logs: dict[str, float], **kwargs: object
        ) -> None:
            if "loss" in logs:
                measured["losses"].append(logs["loss"])

    settings = SETTINGS | {
        "batch_size": batch_size,
        "micro_batch_size": micro_batch_size,
        "shared_prefix": method == "shared",
        "gradient_checkpointing": gradient_checkpointing,
    }
    deepspeed = read_json(PROJECT / "config" / "deepspeed" / "zero2.json")
    with tempfile.TemporaryDirectory() as run:
        arguments = training.training_arguments(settings, deepspeed, Path(run), dtype, ranks=1)
        arguments.save_strategy = "no"
        make_trainer = make_trl_trainer if method.startswith("trl") else make_hearth_trainer
        trainer = make_trainer(method, model, read_examples(examples), settings, arguments)
        trainer.add_callback(Clock())
        trainer.train()
    peak = peak_memory_bytes() if device == "cpu" else torch.cuda.max_memory_allocated()
    return measured | {"peak_memory_bytes": peak}


def make_hearth_trainer(
    method: str, model: Path, examples: "Examples", settings: dict[str, Any], arguments: "TrainingArguments"
) -> "Trainer":
    """Return the Trainer that the rule `distil` uses."""
    from hearth.distillation import training
    from hearth.models.load import load_tokenizer

    student = training.lora_student(model, settings, "bfloat16" if arguments.bf16 else "float32")
    return training.make_trainer(student, load_tokenizer(model), examples, settings, arguments)[0]


def make_trl_trainer(
    method: str, model: Path, examples: "Examples", settings: dict[str, Any], arguments: "TrainingArguments"
) -> "Trainer":
    """Return TRL's trainer with the same arguments, the same adapter, and the loss on the same tokens."""
    from datasets import Dataset
    from hearth.distillation import training
    from hearth.distillation.examples import IGNORED
    from hearth.models.load import load_tokenizer
    from transformers import TrainingArguments
    from trl import SFTConfig, SFTTrainer

    rows = [examples[number] for number in range(len(examples))]
    data = Dataset.from_dict(
        {
            "input_ids": [row["input_ids"] for row in rows],
            "completion_mask": [[int(label != IGNORED) for label in row["labels"]] for row in rows],
        }
    )
    options = {f.name: getattr(arguments, f.name) for f in dataclasses.fields(TrainingArguments) if f.init}
    packing = method == "trl_packed"
    if packing:
        # TRL joins all packed sequences of a micro-batch under one mask, so more than one of them would be slower.
        options["gradient_accumulation_steps"] *= options["per_device_train_batch_size"] // 2
        options["per_device_train_batch_size"] = 1
    config = SFTConfig(
        **options,
        completion_only_loss=True,
        packing=packing,
        max_length=2 * max(len(row["input_ids"]) for row in rows) if packing else None,
    )
    student = training.lora_student(model, settings, "bfloat16" if arguments.bf16 else "float32")
    return SFTTrainer(model=student, args=config, train_dataset=data, processing_class=load_tokenizer(model))


def compute_gradients(model: Path, examples: Path, dtype: str = "float32", device: str = "cpu") -> list["torch.Tensor"]:
    """Return two gradients of one optimizer step over all examples: by the method `plain`, then by `shared`.

    Both are float64 of shape (trainable parameters,). The adapter has the dtype of the base model, as under DeepSpeed.
    """
    import functools

    import torch
    from hearth.distillation import training
    from hearth.distillation.examples import collate
    from hearth.distillation.shared_prefix import SharedPrefixTrainer
    from hearth.models.load import load_tokenizer
    from transformers import Trainer, TrainerCallback, TrainingArguments

    if device == "cpu":
        torch.set_num_threads(1)
    data = read_examples(examples)
    gradients: list[torch.Tensor] = []

    class Gradient(TrainerCallback):
        def on_pre_optimizer_step(
            self, args: object, state: object, control: object, model: torch.nn.Module, **kwargs: object
        ) -> None:
            gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]).double())

    for make_trainer in (Trainer, functools.partial(SharedPrefixTrainer, prefix_ids=data.prefix_ids)):
        torch.manual_seed(0)
        student = training.lora_student(model, SETTINGS, dtype)
        for name, weights in student.named_parameters():
            if "lora_B" in name:  # the B matrices are zero at first, so the A matrices would have no gradient
                torch.nn.init.normal_(weights, std=0.02)
        student.to(getattr(torch, dtype))
        with tempfile.TemporaryDirectory() as run:
            arguments = TrainingArguments(
                output_dir=run,
                max_steps=1,
                per_device_train_batch_size=1,
                gradient_accumulation_steps=len(data),
                use_cpu=device == "cpu",
                optim="adamw_torch",
                max_grad_norm=0,
                save_strategy="no",
                report_to="none",
                remove_unused_columns=False,
                disable_tqdm=True,
                dataloader_pin_memory=False,
            )
            make_trainer(
                model=student,
                args=arguments,
                train_dataset=data,
                data_collator=functools.partial(collate, pad_id=load_tokenizer(model).pad_token_id),
                callbacks=[Gradient()],
            ).train()
    return gradients


def relative_difference(expected: "torch.Tensor", actual: "torch.Tensor") -> float:
    """Return the norm of the difference of two gradients, divided by the norm of the expected one."""
    return float((actual - expected).norm() / expected.norm())


def median_step(run: dict[str, Any], key: str) -> float:
    """Return the median of `run[key]` over the optimizer steps, without the first step if there are others."""
    return statistics.median(run[key][1:] or run[key])


def summarise(runs: list[dict[str, Any]], batch_size: int) -> dict[str, Any]:
    """Return medians of speed and maxima of memory over the repeated runs of one method, and the losses of a run."""
    cpu, wall = (statistics.median(median_step(run, key) for run in runs) for key in ("cpu_seconds", "seconds"))
    return {
        "examples_per_second": round(batch_size / wall, 4),
        "examples_per_cpu_second": round(batch_size / cpu, 4),
        "peak_memory_mb": round(max(run["peak_memory_bytes"] for run in runs) / 2**20),
        "training_memory_mb": round(max(r["peak_memory_bytes"] - r["loaded_memory_bytes"] for r in runs) / 2**20),
        "losses": runs[0]["losses"],
    }


def speed_ratio(slow: list[dict[str, Any]], fast: list[dict[str, Any]]) -> float:
    """Return the speed of the method `fast` divided by that of `slow`: the median over the repeats.

    Speed is examples per CPU second.
    """
    ratios = [median_step(a, "cpu_seconds") / median_step(b, "cpu_seconds") for a, b in zip(slow, fast, strict=True)]
    return round(statistics.median(ratios), 3)


def main() -> None:
    """Make the model and the examples, train by every method in turn, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--quick", action="store_true", help="run one step of 8 examples once, to see that it works")
    parser.add_argument("--batch-size", type=int, default=16, help="examples per optimizer step")
    parser.add_argument(
        "--micro-batch-size",
        type=int,
        default=4,
        help="examples per forward pass, an even number; trl_packed always takes two",
    )
    parser.add_argument("--prefix", type=int, default=900, help="tokens in the static prefix")
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps per run; the first is not counted")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each method")
    parser.add_argument("--ways", nargs="+", choices=METHODS, default=METHODS, help="methods besides `shared`")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        method, model, examples, batch_size, micro_batch_size = arguments.measure
        print(json.dumps(measure(method, Path(model), Path(examples), int(batch_size), int(micro_batch_size))))
        return
    batch_size, steps, repeats = arguments.batch_size, arguments.steps, arguments.repeats
    if arguments.quick:
        batch_size, steps, repeats = 8, 1, 1
    methods = [method for method in METHODS if method in {*arguments.ways, "shared"}]
    runs: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    with tempfile.TemporaryDirectory() as scratch:
        model, examples = Path(scratch) / "model", Path(scratch) / "examples.json"
        parameters = make_model(model)
        make_examples(arguments.prefix, 2, examples)
        gradient_rel_diff = relative_difference(*compute_gradients(model, examples))
        make_examples(arguments.prefix, steps * batch_size, examples)
        for _ in range(repeats):
            for method in methods:
                python = TRL if method.startswith("trl") else sys.executable
                options = (method, model, examples, batch_size, arguments.micro_batch_size)
                runs[method].append(run_measurement(python, __file__, *options))
                print(f"{method}: {median_step(runs[method][-1], 'cpu_seconds'):.1f} CPU seconds per step", flush=True)
    report = {
        "parameters": parameters,
        "prefix_tokens": arguments.prefix,
        "batch_size": batch_size,
        "micro_batch_size": arguments.micro_batch_size,
        "repeats": repeats,
        "threads": 1,
        **{method: summarise(runs[method], batch_size) for method in methods},
        **{f"ratio_{name}": speed_ratio(runs[name], runs["shared"]) for name in methods if name != "shared"},
        "gradient_rel_diff": gradient_rel_diff,
    }
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
