"""Count the bytes of a training's tensors without computing any: fake tensors have shapes and no data."""

import gc
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from hearth.distillation import packed_attention
from hearth.distillation.examples import IGNORED
from hearth.distillation.micro_batch import MicroBatchSize
from hearth.distillation.rows import Labelled, Share
from hearth.distillation.trainer import DistillationTrainer, MicroBatches
from hearth.models.measure import ModelShape
from peft import LoraConfig, PeftModel, get_peft_model
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import Qwen3Config, Qwen3ForCausalLM, TrainingArguments

SETTINGS: dict[str, Any] = {
    "lora": {"r": 16, "dropout": 0, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"]},
    "gradient_checkpointing": True,
    "shared_prefix": True,
}


class LiveBytes(TorchDispatchMode):
    """Count the bytes of the tensors that operations make while the mode is active: `live` now, and `peak` at most."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        given = {tensor.untyped_storage()._cdata for tensor in _tensors((args, kwargs))}
        output = function(*args, **(kwargs or {}))
        for tensor in _tensors(output):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._known | given:
                self._add(storage)
        return output

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def qwen3(hidden: int, inner: int, layers: int, heads: int, tied: bool = True) -> dict[str, Any]:
    """Return the config values of a Qwen3; all sizes have their vocabulary and their width of heads in common."""
    return {
        "vocab_size": 151_936,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "tie_word_embeddings": tied,
    }


def shape_of(config: dict[str, Any]) -> ModelShape:
    """Return what `hearth.models.measure` reads from the files of a model with these config values, without weights."""
    return ModelShape(
        parameters=0,
        weight_bytes=0,
        stored_as="bf16",
        embeddings=0,
        tied=config["tie_word_embeddings"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_width=config["head_dim"],
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        context=0,
    )


def make_student(shape: dict[str, Any], settings: dict[str, Any], device: str) -> PeftModel:
    """Return a random Qwen3 of a shape with a LoRA adapter, in bfloat16 as under DeepSpeed."""
    lora = settings["lora"]
    with torch.device(device):
        model = Qwen3ForCausalLM._from_config(Qwen3Config(**shape, dtype="bfloat16"))
    model.config.use_cache = False
    if settings["gradient_checkpointing"]:
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    config = LoraConfig(
        task_type="CAUSAL_LM", r=lora["r"], lora_dropout=lora["dropout"], target_modules=lora["target_modules"]
    )
    student = get_peft_model(model, config)
    return student.to(torch.bfloat16).train()


def make_fake(student: PeftModel, mode: FakeTensorMode) -> None:
    """Replace the weights of a student on the device "meta" by fake tensors."""
    made: dict[int, torch.nn.Parameter] = {}  # tied weights are one parameter

    def fake(tensor: torch.Tensor) -> torch.Tensor:
        with mode:
            return torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")

    for module in student.modules():
        for name, weights in module._parameters.items():
            if weights is not None:
                made.setdefault(id(weights), torch.nn.Parameter(fake(weights), weights.requires_grad))
                module._parameters[name] = made[id(weights)]
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else fake(buffer)
    student.to = lambda *arguments, **options: student  # fake tensors cannot move, and the Trainer moves a model


def make_trainer(student: PeftModel, settings: dict[str, Any], prefix: int, use_cpu: bool) -> DistillationTrainer:
    """Return the trainer of a student on examples with a static prefix of `prefix` tokens."""
    with tempfile.TemporaryDirectory() as run:
        return DistillationTrainer(
            model=student,
            args=TrainingArguments(output_dir=run, use_cpu=use_cpu, report_to="none", disable_tqdm=True),
            micro_batch_size=MicroBatchSize(Path(run), 1, 1),
            prefixes=[[1] * prefix] if settings["shared_prefix"] else [],
        )


def make_micro_batches(
    trainer: DistillationTrainer, examples: int, tokens: int, micro_batch_size: int, prefix: int, learned: int
) -> MicroBatches:
    """Return equal examples: each has `prefix` tokens and then `tokens` more, the last `learned` of them its trace."""
    labels = torch.tensor([IGNORED] * (prefix + tokens - learned) + [1] * learned)
    example = Labelled(torch.ones_like(labels), labels)
    sizes = [min(micro_batch_size, examples - first) for first in range(0, examples, micro_batch_size)]
    share = Share([example] * examples, [0] * examples)
    (number,) = (number for number, _ in trainer.micro_batches(share))
    return [(number, [trainer.lay_out([example] * size, number) for size in sizes])]


def count_peak_bytes(
    shape: dict[str, Any],
    examples: int,
    tokens: int,
    micro_batch_size: int,
    prefix: int = 900,
    learned: int = 4096,
    settings: dict[str, Any] = SETTINGS,
) -> int:
    """Return the most bytes beside weights that the trainer's tensors take while it computes gradients on a GPU.

    `make_micro_batches` has the examples. A GPU's kernels need no mask in memory, so none is counted.
    """
    gc.collect()
    mode, live = FakeTensorMode(allow_non_fake_inputs=True), LiveBytes()
    student = make_student(shape, settings, "meta")
    make_fake(student, mode)
    trainer = make_trainer(student, settings, prefix, use_cpu=True)
    micro_batches = make_micro_batches(trainer, examples, tokens, micro_batch_size, prefix, learned)
    with mock.patch.object(packed_attention, "_lower_right_mask", _unmasked), mode, live:
        trainer.compute_gradients(micro_batches, torch.ones(()))
    return live.peak


def _unmasked(queries: int, keys: int, device: torch.device) -> torch.Tensor:
    return torch.ones(1, keys, dtype=torch.bool, device=device)


def _tensors(values: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]
