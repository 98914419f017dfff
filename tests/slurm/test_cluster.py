"""The test cluster itself: it takes no host that is another's, and leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import accounting
import cluster as slurm
import pytest

pytestmark = pytest.mark.skipif(bool(slurm.unavailable()), reason=slurm.unavailable())

HERE = Path(__file__).parent


def test_a_host_of_another_cluster_is_left_alone(monkeypatch, tmp_path):
    (tmp_path / "slurm.conf").write_text("ClusterName=somebody\n")
    monkeypatch.setattr(slurm, "ETC", tmp_path)
    with pytest.raises(RuntimeError, match=r"another cluster's, says .*slurm\.conf"), slurm.running():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["slurm.conf"]
    assert (tmp_path / "slurm.conf").read_text() == "ClusterName=somebody\n"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_test_leaves_nothing_behind_or_the_next_one_clears_it_away(end):
    interrupted = (
        "import cluster, time\n"
        "with cluster.running() as started:\n"
        "    for node in started.nodes:\n"
        "        started.submit('sleep 300', f'--nodelist={node}')\n"
        "    cluster.wait_until(lambda: len(cluster.leftovers()) >= 4, 'two jobs and their step daemons')\n"
        "    started.cut_off_node('node1')\n"
        "    print('jobs run', flush=True)\n"
        "    time.sleep(300)\n"
    )
    test = subprocess.Popen([sys.executable, "-c", interrupted], cwd=HERE, stdout=subprocess.PIPE, text=True)
    assert test.stdout.readline() == "jobs run\n"
    test.send_signal(end)
    test.wait(timeout=60)
    if end == signal.SIGKILL:
        with slurm.running() as cluster:
            assert cluster.jobs() == []
    with slurm.alone():
        assert slurm.leftovers() == []
        assert not slurm.RUN.exists()
        assert not [name for name in slurm.SETTINGS if os.path.lexists(slurm.ETC / name)]


def test_a_drained_node_takes_no_job_until_it_is_resumed():
    with slurm.running() as cluster:
        cluster.drain("node1")
        jobs = [cluster.submit("sleep 300", "--exclusive") for _ in cluster.nodes]
        slurm.wait_until(lambda: cluster.shown(jobs[0])["JobState"] == "RUNNING", "the other node takes a job")
        assert [job["node"] for job in cluster.jobs() if job["state"] == "RUNNING"] == ["node2"]
        cluster.resume("node1")
        slurm.wait_until(lambda: cluster.shown(jobs[1])["NodeList"] == "node1", "the resumed node takes a job")


def test_what_outlives_its_job_ends_soon_after_it():
    with slurm.running() as cluster:
        job = cluster.submit("trap '' TERM; setsid sleep 300 & exec sleep 1")
        slurm.wait_until(lambda: len(slurm.leftovers()) > 2, "the job runs")
        slurm.wait_until(lambda: not slurm.leftovers(), "nothing is left of the job", seconds=3 * slurm.KILL_WAIT)
        assert cluster.shown(job)["JobState"] == "COMPLETED"
        assert set(cluster.states().values()) == {"idle"}


@pytest.mark.skipif(bool(accounting.unavailable(slurm.PATH)), reason=accounting.unavailable(slurm.PATH))
def test_accounting_knows_how_a_job_ended_and_whom_it_was_charged_to():
    with slurm.running(accounts=True) as cluster:
        job = cluster.submit("false", f"--account={accounting.ACCOUNT}")
        asked = ("sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={job}", "--format=State,Account")
        slurm.wait_until(lambda: slurm.command(*asked) == f"FAILED|{accounting.ACCOUNT}\n", "sacct tells it")
        with pytest.raises(AssertionError, match="Invalid account"):
            cluster.submit("true", "--account=nobody")
