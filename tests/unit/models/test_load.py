import json
import shutil

import pytest
from hearth.models.fetch import fetch_model
from hearth.models.load import load_model, load_tokenizer
from hearth.models.snapshot import ModelError, adapter_digest
from model_specs import SERVED


def test_missing_weights_are_an_error(source):
    from safetensors.torch import load_file, save_file

    weights = load_file(source / "model.safetensors")
    gone = weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, source / "model.safetensors")
    with pytest.raises(ModelError, match=r"the weights lack model\.layers\.1\.mlp\.up_proj\.weight"):
        load_model(source, dtype="float32", device="cpu")
    weights["model.layers.1.mlp.up_proj.weight"] = gone[:, :-1].contiguous()
    save_file(weights, source / "model.safetensors")
    with pytest.raises(ModelError, match="do not have the shapes"):
        load_model(source, dtype="float32", device="cpu")


def test_an_adapter_changes_the_model_and_its_digest_is_that_of_its_files(tiny_model, tiny_adapter, tmp_path):
    import torch

    ids = torch.tensor([[5, 6, 7]])
    plain = load_model(tiny_model, None, "float32", "cpu")(ids).logits
    adapted = load_model(tiny_model, tiny_adapter, "float32", "cpu")(ids).logits
    assert not torch.allclose(plain, adapted)
    copy = shutil.copytree(tiny_adapter, tmp_path / "adapter")
    (copy / "README.md").write_text("other words")
    assert adapter_digest(copy) == adapter_digest(tiny_adapter)


def test_an_adapter_that_does_not_fit_is_refused(tiny_model, tiny_adapter, tmp_path):
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(tiny_adapter, tmp_path / "adapter")
    weights = load_file(copy / "adapter_model.safetensors")
    key = sorted(weights)[0]
    save_file({k: v for k, v in weights.items() if k != key}, copy / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="without a counterpart"):
        load_model(tiny_model, copy, "float32", "cpu")
    save_file({**weights, key: weights[key][:, :-1].contiguous()}, copy / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        load_model(tiny_model, copy, "float32", "cpu")
    (copy / "adapter_model.safetensors").rename(copy / "adapter_model.bin")
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors: missing"):
        load_model(tiny_model, copy, "float32", "cpu")


def test_the_tokenizer_is_loaded_as_it_was_written(tiny_model):
    tokenizer = load_tokenizer(tiny_model)
    written = json.loads((tiny_model / "tokenizer.json").read_text())
    loaded = json.loads(tokenizer.backend_tokenizer.to_str())
    assert loaded["pre_tokenizer"] == written["pre_tokenizer"]
    assert loaded["normalizer"] is None


def test_a_served_model_cannot_be_loaded(tmp_path):
    fetch_model("large", SERVED, tmp_path / "work", tmp_path / "out")
    with pytest.raises(ModelError, match="this model is served, so its weights are not here"):
        load_model(tmp_path / "out")
