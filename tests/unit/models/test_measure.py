import json
import struct

import pytest
from hearth.common.files import write_json
from hearth.models.measure import count_parameters, linear_layers, measure_model
from hearth.models.snapshot import ModelError

CONFIG = {
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "hidden_size": 256,
    "intermediate_size": 512,
    "vocab_size": 1000,
    "tie_word_embeddings": False,
}
ENDS = {"model.embed_tokens.weight": ("BF16", [1000, 256]), "lm_head.weight": ("BF16", [1000, 256])}
BYTES = {"BF16": 2, "F16": 2, "F32": 4, "I32": 4, "I64": 8, "F8_E4M3": 1, "U8": 1, "I8": 1}
# One matrix of 256 x 512 weights in each format.
MATRIX = "model.layers.0.mlp.up_proj"
AWQ = {
    f"{MATRIX}.qweight": ("I32", [256, 512 // 8]),
    f"{MATRIX}.qzeros": ("I32", [2, 512 // 8]),
    f"{MATRIX}.scales": ("F16", [2, 512]),
}
GPTQ = {
    f"{MATRIX}.qweight": ("I32", [256 // 4, 512]),
    f"{MATRIX}.qzeros": ("I32", [2, 512 // 4]),
    f"{MATRIX}.scales": ("F16", [2, 512]),
    f"{MATRIX}.g_idx": ("I32", [256]),
}
FP8 = {f"{MATRIX}.weight": ("F8_E4M3", [512, 256]), f"{MATRIX}.weight_scale_inv": ("BF16", [4, 2])}
COMPRESSED = {
    f"{MATRIX}.weight_packed": ("I32", [512, 256 // 8]),
    f"{MATRIX}.weight_scale": ("BF16", [512, 2]),
    f"{MATRIX}.weight_shape": ("I64", [2]),
}
BITSANDBYTES = {
    f"{MATRIX}.weight": ("U8", [512 * 256 // 2, 1]),
    f"{MATRIX}.weight.absmax": ("U8", [2048]),
    f"{MATRIX}.weight.quant_map": ("F32", [16]),
    f"{MATRIX}.weight.quant_state.bitsandbytes__nf4": ("U8", [80]),
}
MXFP4 = {f"{MATRIX}_blocks": ("U8", [512, 8, 16]), f"{MATRIX}_scales": ("U8", [512, 8])}
GROUPS = {"config_groups": {"group_0": {"weights": {"num_bits": 4}}}}


def checkpoint(folder, tensors, quantisation=None, **changes):
    """Write a model of `tensors`, a dict from name to (type, shape), whose data are a hole in the file."""
    header, offset = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = BYTES[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    folder.mkdir(exist_ok=True)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    write_json(
        folder / "config.json", CONFIG | changes | ({"quantization_config": quantisation} if quantisation else {})
    )
    return offset


@pytest.mark.parametrize(
    ("tensors", "quantisation", "stored_as"),
    [
        ({f"{MATRIX}.weight": ("BF16", [512, 256])}, None, "bf16"),
        ({f"{MATRIX}.weight": ("F32", [512, 256])}, None, "bf16"),  # most weights are embeddings here
        (AWQ, {"quant_method": "awq", "bits": 4}, "awq"),
        (GPTQ, {"quant_method": "gptq", "bits": 8}, "gptq"),
        (FP8, {"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8"),
        (COMPRESSED, {"quant_method": "compressed-tensors", **GROUPS}, "compressed-tensors"),
        (BITSANDBYTES, {"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
        (
            {f"{MATRIX}.weight": ("I8", [512, 256])},
            {"quant_method": "bitsandbytes", "load_in_8bit": True},
            "bitsandbytes",
        ),
        (MXFP4, {"quant_method": "mxfp4"}, "mxfp4"),
    ],
)
def test_parameters_are_weights_before_packing_and_bytes_those_of_the_file(tmp_path, tensors, quantisation, stored_as):
    data = checkpoint(tmp_path, ENDS | tensors, quantisation)
    shape = measure_model(tmp_path)
    assert count_parameters(tmp_path) == shape.parameters == 2 * 256_000 + 256 * 512
    assert shape.embeddings == 2 * 256_000
    assert (shape.weight_bytes, shape.stored_as) == (data, stored_as)


def test_an_unknown_packing_is_an_error_not_a_wrong_number(tmp_path):
    checkpoint(tmp_path, ENDS | AWQ, {"quant_method": "awq"})
    with pytest.raises(ModelError, match="bits of a weight are not given"):
        count_parameters(tmp_path)
    checkpoint(tmp_path, ENDS | {f"{MATRIX}.codes": ("I32", [8, 8])}, {"quant_method": "novel", "bits": 2})
    with pytest.raises(ModelError, match="packed by quant_method novel cannot be counted"):
        count_parameters(tmp_path)


@pytest.mark.parametrize("matrix", [{f"{MATRIX}.weight": ("BF16", [512, 256])}, AWQ, COMPRESSED, BITSANDBYTES])
def test_linear_layers_are_matrices_that_are_no_embeddings(tmp_path, matrix):
    norm = {"model.layers.0.norm.weight": ("BF16", [256])}
    checkpoint(tmp_path, ENDS | norm | matrix)
    assert linear_layers(tmp_path) == ["lm_head", MATRIX]
    checkpoint(tmp_path, {"wte.weight": ("BF16", [1000, 256])} | norm | matrix, tie_word_embeddings=True)
    assert linear_layers(tmp_path) == ["lm_head", MATRIX]


def test_a_tied_output_head_that_is_stored_counts_once(source):
    from safetensors.torch import load_file, save_file

    counted, shape = count_parameters(source), measure_model(source)
    weights = load_file(source / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, source / "model.safetensors")
    assert count_parameters(source) == counted
    assert measure_model(source) == shape
    assert shape.tied


def test_the_cache_of_a_token_has_keys_and_values_of_all_layers(tmp_path):
    checkpoint(tmp_path, ENDS)
    shape = measure_model(tmp_path)
    assert shape.cache_bytes() == 2 * 1 * 2 * 32 * 2
    assert shape.cache_bytes(1) == shape.cache_bytes() / 2


def test_settings_of_a_multimodal_models_text_part_are_read(tmp_path):
    checkpoint(tmp_path, ENDS)
    plain = measure_model(tmp_path)
    write_json(tmp_path / "config.json", {"text_config": CONFIG})
    assert measure_model(tmp_path) == plain


def test_a_config_without_a_shape_is_named(tmp_path):
    checkpoint(tmp_path, ENDS)
    write_json(tmp_path / "config.json", {"num_attention_heads": 4, "hidden_size": 256})
    with pytest.raises(ModelError, match="no num_hidden_layers"):
        measure_model(tmp_path)
