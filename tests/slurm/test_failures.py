"""Make parts of a cluster fail during work: every table but `cost` must equal that of the reference run.

While a slow event such as a preemption is on its way, the jobs' programs are suspended (SIGSTOP), so that no test
depends on timing.
"""

import re

import pytest
from accounting import unavailable_reason as accounting_unavailable_reason
from cluster import PATH, is_alive, suspended, unavailable_reason, wait_until
from fault_injection import TABLES

pytestmark = pytest.mark.skipif(bool(unavailable_reason()), reason=unavailable_reason())


def start_recognition(cluster_run) -> tuple[list[str], dict[str, int]]:
    """Start two shards and wait until both recognise; return their job ids, and numbers of recognised windows."""
    cluster_run.delete_teacher_predictions()
    cluster_run.launch(*TABLES)
    cluster_run.wait_for(cluster_run.both_shards_run(windows=3), "both shards are being recognised")
    return cluster_run.submitted_jobs(), cluster_run.count_recognised()


def start_training(cluster_run) -> str:
    """Start the training of the student and wait for a checkpoint; return the job id."""
    cluster_run.delete_student()
    cluster_run.launch(*TABLES)
    cluster_run.wait_for(cluster_run.complete_checkpoints, "the training has a checkpoint")
    (job,) = cluster_run.submitted_jobs()
    return job


SACCT = pytest.param(
    "sacct",
    marks=pytest.mark.skipif(bool(accounting_unavailable_reason(PATH)), reason=accounting_unavailable_reason(PATH)),
)


@pytest.mark.parametrize("status_command", [SACCT, "squeue"])
def test_node_is_killed_while_two_shards_run(cluster_run, reference_run, cluster, status_command):
    cluster_run.status_command = status_command
    jobs, recognised = start_recognition(cluster_run)
    (node,) = {cluster.job_details(job)["NodeList"] for job in jobs}
    cluster.kill_node(node)
    cluster_run.wait_for_success()
    assert [cluster.restart_count(job) for job in jobs] == [1, 1]
    assert cluster_run.submitted_jobs() == jobs
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)


def test_node_loses_its_network_and_its_jobs_go_on(cluster_run, reference_run, cluster):
    jobs, recognised = start_recognition(cluster_run)
    (node,) = {cluster.job_details(job)["NodeList"] for job in jobs}
    with suspended(cluster_run.job_programs(node)):
        cluster.disconnect_node(node)
        wait_until(
            lambda: all("waiting for it to end" in cluster_run.read_log(shard) for shard in recognised),
            "both requeued jobs wait for the jobs on the lost node",
        )
    cluster_run.wait_for_success()
    assert [cluster.restart_count(job) for job in jobs] == [1, 1]
    assert cluster_run.submitted_jobs() == jobs
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)


def test_node_is_killed_during_a_training(cluster_run, reference_run, cluster):
    job = start_training(cluster_run)
    cluster.kill_node(cluster.job_details(job)["NodeList"])
    cluster_run.wait_for_success()
    assert cluster.restart_count(job) == 1
    assert cluster_run.assert_same_student(reference_run) > 0
    cluster_run.assert_clean_end(reference_run)


def test_jobs_are_preempted_by_a_partition_of_higher_priority(cluster_run, reference_run, cluster):
    jobs, recognised = start_recognition(cluster_run)
    with suspended(cluster_run.job_programs()):
        cluster.submit("true", "--partition=urgent", "--nodes=2", "--exclusive")
        wait_until(lambda: [cluster.restart_count(job) for job in jobs] == [1, 1], "both jobs are requeued")
    cluster_run.wait_for_success()
    assert cluster_run.submitted_jobs()[:2] == jobs
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)


@pytest.mark.parametrize("status_command", [SACCT, "squeue"])
def test_jobs_that_are_not_requeued_are_submitted_again(cluster_run, reference_run, cluster, status_command):
    cluster_run.status_command = status_command
    jobs, recognised = start_recognition(cluster_run)
    with suspended(cluster_run.job_programs()), cluster.preemption("CANCEL"):
        cluster.submit("true", "--partition=urgent", "--nodes=2", "--exclusive")
        wait_until(
            lambda: {cluster.job_details(job)["JobState"] for job in jobs} == {"PREEMPTED"}, "both are preempted"
        )
    cluster_run.wait_for(lambda: len(cluster_run.submitted_jobs()) == 4, "both are submitted again")
    cluster.cancel(cluster_run.submitted_jobs()[2])
    cluster_run.wait_for_success()
    assert len(cluster_run.submitted_jobs()) == 5
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)


def test_training_reaches_its_wall_time(cluster_run, reference_run, cluster):
    job = start_training(cluster_run)
    programs = cluster_run.job_programs()
    with suspended(programs):
        cluster.set_remaining_time(job, minutes=2)
        wait_until(lambda: not any(is_alive(program) for program in programs), "SIGTERM ends the training")
    cluster_run.wait_for_success()
    assert cluster.job_details(job)["JobState"] == "FAILED"
    stopped = re.search(r"stopped at step (\d+) of \d+; a checkpoint is saved", cluster_run.output())
    assert cluster_run.assert_same_student(reference_run) == int(stopped[1])
    cluster_run.assert_clean_end(reference_run)


def test_controller_is_killed_and_restarted(cluster_run, reference_run, cluster):
    jobs, _ = start_recognition(cluster_run)
    cluster.kill_controller()
    cluster_run.wait_for(lambda: not cluster_run.job_programs(), "the shards end while there is no controller")
    cluster.start_controller()
    cluster_run.wait_for_success()
    assert cluster_run.submitted_jobs()[:2] == jobs
    cluster_run.assert_clean_end(reference_run)


def test_snakemake_is_killed_while_its_jobs_run(cluster_run, reference_run, cluster):
    orphaned_jobs, recognised = start_recognition(cluster_run)
    with suspended(cluster_run.job_programs()):
        cluster_run.kill()
        cluster_run.launch_resume()
        wait_until(
            lambda: {cluster.job_details(job)["JobState"] for job in orphaned_jobs} == {"CANCELLED"},
            "the orphaned jobs are cancelled",
        )
    cluster_run.wait_for_success()
    jobs = cluster_run.submitted_jobs()
    assert jobs[:2] == orphaned_jobs
    assert len(jobs) == 4
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)


def test_all_nodes_are_killed_and_restarted(cluster_run, reference_run, cluster):
    jobs, recognised = start_recognition(cluster_run)
    for node in cluster.nodes:
        cluster.kill_node(node)
    wait_until(lambda: all(state.startswith("down") for state in cluster.node_states().values()), "all nodes are down")
    for node in cluster.nodes:
        cluster.start_node(node)
    cluster_run.wait_for_success()
    assert [cluster.restart_count(job) for job in jobs] == [1, 1]
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)
