"""Rules in conda environments of their own, made by a stand-in for conda: conda_stand_in says what is real in it."""

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
    """The bin folder of a conda that is the first on PATH."""
    programs = conda_stand_in.install(tmp_path_factory.mktemp("conda"), ENVIRONMENTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(programs), prepend=os.pathsep)
        yield programs


@pytest.fixture(scope="module")
def ran(conda, tmp_path_factory) -> tuple[Workflow, str]:
    """The whole chain for one home, model and student, run with conda, and what was printed."""
    workflow = Workflow(tmp_path_factory.mktemp("run") / "run", one_home())
    return workflow, workflow.run("--sdm=conda", "all")


def one_home() -> dict:
    config = small_config()
    del config["datasets"]["sim-marble"]
    config |= {"models": ["tiny-s"], "teacher": "tiny-s"}
    return config


@pytest.fixture
def clone(tmp_path) -> Path:
    """A copy of the project, to be changed."""
    left_out = shutil.ignore_patterns(".venv", ".git", "results", ".snakemake", "work")
    return shutil.copytree(REPOSITORY, tmp_path / "clone", ignore=left_out)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def make_envs(clone: Path, path: str) -> subprocess.CompletedProcess:
    """`make envs` in a copy of the project, without making .venv first."""
    command = ["make", "--old-file=setup", "envs", "PROFILE=profiles/workstation"]
    return subprocess.run(
        command, cwd=clone, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def test_every_program_of_the_chain_finds_what_it_imports_in_the_environment_of_its_rule(ran):
    workflow, _ = ran
    analysis, llm = (conda_stand_in.programs(workflow.directory / ".snakemake/conda", file) for file in ENVIRONMENTS)
    assert llm == {"fetch_model", "recognise", "distil"}
    assert analysis == {
        *("simulate_home", "load_dataset", "window_dataset", "render_prompt", "gather_predictions"),
        *(
            "parse_predictions",
            "audit",
            "audit_table",
            "score",
            "table",
            "claims",
            "cost",
            "figure",
            "report",
            "provenance",
        ),
    }


def test_what_a_user_has_installed_in_a_home_folder_hides_nothing_of_an_environment(ran):
    workflow, _ = ran
    for file in ENVIRONMENTS:
        lines = conda_stand_in.ran(workflow.directory / ".snakemake/conda", file)
        assert lines
        assert all(line.startswith("no_user_site=1 ") for line in lines)


def test_environments_are_made_once(ran):
    workflow, printed = ran
    assert printed.count("Creating conda environment") == len(ENVIRONMENTS)
    again = workflow.run("--sdm=conda", "--force", "table_scaling", "results/tables/scaling.md")
    assert "Activating conda environment" in again
    assert "Creating conda environment" not in again


def test_a_run_without_conda_or_in_a_moved_folder_repeats_nothing(ran, tmp_path):
    workflow, _ = ran
    assert workflow.planned("all") == {}
    shutil.copytree(workflow.directory, tmp_path / "elsewhere", symlinks=True)
    assert Workflow(tmp_path / "elsewhere", one_home()).planned("--sdm=conda", "all") == {}


def test_a_pin_that_no_package_has_is_reported_before_anything_runs(conda, clone, tmp_path):
    edit(clone / "envs/analysis.yaml", "scikit-learn=1.9.1", "scikit-learn=1.9.99")
    code, printed = Workflow(tmp_path / "run", one_home(), clone).attempt("--sdm=conda", "all")
    assert code != 0
    for part in ("Could not create conda environment", "envs/analysis.yaml", "scikit-learn", "1.9.99"):
        assert part in printed
    assert not (tmp_path / "run/results").exists()


def test_make_envs_makes_the_environments_of_all_rules_but_that_of_vllm_which_few_runs_need(conda, clone):
    done = make_envs(clone, f"{conda}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.read_bytes() for path in (clone / ".snakemake/conda").glob("*.yaml")}
    assert made == {path.read_bytes() for path in (clone / "envs").glob("*.yaml") if path.stem != "vllm"}


def test_make_envs_without_conda_says_what_to_do(clone):
    done = make_envs(clone, "/usr/bin:/bin")
    assert done.returncode != 0
    for part in ("no conda", "Miniforge", "software-deployment-method", "make setup"):
        assert part in done.stderr
