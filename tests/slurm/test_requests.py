"""Test that SLURM gives a job what its model's entry in the registry requests."""

import yaml
from fault_injection import TABLES, TEACHER


def test_a_recognition_job_gets_the_cores_the_partition_and_the_type_of_gpu_of_its_model(
    cluster_run, cluster, reference_run, tmp_path
):
    registry = yaml.safe_load((tmp_path / "models.yaml").read_text())
    registry[TEACHER] |= {"cpus": 3, "partition": "urgent", "gpu_type": "fake"}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(registry))
    cluster_run.delete_teacher_predictions()
    cluster_run.launch(*TABLES)
    cluster_run.wait_for_success()
    jobs = [cluster.job_details(job) for job in cluster_run.submitted_jobs()]
    assert len(jobs) == 2
    for job in jobs:
        assert {key: job[key] for key in ("NumCPUs", "Partition")} == {"NumCPUs": "3", "Partition": "urgent"}
        assert "gpu:fake:1" in job["TresPerJob"]
    cluster_run.assert_clean_end(reference_run)
