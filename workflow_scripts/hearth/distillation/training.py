"""Train LoRA adapters with the Hugging Face Trainer and DeepSpeed, resuming from the newest complete checkpoint.

Every rank is one process. The setting `shared_prefix` decides how often the static prefix is encoded.
"""

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import deepspeed
import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import (
    PreTrainedTokenizerBase,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.pytorch_utils import Conv1D

from hearth.common.cli import UserError
from hearth.common.memory import peak_memory_bytes
from hearth.distillation import checkpoints, packed_attention, shared_prefix
from hearth.distillation.checkpoints import Fingerprint
from hearth.distillation.documents import TrainingStats
from hearth.distillation.examples import Examples
from hearth.distillation.memory_estimate import Longest
from hearth.distillation.micro_batch import MicroBatchSize, choose_micro_batch_size
from hearth.distillation.settings import TrainingSettings, deciding_settings, examples_per_rank
from hearth.distillation.target_modules import check_target_modules
from hearth.distillation.trainer import DistillationTrainer
from hearth.models.load import load_model

# Increment when a change of this code changes the trained adapter: checkpoints of older code are then not resumed.
VERSION = 2

PACKAGES = ("torch", "transformers", "peft", "accelerate", "deepspeed")


@dataclass(frozen=True)
class Outcome:
    """A finished training. `trainer` holds the student's weights, `losses` has one loss for each optimizer step.

    `static_prefix` is a phrase that says how often the static prefix was encoded.
    """

    trainer: DistillationTrainer
    static_prefix: str
    losses: list[float]
    trainable_parameters: int
    stats: TrainingStats


def package_versions() -> dict[str, str]:
    """Return the installed version of each package that influences the adapter's weights."""
    return {package: version(package) for package in PACKAGES}


def make_fingerprint(
    model_digest: str,
    examples: Examples,
    settings: TrainingSettings,
    config: dict[str, Any],
    dtype: str,
    ranks: int,
    start: str = "",
) -> Fingerprint:
    """Return the fingerprint of a training; `config` is the configuration of DeepSpeed.

    `start` is the digest of the adapter that is trained on, "" for a new one.
    """
    fingerprint: Fingerprint = {
        "version": VERSION,
        "model": model_digest,
        "examples": examples.digest(),
        "settings": dict(deciding_settings(settings)),
        "deepspeed": config,
        "dtype": dtype,
        "ranks": ranks,
        "packages": package_versions(),
    }
    if start:
        fingerprint["start"] = start
    return fingerprint


def training_arguments(
    settings: TrainingSettings, config: dict[str, Any], run: Path, dtype: str, ranks: int
) -> TrainingArguments:
    """Return the Trainer's arguments and connect the ranks; `config` is the configuration of DeepSpeed.

    With ZeRO-3 this must be called before the model is loaded.
    """
    cuda = torch.cuda.is_available()
    if not cuda:
        # Otherwise DeepSpeed compiles its own all-reduce with g++ at its first start; that of gloo suffices.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    arguments = TrainingArguments(
        output_dir=str(run),
        num_train_epochs=settings["epochs"],
        per_device_train_batch_size=examples_per_rank(settings, ranks),  # the Trainer cuts it into micro-batches
        learning_rate=settings["learning_rate"],
        warmup_steps=settings["warmup_ratio"],  # the Trainer takes a value below 1 as a share of all steps
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
        save_total_limit=2,  # keep a second one, because the newest may turn out damaged
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
    )
    deepspeed.init_distributed(dist_backend=arguments.ddp_backend)  # ZeRO-3 needs the ranks while it loads a model
    return arguments


def train(
    model_dir: Path,
    tokenizer: PreTrainedTokenizerBase,
    examples: Examples,
    settings: TrainingSettings,
    arguments: TrainingArguments,
    start: Path | None = None,
) -> Outcome:
    """Train the student, from the newest complete checkpoint in `arguments.output_dir` if there is one.

    `start` is the folder of an adapter to train on; None stands for a new one.
    No other process may train in that folder. A resumed training gives the same adapter, byte for byte, as an
    uninterrupted one in fp32 on a CPU; on a GPU, as far as its kernels are deterministic. Raises UserError if training
    is stopped before the last step or if the loss is not finite.
    """
    resumed = _agree_on_checkpoint(Path(arguments.output_dir))
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
    set_seed(settings["seed"])
    student = lora_student(model_dir, settings, "bfloat16" if arguments.bf16 else "float32", start)
    trainable = sum(weights.numel() for weights in student.parameters() if weights.requires_grad)
    complete = checkpoints.CompleteCheckpoints(checkpoints.seconds_of_checkpoint(resumed) if resumed else 0.0)
    callbacks = [Progress(), complete, checkpoints.StopAtSigterm()]
    trainer, static_prefix = make_trainer(student, tokenizer, examples, settings, arguments, callbacks)
    trainer.train(resume_from_checkpoint=str(resumed) if resumed else None)
    state = trainer.state
    if state.global_step < state.max_steps:
        raise UserError(
            f"stopped at step {state.global_step} of {state.max_steps}; a checkpoint is saved: run again to continue"
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
            "resumed_from_step": checkpoints.step_of_checkpoint(resumed) if resumed else 0,
            "examples": used,
            "examples_per_second": used / complete.seconds,
            "peak_memory_bytes": _peak_memory_bytes(),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
            "ranks": arguments.world_size,
            "dtype": "bfloat16" if arguments.bf16 else "float32",
            "versions": package_versions(),
        },
    )


def make_trainer(
    student: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Examples,
    settings: TrainingSettings,
    arguments: TrainingArguments,
    callbacks: Sequence[TrainerCallback] = (),
) -> tuple[DistillationTrainer, str]:
    """Return a pair: the Trainer, and a phrase that says how often it encodes the static prefix; rank 0 prints it."""
    static_prefix, prefixes = "with every example", list[list[int]]()
    if settings["shared_prefix"]:
        reasons = [shared_prefix.unsupported_reason(student, prefix) for prefix in examples.prefixes]
        if reason := next(filter(None, reasons), ""):
            static_prefix += f", not once a step: {reason}"
        else:
            static_prefix, prefixes = "once an optimizer step", examples.prefixes
    longest_prefix = max(map(len, examples.prefixes))
    if arguments.process_index == 0:
        several = f"{len(examples.prefixes)} static prefixes (up to " if examples.prefixes[1:] else "static prefix ("
        print(f"{several}{longest_prefix} tokens): encoded {static_prefix}", flush=True)
    setting, share = settings["micro_batch_size"], arguments.per_device_train_batch_size
    lengths = examples.items.lengths()
    if setting == "auto":
        longest = Longest(longest_prefix, int(lengths.max()))
        processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        as_trained: TrainingSettings = {**settings, "shared_prefix": bool(prefixes)}
        first = choose_micro_batch_size(student, as_trained, longest, share, processes)
    else:
        first = int(setting)
    trainer = DistillationTrainer(
        model=student,
        args=arguments,
        train_dataset=examples,
        micro_batch_size=MicroBatchSize(Path(arguments.output_dir), setting, first),
        prefixes=prefixes,
        packed=not packed_attention.unsupported_reason(student),
        longest=[int(number) for number in examples.lengths().argsort(kind="stable")[::-1][:share]],
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer, static_prefix


def lora_student(model_dir: Path, settings: TrainingSettings, dtype: str, start: Path | None = None) -> PeftModel:
    """Return the base model with a LoRA adapter, ready for training: that of the folder `start`, or a new one.

    Raises UserError if that of `start` has other weights than the settings say.
    """
    model = load_model(model_dir, dtype=dtype, device="cpu")  # DeepSpeed moves it to its device
    lora = settings["lora"]
    tied = bool(model.config.get_text_config().tie_word_embeddings)
    check_target_modules(lora["target_modules"], model_dir.name, _linear_layers(model), tied)
    model.config.use_cache = False
    if settings["gradient_checkpointing"]:
        # Not enabled by the Trainer, whose argument changed its name. Older transformers lack the first method.
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable({"use_reentrant": False})
        model.enable_input_require_grads()
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora["r"],
        lora_alpha=lora["alpha"],
        lora_dropout=lora["dropout"],
        target_modules=lora["target_modules"],
    )
    student = get_peft_model(model, config)
    if start:
        _load_adapter(student, start)
    return student


def _load_adapter(student: PeftModel, folder: Path) -> None:
    """Give the adapter of a student the weights of another; raise UserError if it has others."""
    weights = load_file(folder / "adapter_model.safetensors")
    own = {name: tuple(tensor.shape) for name, tensor in get_peft_model_state_dict(student).items()}
    if {name: tuple(tensor.shape) for name, tensor in weights.items()} != own:
        raise UserError(
            f"{folder}: the adapter has other weights than students.training.lora (rank, target_modules) says; train"
            " its student again"
        )
    set_peft_model_state_dict(student, weights)


def exit_process() -> NoReturn:
    """Leave the process group and exit with status 0; all results must be on disk.

    The interpreter's shutdown is skipped: during it, threads of the process group sometimes abort the process
    ("terminate called without an active exception"), and a finished training would count as failed.
    """
    torch.distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class Progress(TrainerCallback):
    """Print a line for each step on rank 0, and end the training if the loss is not finite."""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **kwargs: object,
    ) -> None:
        """Print the loss of the step; raise UserError if it is not finite."""
        loss = logs.get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise UserError(f"the loss is {loss} at step {state.global_step}: lower training.learning_rate")
        if state.is_world_process_zero:
            print(f"step {state.global_step}/{state.max_steps} loss {loss:.4f}", flush=True)


def _linear_layers(model: torch.nn.Module) -> list[str]:
    """Return the full names of a model's linear layers; those with packed weights have classes of other libraries."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) or type(module).__name__.endswith("Linear")
    ]


def _agree_on_checkpoint(run: Path) -> Path | None:
    """Return the newest complete checkpoint that rank 0 sees on disk; other ranks may see new files later."""
    newest = [checkpoints.find_newest_complete(run) if torch.distributed.get_rank() == 0 else None]
    torch.distributed.broadcast_object_list(newest, src=0)
    return newest[0]


def _peak_memory_bytes() -> int:
    """Return the peak memory in bytes: allocated on the GPU if there is one, else of the process."""
    if torch.cuda.is_available():
        allocated: int = torch.cuda.max_memory_allocated()
        return allocated
    return peak_memory_bytes()
