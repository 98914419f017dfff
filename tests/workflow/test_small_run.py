"""Check the outputs of the reference run: tables, figures, report and predictions."""

import json

import pandas as pd
import pytest
from hearth.data.folds import read_split
from snakemake_runs import parse_job_counts

REQUIRED = {
    *("recogniser", "dataset", "parameters", "n_windows", "n_events", "accuracy", "macro_f1", "weighted_f1"),
    *("micro_f1", "ok_rate", "malformed_rate", "missing_rate", "unknown_rate"),
}


@pytest.mark.parametrize(("table", "rows"), [("scaling", 4), ("distillation", 6), ("cross_dataset", 6)])
def test_every_table_has_one_row_per_recogniser_and_dataset_in_all_formats(reference_run, table, rows):
    folder = reference_run.directory / "results" / "tables"
    frame = pd.read_csv(folder / f"{table}.csv", comment="#")
    assert len(frame) == rows
    assert set(frame.columns) >= REQUIRED
    assert not frame.duplicated(["recogniser", "dataset"]).any()
    assert (frame["n_events"] > 0).all()
    page, grounds = (folder / f"{table}.{suffix}" for suffix in ("md", "provenance.md"))
    for base in frame["recogniser"].str.split("_").str[0]:
        assert base in page.read_text()
    assert f"({grounds.name})" in page.read_text()
    assert "git commit" in grounds.read_text()
    assert (folder / f"{table}.tex").is_file()


def test_the_window_browser_shows_teacher_student_and_base(reference_run):
    page = (reference_run.directory / "results/windows.html").read_text()
    assert "Simulated homes, not recorded ones: sim-marble, sim-mural" in page
    for shown in ("teacher<br>tiny-m", "student<br>tiny-s_reasoning_sim-mural", "base<br>tiny-s"):
        assert shown in page
    assert str(reference_run.directory) not in page


def test_every_table_names_its_simulated_homes_and_tiny_models(reference_run):
    for name, text in reference_run.read_tables().items():
        assert "simulated" in text.decode().lower(), name
        assert "tiny" in text.decode().lower(), name


def test_every_claim_has_a_verdict_for_every_home(reference_run):
    frame = pd.read_csv(reference_run.directory / "results/tables/claims.csv", comment="#")
    assert frame.groupby("claim", sort=False).size().tolist() == [2, 2, 2, 2, 2, 2, 1]
    assert set(frame["verdict"]) <= {"held", "not held", "undecided", "not testable here"}
    assert frame["because"].str.len().min() > 20


def test_figures_and_report_name_their_simulated_homes_and_tiny_models(reference_run):
    results = reference_run.directory / "results"
    for figure in ("f1_by_size", "failures"):
        assert (results / f"figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
        # matplotlib draws text as outlines and writes the text into a comment.
        drawing = (results / f"figures/{figure}.svg").read_text()
        assert "sim-marble (simulated home)" in drawing
        assert "Tiny models, not real ones: tiny-s, tiny-m" in drawing
    page = (results / "report.html").read_text()
    assert "Simulated homes, not recorded ones: sim-marble, sim-mural" in page
    assert page.count("<svg") == 5
    assert all(f'href="tables/{table}.md"' in page for table in ("claims", "scaling", "distillation", "cross_dataset"))
    assert str(reference_run.directory) not in page


def test_snakemakes_own_report_shows_tables_figures_and_page(finished_run):
    finished_run.run("--report", "snakemake-report.html", "all")
    text = (finished_run.directory / "snakemake-report.html").read_text()
    for name in (
        "scaling.md",
        "claims.md",
        "audit.md",
        "cost.md",
        "f1_by_size.svg",
        "failures.svg",
        "report.html",
        "windows.html",
    ):
        assert name in text
    assert "claims and their verdicts" in text


def test_cost_is_the_only_table_with_seconds(reference_run):
    folder = reference_run.directory / "results" / "tables"
    assert "seconds" in pd.read_csv(folder / "cost.csv", comment="#").columns
    for table in ("scaling", "distillation", "cross_dataset"):
        assert not {"seconds", "tokens_per_second"} & set(pd.read_csv(folder / f"{table}.csv", comment="#").columns)


def test_predictions_hold_the_raw_text_of_every_window_once(reference_run):
    results = reference_run.directory / "results"
    dataset = results / "datasets/sim-marble"
    windows = read_split(dataset / "windows.jsonl", dataset / "splits.json", "test1")
    predictions = [json.loads(line) for line in (results / "predictions/tiny-m/sim-marble/test1/all.jsonl").open()]
    assert [row["window_id"] for row in predictions] == [window["window_id"] for window in windows]
    assert all(isinstance(row["text"], str) and row["finish_reason"] in ("stop", "length") for row in predictions)


def test_a_second_run_has_nothing_to_do(reference_run):
    assert "Nothing to be done" in reference_run.run("--dry-run", "all")


def test_tables_figures_and_the_report_can_be_made_by_name(finished_run):
    targets = {
        "table_scaling": "tables/scaling.md",
        "table_claims": "tables/claims.tex",
        "table_audit": "tables/audit.csv",
        "figure_failures": "figures/failures.png",
        "report": "report.html",
    }
    for target, file in targets.items():
        path = finished_run.directory / "results" / file
        content = path.read_bytes()
        path.unlink()
        finished_run.run(target)
        assert path.read_bytes() == content, target


def test_snakemake_looks_for_ready_jobs_at_most_once_per_ended_job(finished_run):
    forced = ("--forcerun", "parse_predictions", "--until", "parse_predictions")
    output = finished_run.run(*forced, "--cores", "1", "--verbose", "all")
    jobs = sum(parse_job_counts(output).values())
    assert jobs >= 10
    assert output.count("Ready jobs: ") <= jobs
