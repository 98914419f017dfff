"""One undisturbed run of the small DAG a session, and copies of it to be changed."""

import shutil

import pytest
from runs import Workflow, small_config


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
