"""Train on two nodes with two ranks each and kill one of them: the adapter is that of an undisturbed training on one.

Each node has two GPUs, which are fake: PyTorch finds none, so the ranks train on the CPU.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import accounting
import pytest
import yaml
from cluster import PATH, running_cluster, unavailable_reason
from fault_injection import STUDENT, ClusterRun, slow_config
from snakemake_runs import Workflow

pytestmark = pytest.mark.skipif(bool(unavailable_reason()), reason=unavailable_reason())

ADAPTER = f"results/students/{STUDENT}/fold1/adapter/adapter_model.safetensors"


def prepare_training(workflow: Workflow, registry: Path, **resources: int) -> None:
    """Delete the student, and set what its training requests, and a batch of one example for each of four ranks."""
    models = yaml.safe_load(registry.read_text())
    models["tiny-s"] |= resources
    registry.write_text(yaml.safe_dump(models))
    workflow.config["students"]["training"] |= {"batch_size": 4, "micro_batch_size": 1}
    workflow.configure(workflow.config)
    for top in ("results", "work"):
        shutil.rmtree(workflow.directory / top / "students" / STUDENT)


@pytest.fixture
def undisturbed(reference_run, tmp_path) -> Workflow:
    """Train with four ranks on this host, without SLURM."""
    shutil.copytree(reference_run.directory, tmp_path / "undisturbed")
    workflow = Workflow(tmp_path / "undisturbed", slow_config(tmp_path))
    prepare_training(workflow, tmp_path / "models.yaml", train_gpus=4, cpus=1)
    workflow.run(ADAPTER)
    return workflow


@pytest.fixture
def run_on_three_nodes(reference_run, tmp_path) -> Iterator[ClusterRun]:
    """Copy the reference run, for the test to run it again on a cluster with a node to spare."""
    with running_cluster(nodes=3, accounts=not accounting.unavailable_reason(PATH)) as cluster:
        shutil.copytree(reference_run.directory, tmp_path / "run")
        workflow = ClusterRun(tmp_path / "run", slow_config(tmp_path), cluster)
        yield workflow
        workflow.ensure_stopped()


def test_one_of_two_nodes_is_killed_during_a_training(undisturbed, run_on_three_nodes, tmp_path):
    workflow, cluster = run_on_three_nodes, run_on_three_nodes.cluster
    prepare_training(workflow, tmp_path / "models.yaml", nodes=2, train_gpus=2, cpus=1)
    workflow.launch(ADAPTER)
    workflow.wait_for(workflow.complete_checkpoints, "the training has a checkpoint")
    (job,) = workflow.submitted_jobs()
    details = cluster.job_details(job)
    assert {key: details[key] for key in ("NodeList", "NumTasks", "NumCPUs")} == {
        **{"NodeList": "node[1-2]", "NumTasks": "2"},
        "NumCPUs": "4",  # one for each rank
    }
    for at, node in enumerate(("node1", "node2")):
        ranks = workflow.rank_environments(node)
        assert len(ranks) == 2
        for local, rank in enumerate(ranks):
            expected = {"LOCAL_RANK": str(local), "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4", "SLURM_NODEID": str(at)}
            expected |= {"SLURM_CPUS_ON_NODE": "2", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0,1"}
            assert {key: rank[key] for key in expected} == expected
    cluster.kill_node("node2")
    workflow.wait_for_success()
    assert workflow.submitted_jobs() == [job]
    assert cluster.restart_count(job) == 1
    assert cluster.job_details(job)["NodeList"] == "node[1,3]"
    assert workflow.assert_same_student(undisturbed) > 0
    workflow.assert_nothing_left()
