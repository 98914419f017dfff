"""Fixtures: one finished run of the small DAG per session (the reference run), and copies of it for tests to change."""

import shutil

import pytest
from repository import REPOSITORY
from shared_folder import make_once
from snakemake_runs import Workflow, small_config

PROJECT_FOLDERS = ("config", "demo/models", "envs", "profiles", "report", "rules", "workflow_scripts")


@pytest.fixture(scope="session")
def reference_run(tmp_path_factory) -> Workflow:
    """Run the small DAG once per session and return it; tests must not change its files."""

    def make(folder):
        Workflow(folder / "run", small_config()).run("all")

    return Workflow(make_once(tmp_path_factory, "reference", make) / "run", small_config())


@pytest.fixture
def finished_run(reference_run, tmp_path) -> Workflow:
    """Copy the reference run into another directory; the test may change the copy."""
    shutil.copytree(reference_run.directory, tmp_path / "run")
    return Workflow(tmp_path / "run", small_config())


@pytest.fixture
def project(reference_run, tmp_path) -> Workflow:
    """Copy the project, with a copy of the reference run inside as after `make demo`; the test may change both."""
    copy = tmp_path / "project"
    for folder in PROJECT_FOLDERS:
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", copy)
    shutil.copytree(reference_run.directory, copy / "run")
    return Workflow(copy / "run", small_config(), repository=copy)


def pytest_terminal_summary(terminalreporter):
    """Print the measured rerun matrix as a Markdown table."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    measured = [value for report in reports for name, value in report.user_properties if name == "reruns"]
    if measured:
        terminalreporter.section("What reruns when, on this machine and on SLURM")
        terminalreporter.line("| change | reruns |\n|---|---|")
        for change, jobs in measured:
            counts = ", ".join(f"{count} {rule}" for rule, count in jobs.items() if rule != "all")
            terminalreporter.line(f"| {change} | {counts or 'nothing'} |")
