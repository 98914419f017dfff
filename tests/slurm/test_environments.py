"""Run cluster jobs in conda environments and in containers, made by the stand-ins of tests/workflow."""

import os

import apptainer_stand_in
import conda_stand_in
import pytest
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


@pytest.mark.skipif(not apptainer_stand_in.is_possible(), reason="unshare: no namespaces for this user")
def test_a_cluster_job_runs_in_the_container_of_its_rule(cluster_run, reference_run, tmp_path, monkeypatch):
    apptainer = tmp_path / "apptainer"
    monkeypatch.setenv("PATH", str(apptainer_stand_in.install(apptainer)), prepend=os.pathsep)
    images = {kind: str(tmp_path / f"{kind}.sif") for kind in ("analysis", "llm")}
    for image in images.values():
        open(image, "w").close()
    cluster_run.configure({**cluster_run.config, "containers": images})
    cluster_run.delete_teacher_predictions()
    cluster_run.launch("--software-deployment-method=apptainer", "--apptainer-args=--nv", *TABLES)
    cluster_run.wait_for_success()
    assert len(cluster_run.submitted_jobs()) == 2
    programs = apptainer_stand_in.read_programs(apptainer)
    assert {name for image, name, _ in programs if image == "llm.sif"} == {"recognise"}
    assert {"gather_predictions", "score", "table"} <= {name for image, name, _ in programs if image == "analysis.sif"}
    assert all(options["nv"] for options in apptainer_stand_in.read_options(apptainer))
    cluster_run.assert_clean_end(reference_run)
