"""Test the resources that jobs request with the cluster profile, in dry runs with the SLURM executor and no cluster."""

import contextlib
import re
import shutil

import forked_snakemake
import pytest
import yaml
from repository import REPOSITORY
from snakemake_runs import Workflow, slurm_profile, small_config, subprocess_environment

SITE = {"account": "project-7", "cpu_partition": "all", "gpu_partition": "gpu-a100"}
SHARD = "results/predictions/{model}/sim-marble/test1/00000-00011.jsonl"
STUDENT = "results/students/{model}_reasoning_sim-marble/fold1/training_log.json"


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
    config["students"]["training"]["batch_size"] = 24  # a multiple of every number of ranks below
    config["engine"] |= {"name": "transformers", "device": "auto"}
    workflow = Workflow(folder / "run", config, repository)
    # Use environment modules instead of conda: no rule names a module, so nothing is loaded or installed.
    # --cores limits the threads of jobs. On a cluster it is not set, but a dry run would then take it for 1.
    options = ("--profile", str(profile), "--sdm", "env-modules", "--cores", "1000", "--dry-run")
    output = workflow.run(*options, *arguments)
    resources = {}
    for rule, body in re.findall(r"^(?:rule|checkpoint) (\w+):\n((?:    .*\n)*)", output, re.MULTILINE):
        line = re.search(r"^    resources: (.*)$", body, re.MULTILINE)
        resources[rule] = dict(re.findall(r"(\w+)=(.*?)(?=, \w+=|$)", line[1]))
        # Snakemake prints threads only if there are several.
        threads = re.search(r"^    threads: (\d+)$", body, re.MULTILINE)
        resources[rule]["threads"] = threads[1] if threads else "1"
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


@contextlib.contextmanager
def model_entry(repository, **changes):
    """Change the registry's entry of tiny-m for the time of a `with` block."""
    path = repository / "config" / "models.yaml"
    text = path.read_text()
    registry = yaml.safe_load(text)
    registry["tiny-m"] |= changes
    path.write_text(yaml.safe_dump(registry))
    try:
        yield
    finally:
        path.write_text(text)


def test_jobs_with_gpus_get_cores_for_each_process_and_others_the_threads_of_the_config(repository, tmp_path):
    keys = ("threads", "omp_threads", "gpu")
    with model_entry(repository, cpus=6, train_gpus=3):
        recognition = plan_resources(repository, tmp_path / "1", SHARD.format(model="tiny-m"))["recognise"]
        training = plan_resources(repository, tmp_path / "2", STUDENT.format(model="tiny-m"))["distil"]
    assert [recognition[key] for key in keys] == ["6", "3", "2"]
    assert [training[key] for key in (*keys, "ranks")] == ["18", "6", "3", "3"]
    without = plan_resources(repository, tmp_path / "3", SHARD.format(model="tiny-s"))["recognise"]
    assert [without[key] for key in keys] == ["1", "1", "0"]
    on_cpu = ("--config", 'engine={"device": "cpu"}')
    unused = plan_resources(repository, tmp_path / "4", SHARD.format(model="tiny-m"), *on_cpu)["recognise"]
    assert [unused[key] for key in (*keys, "slurm_partition")] == ["1", "1", "0", "all"]


def test_only_jobs_with_gpus_get_the_nodes_that_their_model_names(repository, tmp_path):
    names = {"partition": "large", "gpu_type": "h100", "constraint": "nvlink&ib", "qos": "long"}
    given = {"slurm_partition": "large", "gpu_model": "h100", "constraint": "nvlink&ib", "qos": "long"}
    with model_entry(repository, **names):
        for rule, target in {"recognise": SHARD, "distil": STUDENT}.items():
            resources = plan_resources(repository, tmp_path / rule, target.format(model="tiny-m"))[rule]
            assert {key: resources[key].strip("'") for key in given} == given
        checks = plan_resources(repository, tmp_path / "check", "results/preflight/llm-2-gpus-tiny-m.json")[
            "check_node"
        ]
        assert given.items() <= {key: value.strip("'") for key, value in checks.items()}.items()
    with model_entry(repository, gpus=0, **names):
        resources = plan_resources(repository, tmp_path / "cpu", SHARD.format(model="tiny-m"))["recognise"]
    assert resources["slurm_partition"] == "all"
    assert not {"gpu_model", "constraint", "qos"} & resources.keys()


def test_the_profiles_defaults_hold_where_the_registry_has_none(repository, tmp_path):
    defaults = ("--default-resources", "qos=short", "constraint=ib", "slurm_partition=cpus", "gpu_partition=gpus")
    with model_entry(repository, qos="long"):
        resources = plan_resources(repository, tmp_path / "1", SHARD.format(model="tiny-m"), *defaults)["recognise"]
    assert [resources[key] for key in ("qos", "constraint", "slurm_partition")] == ["long", "ib", "gpus"]
    baseline = plan_resources(repository, tmp_path / "2", SHARD.format(model="tiny-s"), *defaults)["recognise"]
    assert [baseline[key] for key in ("qos", "constraint", "slurm_partition")] == ["short", "ib", "cpus"]


def test_gpus_choose_vllm_and_its_missing_environment_is_named(repository, tmp_path):
    engine = ("--config", 'engine={"name": "auto"}')
    target = SHARD.format(model="tiny-m")
    with pytest.raises(AssertionError, match="make setup-vllm"):
        plan_resources(repository, tmp_path / "1", target, *engine)
    activate = repository / ".venv-vllm" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    try:
        planned = plan_resources(repository, tmp_path / "2", target, SHARD.format(model="tiny-s"), *engine)
    finally:
        shutil.rmtree(repository / ".venv-vllm")
    assert planned["recognise_vllm"]["gpu"] == "2"
    assert planned["recognise"]["gpu"] == "0"


def test_a_training_on_several_nodes_requests_gpus_per_node_and_calls_srun_itself(repository, tmp_path):
    single = plan_resources(repository, tmp_path / "1", STUDENT.format(model="tiny-m"))["distil"]
    assert (single["nodes"], single["ranks"]) == ("1", "2")
    assert not {"mpi", "tasks", "gres"} & single.keys()
    with model_entry(repository, gpus=1, train_gpus=4, nodes=2, gpu_type="h100", cpus=2):
        resources = plan_resources(repository, tmp_path / "2", STUDENT.format(model="tiny-m"))["distil"]
    several = {key: resources.get(key) for key in ("nodes", "ranks", "gres", "tasks", "mpi", "gpu", "gpu_model")}
    assert several == {
        **{"nodes": "2", "ranks": "4", "gres": "gpu:h100:4", "tasks": "2", "mpi": "srun"},
        **{"gpu": None, "gpu_model": None},
    }
    assert (resources["threads"], resources["omp_threads"]) == ("8", "2")


@pytest.mark.parametrize("unset", ["account", "cpu_partition", "gpu_partition", "scratch"])
def test_an_unset_value_of_the_site_is_reported_before_any_file_is_made(tmp_path, unset):
    site = SITE | {"scratch": tmp_path / "scratch"}
    del site[unset]
    profile = slurm_profile(tmp_path / "profile", **site)
    arguments = ["--snakefile", str(REPOSITORY / "Snakefile"), "--profile", str(profile), "all"]
    status, output = forked_snakemake.run(arguments, tmp_path, subprocess_environment(), timeout_s=300)
    assert status != 0
    assert f": {unset}: not set; write your site's value into its config.yaml" in output
    assert output.count("not set") == 1
    assert "Traceback" not in output
    assert [path.name for path in tmp_path.iterdir()] == ["profile"]
