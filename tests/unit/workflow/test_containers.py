import os
from pathlib import Path

import pytest
from config_factories import CONFIG, REGISTRY, make_project, write_yaml
from factories import HOME
from hearth.common.cli import UserError
from hearth.workflow.configuration import resolve
from hearth.workflow.containers import BIND_VARIABLES, container_environment, container_problems


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    """A machine with a project, and a folder for each thing that a container must see; return the folder of all."""
    for name in ("run", "project", "raw", "my-homes", "store/large", "hub", "node", "tmp"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "run")
    monkeypatch.setenv("NODE_DISK", str(tmp_path / "node"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path


def resolved(site, nodes: int = 1, **changes):
    """Return config and registry of the made-up project, changed by `changes`; model large is in a store."""
    project = make_project(site / "made")
    registry = REGISTRY | {
        "large": {**REGISTRY["large"], "path": str(site / "store/large")},
        "little": {**REGISTRY["little"], "nodes": nodes},
    }
    write_yaml(project / "config/models.yaml", registry)
    config = {**CONFIG, **changes}
    return resolve(config, [write_yaml(site / "run.yaml", config)], project)


def test_a_container_sees_all_folders_that_jobs_use(site):
    home = write_yaml(site / "my-homes/flat.yaml", HOME)
    (site / "raw-link").symlink_to(site / "raw")
    made_up = {"source": "marble", "home": str(home), "root": str(site / "raw-link")}
    datasets = {**CONFIG["datasets"], "made-up": made_up}
    config, registry = resolved(site, datasets=datasets, engine={"stage_weights": "$NODE_DISK"})
    variables = container_environment(site / "project", config, registry, {"HF_HOME": str(site / "hub")})
    for variable in BIND_VARIABLES:
        seen = [os.path.relpath(path, site) for path in variables[variable].split(",")]
        assert seen == ["project", "raw-link", "raw", "my-homes", "store/large", "hub", "tmp", "node"]


def test_a_users_own_binds_are_kept_and_named_once(site):
    config, registry = resolved(site)
    own = {"APPTAINER_BIND": f"/data:/mnt:ro,{site / 'project'}"}
    first = container_environment(site / "project", config, registry, own)
    assert first["APPTAINER_BIND"].startswith(f"/data:/mnt:ro,{site / 'project'},")
    assert first["APPTAINER_BIND"].count("project") == 1
    # Snakemake of a cluster job starts with the variables of the one that submitted it.
    assert container_environment(site / "project", config, registry, {**own, **first}) == first


def test_the_hub_finds_its_cache_and_token_though_a_container_has_another_home(site, monkeypatch):
    monkeypatch.setenv("HOME", str(site))
    config, registry = resolved(site)
    assert container_environment(site, config, registry, {})["HF_HOME"] == f"{site}/.cache/huggingface"


def test_a_run_whose_images_exist_has_no_problem(site):
    (site / "run/llm.sif").touch()
    images = {"llm": "llm.sif", "vllm": "docker://example.org/vllm:1"}
    assert container_problems(*resolved(site, containers=images)) == []


@pytest.mark.parametrize(
    ("images", "nodes", "message"),
    [
        ({}, 1, "are empty; name the images"),
        ({"analysis": "no.sif"}, 1, "containers.analysis: there is no image no.sif in .*; build it from envs/analysis"),
        ({"llm": "docker://example.org/llm:1"}, 2, "models little: training on several nodes calls srun"),
    ],
)
def test_problems_name_the_setting_and_the_remedy(site, images, nodes, message):
    (problem,) = container_problems(*resolved(site, nodes, containers=images))
    with pytest.raises(ValueError, match=message):
        raise ValueError(problem)


@pytest.mark.parametrize("image", ["my image.sif", "it's.sif", "$HOME.sif"])
def test_an_image_whose_path_snakemake_would_not_quote_is_refused(site, image):
    (site / "run" / image).touch()
    (problem,) = container_problems(*resolved(site, containers={"llm": image}))
    assert problem.startswith(f"containers.llm: {image} holds a character that a shell reads")


@pytest.mark.parametrize("name", ["a,b", "a:b"])
def test_a_folder_that_a_container_would_take_for_two_is_refused(site, name):
    (site / name).mkdir()
    with pytest.raises(UserError, match=f"{site / name}: a container cannot see a folder with a comma or colon"):
        container_environment(site / name, *resolved(site), {"HF_HOME": str(site / "hub")})
