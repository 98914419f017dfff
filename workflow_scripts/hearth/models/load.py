"""Load a fetched model and its tokenizer, with or without an adapter, from their folders only."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hearth.models.snapshot import SNAPSHOT, ModelError, adapter_files, read_snapshot

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

DTYPES = ("auto", "float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")


def work_offline() -> None:
    """Keep the Hugging Face libraries off the network, without progress bars. Call this before they are imported."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")


def resolve_device(device: str) -> str:
    """Return 'cpu' or 'cuda'; 'auto' is cuda where torch sees a GPU. Raises ModelError for cuda without one."""
    import torch

    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ModelError("device is cuda, but torch sees no GPU; use --device cpu, or auto")
    return ("cuda" if available else "cpu") if device == "auto" else device


def resolve_dtype(dtype: str, device: str) -> str:
    """Return 'float32' or 'bfloat16'; 'auto' is bfloat16 on cuda and float32 on cpu, where bfloat16 is slower."""
    return ("bfloat16" if device == "cuda" else "float32") if dtype == "auto" else dtype


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """Load the tokenizer in a model's folder. Raises ModelError for a served model: its tokenizer is on the server."""
    _check_not_served(folder)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(Path(folder), local_files_only=True, trust_remote_code=False)


def vocabulary_size(folder: Path) -> int:
    """Return the number of logits of the model in a folder, which may be more than its tokenizer has tokens."""
    from transformers import AutoConfig

    size: int = AutoConfig.from_pretrained(Path(folder), local_files_only=True).get_text_config().vocab_size
    return size


def load_model(
    folder: Path, adapter: Path | None = None, dtype: str = "auto", device: str = "auto"
) -> "PreTrainedModel":
    """Load the causal language model of a folder in evaluation mode, with the PEFT adapter if one is given.

    The adapter is never merged: in bfloat16, merged weights differ from base plus adapter.
    Raises ModelError for a served model. Raises ModelError also if a weight of the model or the adapter is missing,
    unexpected or of another shape, where transformers and peft would only warn and use random weights.
    """
    _check_not_served(folder)
    import torch
    from transformers import AutoModelForCausalLM

    device = resolve_device(device)
    try:
        with _low_memory_loading():
            model, info = AutoModelForCausalLM.from_pretrained(
                Path(folder),
                dtype=getattr(torch, resolve_dtype(dtype, device)),
                attn_implementation="sdpa",
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except RuntimeError as error:  # transformers logs the names of the weights
        raise ModelError(f"{folder}: weights do not have the shapes of config.json; fetch the model again") from error
    if info["missing_keys"]:
        raise ModelError(
            f"{folder}: the weights lack {', '.join(sorted(info['missing_keys'])[:3])}; fetch the model again"
        )
    if adapter is not None:
        model = _add_adapter(model, folder, Path(adapter))
    return model.to(device).eval()


@contextlib.contextmanager
def _low_memory_loading() -> Iterator[None]:
    """Let `from_pretrained` read one weight at a time, so that it needs hardly more memory than the weights.

    It would map whole files, whose pages count as memory of the process until all weights are loaded, and load in
    threads, from which the memory of a weight that is replaced later does not return.
    """
    from transformers import modeling_utils

    safe_open, setting = modeling_utils.safe_open, "HF_DEACTIVATE_ASYNC_LOAD"

    def open_unmapped(*arguments: Any, **options: Any) -> Any:
        return safe_open(*arguments, **options | {"backend": "pread"})

    before = os.environ.get(setting)
    modeling_utils.safe_open, os.environ[setting] = open_unmapped, "1"
    try:
        yield
    finally:
        modeling_utils.safe_open = safe_open
        if before is None:
            del os.environ[setting]
        else:
            os.environ[setting] = before


def _check_not_served(folder: Path) -> None:
    if (Path(folder) / SNAPSHOT).is_file() and "served" in read_snapshot(folder):
        raise ModelError(
            f"{folder}: this model is served, so its weights are not here: use it for recognition, not for training"
        )


def _add_adapter(model: "PreTrainedModel", folder: Path, adapter: Path) -> "PreTrainedModel":
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    _, weights = adapter_files(adapter)
    try:
        model = PeftModel.from_pretrained(model, adapter, local_files_only=True)
    except (RuntimeError, ValueError) as error:  # other shapes, or target modules the model does not have
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{adapter}: this adapter does not fit the model in {folder}: {reason}") from error
    with safe_open(weights, framework="numpy") as stored:
        unmatched = set(stored.keys()) ^ set(get_peft_model_state_dict(model))
    if unmatched:
        raise ModelError(
            f"{adapter}: this adapter does not fit the model in {folder}: {len(unmatched)} weights without a "
            f"counterpart, {sorted(unmatched)[0]} among them"
        )
    return model
