"""How fast students are trained (`make bench-distil`): TRL's SFTTrainer, our plain path, and the prefix once a step.

The same random model, two layers of Qwen3-0.6B's shape over a small vocabulary, learns LoRA adapters from the same
examples, a prefix of 900 tokens and some 700 of a window and its trace, in float32 on one thread, the Trainer and
DeepSpeed set up alike. `trl_padded` pads each micro-batch, as `plain` and `shared` do; `trl_packed` puts two examples
in a row. Each way has a process of its own, turn by turn and several times over; the first optimizer step of each is
not counted unless it is the only one. Ratios are of examples per second of CPU time, which other work on the machine
disturbs least.
"""

import argparse
import dataclasses
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hearth.common.files import read_json, write_json

PROJECT = Path(__file__).resolve().parents[1]
TRL = PROJECT / ".venv-trl" / "bin" / "python"
WAYS = ("trl_padded", "trl_packed", "plain", "shared")
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


def make_model(folder: Path, shape: dict = SHAPE, dtype: str = "float32", device: str = "cpu") -> int:
    """Write a random Qwen3 and a tokenizer whose words are the token ids in decimal; the number of parameters.

    It never ends a turn by itself: with an embedding of zeros the end token scores 0, and others score more.
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
    """Write random token ids: a prefix, and windows with their traces of `lengths` tokens, a third of it the trace."""
    draw = random.Random(0)  # noqa: S311 - data, not secrets

    def tokens(length: int) -> list[int]:
        return [draw.randrange(2, vocabulary) for _ in range(length)]

    drawn = [draw.randint(*lengths) for _ in range(count)]
    head = tokens(prefix)
    windows = [[tokens(2 * length // 3), [*tokens(length - 2 * length // 3 - 1), END]] for length in drawn]
    write_json(path, {"prefix": head, "windows": windows})


def examples_of(path: Path):
    """The examples as `distil` has them."""
    from hearth.distillation.examples import Example, Examples

    made = read_json(path)
    items = [Example(str(number), *window) for number, window in enumerate(made["windows"])]
    return Examples(made["prefix"], items, {})


def measure(
    way: str,
    model: Path,
    examples: Path,
    batch_size: int,
    micro_batch_size: int,
    dtype: str = "float32",
    device: str = "cpu",
    gradient_checkpointing: bool = False,
) -> dict:
    """Train in one way: CPU and wall seconds of each optimizer step, its loss, memory before and at the peak, bytes.

    Memory is the process's on a CPU, and what its tensors take on a GPU.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    os.environ.update(HF_HUB_OFFLINE="1")
    if device == "cpu":
        os.environ.update(DS_ACCELERATOR="cpu")
    import torch
    from hearth.distillation import training
    from transformers import TrainerCallback

    if device == "cpu":
        torch.set_num_threads(1)
    found = {"cpu_seconds": [], "seconds": [], "losses": []}

    class Clock(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            found.setdefault("loaded_memory_bytes", _peak() if device == "cpu" else torch.cuda.memory_allocated())
            self.start = time.process_time(), time.monotonic()

        def on_step_end(self, args, state, control, **kwargs):
            if device == "cuda":  # kernels are still running when Python is done
                torch.cuda.synchronize()
            found["cpu_seconds"].append(time.process_time() - self.start[0])
            found["seconds"].append(time.monotonic() - self.start[1])

        def on_log(self, args, state, control, logs=None, **kwargs):
            if "loss" in logs:
                found["losses"].append(logs["loss"])

    settings = SETTINGS | {
        "batch_size": batch_size,
        "micro_batch_size": micro_batch_size,
        "shared_prefix": way == "shared",
        "gradient_checkpointing": gradient_checkpointing,
    }
    deepspeed = read_json(PROJECT / "config" / "deepspeed" / "zero2.json")
    with tempfile.TemporaryDirectory() as run:
        arguments = training.training_arguments(settings, deepspeed, Path(run), dtype, ranks=1)
        arguments.save_strategy = "no"
        make = trl_trainer if way.startswith("trl") else our_trainer
        trainer = make(way, model, examples_of(examples), settings, arguments)
        trainer.add_callback(Clock())
        trainer.train()
    return found | {"peak_memory_bytes": _peak() if device == "cpu" else torch.cuda.max_memory_allocated()}


def our_trainer(way: str, model: Path, examples, settings: dict, arguments):
    """The Trainer of the rule `distil`."""
    from hearth.distillation import training
    from hearth.models.load import load_tokenizer

    student = training.lora_student(model, settings, "bfloat16" if arguments.bf16 else "float32")
    return training.make_trainer(student, load_tokenizer(model), examples, settings, arguments)[0]


def trl_trainer(way: str, model: Path, examples, settings: dict, arguments):
    """TRL's, with the same arguments, the same adapter, and the loss on the same tokens."""
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
    given = {f.name: getattr(arguments, f.name) for f in dataclasses.fields(TrainingArguments) if f.init}
    packing = way == "trl_packed"
    if packing:  # TRL lays the rows of a micro-batch end to end, with a mask of the whole: one row, not to be unfair
        given["gradient_accumulation_steps"] *= given["per_device_train_batch_size"] // 2
        given["per_device_train_batch_size"] = 1
    config = SFTConfig(
        **given,
        completion_only_loss=True,
        packing=packing,
        max_length=2 * max(len(row["input_ids"]) for row in rows) if packing else None,
    )
    student = training.lora_student(model, settings, "bfloat16" if arguments.bf16 else "float32")
    return SFTTrainer(model=student, args=config, train_dataset=data, processing_class=load_tokenizer(model))


def gradients(model: Path, examples: Path, dtype: str = "float32", device: str = "cpu") -> list:
    """Of one optimizer step over all examples, plain and shared: float64 of (trainable parameters,).

    As under DeepSpeed, the adapter is of the same dtype as the rest.
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
    data, found = examples_of(examples), []

    class Gradient(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
            found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]).double())

    for kind in (Trainer, functools.partial(SharedPrefixTrainer, prefix_ids=data.prefix_ids)):
        torch.manual_seed(0)
        student = training.lora_student(model, SETTINGS, dtype)
        for name, weights in student.named_parameters():
            if "lora_B" in name:  # zero at first, which would leave A without a gradient
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
            kind(
                model=student,
                args=arguments,
                train_dataset=data,
                data_collator=functools.partial(collate, pad_id=load_tokenizer(model).pad_token_id),
                callbacks=[Gradient()],
            ).train()
    return found


def difference(wanted, found) -> float:
    """Of two gradients: the norm of their difference over the norm of the wanted one."""
    return float((found - wanted).norm() / wanted.norm())


def in_its_own_process(way: str, *arguments: object) -> dict:
    """`measure` in a fresh process."""
    python = TRL if way.startswith("trl") else sys.executable
    command = [str(python), __file__, "--measure", way, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def counted(run: dict, key: str) -> float:
    """Seconds of an optimizer step of a run: the median, the first one left out where there are others."""
    return statistics.median(run[key][1:] or run[key])


def summary(runs: list[dict], batch_size: int) -> dict:
    """Medians of the repeated runs of one way."""
    cpu, wall = (statistics.median(counted(run, key) for run in runs) for key in ("cpu_seconds", "seconds"))
    return {
        "examples_per_second": round(batch_size / wall, 4),
        "examples_per_cpu_second": round(batch_size / cpu, 4),
        "peak_memory_mb": round(max(run["peak_memory_bytes"] for run in runs) / 2**20),
        "training_memory_mb": round(max(r["peak_memory_bytes"] - r["loaded_memory_bytes"] for r in runs) / 2**20),
        "losses": runs[0]["losses"],
    }


def ratio(slow: list[dict], fast: list[dict]) -> float:
    """How many times as many examples a second of CPU the fast way does: the median over the repeats."""
    ratios = [counted(a, "cpu_seconds") / counted(b, "cpu_seconds") for a, b in zip(slow, fast, strict=True)]
    return round(statistics.median(ratios), 3)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Make model and examples, train in every way in turn, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a step of 8 examples, once: for a look on a busy machine")
    parser.add_argument("--batch-size", type=int, default=16, help="examples an optimizer step")
    parser.add_argument("--micro-batch-size", type=int, default=4, help="examples a forward pass, even; packed, two")
    parser.add_argument("--prefix", type=int, default=900, help="tokens of the static prefix")
    parser.add_argument(
        "--steps", type=int, default=2, help="optimizer steps of a run, the first of which does not count"
    )
    parser.add_argument("--repeats", type=int, default=3, help="times that every way is run")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="which ways, beside `shared`")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        way, model, examples, *sizes = arguments.measure
        print(json.dumps(measure(way, Path(model), Path(examples), *map(int, sizes))))
        return
    batch_size, steps, repeats = arguments.batch_size, arguments.steps, arguments.repeats
    if arguments.quick:
        batch_size, steps, repeats = 8, 1, 1
    ways = [way for way in WAYS if way in {*arguments.ways, "shared"}]
    runs = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as scratch:
        model, examples = Path(scratch) / "model", Path(scratch) / "examples.json"
        parameters = make_model(model)
        make_examples(arguments.prefix, 2, examples)
        gradient_rel_diff = difference(*gradients(model, examples))
        make_examples(arguments.prefix, steps * batch_size, examples)
        for _ in range(repeats):
            for way in ways:
                runs[way].append(in_its_own_process(way, model, examples, batch_size, arguments.micro_batch_size))
                print(f"{way}: {counted(runs[way][-1], 'cpu_seconds'):.1f} s of CPU a step", flush=True)
    report = {
        "parameters": parameters,
        "prefix_tokens": arguments.prefix,
        "batch_size": batch_size,
        "micro_batch_size": arguments.micro_batch_size,
        "repeats": repeats,
        "threads": 1,
        **{way: summary(runs[way], batch_size) for way in ways},
        **{f"ratio_{way}": ratio(runs[way], runs["shared"]) for way in ways if way != "shared"},
        "gradient_rel_diff": gradient_rel_diff,
    }
    write_json(arguments.out, report)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
