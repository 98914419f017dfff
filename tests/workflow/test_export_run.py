"""`snakemake export` on the small DAG: students to take home, and one of them labels a home's events."""

import json
import subprocess
import sys

from snakemake_runs import environment

STEPS = ("export_student", "check_export", "export_card")
STUDENT = "tiny-s_reasoning_sim-marble"


def test_students_are_exported_by_name_only_with_parity_and_card(finished):
    assert not (finished.directory / "results" / "exports").exists()
    planned = finished.planned("export")
    assert {rule: planned[rule] for rule in STEPS} == dict.fromkeys(STEPS, 2)
    finished.run("export")
    assert "Nothing to be done" in finished.run("--dry-run", "export")
    folder = finished.directory / "results" / "exports" / STUDENT
    parity = json.loads((folder / "parity.json").read_text())
    assert parity["windows"] > 2
    assert parity["merged"]["agreement"] > 0.5
    card = (folder / "README.md").read_text()
    assert "The base model is a stand-in" in card
    assert "sim-marble is a simulated home" in card
    assert "| macro F1 |" in card
    assert "token ids" in card  # llama.cpp does not cut text as the tiny models do
    recognise = [sys.executable, finished.repository / "workflow_scripts" / "recognise_stream.py", "--student", folder]
    done = subprocess.run(
        [*recognise, "--input", finished.directory / "results" / "simulated" / "sim-marble"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["event"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 100
    assert sum(row["label"] is not None for row in rows) > 0
    assert all((row["label"] is None) == (row["status"] != "ok") for row in rows)
