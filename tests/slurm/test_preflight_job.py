"""Test `snakemake preflight` on a cluster: a job checks the node on which it runs."""

import yaml


def test_a_job_reports_that_the_gpus_of_its_machine_are_unusable(cluster_run):
    cluster_run.launch("preflight")
    assert cluster_run.process.wait(timeout=300) != 0
    assert len(cluster_run.submitted_jobs()) == 1
    # The test cluster's GPUs are fake.
    assert "GPUs: 1 requested, torch sees 0" in cluster_run.output()


def test_a_job_reports_that_nothing_is_missing(cluster_run, tmp_path):
    registry = yaml.safe_load((tmp_path / "models.yaml").read_text())
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({name: {**m, "gpus": 0} for name, m in registry.items()}))
    cluster_run.launch("preflight")
    cluster_run.wait_for_success()
    assert len(cluster_run.submitted_jobs()) == 1
    assert "No problems" in cluster_run.output()
