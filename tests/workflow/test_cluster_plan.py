"""Test the resources that jobs request with the cluster profile, in dry runs with the SLURM executor and no cluster."""

import re
import shutil

import forked_snakemake
import pytest
import yaml
from repository import REPOSITORY
from snakemake_runs import Workflow, slurm_profile, small_config, subprocess_environment

SITE = {"account": "project-7", "cpu_partition": "all", "gpu_partition": "gpu-a100"}
SHARD = "results/predictions/{model}/sim-marble/test/00000-00011.jsonl"
TWO_NODES = {"source": "folder", "path": "demo/models/tiny-m", "license": "Apache-2.0", "gpus": 4, "nodes": 2}
STUDENT = "results/students/{model}_reasoning_sim-marble/training_log.json"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Copy the project without the `message` of its rules: only for rules without one Snakemake prints resources."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("rules", "config", "workflow_scripts", "profiles", "report", "envs", "demo"):
        ignored = shutil.ignore_patterns("results", "work", "__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    shutil.copy(REPOSITORY / "Snakefile", folder)
    for file in (folder / "rules").iterdir():
        file.write_text(re.sub(r"^    message:\n.*\n", "", file.read_text(), flags=re.MULTILINE))
    registry = yaml.safe_load((folder / "config/models.yaml").read_text())
    registry["tiny-m"] |= {"gpus": 2, "mem_mb": 30000, "runtime": 100}
    (folder / "config/models.yaml").write_text(yaml.safe_dump(registry))
    return folder


def plan_resources(repository, folder, *arguments, **site) -> dict[str, dict[str, str]]:
    """Return a dict from each rule to the resources of one of its jobs, in a dry run with the cluster profile."""
    profile = slurm_profile(folder / "profile", **SITE | {"scratch": folder / "scratch"} | site)
    config = small_config()
    config["students"]["bases"] = ["tiny-s", "tiny-m"]
    workflow = Workflow(folder / "run", config, repository)
    # Use environment modules instead of conda: no rule names a module, so nothing is loaded or installed.
    output = workflow.run("--profile", str(profile), "--sdm", "env-modules", "--dry-run", *arguments)
    resources = {}
    for rule, body in re.findall(r"^(?:rule|checkpoint) (\w+):\n((?:    .*\n)*)", output, re.MULTILINE):
        line = re.search(r"^    resources: (.*)$", body, re.MULTILINE)
        resources[rule] = dict(re.findall(r"(\w+)=(.*?)(?=, \w+=|$)", line[1]))
    return resources


@pytest.mark.parametrize("rule", ["recognise", "distil"])
def test_a_model_decides_partition_gpus_memory_and_time_and_a_retry_requests_more(repository, tmp_path, rule):
    target = {"recognise": SHARD, "distil": STUDENT}[rule]
    large = plan_resources(repository, tmp_path / "1", target.format(model="tiny-m"))[rule]
    assert [large[key] for key in ("gpu", "mem_mb", "runtime", "slurm_partition")] == ["2", "30000", "100", "gpu-a100"]
    small = plan_resources(repository, tmp_path / "2", target.format(model="tiny-s"))[rule]
    assert [small[key] for key in ("gpu", "mem_mb", "runtime", "slurm_partition")] == ["0", "4000", "60", "all"]
    retry = plan_resources(repository, tmp_path / "3", target.format(model="tiny-m"), "--attempt", "3")[rule]
    assert [retry[key] for key in ("gpu", "mem_mb", "runtime")] == ["2", "60000", "200"]
    assert large["slurm_account"] == "project-7"
    assert large["slurm_extra"] == "--signal=TERM@120"


def test_a_training_on_several_nodes_requests_gpus_per_node_and_calls_srun_itself(repository, tmp_path):
    single = plan_resources(repository, tmp_path / "1", STUDENT.format(model="tiny-m"))["distil"]
    assert (single["nodes"], single["ranks"]) == ("1", "2")
    assert not {"mpi", "tasks", "gres"} & single.keys()
    path = repository / "config" / "models.yaml"
    registry = path.read_text()
    try:
        path.write_text(yaml.safe_dump(yaml.safe_load(registry) | {"tiny-m": TWO_NODES}))
        resources = plan_resources(repository, tmp_path / "2", STUDENT.format(model="tiny-m"))["distil"]
    finally:
        path.write_text(registry)
    several = {key: resources.get(key) for key in ("nodes", "ranks", "gres", "tasks", "mpi", "gpu")}
    assert several == {"nodes": "2", "ranks": "4", "gres": "gpu:4", "tasks": "2", "mpi": "srun", "gpu": None}


@pytest.mark.parametrize("unset", ["account", "cpu_partition", "gpu_partition", "scratch"])
def test_an_unset_value_of_the_site_is_reported_before_any_file_is_made(tmp_path, unset):
    site = SITE | {"scratch": tmp_path / "scratch"}
    del site[unset]
    profile = slurm_profile(tmp_path / "profile", **site)
    arguments = ["--snakefile", str(REPOSITORY / "Snakefile"), "--profile", str(profile), "all"]
    status, output = forked_snakemake.run(arguments, tmp_path, subprocess_environment(), timeout_s=300)
    assert status != 0
    assert f"profiles/slurm/config.yaml: {unset}: not set" in output
    assert output.count("not set") == 1
    assert "Traceback" not in output
    assert [path.name for path in tmp_path.iterdir()] == ["profile"]
