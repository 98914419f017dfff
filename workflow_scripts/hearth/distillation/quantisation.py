"""Quantise weights for llama.cpp, and choose the number format of each tensor as its program llama-quantize does.

The package gguf quantises to few formats. The library in the package xllamacpp has the functions of llama.cpp itself
for all of them, but promises none: without them, formats that gguf has remain.
"""

import ctypes
import re
from functools import cache
from typing import NamedTuple

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Format


class _Form(NamedTuple):
    """A quantised form of a model: the format of most matrices, and llama.cpp's type of such a file."""

    base: Format
    file_type: gguf.LlamaFileType


_FORMS = {
    "q8_0": _Form(Format.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_k_m": _Form(Format.Q4_K, gguf.LlamaFileType.MOSTLY_Q4_K_M),
    "q4_0": _Form(Format.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
# The quantised forms of an export; fewer bits lose too much of a small model.
FORMS = tuple(_FORMS)
# Formats for matrices that cannot get the format to the left, whose blocks do not divide their rows or which cannot be
# written here.
_NARROWER = {Format.Q4_K: Format.Q5_0, Format.Q6_K: Format.Q8_0}
# Formats that the package gguf can quantise to.
_OF_GGUF = (Format.Q8_0, Format.Q4_0, Format.Q5_0)


def file_type(form: str) -> gguf.LlamaFileType:
    """Return llama.cpp's type of a file with the quantised form `form`."""
    return _FORMS[form].file_type


def unsupported_reason(form: str) -> str:
    """Return a phrase that says why this machine cannot write the quantised form `form`; "" if it can."""
    if _FORMS[form].base in _OF_GGUF or _library() is not None:
        return ""
    return "the package xllamacpp exports no ggml_quantize_chunk; install the version of requirements.txt"


def tensor_format(form: str, tensor: str, shape: tuple[int, ...], layers: int, is_tied: bool) -> Format:
    """Return the number format of a tensor in the quantised form `form`.

    `tensor` is its name in GGUF files, `shape` ends with the length of its rows, `layers` is the model's number of
    layers, and `is_tied` says whether the embeddings are the output matrix too. Vectors stay fp32. The output matrix
    and, in q4_k_m, some layers' value and down projections get more bits than the rest. Matrices whose rows cannot be
    divided into blocks get a format with smaller blocks, or fp16, and those for which llama.cpp's functions are missing
    one that the package gguf has.
    """
    if len(shape) < 2:
        return Format.F32
    columns, base = shape[-1], _FORMS[form].base
    chosen = base
    if tensor == ("token_embd.weight" if is_tied else "output.weight"):
        # llama.cpp compares with the base's blocks here, so that narrow rows get eight bits.
        chosen = Format.Q8_0 if base == Format.Q8_0 or columns % _block(base) else Format.Q6_K
    elif form == "q4_k_m" and (layer := re.fullmatch(r"blk\.(\d+)\.(attn_v|ffn_down)\.weight", tensor)):
        chosen = Format.Q6_K if _has_more_bits(int(layer[1]), layers) else base
    if columns % _block(chosen) or (chosen not in _OF_GGUF and _library() is None):
        chosen = _NARROWER.get(chosen, Format.F16)
    return Format.F16 if columns % _block(chosen) else chosen


def stored_bytes(shape: tuple[int, ...], kind: Format) -> int:
    """Return the size of a tensor in a number format."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    return int(np.prod(shape)) // block * size


def quantise(values: np.ndarray, kind: Format) -> np.ndarray:
    """Return fp32 `values` in a number format: bytes (uint8) of the same rows, or numbers of an unquantised format.

    Raises ValueError for values that are not finite, and NotImplementedError for a format that cannot be written here.
    """
    if not np.isfinite(values).all():
        raise ValueError("a weight is not finite, so it cannot be quantised")
    library = _library()
    if kind in (Format.F32, Format.F16, Format.BF16) or library is None:
        return gguf.quants.quantize(values, kind)
    rows = np.ascontiguousarray(values, np.float32).reshape(-1, values.shape[-1])
    row_bytes = stored_bytes((rows.shape[1],), kind)
    quantised: np.ndarray = np.empty((len(rows), row_bytes), np.uint8)
    written = library.ggml_quantize_chunk(kind, rows.ctypes.data, quantised.ctypes.data, 0, *rows.shape, None)
    if written != quantised.nbytes:
        raise ValueError(f"llama.cpp wrote {written} bytes for {kind.name}; expected {quantised.nbytes}")
    return quantised.reshape(*values.shape[:-1], row_bytes)


def _block(kind: Format) -> int:
    return gguf.GGML_QUANT_SIZES[kind][0]


def _has_more_bits(layer: int, layers: int) -> bool:
    """Whether a layer gets more bits: the first and the last eighth, and every third between them."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


@cache
def _library() -> ctypes.CDLL | None:
    """Return llama.cpp's library with its functions declared; None if the installed one lacks them."""
    try:
        from xllamacpp import xllamacpp

        library = ctypes.CDLL(xllamacpp.__file__)
        quantize, row_size = library.ggml_quantize_chunk, library.ggml_row_size
    except (ImportError, OSError, AttributeError):
        return None
    # (format, values, destination, first value, rows, values in a row, importance of each column) -> bytes
    quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]
    quantize.restype = ctypes.c_size_t
    row_size.argtypes, row_size.restype = [ctypes.c_int, ctypes.c_int64], ctypes.c_size_t
    for kind in {Format.Q6_K, *(form.base for form in _FORMS.values()), *_NARROWER.values()}:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if row_size(kind, block) != size:  # its formats are numbered or stored in another way
            return None
    return library
