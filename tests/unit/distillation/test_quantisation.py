"""Check quantised weights against the package gguf, and the choice of formats against llama.cpp's own mixes."""

import shutil

import gguf
import numpy as np
import pytest
import torch
from hearth.common import files
from hearth.common.config_schema import settings_schema
from hearth.distillation import gguf_file, quantisation
from hearth.distillation.quantisation import FORMS, Format, quantise, stored_bytes, tensor_format
from hearth.engines.llamacpp import LlamaCppEngine
from hearth.engines.protocol import Decoding, Request
from random_model import make_model
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

LAYERS = 28  # of Qwen3-0.6B
WEIGHTS = np.random.default_rng(0).normal(size=(7, 512)).astype(np.float32)
# Largest distance of a weight from its quantised value, in steps of the widest block: half a step of its own block, and
# for K-quants a part of a step more, because their scales are quantised too.
STEPS = {Format.Q8_0: 254, Format.Q6_K: 60, Format.Q5_0: 31, Format.Q4_K: 13, Format.Q4_0: 15}


@pytest.mark.parametrize("kind", [Format.Q8_0, Format.Q4_0, Format.Q5_0])
def test_quantised_bytes_equal_those_of_the_package_gguf(kind):
    wide = np.concatenate([WEIGHTS, WEIGHTS * 1e-3, np.zeros_like(WEIGHTS)])
    assert np.array_equal(quantise(wide, kind), gguf.quants.quantize(wide, kind))


@pytest.mark.parametrize("kind", STEPS)
def test_quantised_weights_are_close(kind):
    stored = quantise(WEIGHTS, kind)
    assert stored.nbytes == stored_bytes(WEIGHTS.shape, kind)
    error = np.abs(gguf.quants.dequantize(stored, kind) - WEIGHTS).max()
    assert error <= 1.1 * 2 * np.abs(WEIGHTS).max() / STEPS[kind]
    assert error > 0


def test_fewer_bits_lose_more():
    errors = [np.abs(gguf.quants.dequantize(quantise(WEIGHTS, kind), kind) - WEIGHTS).mean() for kind in STEPS]
    assert errors == sorted(errors)


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        quantise(np.array([[1.0, np.nan] * 16], np.float32), Format.Q8_0)


def test_without_the_functions_of_llama_cpp_formats_of_gguf_remain(monkeypatch):
    expected = quantise(WEIGHTS, Format.Q8_0)
    monkeypatch.setattr(quantisation, "_library", lambda: None)
    assert np.array_equal(quantise(WEIGHTS, Format.Q8_0), expected)
    reasons = {form: quantisation.unsupported_reason(form) for form in FORMS}
    assert reasons["q8_0"] == reasons["q4_0"] == ""
    assert "exports no ggml_quantize_chunk" in reasons["q4_k_m"]
    for form in ("q8_0", "q4_0"):
        for tied in (True, False):
            for kind in formats(form, tied=tied).values():
                quantise(WEIGHTS, kind)  # none needs the missing functions
    assert formats("q4_0")["token_embd.weight"] == Format.Q8_0


def formats(form, columns=1024, tied=True):
    """Return a dict from tensor to its format in a model of the shape of Qwen3-0.6B."""
    names = ["token_embd.weight", "output_norm.weight", *([] if tied else ["output.weight"])]
    names += [f"blk.{layer}.{name}.weight" for layer in range(LAYERS) for name in ("attn_q", "attn_v", "ffn_down")]
    shapes = {name: (columns,) if "norm" in name else (64, columns) for name in names}
    return {name: tensor_format(form, name, shape, LAYERS, tied) for name, shape in shapes.items()}


def test_formats_of_q4_k_m_are_the_mix_of_llama_cpp():
    chosen = formats("q4_k_m")
    assert chosen["token_embd.weight"] == Format.Q6_K  # it is the output matrix too
    assert chosen["output_norm.weight"] == Format.F32
    assert {chosen[f"blk.{layer}.attn_q.weight"] for layer in range(LAYERS)} == {Format.Q4_K}
    more = {layer for layer in range(LAYERS) if chosen[f"blk.{layer}.ffn_down.weight"] == Format.Q6_K}
    # The first and the last eighth (3.5 layers), and every third layer between them.
    assert more == {0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 24, 25, 26, 27}
    assert more == {layer for layer in range(LAYERS) if chosen[f"blk.{layer}.attn_v.weight"] == Format.Q6_K}
    untied = formats("q4_k_m", tied=False)
    assert (untied["token_embd.weight"], untied["output.weight"]) == (Format.Q4_K, Format.Q6_K)


def test_formats_of_q8_0_and_q4_0():
    for name, kind in formats("q8_0").items():
        assert kind == (Format.F32 if "norm" in name else Format.Q8_0)
    chosen = formats("q4_0")
    assert (chosen["token_embd.weight"], chosen["blk.0.ffn_down.weight"]) == (Format.Q6_K, Format.Q4_0)


def test_rows_that_do_not_fit_get_smaller_blocks_or_none():
    narrow = formats("q4_k_m", columns=96)
    assert narrow["token_embd.weight"] == Format.Q8_0
    assert narrow["blk.0.attn_q.weight"] == Format.Q5_0
    assert narrow["blk.0.ffn_down.weight"] == Format.Q8_0
    for form in FORMS:
        odd = formats(form, columns=40)
        assert {kind for name, kind in odd.items() if "norm" not in name} == {Format.F16}


def test_the_config_names_the_forms():
    assert tuple(settings_schema("export")["quantise"]["items"]["enum"]) == FORMS


@pytest.fixture(scope="module", params=[True, False], ids=["tied", "untied"])
def wide(request, tmp_path_factory):
    """Return a random Qwen3 whose rows can be divided into the blocks of all formats."""
    source = make_model(tmp_path_factory.mktemp("tiny"))
    folder = tmp_path_factory.mktemp("wide") / "m"
    shutil.copytree(source, folder)
    torch.manual_seed(4)
    config = Qwen3Config.from_pretrained(
        source, hidden_size=256, intermediate_size=512, head_dim=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, layer_types=["full_attention"] * 3,
        tie_word_embeddings=request.param, initializer_range=0.1,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


def test_quantised_files_are_read_by_llama_cpp_and_keep_tied_heads_tied(wide, tmp_path):
    config = files.read_json(wide / "config.json")
    gguf_file.write_gguf(wide, tmp_path / "own.gguf", "x")
    decoding, sizes, texts = Decoding.greedy(6), [], {}
    for form in ("own", *FORMS):
        path = tmp_path / f"{form}.gguf"
        if form != "own":
            gguf_file.write_gguf(wide, path, "x", form)
            reader = gguf.GGUFReader(path)
            assert reader.fields["general.file_type"].contents() == quantisation.file_type(form)
            assert reader.fields["general.quantization_version"].contents() == 2
            names = {tensor.name for tensor in reader.tensors}
            assert ("output.weight" in names) != config["tie_word_embeddings"]
        sizes.append(path.stat().st_size)
        ((completion,),) = LlamaCppEngine(path, wide).complete("kitchen", [Request("k", " door")], decoding)
        assert completion.completion_tokens == 6
        texts[form] = completion.text
    assert sizes == sorted(sizes, reverse=True)
    assert texts["q8_0"][:1] == texts["own"][:1]


def test_q4_k_m_has_the_formats_of_all_blocks(wide, tmp_path):
    gguf_file.write_gguf(wide, tmp_path / "x.gguf", "x", "q4_k_m")
    by_name = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "x.gguf").tensors}
    kinds = {name: tensor.tensor_type.name for name, tensor in by_name.items()}
    assert kinds["blk.0.attn_q.weight"] == "Q4_K"
    assert kinds["blk.2.ffn_down.weight"] == "Q6_K"
    stored = by_name["blk.1.ffn_up.weight"]
    from safetensors import safe_open

    with safe_open(wide / "model.safetensors", framework="pt") as weights:
        expected = weights.get_tensor("model.layers.1.mlp.up_proj.weight").float().numpy()
    read = gguf.quants.dequantize(stored.data, stored.tensor_type)
    assert np.abs(read - expected).max() <= 1.1 * 2 * np.abs(expected).max() / STEPS[Format.Q4_K]


def test_vocabularies_of_sentencepiece_are_not_converted(tmp_path):
    folder = make_model(tmp_path)
    assert gguf_file.unsupported_reason(folder) == ""
    tokenizer = files.read_json(folder / "tokenizer.json")
    files.write_json(folder / "tokenizer.json", tokenizer | {"model": tokenizer["model"] | {"byte_fallback": True}})
    assert gguf_file.unsupported_reason(folder) == "its tokenizer is no byte-level BPE"


def test_biases_of_a_llama_have_the_order_of_their_weights_rows(tmp_path):
    folder = make_model(tmp_path)
    vocabulary = files.read_json(folder / "config.json")["vocab_size"]
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=4,
            num_key_value_heads=2, attention_bias=True,
        )
    )  # fmt: skip
    attention = model.model.layers[0].self_attn
    for part in (attention.q_proj, attention.k_proj):
        part.bias.data = part.weight.data[:, 0].clone()
    model.save_pretrained(folder)
    gguf_file.write_gguf(folder, tmp_path / "x.gguf", "x")
    stored = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "x.gguf").tensors}
    for name in ("attn_q", "attn_k"):
        assert np.array_equal(stored[f"blk.0.{name}.bias"], stored[f"blk.0.{name}.weight"][:, 0])
    assert not np.array_equal(stored["blk.0.attn_q.bias"], attention.q_proj.bias.detach().numpy())
