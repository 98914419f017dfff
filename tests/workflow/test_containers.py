"""Run rules in containers, made by a stand-in for apptainer; apptainer_stand_in describes its limits."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import apptainer_stand_in
import conda_stand_in
import pytest
import yaml
from repository import CONFIG, REPOSITORY
from snakemake_runs import Workflow, small_config

KINDS = ("analysis", "llm", "vllm")
VLLM = REPOSITORY / ".venv-vllm"

pytestmark = pytest.mark.skipif(not apptainer_stand_in.is_possible(), reason="unshare: no namespaces for this user")


@pytest.fixture(scope="module")
def apptainer(tmp_path_factory) -> Path:
    """Put the stand-in for apptainer first on PATH, with a folder of its own for temporary files; return its folder."""
    folder = tmp_path_factory.mktemp("apptainer")
    programs = apptainer_stand_in.install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(programs), prepend=os.pathsep)
        # A user's own bind. With it containers see the python that runs Snakemake, and must not use it.
        patch.setenv("APPTAINER_BIND", os.path.realpath(sys.prefix))
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("node")))
        patch.setattr("tempfile.tempdir", None)
        yield folder


def config_with_images(folder: Path) -> dict:
    """Return the small config for one home, model and student, with images in `folder` and the model in a store there.

    Weights are staged to the node's folder for temporary files.
    """
    config = small_config()
    del config["datasets"]["sim-marble"]
    registry = yaml.safe_load((CONFIG / "models.yaml").read_text())
    registry["tiny-s"]["path"] = str(shutil.copytree(REPOSITORY / "demo/models/tiny-s", folder / "store/tiny-s"))
    (folder / "models.yaml").write_text(yaml.safe_dump(registry))
    for kind in KINDS:
        (folder / f"{kind}.sif").touch()
    config["engine"]["stage_weights"] = "$TMPDIR"
    return config | {
        "models": ["tiny-s"],
        "teacher": "tiny-s",
        "model_registry": str(folder / "models.yaml"),
        "containers": {kind: str(folder / f"{kind}.sif") for kind in KINDS},
    }


@pytest.fixture(scope="module")
def container_run(apptainer, tmp_path_factory) -> Workflow:
    """Make a complete run in containers."""
    config = config_with_images(tmp_path_factory.mktemp("site"))
    workflow = Workflow(tmp_path_factory.mktemp("run") / "run", config)
    workflow.run("--sdm=apptainer", "--apptainer-args=--nv", "all")
    return workflow


@pytest.mark.slow
def test_every_program_runs_with_the_python_of_its_image_and_sees_its_files(apptainer, container_run):
    programs = apptainer_stand_in.read_programs(apptainer)
    by_image = {image: {name for used, name, _ in programs if used == image} for image, _, _ in programs}
    assert by_image.keys() == {"analysis.sif", "llm.sif"}
    assert by_image["llm.sif"] == {"fetch_model", "recognise", "distil"}
    assert {"simulate_home", "window_dataset", "score", "table", "report", "provenance"} <= by_image["analysis.sif"]
    assert {no_user_site for _, _, no_user_site in programs} == {"1"}
    calls = apptainer_stand_in.read_options(apptainer)
    assert {(call["home"], call["nv"]) for call in calls} == {(str(container_run.directory), True)}


@pytest.mark.slow
def test_a_container_sees_the_model_store_and_stages_its_weights_on_the_node(container_run):
    weights = container_run.directory / "results/models/tiny-s/model.safetensors"
    assert weights.is_symlink()
    staged = list(Path(os.environ["TMPDIR"]).glob("hearth-*/tiny-s-*/model.safetensors"))
    assert [path.read_bytes() for path in staged] == [weights.read_bytes()]


@pytest.mark.slow
def test_a_run_without_containers_or_staging_or_with_other_images_reruns_nothing(container_run, tmp_path):
    assert container_run.plan("all") == {}
    config = {**container_run.config, "containers": {}}
    config["engine"] = {**config["engine"], "stage_weights": ""}
    shutil.copytree(container_run.directory, tmp_path / "run", symlinks=True)
    assert Workflow(tmp_path / "run", config).plan("all") == {}


@pytest.mark.slow
@pytest.mark.skipif(not VLLM.is_dir(), reason=".venv-vllm is missing: make setup-vllm")
def test_vllm_runs_in_an_image_of_its_own(apptainer, tmp_path, monkeypatch):
    programs = apptainer_stand_in.install(tmp_path / "apptainer")
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    config = config_with_images(tmp_path)
    config["engine"]["name"] = "vllm"
    (tmp_path / "vllm.sif").write_text(str(VLLM.resolve()))
    parsed = "results/predictions/tiny-s/sim-mural/test1/parsed.jsonl"
    Workflow(tmp_path / "run", config).run("--sdm=apptainer", parsed)
    assert ("vllm.sif", "recognise", "1") in apptainer_stand_in.read_programs(tmp_path / "apptainer")


def test_the_stand_in_hides_what_is_not_bound(apptainer, tmp_path):
    image, run, other = tmp_path / "a.sif", tmp_path / "run", tmp_path / "other"
    image.touch()
    run.mkdir()
    other.mkdir()

    def list_other(*options):
        command = ["apptainer", "exec", "--home", str(run), *options, str(image), "bash", "-c", f"ls {other}"]
        return subprocess.run(command, cwd=run, capture_output=True, text=True)

    assert "No such file" in list_other().stderr
    assert list_other("--bind", str(other)).returncode == 0


@pytest.mark.parametrize(
    ("containers", "message"),
    [
        ({}, "containers.analysis, containers.llm and containers.vllm of the config are empty"),
        ({"llm": "no/such.sif"}, "containers.llm: there is no image no/such.sif in "),
    ],
)
def test_a_missing_image_is_reported_before_anything_runs(apptainer, tmp_path, containers, message):
    status, output = Workflow(tmp_path / "run", small_config() | {"containers": containers}).attempt(
        "--sdm=apptainer", "all"
    )
    assert status != 0
    assert message in output
    assert not (tmp_path / "run/results").exists()


def test_a_training_on_several_nodes_is_refused_in_a_container(apptainer, tmp_path):
    config = config_with_images(tmp_path)
    registry = yaml.safe_load((tmp_path / "models.yaml").read_text())
    registry["tiny-s"] |= {"nodes": 2}
    (tmp_path / "models.yaml").write_text(yaml.safe_dump(registry))
    status, output = Workflow(tmp_path / "run", config).attempt("--sdm=apptainer", "all")
    assert status != 0
    assert "models tiny-s: training on several nodes calls srun" in output


def test_snakemake_can_write_a_definition_with_the_environments_of_all_rules(tmp_path, monkeypatch):
    environments = [REPOSITORY / "envs" / f"{kind}.yaml" for kind in ("analysis", "llm")]
    monkeypatch.setenv("PATH", str(conda_stand_in.install(tmp_path / "conda", environments)), prepend=os.pathsep)
    output = Workflow(tmp_path / "run", small_config()).run("--containerize", "apptainer")
    assert all(f"envs/{kind}.yaml" in output for kind in KINDS)
