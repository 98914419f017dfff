"""One cluster a session, one undisturbed run of a small DAG without it, and copies of that to be disturbed on it."""

import shutil

import accounting
import cluster as slurm
import pytest
from fault_injection import TABLES, Disturbed, slow_config
from snakemake_runs import Workflow


def pytest_collection_modifyitems(items):
    """Tests that start clusters of their own come before those on the session's, whose lock they would wait for."""
    items.sort(key=lambda item: "_cluster" in item.fixturenames)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Workflow:
    """The small DAG, run once on this host without SLURM; tests read it and never change it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    workflow = Workflow(folder / "run", slow_config(folder))
    workflow.run(*TABLES)
    return workflow


@pytest.fixture(scope="session")
def _cluster(undisturbed):
    with slurm.running(accounts=not accounting.unavailable(slurm.PATH)) as cluster:
        yield cluster


@pytest.fixture
def cluster(_cluster) -> slurm.Cluster:
    """The cluster, all nodes idle; what a test leaves running or broken is mended after it."""
    yield _cluster
    _cluster.mend()


@pytest.fixture
def disturbed(undisturbed, cluster, tmp_path) -> Disturbed:
    """A copy of the finished run, to be changed and run again on the cluster."""
    shutil.copytree(undisturbed.directory, tmp_path / "run")
    workflow = Disturbed(tmp_path / "run", slow_config(tmp_path), cluster)
    yield workflow
    workflow.end()
