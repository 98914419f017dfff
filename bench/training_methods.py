"""Train students on random models and examples, by Hearth or by TRL, and measure each step.

For `distil.py`, `gpu.py` and `recipes.py`.

All methods train LoRA adapters on the same model and examples, with equal settings of the Trainer and of DeepSpeed:
- `trl_padded`: TRL's SFTTrainer; the examples of a micro-batch are padded to equal length
- `trl_grouped`: the same, with examples of like lengths in a micro-batch
- `trl_single`: the same, with one example in a micro-batch, so nothing is padded
- `trl_padding_free`: TRL; the examples of a micro-batch are joined in one row
- `trl_packed`: TRL; examples are packed by best fit into rows as long as the longest example
- `plain`: Hearth; the prefix is encoded with every example
- `shared`: Hearth; the prefix is encoded once per optimizer step
- `shared_single`: the same, with one example in a micro-batch
- `shared_auto`: the same, with micro-batches as large as memory allows
- `shared_soft`: `shared` by the recipe soft, with random log-probabilities of 16 tokens in the place of each
- `trl_gkd`: TRL's GKDTrainer on fixed text (lmbda 0): the forward divergence to a teacher that it loads and asks in
  every step; the logits of both models are held whole

TRL's default loss is computed in tiles and never holds all logits, so it needs no option for that.
"""

import dataclasses
import math
import os
import random
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import PROJECT
from hearth.common.files import read_json, write_json
from hearth.common.memory import peak_memory_bytes

if TYPE_CHECKING:
    from hearth.distillation.examples import Examples
    from transformers import Trainer, TrainingArguments

TRL = PROJECT / ".venv-trl" / "bin" / "python"
METHODS = (
    "trl_padded",
    "trl_grouped",
    "trl_single",
    "trl_padding_free",
    "trl_packed",
    "plain",
    "shared_single",
    "shared",
)
PAD, END = 0, 1
TOP_TOKENS = 16
# Tokens of a window, drawn evenly, and of a trace: the median and the logarithmic standard deviation of a log-normal
# distribution. MOST is the config's default of decoding.max_new_tokens for models that reason.
WINDOW, TRACE, MOST = (250, 350), (400, 0.7), 4096
# Two of Qwen3-0.6B's 28 layers, with two 28ths of its vocabulary, so that the output head has its share of the work.
SHAPE = {
    "vocab_size": 10_852,
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


def make_model(
    folder: Path, shape: dict[str, Any] = SHAPE, dtype: str = "float32", device: str = "cpu", seed: int = 0
) -> int:
    """Write a random Qwen3 and a tokenizer whose words are the decimal token ids; return the number of parameters.

    The model never ends its turn: the end token's embedding is zero, so its logit is 0, and other logits are greater.
    """
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
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
    prefix: int,
    count: int,
    path: Path,
    window: tuple[int, int] = WINDOW,
    trace: tuple[float, float] = TRACE,
    vocabulary: int = SHAPE["vocab_size"],
) -> None:
    """Write `count` examples of random tokens in random order: a prefix of `prefix` tokens, a window and its trace.

    The traces' lengths are the quantiles of their distribution, so that few examples represent many.
    """
    rng = random.Random(0)  # noqa: S311 - data, not secrets
    median, sigma = trace
    logarithms = statistics.NormalDist(math.log(median), sigma)
    lengths = [min(MOST, round(math.exp(logarithms.inv_cdf((n + 0.5) / count)))) for n in range(count)]
    rng.shuffle(lengths)

    def tokens(length: int) -> list[int]:
        return [rng.randrange(2, vocabulary) for _ in range(length)]

    prefix_ids = tokens(prefix)
    windows = [[tokens(rng.randint(*window)), [*tokens(length - 1), END]] for length in lengths]
    write_json(path, {"prefix": prefix_ids, "windows": windows})


def read_examples(path: Path, is_soft: bool = False) -> "Examples":
    """Return the examples in the form in which the rule `distil` trains on them.

    `is_soft`: with random log-probabilities of `TOP_TOKENS` tokens in the place of each token, itself among them.
    """
    import numpy as np
    from hearth.distillation.example_arrays import Example, SoftTargets, to_arrays
    from hearth.distillation.examples import Examples
    from hearth.distillation.recipes import SOFT_SHARE

    content, draw = read_json(path), np.random.default_rng(0)
    vocabulary = 1 + max(max(trace) for _, trace in content["windows"])

    def soft_targets(trace: list[int]) -> SoftTargets:
        ids = (np.array(trace)[:, None] + np.arange(TOP_TOKENS)) % vocabulary
        shares = draw.dirichlet(np.full(TOP_TOKENS + 1, 0.3), len(trace))[:, :TOP_TOKENS]
        return SoftTargets(SOFT_SHARE, ids.astype(np.int32), np.log(shares + 1e-4).astype(np.float16))

    items = [
        Example(str(number), window, trace, soft=soft_targets(trace) if is_soft else None)
        for number, (window, trace) in enumerate(content["windows"])
    ]
    return Examples([content["prefix"]], to_arrays(items))


def count_flops(content: dict[str, Any], shape: dict[str, Any], shared: bool) -> float:
    """Return the floating-point operations of one epoch over the examples that `make_examples` has written.

    A token takes 4 for each weight of the layers, a learned token 4 for each weight of the output head: two forward,
    and two backward, because frozen weights have no gradients. Attention takes 12 for each query head's width and pair
    of tokens: 4 forward, 8 backward. Padding and anything computed again do not count. The prefix counts with every
    example, or once if `shared`.
    """
    prefix = len(content["prefix"])
    own = [len(window) + len(trace) for window, trace in content["windows"]]
    learned = sum(len(trace) for _, trace in content["windows"])
    times = 1 if shared else len(own)
    pairs = sum(n * prefix + n * (n + 1) / 2 for n in own) + times * prefix * (prefix + 1) / 2
    hidden, width = shape["hidden_size"], shape["head_dim"]
    heads, kv_heads = shape["num_attention_heads"], shape["num_key_value_heads"]
    layer = hidden * width * (2 * heads + 2 * kv_heads) + 3 * hidden * shape["intermediate_size"]
    per_layer = 4 * layer * (sum(own) + times * prefix) + 12 * heads * width * pairs
    return shape["num_hidden_layers"] * per_layer + 4 * hidden * shape["vocab_size"] * learned


def restart_peak_memory() -> int:
    """Forget the peak memory of this process so far, which may be that of loading; return the present memory, bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory_bytes()


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
    os.environ.update(RANK="0", LOCAL_RANK="0", WORLD_SIZE="1", LOCAL_WORLD_SIZE="1", HF_HUB_OFFLINE="1")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
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
            if "loaded_memory_bytes" not in measured:
                measured["loaded_memory_bytes"] = (
                    restart_peak_memory() if device == "cpu" else torch.cuda.memory_allocated()
                )
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
        "micro_batch_size": {"single": 1, "auto": "auto"}.get(method.rpartition("_")[2], micro_batch_size),
        "shared_prefix": method.startswith("shared"),
        "gradient_checkpointing": gradient_checkpointing,
    }
    deepspeed = read_json(PROJECT / "config" / "deepspeed" / "zero2.json")
    with tempfile.TemporaryDirectory() as run:
        arguments = training.training_arguments(settings, deepspeed, Path(run), dtype, ranks=1)
        arguments.save_strategy = "no"
        make_trainer = make_trl_trainer if method.startswith("trl") else make_hearth_trainer
        trainer = (make_gkd_trainer if method == "trl_gkd" else make_trainer)(
            method, model, read_examples(examples, method == "shared_soft"), settings, arguments
        )
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
    from trl.data_utils import pack_dataset

    rows = [examples[number] for number in range(len(examples))]
    data = Dataset.from_dict(
        {
            "input_ids": [row["input_ids"] for row in rows],
            "completion_mask": [[int(label != IGNORED) for label in row["labels"]] for row in rows],
        }
    )
    options = {f.name: getattr(arguments, f.name) for f in dataclasses.fields(TrainingArguments) if f.init}
    packing = method == "trl_packed"
    # TRL joins the examples of a micro-batch under one mask, so more than one packed row would only be slower.
    micro_batch = 1 if packing else settings["micro_batch_size"]
    longest = max(len(row["input_ids"]) for row in rows) if packing else None
    steps = len(rows) // settings["batch_size"]
    row_count = len(pack_dataset(data, longest, "bfd")) if packing else len(rows)
    options |= {
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": math.ceil(row_count / steps / micro_batch),
        "train_sampling_strategy": "group_by_length" if method == "trl_grouped" else "random",
    }
    config = SFTConfig(
        **options,
        completion_only_loss=True,
        packing=packing,
        padding_free=method == "trl_padding_free",
        max_length=longest,
    )
    student = training.lora_student(model, settings, "bfloat16" if arguments.bf16 else "float32")
    return SFTTrainer(model=student, args=config, train_dataset=data, processing_class=load_tokenizer(model))


def make_gkd_trainer(
    method: str, model: Path, examples: "Examples", settings: dict[str, Any], arguments: "TrainingArguments"
) -> "Trainer":
    """Return TRL's GKDTrainer with the same arguments and adapter, on the same tokens; the teacher is another model.

    Its loss is the divergence from the teacher alone, without cross-entropy.
    """
    import torch
    from datasets import Dataset
    from hearth.distillation import training
    from hearth.distillation.examples import IGNORED
    from hearth.models.load import load_tokenizer
    from transformers import AutoModelForCausalLM, TrainingArguments
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    rows = [{name: examples[number][name] for name in ("input_ids", "labels")} for number in range(len(examples))]

    def collate(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in batch)

        def padded(name: str, value: int) -> torch.Tensor:
            return torch.tensor([[*row[name], *[value] * (longest - len(row[name]))] for row in batch])

        lengths = torch.tensor([len(row["input_ids"]) for row in batch])
        return {
            "input_ids": padded("input_ids", PAD),
            "labels": padded("labels", IGNORED),
            "attention_mask": (torch.arange(longest) < lengths[:, None]).long(),
        }

    options = {f.name: getattr(arguments, f.name) for f in dataclasses.fields(TrainingArguments) if f.init}
    options |= {
        "per_device_train_batch_size": settings["micro_batch_size"],
        "gradient_accumulation_steps": settings["batch_size"] // settings["micro_batch_size"],
    }
    return GKDTrainer(
        model=training.lora_student(model, settings, "bfloat16" if arguments.bf16 else "float32"),
        teacher_model=AutoModelForCausalLM.from_pretrained(teacher_of(model), dtype=torch.float32),
        args=GKDConfig(**options, lmbda=0.0, beta=0.0, temperature=1.0, max_length=None),
        data_collator=collate,
        train_dataset=Dataset.from_list(rows),
        processing_class=load_tokenizer(model),
    )


def teacher_of(model: Path) -> Path:
    """Return the folder of the teacher of a student, beside it."""
    return model.with_name(f"{model.name}-teacher")
