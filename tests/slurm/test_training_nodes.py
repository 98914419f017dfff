"""Train on two nodes with two ranks each and kill one node: the adapter is that of an undisturbed training on one node.

Each node has two GPUs, which are fake: PyTorch finds none, so the ranks train on the CPU.
"""

import shutil
from pathlib import Path

import pytest
import yaml
from cluster import unavailable_reason, wait_until
from fault_injection import STUDENT
from snakemake_runs import Workflow

pytestmark = pytest.mark.skipif(bool(unavailable_reason()), reason=unavailable_reason())

ADAPTER = f"results/students/{STUDENT}/adapter/adapter_model.safetensors"


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
def undisturbed(reference_run, cluster_run, tmp_path) -> Workflow:
    """Train with four ranks on this host, without SLURM."""
    shutil.copytree(reference_run.directory, tmp_path / "undisturbed")
    workflow = Workflow(tmp_path / "undisturbed", cluster_run.config)
    prepare_training(workflow, tmp_path / "models.yaml", train_gpus=4, cpus=1)
    workflow.run(ADAPTER)
    return workflow


def test_one_of_two_nodes_is_killed_during_a_training(undisturbed, cluster_run, cluster, tmp_path):
    prepare_training(cluster_run, tmp_path / "models.yaml", nodes=2, train_gpus=2, cpus=1)
    cluster_run.launch(ADAPTER)
    cluster_run.wait_for(cluster_run.complete_checkpoints, "the training has a checkpoint")
    (job,) = cluster_run.submitted_jobs()
    details = cluster.job_details(job)
    assert {key: details[key] for key in ("NumNodes", "NumTasks", "NumCPUs")} == {
        **{"NumNodes": "2", "NumTasks": "2"},
        "NumCPUs": "4",  # one for each rank
    }
    for at, node in enumerate(cluster.nodes):
        for local, rank in enumerate(cluster_run.rank_environments(node)):
            expected = {"LOCAL_RANK": str(local), "LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "4"}
            expected |= {"SLURM_NODEID": str(at), "SLURM_CPUS_ON_NODE": "2", "OMP_NUM_THREADS": "1"}
            expected |= {"CUDA_VISIBLE_DEVICES": "0,1"}
            assert {key: rank[key] for key in expected} == expected
        assert local == 1
    cluster.kill_node("node2")
    wait_until(lambda: cluster.node_states()["node2"].startswith("down"), "the node is down")
    cluster.start_node("node2")
    cluster_run.wait_for_success()
    assert cluster_run.submitted_jobs() == [job]
    assert cluster.restart_count(job) == 1
    assert cluster_run.assert_same_student(undisturbed) > 0
    cluster_run.assert_nothing_left()
