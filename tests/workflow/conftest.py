"""One undisturbed run of the small DAG a session, and copies of it to be changed."""

import shutil

import pytest
from snakemake_runs import Workflow, small_config


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Workflow:
    """The small DAG, run once without disturbance; tests read it and never change it."""
    workflow = Workflow(tmp_path_factory.mktemp("undisturbed") / "run", small_config())
    workflow.run("all")
    return workflow


@pytest.fixture
def finished(undisturbed, tmp_path) -> Workflow:
    """A copy of the finished run, in another directory, to be changed."""
    shutil.copytree(undisturbed.directory, tmp_path / "run")
    return Workflow(tmp_path / "run", small_config())


def pytest_terminal_summary(terminalreporter):
    """Print the rerun matrix as it was found, ready to be pasted."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    found = [value for report in reports for name, value in report.user_properties if name == "reruns"]
    if found:
        terminalreporter.section("What reruns when, on this machine and on SLURM")
        terminalreporter.line("| change | reruns |\n|---|---|")
        for change, jobs in found:
            listed = ", ".join(f"{count} {rule}" for rule, count in jobs.items() if rule != "all")
            terminalreporter.line(f"| {change} | {listed or 'nothing'} |")
