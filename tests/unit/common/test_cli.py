import pytest
from hearth.common.cli import cluster_job


@pytest.mark.parametrize(
    ("environment", "description"),
    [
        ({}, ""),
        ({"SLURM_JOB_ID": "17", "SLURMD_NODENAME": "node3"}, "SLURM job 17 on node3, restart 0"),
        ({"SLURM_JOB_ID": "17", "SLURMD_NODENAME": "node3", "HEARTH_RESTARTS": "2", "RANK": "0"}, "restart 2"),
        ({"SLURM_JOB_ID": "17", "SLURMD_NODENAME": "node3", "RANK": "1"}, ""),
    ],
)
def test_the_cluster_job_is_described_once_and_nothing_outside_a_cluster(environment, description):
    assert (cluster_job(environment) or "nothing").endswith(description or "nothing")
