"""Test models that are linked from a store: a folder outside the project, or the Hugging Face cache."""

import os
import shutil
from pathlib import Path

import pytest
from hearth.common import files
from hearth.models.fetch import fetch_model, size_to_fetch
from hearth.models.load import load_model
from hearth.models.snapshot import ModelError, is_complete, read_snapshot
from hearth.workflow.findings import Findings
from hearth.workflow.login_checks import check_models
from model_specs import HUB


@pytest.fixture
def store(source, tmp_path) -> Path:
    """The folder of a model outside the project."""
    return source.rename(tmp_path / "store")


def fetch(tmp_path, spec, out="out"):
    (tmp_path / "project").mkdir(exist_ok=True)
    return fetch_model("tiny", spec, tmp_path / "work", tmp_path / out, tmp_path / "project")


def folder_spec(folder) -> dict[str, str]:
    return {"source": "folder", "path": str(folder)}


def change(path, content, times=None):
    """Write `content` into the file in place; set its times to `times` (ns) if given."""
    with open(path, "r+b") as file:
        file.truncate()
        file.write(content)
    if times:
        os.utime(path, ns=times)


def test_a_folder_outside_the_project_is_linked_and_used_like_a_copy(store, tmp_path):
    linked = fetch(tmp_path, folder_spec(store))
    shutil.copytree(store, tmp_path / "project" / "model")
    copied = fetch(tmp_path, folder_spec("model"), "copied")
    assert (linked["files"], linked["digest"], linked["parameters"]) == (
        copied["files"],
        copied["digest"],
        copied["parameters"],
    )
    for name in linked["files"]:
        assert (tmp_path / "out" / name).readlink() == store / name
        assert not (tmp_path / "copied" / name).is_symlink()
    assert not list((tmp_path / "work").rglob("*.safetensors"))
    assert read_snapshot(tmp_path / "out") == linked
    load_model(tmp_path / "out", dtype="float32", device="cpu")


def test_a_linked_model_takes_no_disk(store, tmp_path):
    assert size_to_fetch("tiny", folder_spec(store), tmp_path / "project") == 0
    assert size_to_fetch("tiny", folder_spec(store), tmp_path) > 0


def test_a_file_that_looks_unchanged_is_not_read_again(store, tmp_path):
    first = fetch(tmp_path, folder_spec(store))
    weights = store / "model.safetensors"
    found = weights.stat()
    content = weights.read_bytes()
    change(weights, content[:-1] + b"!", times=(found.st_atime_ns, found.st_mtime_ns))
    (tmp_path / "out" / "snapshot.json").unlink()  # Snakemake does this before it repeats the rule
    assert fetch(tmp_path, folder_spec(store)) == first
    os.utime(weights)
    assert fetch(tmp_path, folder_spec(store))["files"] != first["files"]


def test_a_touched_store_gives_the_same_snapshot_byte_for_byte(store, tmp_path):
    fetch(tmp_path, folder_spec(store))
    before = (tmp_path / "out" / "snapshot.json").read_bytes()
    for path in store.iterdir():
        os.utime(path, ns=(1, 1))
    fetch(tmp_path, folder_spec(store))
    assert (tmp_path / "out" / "snapshot.json").read_bytes() == before


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda path: change(path, b"{}"), r"config\.json has changed since .* bytes then, 2 now\); .*--forcerun"),
        (lambda path: os.utime(path, ns=(1, 1)), r"config\.json has changed .*\(modified at 20.* then, at 19.* now\)"),
        (lambda path: path.unlink(), r"config\.json, which .* cannot read \(No such file or directory\); every node"),
    ],
)
def test_a_changed_store_is_refused_until_the_model_is_fetched_again(store, tmp_path, alter, message):
    fetch(tmp_path, folder_spec(store))
    alter(store / "config.json")
    for use in (read_snapshot, lambda folder: load_model(folder, dtype="float32", device="cpu")):
        with pytest.raises(ModelError, match=message):
            use(tmp_path / "out")
    assert not is_complete(tmp_path / "out")
    findings = Findings("here")
    check_models(findings, {"out": folder_spec(store)}, tmp_path, tmp_path / "project")
    assert len(findings.problems) == 1


def test_a_store_that_moved_is_linked_anew(store, tmp_path):
    first = fetch(tmp_path, folder_spec(store))
    moved = store.rename(tmp_path / "moved")
    assert fetch(tmp_path, folder_spec(moved))["files"] == first["files"]
    assert (tmp_path / "out" / "model.safetensors").readlink() == moved / "model.safetensors"


def test_a_model_that_was_copied_out_of_its_store_needs_the_store_no_more(store, tmp_path):
    fetch(tmp_path, folder_spec(store))
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    shutil.rmtree(store)
    assert read_snapshot(tmp_path / "copy")["model"] == "tiny"


@pytest.fixture
def hub_cache(store, tmp_path, monkeypatch) -> Path:
    """A Hugging Face cache with the model of HUB; return the model's folder in it. The Hub itself is out of reach."""
    cache = tmp_path / "hub"
    folder = cache / "models--Qwen--Qwen3-0.6B"
    snapshot = folder / "snapshots" / HUB["revision"]
    snapshot.mkdir(parents=True)
    (folder / "blobs").mkdir()
    for path in store.iterdir():
        blob = folder / "blobs" / files.file_digest(path)
        path.rename(blob)
        (snapshot / path.name).symlink_to(os.path.relpath(blob, snapshot))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return folder


def test_a_model_in_the_hugging_face_cache_is_linked(hub_cache, tmp_path):
    assert size_to_fetch("tiny", HUB) == 0
    snapshot = fetch(tmp_path, HUB)
    assert (snapshot["source"], snapshot["revision"]) == ("hub:Qwen/Qwen3-0.6B", HUB["revision"])
    assert all((tmp_path / "out" / name).is_symlink() for name in snapshot["files"])
    assert read_snapshot(tmp_path / "out") == snapshot
    load_model(tmp_path / "out", dtype="float32", device="cpu")


def test_an_incomplete_cache_is_not_used(hub_cache, tmp_path):
    (hub_cache / "snapshots" / HUB["revision"] / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="cannot download"):
        fetch(tmp_path, HUB)


def test_another_revision_in_the_cache_is_not_used(hub_cache, tmp_path):
    with pytest.raises(ModelError, match="cannot download"):
        fetch(tmp_path, {**HUB, "revision": "0" * 40})


def test_damaged_weights_in_the_cache_are_refused(hub_cache, tmp_path):
    weights = (hub_cache / "snapshots" / HUB["revision"] / "model.safetensors").resolve()
    change(weights, weights.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelError, match=f"{weights}: damaged in the Hugging Face cache"):
        fetch(tmp_path, HUB)
    assert not (tmp_path / "out" / "snapshot.json").exists()
