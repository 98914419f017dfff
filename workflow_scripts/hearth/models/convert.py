"""Convert a GGUF file to safetensors."""

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hearth.models.snapshot import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

log = logging.getLogger(__name__)


def convert_gguf(name: str, path: Path, folder: Path) -> None:
    """Write the model in the GGUF file `path` to `folder`: safetensors (bfloat16), tokenizer and chat template.

    Raises ModelError if the Python package gguf is not installed.
    """
    if importlib.util.find_spec("gguf") is None:
        raise ModelError(f"model {name}: converting {path.name} needs the Python package gguf; run `pip install gguf`")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    log.info("model %s: converting %s to safetensors", name, path.name)
    tokenizer = AutoTokenizer.from_pretrained(
        path.parent, gguf_file=path.name, local_files_only=True, trust_remote_code=False
    )
    restore_pre_tokenizer(tokenizer, path)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent,
        gguf_file=path.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
        local_files_only=True,
        trust_remote_code=False,
    )
    # The weights are no longer quantised. A config that still says so would make every later load quantise them.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer = None
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def restore_pre_tokenizer(tokenizer: "PreTrainedTokenizerFast", path: Path) -> None:
    """Make the tokenizer split digits one by one if the GGUF file `path` says so.

    transformers chooses the pre-tokenizer by architecture and ignores the file's field `tokenizer.ggml.pre`. With the
    value `smollm`, llama.cpp splits off every digit before it applies the GPT-2 pattern. The order matters: it decides
    how a space before a digit is tokenised.
    """
    from gguf import GGUFReader
    from tokenizers import pre_tokenizers

    field = GGUFReader(path).fields.get("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
