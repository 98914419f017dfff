"""Run the workflow in folders whose names a shell would split or change, and refuse names for SLURM before any job."""

import shutil

import pytest
import yaml
from conftest import PROJECT_FOLDERS
from repository import REPOSITORY
from snakemake_runs import Workflow, slurm_profile, small_config

ODD = "it's a $HOME; *"


def write_table(folder) -> None:
    """Write a home of one sensor, and a table of its events."""
    folder.mkdir(parents=True)
    events = [
        {"time": f"08:00:0{second}", "sensor": "s", "state": state, "label": "tea"}
        for second, state in ((1, "on"), (2, "off"))
    ]
    home = {
        "name": "Flat",
        "about": "One person.",
        "rooms": {"hall": ""},
        "sensors": {"s": {"room": "hall", "words": "motion", "states": {"on": "detected", "off": "ended"}}},
        "labels": ["tea", "sleep"],
        "example": {"reasoning": "x", "events": events},
        "recording": {"columns": {name: name for name in ("time", "sensor", "state", "activity")}},
    }
    (folder / "my home.yaml").write_text(yaml.safe_dump(home))
    rows = [f"2024-01-0{day} 0{hour}:00:00,s,on,tea" for day in (1, 2, 3) for hour in range(10)]
    (folder / "events.csv").write_text("\n".join(["time,sensor,state,activity", *rows]) + "\n")


@pytest.fixture
def odd_project(tmp_path) -> Workflow:
    """Copy the project into a folder with an odd name, with a run in another one."""
    copy = tmp_path / ODD / "hearth"
    for folder in PROJECT_FOLDERS:
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", copy)
    return Workflow(tmp_path / ODD / "my {run}", small_config(), repository=copy)


def test_a_score_is_made_in_folders_with_blanks_quotes_and_braces(odd_project):
    odd_project.run("results/scores/tiny-s/sim-marble.json")
    assert (odd_project.directory / "results/scores/tiny-s/sim-marble.json").is_file()


@pytest.mark.slow
def test_a_whole_run_ends_in_folders_with_blanks_quotes_and_braces(odd_project):
    odd_project.run("all")
    assert {"scaling.md", "distillation.md", "cross_dataset.md", "claims.md"} <= odd_project.read_tables().keys()
    assert "Nothing to be done" in odd_project.run("--dry-run", "all")


def test_a_project_in_a_folder_that_snakemake_cannot_name_is_refused(tmp_path):
    project = tmp_path / "{project}"
    project.symlink_to(REPOSITORY)
    status, output = Workflow(tmp_path / "run", small_config(), repository=project).attempt("--dry-run", "all")
    assert status == 1
    assert f"the project's folder {project} holds {{ }}, which Snakemake takes for one of its variables" in output


@pytest.mark.parametrize(("folder", "refused"), [("my home's $HOME; *", False), ("{home}", True)])
def test_data_and_home_in_odd_folders_are_read_and_those_that_snakemake_cannot_name_are_refused(
    tmp_path, folder, refused
):
    place = tmp_path / folder
    write_table(place)
    config = small_config() | {"datasets": {"flat": {"source": "table", "home": str(place / "my home.yaml")}}}
    config["datasets"]["flat"]["root"] = str(place)
    config["metrics"]["without"] = {}
    status, output = Workflow(tmp_path / "run", config).attempt("results/datasets/flat/windows.jsonl")
    assert status == int(refused), output
    said = (
        f"dataset flat: {place / 'events.csv'} holds {{ }}, which Snakemake takes for one of its variables; rename it"
    )
    assert (said in output) == refused


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize("given", ["--profile", "SNAKEMAKE_PROFILE", "--default-resources"])
def test_an_account_that_is_not_the_text_that_was_written_stops_the_run_before_any_job(
    tmp_path, monkeypatch, options, given
):
    site = {"account": "0012345", "cpu_partition": "cpu", "gpu_partition": "gpu", "scratch": tmp_path / "scratch"}
    profile = slurm_profile(tmp_path / "profile", **site)
    arguments = ["--sdm", "env-modules", *options]
    if given == "--profile":
        arguments += ["--profile", str(profile)]
    elif given == "SNAKEMAKE_PROFILE":
        monkeypatch.setenv(given, str(profile))
    else:
        arguments += ["--default-resources", "slurm_account=0012345"]
    status, output = Workflow(tmp_path / "run", small_config()).attempt(*arguments, "--", "all")
    assert status == 1
    assert "The run cannot start.\n" in output
    assert ("as the number 5349" if "rofile" in given.lower() else "reads this one as 12345") in output
    assert "Traceback" not in output
    assert ".smk" not in output
    assert not (tmp_path / "run" / "results").exists()
