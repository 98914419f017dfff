"""Run `snakemake export` on the small DAG, and label a home's events with an exported student."""

import json
import subprocess
import sys

import pytest
from snakemake_runs import subprocess_environment

STEPS = ("export_student", "check_export", "check_quantised", "export_card")
STUDENT = "tiny-s_reasoning_sim-marble"


def test_a_student_is_exported_by_name_only_with_parity_and_card(finished_run):
    folder = finished_run.directory / "results" / "exports" / STUDENT
    assert not folder.parent.exists()
    plan = finished_run.plan("export")
    assert {rule: plan[rule] for rule in STEPS} == dict.fromkeys(STEPS, 2)
    target = f"results/exports/{STUDENT}/README.md"
    finished_run.run(target)
    assert "Nothing to be done" in finished_run.run("--dry-run", target)
    plan = finished_run.plan("export")
    assert {rule: plan[rule] for rule in STEPS} == dict.fromkeys(STEPS, 1)
    parity = json.loads((folder / "parity.json").read_text())
    assert parity["windows"] > 2
    assert parity["merged"]["agreement"] > 0.5
    quantised = json.loads((folder / "parity-q8_0.json").read_text())
    assert quantised["windows"] == parity["windows"]
    assert quantised["agreement"] > 0.5
    assert quantised["bytes"] < parity["gguf"]["bytes"]
    card = (folder / "README.md").read_text()
    assert "The base model is a stand-in" in card
    assert "sim-marble is a simulated home" in card
    assert "| macro F1 |" in card
    # The card tells users to pass token ids to llama.cpp, which does not know the pre-tokenizer of the tiny models.
    assert "token ids" in card
    program = [sys.executable, finished_run.repository / "workflow_scripts" / "recognise_stream.py"]
    done = subprocess.run(
        [*program, "--student", folder, "--input", finished_run.directory / "results" / "simulated" / "sim-marble"],
        env=subprocess_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["event"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 100
    assert sum(row["label"] is not None for row in rows) > 0
    assert all((row["label"] is None) == (row["status"] != "ok") for row in rows)


@pytest.mark.slow
def test_all_students_are_exported(finished_run):
    finished_run.run("export")
    assert "Nothing to be done" in finished_run.run("--dry-run", "export")
