"""Run cluster jobs in conda environments, made by the stand-in for conda of tests/workflow."""

import os

import conda_stand_in
from fault_injection import TABLES
from repository import REPOSITORY


def test_a_cluster_job_runs_in_the_environment_of_its_rule(cluster_run, reference_run, tmp_path, monkeypatch):
    analysis, llm = (REPOSITORY / "envs" / f"{name}.yaml" for name in ("analysis", "llm"))
    conda = conda_stand_in.install(tmp_path / "conda", [analysis, llm])
    monkeypatch.setenv("PATH", str(conda), prepend=os.pathsep)
    cluster_run.delete_teacher_predictions()
    cluster_run.launch("--software-deployment-method=conda", *TABLES)
    cluster_run.wait_for_success()
    assert len(cluster_run.submitted_jobs()) == 2
    assert conda_stand_in.executed_programs(cluster_run.directory / ".snakemake/conda", llm) == {"recognise"}
    cluster_run.assert_clean_end(reference_run)
