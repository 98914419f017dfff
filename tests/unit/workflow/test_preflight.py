"""Test that preflight reports everything that a run lacks at once, and names a remedy for each problem."""

import http.server
import importlib.metadata
import json
import threading

import check_login
import check_node
import preflight as preflight_program
import pytest
import torch
from factories import MODEL
from hearth.common.files import write_json
from hearth.models.fetch import fetch_model
from hearth.models.snapshot import SNAPSHOT
from hearth.workflow import preflight
from hearth.workflow.findings import Findings
from hearth.workflow.preflight import GB
from repository import REPOSITORY

TINY = REPOSITORY / "demo" / "models" / "tiny-s"
HUB = {"source": "hub", "id": "a/b", "revision": "0" * 40}
FOLDER = {"source": "folder", "path": "demo/models/tiny-s", "license": "Apache-2.0"}


@pytest.fixture
def findings():
    return Findings("here")


def problem(findings):
    """Return the text of the only problem; fail if there is another problem, or a passed check in `facts`."""
    (text,) = findings.problems
    assert not findings.facts
    return text


# Models


def test_a_model_that_can_be_fetched_counts_with_its_bytes(findings, tmp_path):
    size = preflight.check_models(findings, {"tiny-s": FOLDER}, tmp_path, REPOSITORY)
    assert size == sum(path.stat().st_size for path in TINY.iterdir() if path.name != "README.md")
    assert not findings.problems


def test_a_fetched_model_that_has_lost_a_file_must_be_fetched_again(findings, tmp_path):
    write_json(tmp_path / "tiny-s" / SNAPSHOT, MODEL | {"files": {"config.json": "digest"}})
    assert preflight.check_models(findings, {"tiny-s": FOLDER}, tmp_path, REPOSITORY) > 0
    (tmp_path / "tiny-s" / "config.json").write_text("{}")
    assert preflight.check_models(findings, {"tiny-s": FOLDER}, tmp_path, REPOSITORY) == 0
    assert findings.facts[-1] == "model tiny-s: fetched"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"source": "folder", "path": "no/such"}, ["no folder", "no/such", "correct its path in config/models.yaml"]),
        (
            {"source": "package", "package": "no_such_package", "file": "a.gguf", "sha256": "0" * 64},
            ["no_such_package is not installed", "pip install"],
        ),
    ],
)
def test_a_model_that_cannot_be_fetched_is_named_with_the_remedy(findings, tmp_path, spec, said):
    preflight.check_models(findings, {"mine": spec}, tmp_path, REPOSITORY)
    text = problem(findings)
    assert all(part in text for part in ["model mine", *said])


def test_a_served_model_is_neither_fetched_nor_held_in_memory(findings, tmp_path):
    spec = {"source": "served", "served_model": "Example/Large", "interface": "vllm", "parameters": 10**12}
    assert preflight.check_models(findings, {"large": spec}, tmp_path, REPOSITORY) == 0
    fetch_model("large", spec, tmp_path / "work", tmp_path / "large")
    assert preflight.weight_bytes(findings, [tmp_path / "large"], "float32") == 0
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
        size = preflight.check_models(findings, {"mine": HUB}, tmp_path, REPOSITORY)
        server.shutdown()
    assert size == 1010
    assert not findings.problems


def test_an_unreachable_hub_is_a_problem_with_a_workaround(findings, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    preflight.check_models(findings, {"mine": HUB}, tmp_path, REPOSITORY)
    assert "where the Hub can be reached" in problem(findings)


# Data sets and disk


def test_missing_raw_files_are_named_with_where_to_get_them(findings, tmp_path):
    preflight.check_datasets(findings, {"marble": {"source": "marble", "home": "marble", "root": str(tmp_path)}})
    assert "dataset marble" in problem(findings)
    assert "everywarelab" in problem(findings)


def test_existing_raw_files_and_simulated_homes_are_no_problem(findings, tmp_path):
    (tmp_path / "dataset" / "A1a" / "instance1").mkdir(parents=True)
    (tmp_path / "dataset" / "A1a" / "instance1" / "environmental.csv").write_text("")
    preflight.check_datasets(
        findings,
        {
            "marble": {"source": "marble", "home": "marble", "root": str(tmp_path)},
            "sim": {"source": "mural", "home": "mural", "root": "", "simulate": {"seed": 1, "sessions": 2}},
        },
    )
    assert len(findings.facts) == 2
    assert not findings.problems


def test_too_little_disk_is_reported_with_free_and_needed_space(findings, tmp_path):
    preflight.check_disk(findings, tmp_path, needed=3 * GB, spare_gb=10**9)
    assert "1000000003.0 GB needed" in problem(findings)


def test_disk_space_of_answers_grows_with_windows_recognisers_and_tokens(tmp_path):
    write_json(tmp_path / "splits.json", {"windows": {"train": 7, "test": 3}})
    splits = [tmp_path / "splits.json", tmp_path / "not cut yet" / "splits.json"]
    assert preflight.trace_bytes(splits, 2, 100) == 10 * 2 * 100 * preflight.BYTES_PER_TOKEN


def test_a_work_folder_that_cannot_be_made_is_a_problem(findings, tmp_path):
    (tmp_path / "work").write_text("a file")
    preflight.check_writable(findings, tmp_path / "work")
    assert "not writable" in problem(findings)


# Versions


def environment(path, *packages):
    path.write_text("dependencies:\n" + "".join(f"  - {package}\n" for package in packages))
    return path


def test_the_environments_that_run_this_are_as_pinned(findings):
    for name in ("analysis", "llm"):
        preflight.check_versions(findings, REPOSITORY / "envs" / f"{name}.yaml")
    assert not findings.problems


def test_every_version_that_differs_is_named_at_once(findings, tmp_path):
    torch_is = importlib.metadata.version("torch").partition("+")[0]
    pins = environment(tmp_path / "odd.yaml", "python=2.7", "pip", "pip: [torch==0.4.1, no-such==1.0]", "numpy=2")
    preflight.check_versions(findings, pins)
    text = problem(findings)
    for part in ("python is 3.", f"torch is {torch_is}, 0.4.1 is pinned", "no-such is not installed", "make setup"):
        assert part in text
    assert "numpy" not in text


# Memory and GPUs


def test_more_memory_than_the_machine_has_is_a_problem(findings):
    preflight.check_host_memory(findings, requested_mb=10**9, weights=0)
    assert "lower mem_mb" in problem(findings)


def test_less_memory_than_the_weights_take_while_loading_is_a_problem(findings):
    preflight.check_host_memory(findings, requested_mb=100, weights=GB)
    assert "100 MB requested" in problem(findings)
    assert "raise mem_mb" in problem(findings)


def test_a_gpu_that_is_too_small_for_the_weights_is_a_problem(findings):
    preflight.check_gpu(findings, "small", 24 * GB, 65 * GB)
    assert "24 GB of memory" in problem(findings)
    preflight.check_gpu(findings, "large", 80 * GB, 65 * GB)
    assert len(findings.facts) == len(findings.problems) == 1


def test_fewer_gpus_than_requested_is_a_problem_and_none_requested_is_not(findings):
    preflight.check_gpus(findings, 0, "float32", 0)
    assert not findings.problems
    preflight.check_gpus(findings, torch.cuda.device_count() + 1, "float32", 0)
    assert f"torch sees {torch.cuda.device_count()}" in findings.problems[0]


def test_the_largest_of_the_fetched_models_counts(findings, tmp_path):
    for name, parameters in (("small", 10), ("large", 30)):
        write_json(tmp_path / name / SNAPSHOT, MODEL | {"parameters": parameters})
    folders = [tmp_path / name for name in ("small", "large", "coming")]
    assert preflight.weight_bytes(findings, folders, "bfloat16") == 60
    assert findings.facts == ["model coming: not fetched yet, so its size was not checked"]


# Programs


def test_all_findings_are_printed_at_once_and_a_problem_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    models = {"mine": {"source": "folder", "path": "no/such"}}
    datasets = {"home": {"source": "marble", "home": "marble", "root": "nowhere"}}
    login = ["--models", json.dumps(models), "--datasets", json.dumps(datasets), "--fetched", "models", "--base", "."]
    pins = environment(tmp_path / "odd.yaml", "torch=0.4.1")
    check_login.main(
        [*login, "--recognisers", "2", "--max-new-tokens", "9", "--pins", str(pins), "--out", "login.json"]
    )
    node = ["--gpus", "0", "--mem-mb", str(10**9), "--dtype", "auto", "--work", "work", "--spare-gb", "1e9"]
    check_node.main(["--models", "models/mine", *node, "--pins", str(pins), "--out", "node.json"])
    with pytest.raises(SystemExit) as ended:
        preflight_program.main(["--findings", "login.json", "node.json"])
    assert ended.value.code == "6 problems: solve, then run preflight again"
    assert capsys.readouterr().out.count("PROBLEM") == 6


def test_no_problem_is_reported_as_such(tmp_path, capsys):
    write_json(tmp_path / "login.json", {"place": "here", "facts": ["disk: plenty"], "problems": []})
    preflight_program.main(["--findings", str(tmp_path / "login.json")])
    assert "No problems." in capsys.readouterr().out
