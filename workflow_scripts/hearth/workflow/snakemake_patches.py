"""Work around two faults of Snakemake 9.27 and its SLURM plugin 2.8 by patching the scheduler when a run starts."""

from typing import Any


class _DiscardingSet(set[str]):
    """A set that stays empty."""

    def add(self, node: str) -> None:
        """Ignore `node`."""


def patch_scheduler(scheduler: Any) -> None:
    """Patch a scheduler of Snakemake and its executor; Snakemake exports no types for them."""
    # With a limit on jobs per second, the scheduler looks for new jobs every second, plus once a second for each job
    # that has ended. After some hundred jobs this keeps a core busy. Without it, jobs are still submitted one by one.
    scheduler.job_rate_limiter = None
    # The plugin excludes the nodes of jobs that sacct calls NODE_FAIL from later submissions. Once SLURM has requeued
    # such a job, its node is "None assigned", and every later sbatch fails (plugin's issue 485). SLURM itself does not
    # use a failed node.
    scheduler._executor._failed_nodes = _DiscardingSet()
