"""Test that preflight reports the models and raw data that a run lacks, and names a remedy for each."""

import http.server
import json
import threading

import pytest
from factories import MODEL
from hearth.common.files import write_json
from hearth.models.fetch import fetch_model
from hearth.models.snapshot import SNAPSHOT
from hearth.workflow import login_checks
from hearth.workflow.memory_checks import read_shapes
from preflight_findings import problem
from repository import REPOSITORY

TINY = REPOSITORY / "demo" / "models" / "tiny-s"
HUB = {"source": "hub", "id": "a/b", "revision": "0" * 40}
FOLDER = {"source": "folder", "path": "demo/models/tiny-s", "license": "Apache-2.0"}


# Models


def test_a_model_that_can_be_fetched_counts_with_its_bytes(findings, tmp_path):
    size = login_checks.check_models(findings, {"tiny-s": FOLDER}, tmp_path, REPOSITORY)
    assert size == sum(path.stat().st_size for path in TINY.iterdir() if path.name != "README.md")
    assert not findings.problems


def test_gpus_that_cannot_share_the_heads_are_a_problem_and_unused_engine_options_are_noted(findings, tmp_path):
    fetch_model("tiny-s", FOLDER, REPOSITORY, tmp_path / "tiny-s")
    request = {"engine": "vllm", "gpus": 7, "pipeline_parallel": 1, "engine_options": {"quantization": "fp8"}}
    login_checks.check_requests(findings, {"tiny-s": request, "not-fetched": request}, tmp_path)
    assert "gpus: 7 cannot share" in problem(findings)
    login_checks.check_requests(findings, {"tiny-s": request | {"engine": "transformers"}}, tmp_path)
    assert "apply to vllm and server only" in findings.facts[0]


def test_targets_that_a_fetched_base_lacks_are_a_problem(findings, tmp_path):
    fetch_model("tiny-s", FOLDER, REPOSITORY, tmp_path / "tiny-s")
    login_checks.check_targets(findings, ["tiny-s", "not-fetched"], ["q_proj"], tmp_path)
    assert not findings.problems
    assert findings.skipped == ["students.training.lora.target_modules: model not-fetched is not fetched yet"]
    login_checks.check_targets(findings, ["tiny-s"], ["q_proj", "qkv_proj"], tmp_path)
    assert "target_modules: qkv_proj is no linear layer of tiny-s" in problem(findings)


def test_a_fetched_model_that_has_lost_a_file_must_be_fetched_again(findings, tmp_path):
    write_json(tmp_path / "tiny-s" / SNAPSHOT, MODEL | {"files": {"config.json": "digest"}})
    assert login_checks.check_models(findings, {"tiny-s": FOLDER}, tmp_path, REPOSITORY) > 0
    (tmp_path / "tiny-s" / "config.json").write_text("{}")
    assert login_checks.check_models(findings, {"tiny-s": FOLDER}, tmp_path, REPOSITORY) == 0
    assert findings.facts[-1] == "model tiny-s: fetched"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"source": "folder", "path": "no/such"}, ["no folder", "no/such", "correct its path in the model registry"]),
        (
            {"source": "package", "package": "no_such_package", "file": "a.gguf", "sha256": "0" * 64},
            ["no_such_package is not installed", "pip install"],
        ),
    ],
)
def test_a_model_that_cannot_be_fetched_is_named_with_the_remedy(findings, tmp_path, spec, said):
    login_checks.check_models(findings, {"mine": spec}, tmp_path, REPOSITORY)
    text = problem(findings)
    assert all(part in text for part in ["model mine", *said])


def test_a_served_model_is_neither_fetched_nor_held_in_memory(findings, tmp_path):
    spec = {"source": "served", "served_model": "Example/Large", "interface": "vllm", "parameters": 10**12}
    assert login_checks.check_models(findings, {"large": spec}, tmp_path, REPOSITORY) == 0
    fetch_model("large", spec, tmp_path / "work", tmp_path / "large")
    assert read_shapes(findings, [tmp_path / "large"]) == {}
    assert findings.facts == ["model large: served as Example/Large, nothing to fetch"]
    assert not findings.problems


class StandInHub(http.server.BaseHTTPRequestHandler):
    """Answer like the Hugging Face Hub when a client asks for the files of a model's revision and their sizes."""

    def do_GET(self):
        sizes = {
            "model.safetensors": 1000,
            "config.json": 10,
            "pytorch_model.bin": 1000,
            "onnx/model.safetensors": 1000,
        }
        about = {"id": "a/b", "siblings": [{"rfilename": name, "size": size} for name, size in sizes.items()]}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(about).encode())

    def log_message(self, *arguments):
        pass


def test_only_files_that_would_be_fetched_count_for_a_model_on_the_hub(findings, tmp_path, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), StandInHub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        size = login_checks.check_models(findings, {"mine": HUB}, tmp_path, REPOSITORY)
        server.shutdown()
    assert size == 1010
    assert not findings.problems


def test_an_unreachable_hub_is_a_problem_with_a_workaround(findings, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    login_checks.check_models(findings, {"mine": HUB}, tmp_path, REPOSITORY)
    assert "where the Hub can be reached" in problem(findings)


# Datasets and the disk that answers take


def test_missing_raw_files_are_named_with_where_to_get_them(findings, tmp_path):
    login_checks.check_datasets(findings, {"marble": {"source": "marble", "home": "marble", "root": str(tmp_path)}})
    assert "dataset marble" in problem(findings)
    assert "everywarelab" in problem(findings)


def test_existing_raw_files_and_simulated_homes_are_no_problem(findings, tmp_path):
    (tmp_path / "dataset" / "A1a" / "instance1").mkdir(parents=True)
    (tmp_path / "dataset" / "A1a" / "instance1" / "environmental.csv").write_text("")
    login_checks.check_datasets(
        findings,
        {
            "marble": {"source": "marble", "home": "marble", "root": str(tmp_path)},
            "sim": {"source": "mural", "home": "mural", "root": "", "simulate": {"seed": 1, "sessions": 2}},
        },
    )
    assert len(findings.facts) == 2
    assert not findings.problems


def test_disk_space_of_answers_grows_with_windows_recognisers_and_tokens(tmp_path):
    write_json(tmp_path / "splits.json", {"windows": {"all": 10, "train1": 7, "test1": 3}})
    splits = [tmp_path / "splits.json", tmp_path / "not cut yet" / "splits.json"]
    assert login_checks.trace_bytes(splits, 2, 100) == 10 * 2 * 100 * login_checks.BYTES_PER_TOKEN
