"""Work around faults of Snakemake 9.27 and its SLURM plugin 2.8 by patching them."""

import asyncio
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from hearth.common.cli import UserError
from hearth.workflow.run_state import own_jobs


class _DiscardingSet(set[str]):
    """A set that stays empty."""

    def add(self, node: str) -> None:
        """Ignore `node`."""


def remember_parameters() -> None:
    """Let Snakemake inspect the parameters of a rule's functions once each, and not again for every job.

    This takes a quarter of the time to plan ten thousand jobs.
    """
    from snakemake import common, jobs, rules

    # Bounded, because some functions are made for a single job.
    cached = lru_cache(maxsize=1024)(common.get_function_params)
    for module in (common, jobs, rules):
        vars(module)["get_function_params"] = cached


def quote_interpreter() -> None:
    """Let all executors of Snakemake quote the path of Python in the commands of jobs: it may hold blanks."""
    from snakemake_interface_executor_plugins.executors.real import RealExecutor

    for executor in _subclasses(RealExecutor):
        if original := vars(executor).get("get_python_executable"):
            executor.get_python_executable = _quoted(original)


def _subclasses(base: Any) -> Iterator[Any]:
    for child in base.__subclasses__():
        yield child
        yield from _subclasses(child)


def _quoted(path: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda executor: shlex.quote(path(executor))


def patch_scheduler(scheduler: Any) -> None:
    """Patch a scheduler of Snakemake and its executor; Snakemake exports no types for them."""
    # With a limit on jobs per second, the scheduler looks for new jobs every second, plus once a second for each job
    # that has ended. After some hundred jobs this keeps a core busy. Without it, jobs are still submitted one by one.
    scheduler.job_rate_limiter = None
    # The plugin excludes the nodes of jobs that sacct calls NODE_FAIL from later submissions. Once SLURM has requeued
    # such a job, its node is "None assigned", and every later sbatch fails (plugin's issue 485). SLURM itself does not
    # use a failed node.
    scheduler._executor._failed_nodes = _DiscardingSet()
    # The plugin waits for ever for a job that sacct calls CANCELLED by somebody, and for one that was preempted or lost
    # its node and is not requeued.
    plugin: Any = sys.modules[type(scheduler._executor).__module__]
    if hasattr(plugin, "query_job_status"):
        plugin.query_job_status = _report_ended_jobs(plugin.query_job_status)


def _report_ended_jobs(query: Any) -> Any:
    """Return the plugin's `query_job_status`, changed so that it calls jobs cancelled that have ended for good."""

    async def query_job_status(command: str, logger: Any) -> Any:
        states, seconds = await query(command, logger)
        if states is None:
            return states, seconds
        states = {job: state.partition(" ")[0] for job, state in states.items()}  # not `CANCELLED by 1000`
        # SLURM keeps a job in its queue that it will requeue.
        lost = {job for job, state in states.items() if state in ("PREEMPTED", "NODE_FAIL")}
        if lost:
            try:
                queued = {job for job, _, _ in await asyncio.to_thread(own_jobs)}
            except UserError:  # SLURM does not answer; the next query asks again
                return states, seconds
            states |= dict.fromkeys(lost - queued, "CANCELLED")
        return states, seconds

    return query_job_status
