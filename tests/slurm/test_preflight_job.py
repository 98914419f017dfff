"""`snakemake preflight` on a cluster: the machines that jobs get are looked at from a job."""

import yaml


def test_a_job_looks_at_a_machine_and_says_that_its_gpus_cannot_be_used(disturbed):
    disturbed.start("preflight")
    assert disturbed.process.wait(timeout=300) != 0
    assert len(disturbed.submitted()) == 1
    # The test cluster's GPUs are fake.
    assert "GPUs: 1 asked for, torch sees 0" in disturbed.printed()


def test_where_nothing_is_missing_a_job_says_so(disturbed, tmp_path):
    registry = yaml.safe_load((tmp_path / "models.yaml").read_text())
    (tmp_path / "models.yaml").write_text(yaml.safe_dump({name: {**m, "gpus": 0} for name, m in registry.items()}))
    disturbed.start("preflight")
    disturbed.finish()
    assert len(disturbed.submitted()) == 1
    assert "Nothing is missing." in disturbed.printed()
