"""Make a small random student and examples with a common prefix, and train with and without a shared prefix."""

from typing import Any

import torch
from hearth.distillation.example_arrays import Example, to_arrays
from hearth.distillation.examples import IGNORED, Examples
from hearth.distillation.micro_batch import MicroBatchSize
from hearth.distillation.trainer import DistillationTrainer
from peft import LoraConfig, get_peft_model
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen3Config, Qwen3ForCausalLM, Trainer, TrainerCallback, TrainingArguments

VOCABULARY = 50
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "down_proj")


def make_student(dropout=0.0, checkpointing=False, dtype=torch.float32, targets=TARGETS, **config):
    """Return a random model with a random adapter.

    LoRA's B matrices are usually zero at first; then the A matrices would have no gradient.
    """
    torch.manual_seed(0)
    base = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            initializer_range=0.2,
            use_cache=False,
            **config,
        )
    ).to(dtype)
    if checkpointing:
        base.gradient_checkpointing_enable({"use_reentrant": False})
        base.enable_input_require_grads()
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=4,
        lora_dropout=dropout,
        target_modules=list(targets),
        init_lora_weights=False,
    )
    return get_peft_model(base, lora)


def make_examples_of_homes(prefixes: tuple[int, ...], count: int) -> tuple[list[list[int]], list[dict[str, Any]]]:
    """Return a pair: prefixes of these lengths, and `count` examples that begin with each."""
    heads, examples = [], []
    for number, length in enumerate(prefixes):
        head, of_home = make_examples(length, count, spread=7)
        heads.append(head)
        examples += [example | {"prefix": number} for example in of_home]
    return heads, examples


def make_examples(prefix: int, count: int, spread: int) -> tuple[list[int], list[dict[str, list[int]]]]:
    """Return a pair: a prefix of `prefix` token ids, and `count` examples that begin with it.

    The lengths of the prompts vary with `spread`; 0 makes them equal.
    """
    draw = torch.Generator().manual_seed(1)

    def tokens(length: int) -> list[int]:
        return torch.randint(VOCABULARY, (length,), generator=draw).tolist()

    head, examples = tokens(prefix), []
    for number in range(count):
        prompt, completion = head + tokens(5 + number * spread % 17), tokens(3 + number % 3)
        examples.append({"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion, "prefix": 0})
    return head, examples


class Gradients(TrainerCallback):
    """Collect in `steps` the gradients of every optimizer step, as one vector of all trainable parameters."""

    def __init__(self):
        self.steps = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        self.steps.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]).double())


def to_dataset(heads: list[list[int]], examples: list[dict[str, Any]]) -> Examples:
    """Return examples of windows of their own, which begin with these prefixes, as a dataset of the Trainer."""
    items = []
    for number, example in enumerate(examples):
        own = example["input_ids"][len(heads[example["prefix"]]) :]
        learned = sum(label != IGNORED for label in example["labels"])
        split = len(own) - learned
        items.append(Example(str(number), own[:split], own[split:], example["prefix"]))
    return Examples(heads, to_arrays(items))


def pad(examples):
    """Return a batch for a plain Trainer: examples padded on the right."""
    tokens, labels, mask = (
        pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=padding)
        for rows, padding in (
            ([example["input_ids"] for example in examples], 0),
            ([example["labels"] for example in examples], IGNORED),
            ([[1] * len(example["input_ids"]) for example in examples], 0),
        )
    )
    return {"input_ids": tokens, "labels": labels, "attention_mask": mask}


class PlainTrainer(Trainer):
    """The Trainer of transformers, with the examples of each optimiser step that ours has in that step."""

    get_train_dataloader = DistillationTrainer.get_train_dataloader


def train(
    folder,
    head,
    examples,
    student,
    way,
    micro_batch=2,
    accumulation=1,
    epochs=2,
    device="cpu",
    callbacks=(),
    trainer_class=DistillationTrainer,
):
    """Train a student and return a triple: gradients of each step, losses of each step, trained weights by name.

    `head` is the prefix of all examples, or a list of several prefixes.
    `way` is "plain" (transformers' own Trainer), "packed", "padded" or "shared" (packed, with a shared prefix).
    """
    heads = head if head and isinstance(head[0], list) else [head]
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=micro_batch * accumulation,
        learning_rate=0.01,
        optim="adamw_torch",
        use_cpu=device == "cpu",
        max_grad_norm=0,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    gradients = Gradients()
    options = {
        "model": student,
        "args": arguments,
        "train_dataset": to_dataset(heads, examples),
        "callbacks": [gradients, *callbacks],
    }
    if way == "plain":
        trainer = PlainTrainer(**options, data_collator=pad)
    else:
        trainer = trainer_class(
            **options,
            micro_batch_size=MicroBatchSize(folder, micro_batch, micro_batch),
            prefixes=heads if way == "shared" else [],
            packed=way != "padded",
        )
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return gradients.steps, losses, {name: p.detach() for name, p in student.named_parameters() if p.requires_grad}


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())
