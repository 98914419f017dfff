"""Before a day is queued: what is missing is found, all of it, and said with what to do."""

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
from hearth.workflow.preflight import GB, Findings
from repository import REPOSITORY

TINY = REPOSITORY / "demo" / "models" / "tiny-s"
HUB = {"source": "hub", "id": "a/b", "revision": "0" * 40}
FOLDER = {"source": "folder", "path": "demo/models/tiny-s", "license": "Apache-2.0"}


@pytest.fixture
def found():
    return Findings("here")


def problem(found):
    """The one problem that was found."""
    (text,) = found.problems
    assert not found.facts
    return text


# Models


def test_a_model_that_can_be_fetched_counts_with_the_bytes_to_come(found, tmp_path):
    size = preflight.check_models(found, {"tiny-s": FOLDER}, tmp_path, REPOSITORY)
    assert size == sum(path.stat().st_size for path in TINY.iterdir() if path.name != "README.md")
    assert not found.problems


def test_a_fetched_model_is_still_to_come_once_a_file_of_it_is_lost(found, tmp_path):
    write_json(tmp_path / "tiny-s" / SNAPSHOT, MODEL | {"files": {"config.json": "digest"}})
    assert preflight.check_models(found, {"tiny-s": FOLDER}, tmp_path, REPOSITORY) > 0
    (tmp_path / "tiny-s" / "config.json").write_text("{}")
    assert preflight.check_models(found, {"tiny-s": FOLDER}, tmp_path, REPOSITORY) == 0
    assert found.facts[-1] == "model tiny-s: fetched"


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
def test_a_model_that_cannot_be_fetched_is_named_with_what_to_do(found, tmp_path, spec, said):
    preflight.check_models(found, {"mine": spec}, tmp_path, REPOSITORY)
    text = problem(found)
    assert all(part in text for part in ["model mine", *said])


def test_a_served_model_is_neither_fetched_nor_held_in_memory(found, tmp_path):
    spec = {"source": "served", "served_model": "Example/Large", "interface": "vllm", "parameters": 10**12}
    assert preflight.check_models(found, {"large": spec}, tmp_path, REPOSITORY) == 0
    fetch_model("large", spec, tmp_path / "work", tmp_path / "large")
    assert preflight.weight_bytes(found, [tmp_path / "large"], "float32") == 0
    assert found.facts == ["model large: served as Example/Large, so there is nothing to fetch"]
    assert not found.problems


class StandInHub(http.server.BaseHTTPRequestHandler):
    """Answers as the Hugging Face Hub does when asked for the files of a model, and their sizes, at a revision."""

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


def test_of_a_model_on_the_hub_only_the_files_that_would_be_fetched_count(found, tmp_path, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), StandInHub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        size = preflight.check_models(found, {"mine": HUB}, tmp_path, REPOSITORY)
        server.shutdown()
    assert size == 1010
    assert not found.problems


def test_a_hub_out_of_reach_is_a_problem_with_a_way_round_it(found, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    preflight.check_models(found, {"mine": HUB}, tmp_path, REPOSITORY)
    assert "where the Hub can be reached" in problem(found)


# Data sets and disk


def test_missing_raw_files_are_named_with_where_to_get_them(found, tmp_path):
    preflight.check_datasets(found, {"marble": {"source": "marble", "home": "marble", "root": str(tmp_path)}})
    assert "dataset marble" in problem(found)
    assert "everywarelab" in problem(found)


def test_raw_files_that_are_there_and_simulated_homes_are_no_problem(found, tmp_path):
    (tmp_path / "dataset" / "A1a" / "instance1").mkdir(parents=True)
    (tmp_path / "dataset" / "A1a" / "instance1" / "environmental.csv").write_text("")
    preflight.check_datasets(
        found,
        {
            "marble": {"source": "marble", "home": "marble", "root": str(tmp_path)},
            "sim": {"source": "mural", "home": "mural", "root": "", "simulate": {"seed": 1, "sessions": 2}},
        },
    )
    assert len(found.facts) == 2
    assert not found.problems


def test_too_little_disk_says_how_much_is_free_and_wanted(found, tmp_path):
    preflight.check_disk(found, tmp_path, needed=3 * GB, spare_gb=10**9)
    assert "1000000003.0 GB wanted" in problem(found)


def test_the_room_that_answers_take_grows_with_windows_recognisers_and_tokens(tmp_path):
    write_json(tmp_path / "splits.json", {"windows": {"train": 7, "test": 3}})
    splits = [tmp_path / "splits.json", tmp_path / "not cut yet" / "splits.json"]
    assert preflight.trace_bytes(splits, 2, 100) == 10 * 2 * 100 * preflight.BYTES_A_TOKEN


def test_a_work_folder_that_cannot_be_made_is_a_problem(found, tmp_path):
    (tmp_path / "work").write_text("a file")
    preflight.check_writable(found, tmp_path / "work")
    assert "cannot be written" in problem(found)


# Versions


def environment(path, *packages):
    path.write_text("dependencies:\n" + "".join(f"  - {package}\n" for package in packages))
    return path


def test_the_environments_that_run_this_are_as_pinned(found):
    for name in ("analysis", "llm"):
        preflight.check_versions(found, REPOSITORY / "envs" / f"{name}.yaml")
    assert not found.problems


def test_every_version_that_differs_is_named_at_once(found, tmp_path):
    torch_is = importlib.metadata.version("torch").partition("+")[0]
    pins = environment(tmp_path / "odd.yaml", "python=2.7", "pip", "pip: [torch==0.4.1, no-such==1.0]", "numpy=2")
    preflight.check_versions(found, pins)
    text = problem(found)
    for part in ("python is 3.", f"torch is {torch_is}, 0.4.1 is pinned", "no-such is not installed", "make setup"):
        assert part in text
    assert "numpy" not in text


# Memory and GPUs


def test_more_memory_than_the_machine_has_is_a_problem(found):
    preflight.check_host_memory(found, asked_mb=10**9, weights=0)
    assert "lower mem_mb" in problem(found)


def test_less_memory_than_the_weights_take_while_loading_is_a_problem(found):
    preflight.check_host_memory(found, asked_mb=100, weights=GB)
    assert "100 MB asked for" in problem(found)
    assert "raise mem_mb" in problem(found)


def test_a_gpu_that_is_too_small_for_the_weights_is_a_problem(found):
    preflight.check_gpu(found, "small", 24 * GB, 65 * GB)
    assert "24 GB of memory" in problem(found)
    preflight.check_gpu(found, "large", 80 * GB, 65 * GB)
    assert len(found.facts) == len(found.problems) == 1


def test_fewer_gpus_than_asked_for_is_a_problem_and_none_asked_for_is_not(found):
    preflight.check_gpus(found, 0, "float32", 0)
    assert not found.problems
    preflight.check_gpus(found, torch.cuda.device_count() + 1, "float32", 0)
    assert f"torch sees {torch.cuda.device_count()}" in found.problems[0]


def test_the_largest_of_the_fetched_models_counts(found, tmp_path):
    for name, parameters in (("small", 10), ("large", 30)):
        write_json(tmp_path / name / SNAPSHOT, MODEL | {"parameters": parameters})
    folders = [tmp_path / name for name in ("small", "large", "coming")]
    assert preflight.weight_bytes(found, folders, "bfloat16") == 60
    assert found.facts == ["model coming: not fetched yet, so nothing is compared with its size"]


# Programs


def test_what_all_checks_found_is_printed_at_once_and_a_problem_fails(tmp_path, monkeypatch, capsys):
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
    assert ended.value.code == "6 problems: mend, then run preflight again"
    assert capsys.readouterr().out.count("PROBLEM") == 6


def test_nothing_missing_says_so(tmp_path, capsys):
    write_json(tmp_path / "login.json", {"place": "here", "facts": ["disk: plenty"], "problems": []})
    preflight_program.main(["--findings", str(tmp_path / "login.json")])
    assert "Nothing is missing." in capsys.readouterr().out
