"""LoRA training with the Hugging Face Trainer and DeepSpeed, one process a rank, resumed from complete checkpoints.

Nothing of the loss is our own: the labels mask the prompt, and the Trainer's loss is already
normalised over accumulation and ranks. How often the static prefix is encoded for it is a matter of `shared_prefix`.
"""

import functools
import math
import os
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import deepspeed
import torch
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from hearth.common.cli import UserError
from hearth.distillation import checkpoints, shared_prefix
from hearth.distillation.examples import Examples, collate
from hearth.distillation.settings import accumulation_steps
from hearth.models.load import load_model

# Raise it when a change of this code changes what is learned: partial work of the code before is then not resumed.
VERSION = 1

PACKAGES = ("torch", "transformers", "peft", "accelerate", "deepspeed")


@dataclass(frozen=True)
class Outcome:
    """A finished training: the Trainer with the student's weights, the loss of every step, and what it cost.

    `static_prefix` says how it was encoded.
    """

    trainer: Trainer
    static_prefix: str
    losses: list[float]
    trainable_parameters: int
    stats: dict


def versions() -> dict[str, str]:
    """The installed versions of the packages that decide the numbers."""
    return {package: version(package) for package in PACKAGES}


def decisive(model_digest: str, examples: Examples, settings: dict, config: dict, dtype: str, ranks: int) -> dict:
    """Everything that decides the adapter's bytes; partial work is kept under its digest.

    The examples' digest stands for traces, windows, prompt, recipe and tokenizer. How often a
    checkpoint is written decides nothing.
    """
    return {
        "version": VERSION,
        "model": model_digest,
        "examples": examples.digest(),
        "settings": {key: value for key, value in settings.items() if key != "save_steps"},
        "deepspeed": config,
        "dtype": dtype,
        "ranks": ranks,
        "packages": versions(),
    }


def training_arguments(settings: dict, config: dict, run: Path, dtype: str, ranks: int) -> TrainingArguments:
    """The Trainer's arguments for our settings and DeepSpeed's `config`; the ranks find each other here.

    With ZeRO-3 this must come before the model is loaded.
    """
    cuda = torch.cuda.is_available()
    if not cuda:
        # DeepSpeed would compile an all-reduce of its own with g++ at its first start; gloo's will do.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    arguments = TrainingArguments(
        output_dir=str(run),
        num_train_epochs=settings["epochs"],
        per_device_train_batch_size=settings["micro_batch_size"],
        gradient_accumulation_steps=accumulation_steps(settings, ranks),
        learning_rate=settings["learning_rate"],
        warmup_steps=settings["warmup_ratio"],  # below 1 it is a share of all steps
        lr_scheduler_type="linear",
        optim="adamw_torch",  # no compiled optimizer
        seed=settings["seed"],
        bf16=dtype == "bfloat16",
        use_cpu=not cuda,
        ddp_backend="nccl" if cuda else "gloo",
        dataloader_pin_memory=cuda,
        deepspeed=config,
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=settings["save_steps"],
        save_total_limit=2,  # the newest may turn out damaged
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
    )
    deepspeed.init_distributed(dist_backend=arguments.ddp_backend)  # ZeRO-3 asks for the ranks while it loads a model
    return arguments


def train(model_dir: Path, tokenizer, examples: Examples, settings: dict, arguments: TrainingArguments) -> Outcome:
    """Train the student in `arguments.output_dir`, from its newest complete checkpoint if there is one.

    Rank 0 must hold the lock of that folder. Ends bitwise where an undisturbed run ends (in fp32 on
    CPU; on a GPU as far as its kernels are deterministic). Raises UserError when stopped before the
    last step or when the loss is not finite.
    """
    resumed = _agree_on_checkpoint(Path(arguments.output_dir))
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
    set_seed(settings["seed"])
    student = lora_student(model_dir, settings, "bfloat16" if arguments.bf16 else "float32")
    trainable = sum(weights.numel() for weights in student.parameters() if weights.requires_grad)
    complete = checkpoints.CompleteCheckpoints(checkpoints.seconds_until(resumed))
    callbacks = [Progress(), complete, checkpoints.StopAtSigterm()]
    trainer, static_prefix = make_trainer(student, tokenizer, examples, settings, arguments, callbacks)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    state = trainer.state
    if state.global_step < state.max_steps:
        raise UserError(
            f"stopped at step {state.global_step} of {state.max_steps}; a checkpoint is saved, run again to go on"
        )
    used = state.global_step * settings["batch_size"]
    return Outcome(
        trainer=trainer,
        static_prefix=static_prefix,
        losses=[entry["loss"] for entry in state.log_history if "loss" in entry],
        trainable_parameters=trainable,
        stats={
            "seconds": complete.seconds,
            "steps": state.global_step,
            "resumed_from_step": int(resumed.name.rpartition("-")[2]) if resumed else 0,
            "examples": used,
            "examples_per_second": used / complete.seconds,
            "peak_memory_bytes": _peak_memory_bytes(),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
            "ranks": arguments.world_size,
            "dtype": "bfloat16" if arguments.bf16 else "float32",
            "versions": versions(),
        },
    )


def make_trainer(
    student, tokenizer, examples: Examples, settings: dict, arguments: TrainingArguments, callbacks: Sequence = ()
) -> tuple[Trainer, str]:
    """(the Trainer, how it encodes the static prefix, in words, which rank 0 prints)."""
    kind, static_prefix = Trainer, "with every example"
    if settings["shared_prefix"]:
        if reason := shared_prefix.obstacle(student, examples.prefix_ids):
            static_prefix += f", not once a step: {reason}"
        else:
            kind = functools.partial(shared_prefix.SharedPrefixTrainer, prefix_ids=examples.prefix_ids)
            static_prefix = "once an optimizer step"
    if arguments.process_index == 0:
        print(f"static prefix ({len(examples.prefix_ids)} tokens): encoded {static_prefix}", flush=True)
    trainer = kind(
        model=student,
        args=arguments,
        train_dataset=examples,
        data_collator=functools.partial(collate, pad_id=_pad_id(tokenizer)),
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, static_prefix


def lora_student(model_dir: Path, settings: dict, dtype: str):
    """The base model with a fresh LoRA adapter, ready for training."""
    model = load_model(model_dir, dtype=dtype, device="cpu")  # DeepSpeed moves it to its device
    model.config.use_cache = False
    if settings["gradient_checkpointing"]:
        # Not through the Trainer, whose arguments change name; older transformers have the second one only.
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable({"use_reentrant": False})
        model.enable_input_require_grads()
    lora = settings["lora"]
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora["r"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=lora["target_modules"],
    )
    return get_peft_model(model, config)


def end() -> None:
    """Leave the process group and end this rank's process, all of whose work is on disk.

    At once, past the interpreter's own end: there the threads of the process group abort the process now and then
    ("terminate called without an active exception"), and a finished training would count as failed.
    """
    torch.distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Progress(TrainerCallback):
    """One line a step on rank 0; a loss that is not finite ends the training."""

    def on_log(self, args, state, control, logs=None, **kwargs):
        """Print the step's loss."""
        loss = logs.get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise UserError(f"the loss is {loss} at step {state.global_step}: lower training.learning_rate")
        if state.is_world_process_zero:
            print(f"step {state.global_step}/{state.max_steps} loss {loss:.4f}", flush=True)


def _agree_on_checkpoint(run: Path) -> Path | None:
    """Rank 0 looks for the newest complete checkpoint and tells the others: their view of the disk may lag."""
    found = [checkpoints.newest_complete(run) if torch.distributed.get_rank() == 0 else None]
    torch.distributed.broadcast_object_list(found, src=0)
    return found[0]


def _pad_id(tokenizer) -> int:
    # Padding is masked by length, so any token will do.
    return tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id


def _peak_memory_bytes() -> int:
    """Of the GPU where there is one, else of the process (ru_maxrss is in KiB on Linux)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
