"""Kill a run's own server while three shards use it: the tables must equal those of an undisturbed run.

The server is suspended until all three ask, so that no test depends on timing.
"""

import contextlib
import shutil
from collections.abc import Iterator

import psutil
import pytest
from cluster import Cluster, job_processes, running_cluster, suspended, unavailable_reason
from fault_injection import SHARDS, TEACHER, ClusterRun, slow_config
from repository import REPOSITORY
from snakemake_runs import Workflow

ENVIRONMENT = REPOSITORY / ".venv-vllm" / "bin" / "activate"
TABLE = "table_scaling"

pytestmark = [
    pytest.mark.skipif(bool(unavailable_reason()), reason=unavailable_reason()),
    pytest.mark.skipif(not ENVIRONMENT.exists(), reason="vLLM is not installed: make setup-vllm"),
]


def served_config(folder) -> dict:
    """Return the config of three shards of one model on its own server, which is asked for one window at a time."""
    config = slow_config(folder)
    config["models"] = [TEACHER]
    config["students"] = {"bases": []}
    config["tables"] = {name: config["tables"][name] for name in ("scaling",)}
    config["baselines"] = []
    # vLLM on a CPU cannot sample once it splits a prompt.
    config["decoding"] |= {"temperature": 0, "max_new_tokens": 256}
    config["engine"] |= {"name": "server", "dtype": "float32", "shard_size": 9}
    return config


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Workflow:
    """The same run on this host, without SLURM."""
    folder = tmp_path_factory.mktemp("undisturbed")
    workflow = Workflow(folder / "run", served_config(folder))
    workflow.run(TABLE)
    return workflow


@pytest.fixture(scope="module")
def own_cluster(undisturbed) -> Iterator[Cluster]:
    """A cluster for this module: the session's would also run the reference run, which is another."""
    with running_cluster() as cluster:
        yield cluster


def find(word: str) -> list[psutil.Process]:
    """Return the processes of cluster jobs with `word` in their command."""
    found = []
    for process in job_processes():
        with contextlib.suppress(psutil.Error):
            if any(word in part for part in process.cmdline()) and "python" in process.name():
                found.append(process)
    return found


@pytest.mark.parametrize(
    ("victim", "servers"),
    [
        pytest.param("scripts/serve.py", 2, id="the job"),
        pytest.param("vllm.entrypoints", 1, id="the process that its job supervises"),
    ],
)
def test_a_server_is_killed_while_three_shards_use_it(undisturbed, own_cluster, tmp_path, victim, servers):
    shutil.copytree(undisturbed.directory, tmp_path / "run")
    run = ClusterRun(tmp_path / "run", served_config(tmp_path), own_cluster)
    try:
        run.delete_teacher_predictions()
        run.launch(TABLE)
        run.wait_for(lambda: sum(run.count_recognised().values()) >= 1, "a shard has an answer")
        with suspended(find("vllm.entrypoints")):
            run.wait_for(lambda: len(run.job_programs()) == 3, "three shards ask")
            written = list((run.directory / f"results/{SHARDS}").glob("*.jsonl"))
            for process in find(victim):
                process.kill()
        run.wait_for_success()
        assert written == []
        assert len(list((run.directory / "logs/slurm/rule_serve").rglob("*.log"))) == servers
        assert len(run.submitted_jobs()) == 3 + servers
        run.assert_clean_end(undisturbed)
    finally:
        run.ensure_stopped()
        own_cluster.restore()
