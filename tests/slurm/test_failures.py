"""What dies on a cluster dies here, in the midst of work: every table but `cost` equals the undisturbed run's.

Work stands still (SIGSTOP) while a slow event comes over it, so that no test depends on who is faster.
"""

import re

import pytest
from accounting import unavailable as unaccounted
from cluster import PATH, lives, standing_still, unavailable, wait_until
from fault_injection import TABLES

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())


def recognising(disturbed) -> tuple[list[str], dict[str, int]]:
    """Two shards in the midst of recognition: their jobs, and the windows that each has on disk."""
    disturbed.forget_recognition()
    disturbed.start(*TABLES)
    disturbed.wait_for(disturbed.recognising(3), "both shards are being recognised")
    return disturbed.submitted(), disturbed.journals()


def training(disturbed) -> str:
    """A student in the midst of its training: the job."""
    disturbed.forget_training()
    disturbed.start(*TABLES)
    disturbed.wait_for(disturbed.checkpoints, "the training has a checkpoint")
    (job,) = disturbed.submitted()
    return job


SACCT = pytest.param("sacct", marks=pytest.mark.skipif(bool(unaccounted(PATH)), reason=unaccounted(PATH)))


@pytest.mark.parametrize("status_command", [SACCT, "squeue"])
def test_a_node_killed_under_two_shards(disturbed, undisturbed, cluster, status_command):
    disturbed.status_command = status_command
    jobs, before = recognising(disturbed)
    (node,) = {cluster.shown(job)["NodeList"] for job in jobs}
    cluster.kill_node(node)
    disturbed.finish()
    assert [cluster.restarts(job) for job in jobs] == [1, 1]
    assert disturbed.submitted() == jobs
    disturbed.assert_resumed(before)
    disturbed.assert_ended_as(undisturbed)


def test_a_node_that_is_cut_off_and_works_on(disturbed, undisturbed, cluster):
    jobs, before = recognising(disturbed)
    (node,) = {cluster.shown(job)["NodeList"] for job in jobs}
    with standing_still(disturbed.programs(node)):
        cluster.cut_off_node(node)
        wait_until(lambda: all("waiting for it to end" in disturbed.log(shard) for shard in before), "two ghosts")
    disturbed.finish()
    assert [cluster.restarts(job) for job in jobs] == [1, 1]
    assert disturbed.submitted() == jobs
    disturbed.assert_resumed(before)
    disturbed.assert_ended_as(undisturbed)


def test_a_node_killed_under_a_training(disturbed, undisturbed, cluster):
    job = training(disturbed)
    cluster.kill_node(cluster.shown(job)["NodeList"])
    disturbed.finish()
    assert cluster.restarts(job) == 1
    assert disturbed.trained_as(undisturbed) > 0
    disturbed.assert_ended_as(undisturbed)


def test_jobs_preempted_by_a_higher_partition(disturbed, undisturbed, cluster):
    jobs, before = recognising(disturbed)
    with standing_still(disturbed.programs()):
        cluster.submit("true", "--partition=urgent", "--nodes=2", "--exclusive")
        wait_until(lambda: [cluster.restarts(job) for job in jobs] == [1, 1], "both jobs are requeued")
    disturbed.finish()
    assert disturbed.submitted()[:2] == jobs
    disturbed.assert_resumed(before)
    disturbed.assert_ended_as(undisturbed)


def test_a_training_that_reaches_its_wall_time(disturbed, undisturbed, cluster):
    job = training(disturbed)
    programs = disturbed.programs()
    with standing_still(programs):
        cluster.limit(job, minutes=2)
        wait_until(lambda: not any(lives(program) for program in programs), "SIGTERM ends the training")
    disturbed.finish()
    assert cluster.shown(job)["JobState"] == "FAILED"
    stopped = re.search(r"stopped at step (\d+) of \d+; a checkpoint is saved", disturbed.printed())
    assert disturbed.trained_as(undisturbed) == int(stopped[1])
    disturbed.assert_ended_as(undisturbed)


def test_a_controller_killed_and_started_again(disturbed, undisturbed, cluster):
    jobs, _ = recognising(disturbed)
    cluster.kill_controller()
    disturbed.wait_for(lambda: not disturbed.programs(), "the shards end with nobody to tell")
    cluster.start_controller()
    disturbed.finish()
    assert disturbed.submitted()[:2] == jobs
    disturbed.assert_ended_as(undisturbed)


def test_a_snakemake_killed_while_its_jobs_run(disturbed, undisturbed, cluster):
    ghosts, before = recognising(disturbed)
    with standing_still(disturbed.programs()):
        disturbed.kill()
        disturbed.resume()
        wait_until(lambda: {cluster.shown(job)["JobState"] for job in ghosts} == {"CANCELLED"}, "the ghosts end")
    disturbed.finish()
    jobs = disturbed.submitted()
    assert jobs[:2] == ghosts
    assert len(jobs) == 4
    disturbed.assert_resumed(before)
    disturbed.assert_ended_as(undisturbed)


def test_all_nodes_gone_and_back(disturbed, undisturbed, cluster):
    jobs, before = recognising(disturbed)
    for node in cluster.nodes:
        cluster.kill_node(node)
    wait_until(lambda: all(state.startswith("down") for state in cluster.states().values()), "all nodes are down")
    for node in cluster.nodes:
        cluster.start_node(node)
    disturbed.finish()
    assert [cluster.restarts(job) for job in jobs] == [1, 1]
    disturbed.assert_resumed(before)
    disturbed.assert_ended_as(undisturbed)
