"""Test that `snakemake plan` estimates a run from its config, and that no result depends on it."""

import yaml
from repository import CONFIG
from snakemake_runs import Workflow, small_config


def test_a_finished_run_is_estimated_and_measured_and_its_results_stay(finished_run):
    output = finished_run.run("plan")
    for text in ("recognise tiny-s ", "distil tiny-s", "CPU core    measured"):
        assert text in output
    assert "Number of cards (" not in output
    assert finished_run.plan("all") == {}


def test_models_with_gpus_are_shown_with_the_cards_that_hold_them(finished_run, tmp_path):
    registry = yaml.safe_load((CONFIG / "models.yaml").read_text())
    for name in ("tiny-s", "tiny-m"):
        registry[name] |= {"gpus": 1, "gpu_type": "a100", "engine_options": {"quantization": "fp8"}}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(registry))
    config = small_config() | {"model_registry": str(tmp_path / "models.yaml")}
    config["engine"]["device"] = "auto"
    lines = Workflow(finished_run.directory, config).run("plan").splitlines()
    (row,) = [line for line in lines if line.startswith("tiny-s ") and "this run" in line]
    assert row.split()[1] == "fp8"
    (row,) = [line for line in lines if line.startswith("recognise tiny-s ")]
    assert row.split()[2] == "vllm"
    assert "(1x" in row
