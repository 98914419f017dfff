"""Fixtures: one cluster and one run without SLURM (the reference run) per session; tests run copies of that run."""

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
    """Run the small DAG once on this host without SLURM and return it; tests must not change its files."""
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
    """Return the session's cluster with all nodes idle; restore it after the test."""
    yield _cluster
    _cluster.restore()


@pytest.fixture
def cluster_run(reference_run, cluster, tmp_path) -> Iterator[ClusterRun]:
    """Copy the reference run, for the test to change it and run it again on the cluster."""
    shutil.copytree(reference_run.directory, tmp_path / "run")
    workflow = ClusterRun(tmp_path / "run", slow_config(tmp_path), cluster)
    yield workflow
    workflow.ensure_stopped()
