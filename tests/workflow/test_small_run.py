import json

import pandas as pd
import pytest
from snakemake_runs import jobs

REQUIRED = {
    *("recogniser", "dataset", "parameters", "n_windows", "n_events", "accuracy", "macro_f1", "weighted_f1"),
    *("micro_f1", "ok_rate", "malformed_rate", "missing_rate", "unknown_rate"),
}


@pytest.mark.parametrize(("table", "rows"), [("scaling", 4), ("distillation", 6), ("cross_dataset", 4)])
def test_every_table_has_a_row_a_recogniser_and_dataset_in_all_three_formats(undisturbed, table, rows):
    folder = undisturbed.directory / "results" / "tables"
    frame = pd.read_csv(folder / f"{table}.csv", comment="#")
    assert len(frame) == rows
    assert set(frame.columns) >= REQUIRED
    assert not frame.duplicated(["recogniser", "dataset"]).any()
    assert (frame["n_events"] > 0).all()
    for recogniser in frame["recogniser"]:
        assert recogniser in (folder / f"{table}.md").read_text()


def test_every_table_says_what_stands_in_for_the_real_thing(undisturbed):
    for name, text in undisturbed.tables().items():
        assert "simulated" in text.decode().lower(), name
        assert "tiny" in text.decode().lower(), name


def test_every_claim_has_a_verdict_for_every_home(undisturbed):
    frame = pd.read_csv(undisturbed.directory / "results/tables/claims.csv", comment="#")
    assert frame.groupby("claim", sort=False).size().tolist() == [2, 2, 2, 1]
    assert set(frame["verdict"]) <= {"held", "not held", "not testable here"}
    assert frame["because"].str.len().min() > 20


def test_figures_and_report_say_what_stands_in_for_the_real_thing(undisturbed):
    results = undisturbed.directory / "results"
    for figure in ("f1_by_size", "failures"):
        assert (results / f"figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
        # matplotlib tells in a comment what the outlines of a text say.
        drawn = (results / f"figures/{figure}.svg").read_text()
        assert "sim-marble (simulated home)" in drawn
        assert "Tiny models, not real ones: tiny-s, tiny-m" in drawn
    page = (results / "report.html").read_text()
    assert "Simulated homes, not recorded ones: sim-marble, sim-mural" in page
    assert page.count("<svg") == 4
    assert all(f'href="tables/{table}.md"' in page for table in ("claims", "scaling", "distillation", "cross_dataset"))
    assert str(undisturbed.directory) not in page


def test_snakemakes_own_report_shows_tables_figures_and_page(finished):
    finished.run("--report", "snakemake-report.html", "all")
    text = (finished.directory / "snakemake-report.html").read_text()
    for name in ("scaling.md", "claims.md", "audit.md", "cost.md", "f1_by_size.svg", "failures.svg", "report.html"):
        assert name in text
    assert "with a verdict each" in text


def test_cost_is_the_only_table_with_seconds(undisturbed):
    folder = undisturbed.directory / "results" / "tables"
    assert "seconds" in pd.read_csv(folder / "cost.csv", comment="#").columns
    for table in ("scaling", "distillation", "cross_dataset"):
        assert not {"seconds", "tokens_per_second"} & set(pd.read_csv(folder / f"{table}.csv", comment="#").columns)


def test_predictions_keep_the_raw_text_of_every_window_once(undisturbed):
    results = undisturbed.directory / "results"
    windows = [json.loads(line) for line in (results / "datasets/sim-marble/windows.jsonl").open()]
    said = [json.loads(line) for line in (results / "predictions/tiny-m/sim-marble/test/all.jsonl").open()]
    assert [row["window_id"] for row in said] == [w["window_id"] for w in windows if w["split"] == "test"]
    assert all(isinstance(row["text"], str) and row["finish_reason"] in ("stop", "length") for row in said)


def test_a_second_run_has_nothing_to_do(undisturbed):
    assert "Nothing to be done" in undisturbed.run("--dry-run", "all")


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("table_scaling", "tables/scaling.md"),
        ("table_claims", "tables/claims.tex"),
        ("table_audit", "tables/audit.csv"),
        ("figure_failures", "figures/failures.png"),
        ("report", "report.html"),
    ],
)
def test_a_table_a_figure_and_the_report_can_be_made_by_name(finished, target, file):
    made = (finished.directory / "results" / file).read_bytes()
    (finished.directory / "results" / file).unlink()
    finished.run(target)
    assert (finished.directory / "results" / file).read_bytes() == made


def test_snakemake_looks_for_jobs_to_start_when_one_has_ended_and_not_again_and_again_meanwhile(finished):
    printed = finished.run("--forcerun", "parse_predictions", "--cores", "1", "--verbose", "all")
    done = sum(jobs(printed).values())
    assert done > 20
    assert printed.count("Ready jobs: ") <= done
