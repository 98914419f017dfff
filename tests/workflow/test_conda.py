"""Run rules in their conda environments, made by a stand-in for conda; conda_stand_in describes its limits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import conda_stand_in
import pytest
from repository import REPOSITORY
from snakemake_runs import Workflow, small_config

ENVIRONMENTS = [REPOSITORY / "envs" / f"{name}.yaml" for name in ("analysis", "llm")]


@pytest.fixture(scope="module")
def conda(tmp_path_factory) -> Path:
    """Put the stand-in for conda first on PATH, and return its bin folder."""
    programs = conda_stand_in.install(tmp_path_factory.mktemp("conda"), ENVIRONMENTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(programs), prepend=os.pathsep)
        yield programs


@pytest.fixture(scope="module")
def conda_run(conda, tmp_path_factory) -> tuple[Workflow, str]:
    """Make a complete run with conda for one home, model and student; return the run and Snakemake's output."""
    workflow = Workflow(tmp_path_factory.mktemp("run") / "run", one_home())
    return workflow, workflow.run("--sdm=conda", "all")


def one_home() -> dict:
    """Return the small config, reduced to one home, model and student."""
    config = small_config()
    del config["datasets"]["sim-marble"]
    config |= {"models": ["tiny-s"], "teacher": "tiny-s"}
    return config


@pytest.fixture
def clone(tmp_path) -> Path:
    """Copy the project; the test may change the copy."""
    ignored = shutil.ignore_patterns(".venv", ".git", "results", ".snakemake", "work")
    return shutil.copytree(REPOSITORY, tmp_path / "clone", ignore=ignored)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def make_envs(clone: Path, path: str, *settings: str) -> subprocess.CompletedProcess:
    """Run `make envs` in a copy of the project, without making .venv first."""
    command = ["make", "--old-file=setup", "envs", "PROFILE=profiles/workstation", *settings]
    return subprocess.run(
        command, cwd=clone, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_every_program_finds_its_imports_in_the_environment_of_its_rule(conda_run):
    workflow, _ = conda_run
    analysis, llm = (
        conda_stand_in.executed_programs(workflow.directory / ".snakemake/conda", file) for file in ENVIRONMENTS
    )
    assert llm == {"fetch_model", "recognise", "distil"}
    data = {"simulate_home", "load_dataset", "window_dataset", "split_dataset", "render_prompt"}
    predictions = {"gather_predictions", "parse_predictions", "audit", "audit_table", "score"}
    results = {"table", "claims", "budgets", "cost", "figure", "report", "window_browser", "provenance"}
    assert analysis == data | predictions | results


@pytest.mark.slow
def test_packages_in_a_users_home_folder_do_not_shadow_an_environment(conda_run):
    workflow, _ = conda_run
    for file in ENVIRONMENTS:
        lines = conda_stand_in.read_command_lines(workflow.directory / ".snakemake/conda", file)
        assert lines
        assert all(line.startswith("no_user_site=1 ") for line in lines)


@pytest.mark.slow
def test_environments_are_made_once(conda_run):
    workflow, output = conda_run
    assert output.count("Creating conda environment") == len(ENVIRONMENTS)
    again = workflow.run("--sdm=conda", "--force", "table_scaling", "results/tables/scaling.md")
    assert "Activating conda environment" in again
    assert "Creating conda environment" not in again


@pytest.mark.slow
def test_a_run_without_conda_or_in_a_moved_folder_reruns_nothing(conda_run, tmp_path):
    workflow, _ = conda_run
    assert workflow.plan("all") == {}
    shutil.copytree(workflow.directory, tmp_path / "elsewhere", symlinks=True)
    assert Workflow(tmp_path / "elsewhere", one_home()).plan("--sdm=conda", "all") == {}


def test_a_pin_that_no_package_has_is_reported_before_anything_runs(conda, clone, tmp_path):
    edit(clone / "envs/analysis.yaml", "scikit-learn=1.9.1", "scikit-learn=1.9.99")
    status, output = Workflow(tmp_path / "run", one_home(), clone).attempt("--sdm=conda", "all")
    assert status != 0
    for part in ("Could not create conda environment", "envs/analysis.yaml", "scikit-learn", "1.9.99"):
        assert part in output
    assert not (tmp_path / "run/results").exists()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["vllm", "transformers"])
def test_make_envs_makes_every_environment_and_that_of_vllm_if_it_is_the_engine(conda, clone, engine):
    # The stand-in's channel has no vllm.
    (clone / "envs/vllm.yaml").write_text("dependencies: [python=3.11, numpy=2.4.6]\n")
    done = make_envs(clone, f"{conda}:{Path(sys.executable).parent}:{os.environ['PATH']}", f"ENGINE={engine}")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.read_bytes() for path in (clone / ".snakemake/conda").glob("*.yaml")}
    wanted = [path for path in (clone / "envs").glob("*.yaml") if path.stem != "vllm" or engine == "vllm"]
    assert made == {path.read_bytes() for path in wanted}


def test_make_envs_without_conda_names_the_remedies(clone):
    done = make_envs(clone, "/usr/bin:/bin")
    assert done.returncode != 0
    for part in ("no conda", "Miniforge", "software-deployment-method", "make setup"):
        assert part in done.stderr
