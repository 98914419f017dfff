"""Merge a student's base model and adapter into one model that transformers loads without PEFT."""

import fnmatch
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from hearth.common.files import read_json_object
from hearth.models.load import load_model
from hearth.models.snapshot import ModelError, kept_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Files that are copied from the base model's folder; weights and config.json are written anew.
COMPANIONS = (
    "generation_config.json",
    "tokenizer*",
    "*.jinja",
    "vocab*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "LICENSE*",
)


def merge_adapter(base: Path, adapter: Path, folder: Path) -> str:
    """Write the merged model into `folder` as safetensors in the base's number format, and return that format.

    Base weights and adapter are added in fp32 and rounded once: in bf16 most of a small update would be lost. Raises
    ModelError for an adapter that does not fit the base, or that changes one of two layers with the same weights.
    """
    dtype = weights_dtype(base)
    student = load_model(base, adapter, dtype="float32", device="cpu")
    _check_not_tied(student, adapter)
    merged = student.merge_and_unload().to(getattr(torch, dtype))
    # The base's generation_config.json is copied below and not saved here: those of some bases fail validation.
    merged.generation_config = type(merged.generation_config)()
    merged.save_pretrained(folder)
    for path in kept_files(base):
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in COMPANIONS):
            shutil.copyfile(path, folder / path.name)
    if not (base / "generation_config.json").is_file():
        (folder / "generation_config.json").unlink(missing_ok=True)
    return dtype


def _check_not_tied(student: "PreTrainedModel", adapter: Path) -> None:
    """Raise ModelError if the adapter changes the output head or the embeddings, and these are one matrix."""
    if not student.config.get_text_config().tie_word_embeddings:
        return
    ends = {"lm_head", "embed_tokens", "wte"}
    for name, _ in student.named_modules():
        *place, kind = name.split(".")
        if kind in ("lora_A", "lora_embedding_A", "modules_to_save") and place[-1] in ends:
            raise ModelError(
                f"{adapter}: the adapter changes {place[-1]}, which shares its weights with another layer "
                "(tie_word_embeddings): a merged model would not be the trained one; use the adapter, or train one "
                "without this layer"
            )


def weights_dtype(folder: Path) -> str:
    """Return the number format of the weights in `folder`, such as "bfloat16"; "float32" if config.json names none."""
    config = read_json_object(folder / "config.json")
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")
