"""Convert a model's folder to a GGUF file for llama.cpp, with the writer and tensor names of the gguf package.

llama.cpp's own converter is not available as a Python package. This converter supports the architectures of our
students, Qwen3 and Llama; for others the model card gives the command of llama.cpp's converter.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
import torch
from safetensors import safe_open

from hearth.common.files import read_json_object, replacing
from hearth.distillation import quantisation
from hearth.distillation.merging import weights_dtype

ARCHITECTURES = {"qwen3": gguf.MODEL_ARCH.QWEN3, "llama": gguf.MODEL_ARCH.LLAMA}
_FORMATS = {
    "float32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "float16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bfloat16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
}
# From llama.cpp's name of a pre-tokenizer to its steps in tokenizer.json. A GGUF file can only name a pre-tokenizer, so
# one that is not listed here cannot be described in the file.
_BYTES = {"type": "ByteLevel", "add_prefix_space": False}
_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PRE_TOKENIZERS: dict[str, list[dict[str, Any]]] = {
    "gpt-2": [_BYTES | {"use_regex": True}],
    "smollm": [{"type": "Digits", "individual_digits": True}, _BYTES | {"use_regex": True}],
    "qwen2": [
        {"type": "Split", "pattern": {"Regex": _QWEN}, "behavior": "Isolated", "invert": False},
        _BYTES | {"use_regex": False},
    ],
}


def pre_tokenizer_name(folder: Path) -> str:
    """Return llama.cpp's name of the pre-tokenizer of the model in `folder`; "" if llama.cpp has no name for it."""
    pre_tokenizer = read_json_object(folder / "tokenizer.json").get("pre_tokenizer") or {}
    steps = pre_tokenizer["pretokenizers"] if pre_tokenizer.get("type") == "Sequence" else [pre_tokenizer]
    # Whether offsets are trimmed changes no token.
    steps = [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]
    return next((name for name, known_steps in _PRE_TOKENIZERS.items() if steps == known_steps), "")


def form_name(folder: Path) -> str:
    """Return the name of the number format in which `write_gguf` writes the matrices: f32, f16 or bf16."""
    return _FORMATS[weights_dtype(folder)][0].name.lower()


def unsupported_reason(folder: Path) -> str:
    """Return a phrase that says why `write_gguf` cannot write the model in `folder`; "" if it can."""
    config = read_json_object(folder / "config.json")
    if config["model_type"] not in ARCHITECTURES:
        return f"architecture {config['model_type']} is none of {', '.join(ARCHITECTURES)}"
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        return f"rope_type {rope['rope_type']} is not supported"
    vocabulary = read_json_object(folder / "tokenizer.json")["model"]
    # SentencePiece's BPE, which Llama 2 has, falls back to bytes instead of spelling every byte as a character.
    if vocabulary.get("type") != "BPE" or vocabulary.get("byte_fallback"):
        return "its tokenizer is no byte-level BPE"
    return ""


def write_gguf(folder: Path, path: Path, name: str, form: str = "") -> None:
    """Write the model of `folder`, for which `unsupported_reason` is "", as a GGUF file, atomically.

    `form` is one of `quantisation.FORMS`; with "", matrices keep their number format, and vectors are stored as fp32.
    One tensor at a time is in memory. If llama.cpp has no name for the model's pre-tokenizer, the file names
    llama.cpp's default one, and prompts must be passed to llama.cpp as token ids.
    """
    config = read_json_object(folder / "config.json")
    with replacing(path) as temporary:
        writer = gguf.GGUFWriter(temporary, gguf.MODEL_ARCH_NAMES[ARCHITECTURES[config["model_type"]]])
        writer.add_name(name)
        writer.add_file_type(quantisation.file_type(form) if form else _FORMATS[weights_dtype(folder)][1])
        if form:
            writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_shape(writer, config)
        _add_tokenizer(writer, folder, config["vocab_size"])
        tensors = [(tensor, _format_of(tensor, folder, config, form)) for tensor in _tensors(folder, config)]
        for tensor, stored in tensors:
            size = quantisation.stored_bytes(tensor.shape, stored)
            writer.add_tensor_info(tensor.name, tensor.shape, np.dtype(np.float32), size, raw_dtype=stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for tensor, stored in tensors:
            writer.write_tensor_data(quantisation.quantise(tensor.read(config), stored))
        writer.close()


def _format_of(tensor: "_Tensor", folder: Path, config: dict[str, Any], form: str) -> gguf.GGMLQuantizationType:
    if form:
        layers, is_tied = config["num_hidden_layers"], bool(config.get("tie_word_embeddings"))
        return quantisation.tensor_format(form, tensor.name, tensor.shape, layers, is_tied)
    return _FORMATS[weights_dtype(folder)][0] if len(tensor.shape) > 1 else gguf.GGMLQuantizationType.F32


def _add_shape(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    head_width = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {}
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    writer.add_rope_dimension_count(head_width)
    writer.add_rope_freq_base(float(rope.get("rope_theta") or config.get("rope_theta") or 10000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokenizer(writer: gguf.GGUFWriter, folder: Path, size: int) -> None:
    tokenizer = read_json_object(folder / "tokenizer.json")
    tokens = [f"[PAD{number}]" for number in range(size)]
    kinds = [gguf.TokenType.UNUSED] * size
    for token, number in tokenizer["model"]["vocab"].items():
        tokens[number], kinds[number] = token, gguf.TokenType.NORMAL
    for added in tokenizer["added_tokens"]:
        number = added["id"]
        if number >= size:  # the model has no embedding for it
            continue
        tokens[number] = added["content"]
        kinds[number] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer_name(folder) or "default")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    special = gguf.SpecialVocab(folder, load_merges=True, n_vocab=size)
    # Rendered prompts already hold all special tokens. Otherwise llama.cpp would add a begin-of-sequence token.
    special.add_special_token["bos"] = False
    special.add_to_gguf(writer, quiet=True)


class _Tensor(NamedTuple):
    """A weight: its name in the GGUF file, its file and key there, and its shape."""

    name: str
    path: Path
    key: str
    shape: tuple[int, ...]

    def read(self, config: dict[str, Any]) -> np.ndarray:
        """Return its values as fp32, in llama.cpp's order."""
        with safe_open(self.path, framework="pt") as weights:
            values = weights.get_tensor(self.key).to(torch.float32).numpy()
        return _reorder_rows(self.key, values, config)


def _tensors(folder: Path, config: dict[str, Any]) -> Iterator[_Tensor]:
    """Yield every weight, sorted by its key in each safetensors file."""
    names = gguf.get_tensor_name_map(ARCHITECTURES[config["model_type"]], config["num_hidden_layers"])
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as weights:
            for key in sorted(weights.keys()):
                if key == "lm_head.weight" and config.get("tie_word_embeddings"):
                    continue
                name = names.get_name(key, try_suffixes=(".weight", ".bias"))
                if name is None:
                    raise ValueError(f"{path}: llama.cpp has no tensor like {key}")
                yield _Tensor(name, path, key, tuple(weights.get_slice(key).get_shape()))


def _reorder_rows(key: str, values: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Return the weight or bias `key` with its rows in llama.cpp's order.

    Only a Llama's query and key projections change. For rotary position embeddings, llama.cpp's `llama` architecture
    pairs neighbouring rows of a head, and transformers pairs each row of the first half of a head with a row of the
    second half.
    """
    heads = {
        "q_proj": config["num_attention_heads"],
        "k_proj": config.get("num_key_value_heads") or config["num_attention_heads"],
    }.get(key.split(".")[-2])
    if config["model_type"] != "llama" or heads is None:
        return values
    halves = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)
