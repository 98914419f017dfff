"""Measure a model from its files: parameters, bytes of weights, and the shape that decides its key-value cache."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from hearth.common.files import read_json_object
from hearth.models.snapshot import ModelError

# Bits of a value in a tensor of safetensors, by the name of its type.
_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
_FORMATS = {"F32": "fp32", "BF16": "bf16", "F16": "fp16", "F8_E4M3": "fp8", "F8_E5M2": "fp8"}
# Tensors that describe quantised weights, and so are no parameters: scales, zero points, orders, tables of values.
_DESCRIBES_WEIGHTS = re.compile(
    r"(scales?(_inv|_2)?|qzeros|g_idx|zero_point|weight_shape|absmax|quant_map|SCB|weight_format|quant_state\.\w+)$"
)
# Weights packed into integers: the quantisation of bitsandbytes, of mxfp4 and of modelopt stores two values in a byte.
_PACKED_INTO_INT32 = ("qweight", "weight_packed")
_TWO_VALUES_A_BYTE = ("bitsandbytes", "mxfp4", "modelopt")
_EMBEDDINGS = re.compile(r"(embed_tokens|lm_head|wte)\.weight$")
# The weights of a linear layer, and the last part of the names of embeddings, which have matrices too.
_MATRIX = re.compile(r"\.(weight|qweight|weight_packed)$")
_NO_LINEAR_LAYER = re.compile(r"(embed\w*|wte|wpe)$")


@dataclass(frozen=True)
class ModelShape:
    """The sizes of a model that decide its memory and speed.

    `weight_bytes` is the size of the weights as stored, `stored_as` their format: bf16, fp16, fp32, fp8, awq, gptq or
    the name of another quantisation. `parameters` counts weights before packing; a tied output head counts once in
    both. `embeddings` counts those of the parameters that are embeddings and an untied output head: AWQ, GPTQ and FP8
    leave them in 16 bit.
    """

    parameters: int
    weight_bytes: int
    stored_as: str
    embeddings: int
    tied: bool
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    hidden: int
    intermediate: int
    vocabulary: int
    context: int

    def cache_bytes(self, bytes_per_value: float = 2) -> float:
        """Return the bytes that one token takes in the key-value cache of all layers."""
        return 2 * self.layers * self.kv_heads * self.head_width * bytes_per_value


def count_parameters(folder: Path) -> int:
    """Count the parameters of the model in `folder` from its safetensors headers; tied embeddings count once.

    A weight that is packed with others into one integer counts by itself; scales and zero points do not count. Raises
    ModelError for a packing that is not known.
    """
    return _measure_weights(Path(folder), read_json_object(Path(folder) / "config.json"))[0]


def measure_model(folder: Path) -> ModelShape:
    """Return the shape of the model in `folder`. Raises ModelError if its config.json does not say it."""
    config: Any = read_json_object(Path(folder) / "config.json")
    parameters, weight_bytes, embeddings, stored_as = _measure_weights(Path(folder), config)
    text = config.get("text_config", config)  # multimodal models nest the language model's settings
    try:
        heads, hidden = text["num_attention_heads"], text["hidden_size"]
        return ModelShape(
            parameters,
            weight_bytes,
            stored_as,
            embeddings,
            _is_tied(config),
            text["num_hidden_layers"],
            heads,
            text.get("num_key_value_heads") or heads,
            text.get("head_dim") or hidden // heads,
            hidden,
            text.get("intermediate_size") or 4 * hidden,
            text["vocab_size"],
            text.get("max_position_embeddings") or 0,
        )
    except KeyError as error:
        raise ModelError(
            f"{folder}/config.json: no {error.args[0]}, so the model's memory cannot be computed"
        ) from None


def linear_layers(folder: Path) -> list[str]:
    """Return the full names of a model's linear layers, which have a matrix in its safetensors headers, sorted.

    A tied output head is one of them, whether it is stored or not.
    """
    matrices = {name for name, _, shape in _tensors(Path(folder)) if len(shape) == 2 and _MATRIX.search(name)}
    tied = {"lm_head"} if _is_tied(read_json_object(Path(folder) / "config.json")) else set()
    return sorted(tied | {layer for name in matrices if not _NO_LINEAR_LAYER.search(layer := _MATRIX.sub("", name))})


def has_tied_head(folder: Path) -> bool:
    """Whether the output head of the model in `folder` has the weights of its embeddings."""
    return _is_tied(read_json_object(Path(folder) / "config.json"))


def _measure_weights(folder: Path, config: Mapping[str, Any]) -> tuple[int, int, int, str]:
    """Return (parameters, bytes of weights, parameters of embeddings, format of most of the weights)."""
    quantisation: Mapping[str, Any] = config.get("quantization_config") or {}
    method = str(quantisation.get("quant_method", ""))
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    formats: dict[str, int] = {}
    for name, dtype, shape in _tensors(folder):
        sizes[name] = prod(shape) * _BITS[dtype] // 8
        counts[name] = (
            0 if _DESCRIBES_WEIGHTS.search(name) else prod(shape) * _values_per_entry(name, dtype, quantisation)
        )
        formats[dtype] = formats.get(dtype, 0) + counts[name]
    # Some checkpoints (Qwen3-0.6B for one) store a tied output head a second time.
    if _is_tied(config):
        counts.pop("lm_head.weight", None)
        sizes.pop("lm_head.weight", None)
    most = max(formats, key=formats.__getitem__, default="")
    embeddings = sum(count for name, count in counts.items() if _EMBEDDINGS.search(name))
    return sum(counts.values()), sum(sizes.values()), embeddings, method or _FORMATS.get(most, most.lower())


def _tensors(folder: Path) -> Iterator[tuple[str, str, list[int]]]:
    """Yield (name, type, shape) of every tensor in the safetensors files of `folder`; only their headers are read."""
    from safetensors import safe_open

    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a dict
                tensor = tensors.get_slice(name)
                yield name, tensor.get_dtype(), tensor.get_shape()


def _values_per_entry(name: str, dtype: str, quantisation: Mapping[str, Any]) -> int:
    """Return the number of weights that one entry of a tensor holds."""
    method = str(quantisation.get("quant_method", ""))
    if not method or dtype.startswith(("F", "BF")):
        return 1
    if dtype == "I32" and name.rpartition(".")[2] in _PACKED_INTO_INT32:
        return 32 // _weight_bits(quantisation)
    if dtype == "U8" and method in _TWO_VALUES_A_BYTE:
        return 2
    if dtype == "I8":
        return 1
    raise ModelError(f"tensor {name} of type {dtype}: weights packed by quant_method {method} cannot be counted")


def _weight_bits(quantisation: Mapping[str, Any]) -> int:
    """Return the bits of a weight; compressed-tensors says them for each group of layers."""
    groups = (quantisation.get("config_groups") or {}).values()
    said = [quantisation.get("bits"), *((group.get("weights") or {}).get("num_bits") for group in groups)]
    bits = {int(value) for value in said if value}
    if len(bits) != 1:
        raise ModelError(
            f"quantization_config: bits of a weight are {sorted(bits) or 'not given'}; one number is needed"
        )
    return bits.pop()


def _is_tied(config: Mapping[str, Any]) -> bool:
    return bool(config.get("tie_word_embeddings", config.get("text_config", {}).get("tie_word_embeddings", False)))
