"""What the cluster profile makes of the workflow, planned with the SLURM executor; a plan needs no cluster."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml
from repository import REPOSITORY
from snakemake_runs import Workflow, environment, slurm_profile, small_config

SITE = {"account": "project-7", "cpu_partition": "all", "gpu_partition": "gpu-a100"}
SHARD = "results/predictions/{model}/sim-marble/test/00000-00007.jsonl"
TWO_NODES = {"source": "folder", "path": "demo/models/tiny-m", "license": "Apache-2.0", "gpus": 4, "nodes": 2}
STUDENT = "results/students/{model}_reasoning_sim-marble/training_log.json"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The project without its rules' messages: instead of them Snakemake then prints a job's resources."""
    folder = tmp_path_factory.mktemp("plain")
    for name in ("rules", "config", "workflow_scripts", "profiles", "report", "envs", "demo"):
        shutil.copytree(
            REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("results", "work", "__pycache__")
        )
    shutil.copy(REPOSITORY / "Snakefile", folder)
    for file in (folder / "rules").iterdir():
        file.write_text(re.sub(r"^    message:\n.*\n", "", file.read_text(), flags=re.MULTILINE))
    registry = yaml.safe_load((folder / "config/models.yaml").read_text())
    registry["tiny-m"] |= {"gpus": 2, "mem_mb": 30000, "runtime": 100}
    (folder / "config/models.yaml").write_text(yaml.safe_dump(registry))
    return folder


def planned(plain, folder, *arguments, **site) -> dict[str, dict]:
    """What the jobs of a dry run with the cluster profile ask for, one job a rule."""
    profile = slurm_profile(folder / "profile", **SITE | {"scratch": folder / "scratch"} | site)
    config = small_config()
    config["students"]["bases"] = ["tiny-s", "tiny-m"]
    workflow = Workflow(folder / "run", config, plain)
    # The environments are not made here; no rule has a module to load.
    printed = workflow.run("--profile", str(profile), "--sdm", "env-modules", "--dry-run", *arguments)
    found = {}
    for rule, body in re.findall(r"^(?:rule|checkpoint) (\w+):\n((?:    .*\n)*)", printed, re.MULTILINE):
        asked = re.search(r"^    resources: (.*)$", body, re.MULTILINE)
        found[rule] = dict(re.findall(r"(\w+)=(.*?)(?=, \w+=|$)", asked[1]))
    return found


@pytest.mark.parametrize("rule", ["recognise", "distil"])
def test_a_model_decides_partition_gpus_memory_and_time_and_a_retry_asks_for_more(plain, tmp_path, rule):
    target = {"recognise": SHARD, "distil": STUDENT}[rule]
    big = planned(plain, tmp_path / "1", target.format(model="tiny-m"))[rule]
    assert [big[key] for key in ("gpu", "mem_mb", "runtime", "slurm_partition")] == ["2", "30000", "100", "gpu-a100"]
    small = planned(plain, tmp_path / "2", target.format(model="tiny-s"))[rule]
    assert [small[key] for key in ("gpu", "mem_mb", "runtime", "slurm_partition")] == ["0", "4000", "60", "all"]
    again = planned(plain, tmp_path / "3", target.format(model="tiny-m"), "--attempt", "3")[rule]
    assert [again[key] for key in ("gpu", "mem_mb", "runtime")] == ["2", "60000", "200"]
    assert big["slurm_account"] == "project-7"
    assert big["slurm_extra"] == "--signal=TERM@120"


def test_a_training_on_several_nodes_asks_for_gpus_by_node_and_calls_srun_itself(plain, tmp_path):
    one = planned(plain, tmp_path / "1", STUDENT.format(model="tiny-m"))["distil"]
    assert (one["nodes"], one["ranks"]) == ("1", "2")
    assert not {"mpi", "tasks", "gres"} & one.keys()
    path = plain / "config" / "models.yaml"
    registry = path.read_text()
    try:
        path.write_text(yaml.safe_dump(yaml.safe_load(registry) | {"tiny-m": TWO_NODES}))
        found = planned(plain, tmp_path / "2", STUDENT.format(model="tiny-m"))["distil"]
    finally:
        path.write_text(registry)
    several = {key: found.get(key) for key in ("nodes", "ranks", "gres", "tasks", "mpi", "gpu")}
    assert several == {"nodes": "2", "ranks": "4", "gres": "gpu:4", "tasks": "2", "mpi": "srun", "gpu": None}


@pytest.mark.parametrize("unset", ["account", "cpu_partition", "gpu_partition", "scratch"])
def test_a_value_that_the_site_has_not_set_is_named_before_anything_is_made(tmp_path, unset):
    site = SITE | {"scratch": tmp_path / "scratch"}
    del site[unset]
    profile = slurm_profile(tmp_path / "profile", **site)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", REPOSITORY / "Snakefile", "--profile", profile, "all"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"profiles/slurm/config.yaml: {unset}: not set" in done.stderr
    assert done.stderr.count("not set") == 1
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["profile"]
