"""Merge a student's base and adapter into one model that plain transformers loads."""

import fnmatch
import shutil
from pathlib import Path

import torch

from hearth.common.files import read_json_object
from hearth.models.load import load_model
from hearth.models.snapshot import kept_files

# Files of a model's folder beside weights and config.json; they are copied from the base.
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

    The sum is computed in fp32 and rounded once: in bf16 most of a small update would be lost. Raises ModelError for an
    adapter that does not fit.
    """
    dtype = weights_dtype(base)
    student = load_model(base, adapter, dtype="float32", device="cpu")
    merged = student.merge_and_unload().to(getattr(torch, dtype))
    # The base's generation config is not saved but copied below: some bases' configs fail transformers' validation.
    merged.generation_config = type(merged.generation_config)()
    merged.save_pretrained(folder)
    for path in kept_files(base):
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in COMPANIONS):
            shutil.copyfile(path, folder / path.name)
    if not (base / "generation_config.json").is_file():
        (folder / "generation_config.json").unlink(missing_ok=True)
    return dtype


def weights_dtype(folder: Path) -> str:
    """Return the number format of a model's weights, such as bfloat16; float32 where config.json names none."""
    config = read_json_object(folder / "config.json")
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")
