"""Test that preflight reports everything that a run lacks at once, and names a remedy for each problem."""

import importlib.metadata
import json

import check_login
import check_node
import preflight as preflight_program
import pytest
import torch
from hearth.common.files import write_json
from hearth.models.snapshot import FETCHED
from hearth.workflow import memory_checks, preflight
from hearth.workflow.preflight import GB
from model_shapes import QWEN3_32B
from plan_factories import training_settings
from preflight_findings import problem
from repository import CONFIG, REPOSITORY

# Disk


def test_too_little_disk_is_reported_with_free_and_needed_space(findings, tmp_path):
    preflight.check_disk(findings, tmp_path, needed=3 * GB, spare_gb=10**9)
    assert "1000000003.0 GB needed" in problem(findings)


def test_a_work_folder_that_cannot_be_made_is_a_problem(findings, tmp_path):
    (tmp_path / "work").write_text("a file")
    preflight.check_writable(findings, tmp_path / "work")
    assert "not writable" in problem(findings)


# Weights


def test_a_store_that_a_node_does_not_see_is_a_problem(findings, tmp_path):
    model = tmp_path / "linked"
    model.mkdir()
    (model / "config.json").symlink_to("/no/such/store/config.json")
    record = {"target": "/no/such/store/config.json", "size": 2, "mtime_ns": 0, "inode": 1, "sha256": ""}
    write_json(model / FETCHED, {"source": "", "revision": "", "files": {"config.json": record}})
    preflight.check_weights(findings, [model, tmp_path / "not-fetched"], "")
    assert "links to /no/such/store/config.json, which" in problem(findings)


def test_a_folder_for_staged_weights_that_a_node_lacks_is_a_problem(findings):
    preflight.check_weights(findings, [], "$NO_SUCH_VARIABLE")
    assert "a variable in it is not set" in problem(findings)


def test_the_room_for_staged_weights_is_reported(findings, tmp_path):
    preflight.check_weights(findings, [], str(tmp_path))
    assert not findings.problems
    assert "GB free for copies of weights" in findings.facts[0]


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


def test_fewer_gpus_than_requested_is_a_problem_and_none_requested_is_not(findings):
    assert preflight.check_gpus(findings, 0, "float32") == []
    assert not findings.problems
    assert preflight.check_gpus(findings, torch.cuda.device_count() + 1, "float32") == []
    assert f"torch sees {torch.cuda.device_count()}" in findings.problems[0]


@pytest.mark.parametrize(
    ("driver", "cuda", "old"),
    [("570.86.10", "13.0", True), ("580.65.06", "13.0", False), ("550.54", "12.9", False), ("515.1", "12.9", True)],
)
def test_a_driver_too_old_for_the_build_of_torch_is_a_problem_with_a_remedy(findings, driver, cuda, old):
    preflight.check_driver(findings, driver, cuda)
    assert bool(findings.problems) == old
    assert bool(findings.facts) != old
    assert all("CUDA=12" in text and driver in text for text in findings.problems)


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
    settings = json.dumps({"batch_size": "auto", "device": "auto", "dtype": "auto", "threads": 1})
    node = ["--models", "models/mine", "--gpus", "0", "--mem-mb", str(10**9), "--engine", "transformers"]
    node += ["--registry", "{}", "--settings", settings, "--max-new-tokens", "9", "--work", "work", "--spare-gb", "1e9"]
    check_node.main([*node, "--pins", str(pins), "--out", "node.json"])
    with pytest.raises(SystemExit) as ended:
        preflight_program.main(["--findings", "login.json", "node.json"])
    assert ended.value.code == "6 problems: solve, then run preflight again"
    assert capsys.readouterr().out.count("PROBLEM") == 6


@pytest.mark.parametrize(
    ("engine", "zero", "facts", "problems"),
    [
        ("vllm", "zero2", [], ["training of tiny"]),
        ("vllm", "zero3", ["training of tiny"], []),
        ("transformers", "zero3", ["training of tiny"], ["model tiny"]),
    ],
)
def test_a_base_that_no_gpu_holds_whole_is_trained_under_zero3(engine, zero, facts, problems, tmp_path, monkeypatch):
    """The GPUs are invented, as is the size of the model: no such machine is at hand."""
    devices = [("NVIDIA A100-SXM4-40GB", 42_300_000_000)] * 4
    monkeypatch.setattr(preflight, "check_gpus", lambda findings, gpus, dtype: devices)
    monkeypatch.setattr(memory_checks, "read_shapes", lambda findings, folders: {"tiny": QWEN3_32B})
    training = {"settings": training_settings(), "dtype": "auto", "deepspeed": str(CONFIG / f"deepspeed/{zero}.json")}
    entry = {"gpus": 4, "train_gpus": 4, "nodes": 1, "pipeline_parallel": 1, "gpu_type": "", "engine_options": {}}
    registry = {"tiny": entry | {"engine": engine, "training": training | {"answer": 4096}}}
    settings = {"batch_size": "auto", "device": "auto", "dtype": "auto", "threads": 1}
    node = ["--models", "models/tiny", "--gpus", "4", "--mem-mb", "1000", "--engine", "transformers", "--work", "work"]
    node += ["--registry", json.dumps(registry), "--settings", json.dumps(settings), "--max-new-tokens", "4096"]
    out, pins = tmp_path / "node.json", environment(tmp_path / "odd.yaml", "torch=0.4.1")
    monkeypatch.chdir(tmp_path)
    check_node.main([*node, "--pins", str(pins), "--out", str(out)])
    found = json.loads(out.read_text())

    def about_memory(texts):
        return [text.partition(" on ")[0] for text in texts if " tiny on " in text]

    assert about_memory(found["facts"]) == facts
    assert about_memory(found["problems"]) == problems


def test_no_problem_is_reported_as_such(tmp_path, capsys):
    write_json(tmp_path / "login.json", {"place": "here", "facts": ["disk: plenty"], "problems": [], "skipped": []})
    preflight_program.main(["--findings", str(tmp_path / "login.json")])
    assert "No problems." in capsys.readouterr().out


def test_skipped_checks_are_counted_and_are_not_ok(tmp_path, capsys):
    findings = {"place": "here", "facts": [], "problems": [], "skipped": ["size of model m: not fetched"]}
    write_json(tmp_path / "node.json", findings)
    preflight_program.main(["--findings", str(tmp_path / "node.json")])
    said = capsys.readouterr().out
    assert "  skipped  size of model m" in said
    assert "  ok  " not in said
    assert "skipped: 1" in said
    assert "--until fetch_model" in said
