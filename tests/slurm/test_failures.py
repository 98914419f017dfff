"""What dies on a cluster dies here, at the worst moment: every table but `cost` equals the undisturbed run's."""

from conftest import TABLES


def test_a_node_killed_under_two_shards_costs_no_result(disturbed, undisturbed, cluster):
    disturbed.forget_recognition()
    disturbed.start(*TABLES)
    disturbed.wait_for(disturbed.recognising(3), "both shards are being recognised")
    (node,) = {job["node"] for job in cluster.jobs()}
    before = disturbed.journals()
    cluster.kill_node(node)
    disturbed.finish()
    jobs = disturbed.submitted()
    assert [cluster.restarts(job) for job in jobs] == [1, 1]
    disturbed.assert_ended_as(undisturbed)
    disturbed.assert_resumed(before)
