"""Workarounds for Snakemake 9.27 and its SLURM plugin 2.8, applied to the running scheduler when a run starts."""

from typing import Any


class _DiscardingSet(set[str]):
    """A set that stays empty."""

    def add(self, node: str) -> None:
        """Ignore `node`."""


def patch_scheduler(scheduler: Any) -> None:
    """Patch a scheduler of Snakemake and its executor; both are without types."""
    # With a limit on jobs per second, the scheduler looks for new jobs every second, and once more per second for each
    # job that has ended. After some hundred jobs this keeps a core busy. Jobs are submitted one by one in any case.
    scheduler.job_rate_limiter = None
    # The plugin excludes the nodes of jobs that sacct calls NODE_FAIL from later submissions. Once SLURM has requeued
    # such a job, its node is "None assigned", and every later sbatch fails (plugin's issue 485). SLURM itself does not
    # use a failed node.
    scheduler._executor._failed_nodes = _DiscardingSet()
