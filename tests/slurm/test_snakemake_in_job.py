"""Start Snakemake itself in a SLURM job, and let that job or its node die: another host resumes the run."""

import subprocess

import pytest
from cluster import suspended, unavailable_reason, wait_until
from fault_injection import TABLES

pytestmark = [
    pytest.mark.skipif(bool(unavailable_reason()), reason=unavailable_reason()),
    pytest.mark.skipif(
        subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode != 0,
        reason="this host does not allow a process to have a host name of its own (unshare --uts)",
    ),
]


def start_recognition(cluster_run) -> tuple[str, list[str], dict[str, int]]:
    """Start two shards by a Snakemake in a job, and wait until both recognise.

    Returns the id of Snakemake's job, the ids of the shards' jobs, and the numbers of recognised windows.
    """
    cluster_run.delete_teacher_predictions()
    main = cluster_run.launch_in_job(*TABLES)
    cluster_run.wait_for(cluster_run.both_shards_run(windows=3), "both shards are being recognised")
    return main, cluster_run.submitted_jobs(), cluster_run.count_recognised()


def test_the_job_is_cancelled_and_its_run_resumed_outside(cluster_run, reference_run, cluster):
    main, orphaned_jobs, recognised = start_recognition(cluster_run)
    for job in map(cluster.job_details, orphaned_jobs):  # they inherit no limit of Snakemake's job
        assert (job["TimeLimit"], job["MinMemoryNode"]) != ("01:17:00", "1234M")
        assert job["Partition"] == "gpu"
    node = cluster.job_details(main)["NodeList"]
    assert f"SLURM job {main}, in which the run was started, is RUNNING on {node}" in cluster_run.attempt_resume()
    with suspended(cluster_run.job_programs()):
        cluster.cancel(main)
        wait_until(lambda: main not in [job["id"] for job in cluster.jobs()], "Snakemake's job has ended")
        cluster_run.ensure_stopped()
        cluster_run.launch_resume()
        wait_until(
            lambda: {cluster.job_details(job)["JobState"] for job in orphaned_jobs} == {"CANCELLED"},
            "the orphaned jobs are cancelled",
        )
    cluster_run.wait_for_success()
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)


def test_the_node_is_killed_and_the_requeued_job_resumes_its_run(cluster_run, reference_run, cluster):
    main, orphaned_jobs, recognised = start_recognition(cluster_run)
    with suspended(cluster_run.job_programs()):
        cluster.kill_node(cluster.job_details(main)["NodeList"])
        wait_until(
            lambda: {cluster.job_details(job)["JobState"] for job in orphaned_jobs} == {"CANCELLED"},
            "the resumed run cancels the orphaned jobs",
        )
    cluster_run.wait_for_success()
    assert cluster.restart_count(main) == 1
    cluster_run.assert_resumed(recognised)
    cluster_run.assert_clean_end(reference_run)
