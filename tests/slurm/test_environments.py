"""Cluster jobs in conda environments of their own, made by the stand-in for conda of tests/workflow."""

import os

import conda_stand_in
from fault_injection import TABLES
from repository import REPOSITORY


def test_a_cluster_job_runs_in_the_environment_of_its_rule(disturbed, undisturbed, tmp_path, monkeypatch):
    analysis, llm = (REPOSITORY / "envs" / f"{name}.yaml" for name in ("analysis", "llm"))
    conda = conda_stand_in.install(tmp_path / "conda", [analysis, llm])
    monkeypatch.setenv("PATH", str(conda), prepend=os.pathsep)
    disturbed.forget_recognition()
    disturbed.start("--software-deployment-method=conda", *TABLES)
    disturbed.finish()
    assert len(disturbed.submitted()) == 2
    assert conda_stand_in.programs(disturbed.directory / ".snakemake/conda", llm) == {"recognise"}
    disturbed.assert_ended_as(undisturbed)
