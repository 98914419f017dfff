"""One cluster and one reference run without it per session; every test disturbs a copy of the reference run."""

import shutil
from collections.abc import Iterator

import accounting
import cluster as slurm
import pytest
from fault_injection import TABLES, ClusterRun, slow_config
from snakemake_runs import Workflow


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that start their own clusters first: later they would wait for the lock of the session's cluster."""
    items.sort(key=lambda item: "_cluster" in item.fixturenames)


@pytest.fixture(scope="session")
def reference_run(tmp_path_factory) -> Workflow:
    """The small DAG, run once on this host without SLURM; tests read it and never change it."""
    folder = tmp_path_factory.mktemp("reference")
    workflow = Workflow(folder / "run", slow_config(folder))
    workflow.run(*TABLES)
    return workflow


@pytest.fixture(scope="session")
def _cluster(reference_run) -> Iterator[slurm.Cluster]:
    with slurm.running_cluster(accounts=not accounting.unavailable_reason(slurm.PATH)) as cluster:
        yield cluster


@pytest.fixture
def cluster(_cluster) -> Iterator[slurm.Cluster]:
    """The session's cluster with all nodes idle; restored after the test."""
    yield _cluster
    _cluster.restore()


@pytest.fixture
def cluster_run(reference_run, cluster, tmp_path) -> Iterator[ClusterRun]:
    """A copy of the reference run, to be changed and run again on the cluster."""
    shutil.copytree(reference_run.directory, tmp_path / "run")
    workflow = ClusterRun(tmp_path / "run", slow_config(tmp_path), cluster)
    yield workflow
    workflow.ensure_stopped()
