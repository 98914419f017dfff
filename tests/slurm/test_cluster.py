"""Test the test cluster: it refuses a host of another cluster, and leaves no process or file, however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import accounting
import cluster as slurm
import pytest

pytestmark = pytest.mark.skipif(bool(slurm.unavailable_reason()), reason=slurm.unavailable_reason())

HERE = Path(__file__).parent


def test_a_host_of_another_cluster_is_refused_and_not_changed(monkeypatch, tmp_path):
    (tmp_path / "slurm.conf").write_text("ClusterName=somebody\n")
    monkeypatch.setattr(slurm, "ETC", tmp_path)
    message = r"belongs to another cluster, according to .*slurm\.conf"
    with pytest.raises(RuntimeError, match=message), slurm.running_cluster():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["slurm.conf"]
    assert (tmp_path / "slurm.conf").read_text() == "ClusterName=somebody\n"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_test_leaves_nothing_or_the_next_start_removes_it(sent):
    program = (
        "import cluster, time\n"
        "with cluster.running_cluster() as started:\n"
        "    for node in started.nodes:\n"
        "        started.submit('sleep 300', f'--nodelist={node}')\n"
        "    cluster.wait_until(lambda: len(cluster.job_processes()) >= 4, 'two jobs and their step daemons')\n"
        "    started.disconnect_node('node1')\n"
        "    print('jobs run', flush=True)\n"
        "    time.sleep(300)\n"
    )
    test = subprocess.Popen([sys.executable, "-c", program], cwd=HERE, stdout=subprocess.PIPE, text=True)
    assert test.stdout.readline() == "jobs run\n"
    test.send_signal(sent)
    test.wait(timeout=60)
    if sent == signal.SIGKILL:
        with slurm.running_cluster() as cluster:
            assert cluster.jobs() == []
    with slurm.exclusive_host():
        assert slurm.job_processes() == []
        assert not slurm.RUN.exists()
        assert not [name for name in slurm.SETTINGS if os.path.lexists(slurm.ETC / name)]


def test_a_drained_node_accepts_no_job_until_it_is_resumed():
    with slurm.running_cluster() as cluster:
        cluster.drain("node1")
        jobs = [cluster.submit("sleep 300", "--exclusive") for _ in cluster.nodes]
        slurm.wait_until(lambda: cluster.job_details(jobs[0])["JobState"] == "RUNNING", "the other node accepts a job")
        assert [job["node"] for job in cluster.jobs() if job["state"] == "RUNNING"] == ["node2"]
        cluster.resume("node1")
        slurm.wait_until(lambda: cluster.job_details(jobs[1])["NodeList"] == "node1", "the resumed node accepts a job")


def test_a_process_that_outlives_its_job_is_killed_soon_afterwards():
    with slurm.running_cluster() as cluster:
        job = cluster.submit("trap '' TERM; setsid sleep 300 & exec sleep 1")
        slurm.wait_until(lambda: len(slurm.job_processes()) > 2, "the job runs")
        slurm.wait_until(
            lambda: not slurm.job_processes(), "all processes of the job have ended", seconds=3 * slurm.KILL_WAIT
        )
        cluster.wait_idle()  # SLURM's controller learns of it a little later
        assert cluster.job_details(job)["JobState"] == "COMPLETED"


@pytest.mark.skipif(bool(accounting.unavailable_reason(slurm.PATH)), reason=accounting.unavailable_reason(slurm.PATH))
def test_accounting_records_the_state_and_the_account_of_a_job():
    with slurm.running_cluster(accounts=True) as cluster:
        job = cluster.submit("false", f"--account={accounting.ACCOUNT}")
        sacct = ("sacct", "--allocations", "--noheader", "--parsable2", f"--jobs={job}", "--format=State,Account")
        slurm.wait_until(
            lambda: slurm.run_client(*sacct) == f"FAILED|{accounting.ACCOUNT}\n", "sacct shows the ended job"
        )
        with pytest.raises(AssertionError, match="Invalid account"):
            cluster.submit("true", "--account=nobody")
