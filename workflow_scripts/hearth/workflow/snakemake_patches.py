"""What is mended of Snakemake 9.27 and its SLURM plugin 2.8 when a run starts, for as long as they do it."""


class _NoNodes(set):
    """A set of failed nodes that stays empty."""

    def add(self, node: str) -> None:
        """Forget the node."""


def mend(scheduler) -> None:
    """Mend a Snakemake's scheduler and what it runs jobs with."""
    # The limit on jobs a second has it look for jobs to start every second, and once more a second for every job that
    # has ended: after some hundred, while others wait, that takes a core. Jobs are submitted one by one anyhow.
    scheduler.job_rate_limiter = None
    # Nodes of jobs that sacct calls NODE_FAIL are kept from later submissions. Once SLURM has requeued such a job, its
    # node is "None assigned", and no sbatch succeeds any more (plugin's issue 485). SLURM uses no dead node anyhow.
    scheduler._executor._failed_nodes = _NoNodes()
