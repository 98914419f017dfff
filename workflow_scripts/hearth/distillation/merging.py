"""A student as one model: base and adapter merged in fp32 and cast once, in the form that plain transformers loads."""

import fnmatch
import shutil
from pathlib import Path

import torch

from hearth.common.files import read_json
from hearth.models.load import load_model
from hearth.models.snapshot import kept_files

# What a model's folder holds beside weights and config.json, as the base has it, byte for byte.
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


def merge(base: Path, adapter: Path, folder: Path) -> str:
    """Write the merged model into `folder`, safetensors in the number format of the base; return that format.

    The sum is taken in fp32 and rounded once: in bf16 most of a small update would be lost. Raises ModelError for an
    adapter that does not fit.
    """
    dtype = weights_dtype(base)
    student = load_model(base, adapter, dtype="float32", device="cpu")
    merged = student.merge_and_unload().to(getattr(torch, dtype))
    # Saved anew it would have to pass checks that not every base's settings do; it is copied below.
    merged.generation_config = type(merged.generation_config)()
    merged.save_pretrained(folder)
    for path in kept_files(base):
        if any(fnmatch.fnmatchcase(path.name, pattern) for pattern in COMPANIONS):
            shutil.copyfile(path, folder / path.name)
    if not (base / "generation_config.json").is_file():
        (folder / "generation_config.json").unlink(missing_ok=True)
    return dtype


def weights_dtype(folder: Path) -> str:
    """The number format of a model's weights as config.json says it, such as bfloat16; float32 where it does not."""
    config = read_json(folder / "config.json")
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")
