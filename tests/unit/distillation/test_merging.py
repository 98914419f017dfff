import json
import shutil

import pytest
import torch
from hearth.common import files
from hearth.distillation import gguf_file, merging
from hearth.engines.llamacpp import LlamaCppEngine
from hearth.engines.protocol import Decoding, Request
from hearth.engines.transformers import TransformersEngine
from hearth.models.load import load_model
from hearth.models.snapshot import ModelError
from peft import LoraConfig, get_peft_model
from repository import REPOSITORY
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig, LlamaConfig, LlamaForCausalLM

IDS = torch.tensor([[5, 17, 60, 61, 5, 9, 200, 31]])
PREFIX = "<|im_start|>system\nName the activity. kitchen, living room<|im_end|>\n<|im_start|>user\n"
REQUESTS = [Request(f"s/{n}", f"kitchen stove turned OFF, é “door” {n * 137}<|im_end|>\n") for n in range(4)]
GREEDY = Decoding.greedy(12)


def logits(model):
    with torch.inference_mode():
        return model.float()(input_ids=IDS).logits


@pytest.fixture(scope="module")
def merged(tiny_model, tiny_adapter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "merged"
    assert merging.merge_adapter(tiny_model, tiny_adapter, folder) == "float32"
    return folder


def test_the_merged_model_has_the_logits_of_base_and_adapter_in_plain_transformers(merged, tiny_model, tiny_adapter):
    student = load_model(tiny_model, tiny_adapter, "float32", "cpu")
    torch.testing.assert_close(
        logits(AutoModelForCausalLM.from_pretrained(merged)), logits(student), rtol=1e-4, atol=1e-4
    )
    assert not torch.allclose(logits(student), logits(load_model(tiny_model, None, "float32", "cpu")), atol=0.1)


def test_other_files_of_the_merged_model_are_those_of_the_base(merged, tiny_model):
    for name in ("generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (merged / name).read_bytes() == (tiny_model / name).read_bytes()
    assert not (merged / "snapshot.json").exists()
    turns = [{"role": "user", "content": "hello"}]
    assert "hello" in AutoTokenizer.from_pretrained(merged).apply_chat_template(turns, tokenize=False)


def test_a_base_in_bf16_is_merged_in_fp32_and_rounded_once(tiny_model, tiny_adapter, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(tiny_model, base)
    load_model(tiny_model, None, "float32", "cpu").to(torch.bfloat16).save_pretrained(base)
    assert merging.merge_adapter(base, tiny_adapter, tmp_path / "merged") == "bfloat16"
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    assert again.dtype == torch.bfloat16
    expected = load_model(base, tiny_adapter, "float32", "cpu").merge_and_unload().state_dict()
    for name, weights in again.state_dict().items():
        assert torch.equal(weights, expected[name].to(torch.bfloat16)), name


def random_adapter(base, folder, **settings):
    """Write an adapter with random, non-zero weights."""
    torch.manual_seed(1)
    lora = LoraConfig(task_type="CAUSAL_LM", r=4, init_lora_weights=False, **settings)
    get_peft_model(load_model(base, dtype="float32", device="cpu"), lora).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("settings", "layer"),
    [
        ({"target_modules": ["q_proj", "lm_head"]}, "lm_head"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, "embed_tokens"),
        ({"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}, "lm_head"),
        ({"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]}, "embed_tokens"),
    ],
)
def test_an_adapter_on_one_of_two_tied_layers_is_not_merged(tiny_model, tmp_path, settings, layer):
    adapter = random_adapter(tiny_model, tmp_path / "adapter", **settings)
    with pytest.raises(ModelError, match=f"the adapter changes {layer}, which shares its weights"):
        merging.merge_adapter(tiny_model, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_an_adapter_on_an_untied_head_is_merged(tiny_model, tmp_path):
    base = make_llama(tmp_path / "llama", tiny_model, tied=False)
    adapter = random_adapter(base, tmp_path / "adapter", target_modules=["q_proj", "down_proj", "lm_head"])
    merging.merge_adapter(base, adapter, tmp_path / "merged")
    student = load_model(base, adapter, "float32", "cpu")
    torch.testing.assert_close(logits(load_model(tmp_path / "merged", None, "float32", "cpu")), logits(student))


def make_llama(folder, tokenizer_of, tied=True):
    """Write a Llama with random weights and the tokenizer of the model `tokenizer_of`.

    It has more query heads than key heads, so that an error in the order of rows shows.
    """
    torch.manual_seed(3)
    size = len(AutoTokenizer.from_pretrained(tokenizer_of))
    config = LlamaConfig(
        vocab_size=size, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=tied, initializer_range=0.3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tokenizer_of / name, folder)
    return folder


@pytest.fixture(scope="module", params=["qwen3", "llama"])
def merged_or_llama(request, merged, tmp_path_factory):
    """Return the folder of a model, once for each supported architecture."""
    return merged if request.param == "qwen3" else make_llama(tmp_path_factory.mktemp("llama"), merged)


def test_a_gguf_file_has_the_logits_of_its_model(merged_or_llama, tmp_path):
    assert gguf_file.unsupported_reason(merged_or_llama) == ""
    gguf_file.write_gguf(merged_or_llama, tmp_path / "x.gguf", "x")
    read = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        gguf_file="x.gguf",
        # transformers does not read the width of Qwen3's heads from a GGUF file; llama.cpp does (tested below).
        config=AutoConfig.from_pretrained(merged_or_llama),
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    expected = logits(AutoModelForCausalLM.from_pretrained(merged_or_llama, dtype=torch.float32))
    torch.testing.assert_close(logits(read), expected, rtol=1e-4, atol=1e-4)


def test_equal_models_give_equal_gguf_files(merged, tmp_path):
    for name in ("a", "b"):
        gguf_file.write_gguf(merged, tmp_path / name, "x")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_gguf_file_has_tokenizer_chat_template_and_end_of_turn(merged, tmp_path):
    from gguf import GGUFReader

    gguf_file.write_gguf(merged, tmp_path / "x.gguf", "x")
    fields = {name: field.contents() for name, field in GGUFReader(tmp_path / "x.gguf").fields.items()}
    tokenizer = AutoTokenizer.from_pretrained(merged)
    assert fields["tokenizer.ggml.tokens"] == tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    assert fields["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id
    assert fields["tokenizer.chat_template"] == (merged / "chat_template.jinja").read_text()
    assert fields["tokenizer.ggml.pre"] == "smollm"
    assert fields["tokenizer.ggml.add_bos_token"] is False


def test_a_pre_tokenizer_unknown_to_llama_cpp_has_no_name(merged, tmp_path):

    assert gguf_file.pre_tokenizer_name(merged) == "smollm"
    assert gguf_file.pre_tokenizer_name(REPOSITORY / "demo" / "models" / "tiny-s") == ""


def test_unsupported_models_are_refused_with_the_reason(merged, tmp_path):
    for name, change, reason in (
        ("a", {"model_type": "mamba"}, "architecture mamba is none of qwen3, llama"),
        ("b", {"rope_parameters": {"rope_type": "yarn"}}, "rope_type yarn is not supported"),
    ):
        shutil.copytree(merged, tmp_path / name)
        config = files.read_json(merged / "config.json") | change
        (tmp_path / name / "config.json").write_text(json.dumps(config))
        assert gguf_file.unsupported_reason(tmp_path / name) == reason


@pytest.mark.parametrize("by_ids", [False, True])
def test_llama_cpp_writes_the_same_text_as_transformers(merged_or_llama, tmp_path, by_ids):
    gguf_file.write_gguf(merged_or_llama, tmp_path / "x.gguf", "x")
    engines = (
        TransformersEngine(merged_or_llama, None, "float32", "cpu", 16),
        LlamaCppEngine(tmp_path / "x.gguf", merged_or_llama, by_ids),
    )
    first, second = (
        {each.key: each for batch in engine.complete(PREFIX, REQUESTS, GREEDY) for each in batch} for engine in engines
    )
    assert {key: each.prompt_tokens for key, each in second.items()} == {k: e.prompt_tokens for k, e in first.items()}
    # llama.cpp keeps keys and values in 16 bits, which may change a close decision of random weights.
    assert sum(second[key].text == first[key].text for key in first) >= len(REQUESTS) - 1
