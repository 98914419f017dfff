"""Start the servers that a run's shards need, hold the shards until their server answers, and end servers in time.

A server is a job of the rule `serve`, with the resources, environment and retries of every other job. It must run
beside the jobs that use it, which Snakemake's graph of jobs cannot express: Snakemake has services, but puts a service
and all its users into one cluster job. So the job is added to the scheduler's queue when shards are ready that need it.
Nothing in the graph depends on it, so starting a server again reruns nothing.

Snakemake exports no types, and no interface for this: `Servers` uses the scheduler of the pinned version.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hearth.common import files
from hearth.engines.server_record import HEARTBEAT, RECORD, SERVERS, Heartbeat, Watch

log = logging.getLogger("snakemake.logging")

RULE = "serve"
# Seconds for which a server without shards is kept, because the next ones may follow at once.
LINGER = 60.0
# Seconds after which a server's record counts as left over: the server renews it every few seconds, and a shared file
# system may show that a minute late.
_RECORD_AGE = 150.0
_POLL = 2.0
_BEAT = 20.0


class Servers:
    """Control the servers of one run in Snakemake's main process.

    `server_of` returns the server that a job needs, "" for none. `directory` is the run's working directory.
    """

    def __init__(self, workflow: Any, server_of: Callable[[Any], str], directory: Path = Path()) -> None:
        self._workflow, self._scheduler, self._dag = workflow, workflow.scheduler, workflow.dag
        self._server_of, self._folder = server_of, (directory / SERVERS).resolve()
        self._jobs: dict[str, Any] = {}
        self._records: dict[str, Watch] = {}
        self._held: dict[str, set[Any]] = {}
        self._last_use: dict[str, float] = {}
        self._closing = False
        self._writing = threading.Lock()
        self._heartbeat: Heartbeat = {"run": secrets.token_hex(8), "beat": 0, "needed": [], "failed": []}

    def start(self) -> None:
        """Take part in the selection of jobs, and write the heartbeat until this process ends."""
        self._select = self._scheduler.job_selector
        self._scheduler.job_selector = self._select_jobs
        self._finish = self._scheduler._finish_jobs
        self._scheduler._finish_jobs = self._finish_jobs
        for executor in {self._scheduler._executor, self._scheduler._local_executor} - {None}:
            executor.cancel = self._closing_before(executor.cancel)
        self._beat([], [])
        threading.Thread(target=self._watch, daemon=True, name="servers").start()

    def _closing_before(self, cancel: Callable[[], None]) -> Callable[[], None]:
        """Return `cancel`, which waits for running jobs, preceded by the end of all servers."""

        def close_and_cancel() -> None:
            self._closing = True
            cancel()

        return close_and_cancel

    def _select_jobs(self, ready: Iterable[Any]) -> list[Any]:
        """Return the jobs to start: servers, and what Snakemake chooses of those whose server, if any, answers."""
        users: dict[str, set[Any]] = {}
        for job in ready:
            if server := self._server_of(job):
                users.setdefault(server, set()).add(job)
        held = {server: jobs for server, jobs in users.items() if not self._answers(server)}
        for server in sorted(held):
            if self._require(server) in self._scheduler.failed:
                self._give_up(server, held.pop(server))
        self._held = held
        servers = {server: job for server, job in self._jobs.items() if job in self._dag.ready_jobs}
        open_jobs = set(ready).difference(*held.values(), servers.values())
        useful = held.keys() | {self._server_of(job) for job in self._scheduler.running}
        self._drop(job for server, job in servers.items() if server not in useful)
        # Snakemake would choose nothing on a machine whose cores are all taken, perhaps by shards that need a server.
        started: list[Any] = []
        for server, job in servers.items():
            if server in useful and self._may_start(job, started):
                started.append(job)
                with self._scheduler._lock:
                    self._scheduler.update_available_resources([job])
        return started + (list(self._select(open_jobs)) if open_jobs else [])

    def _finish_jobs(self) -> None:
        """Let Snakemake finish jobs; then replace servers that have ended although shards are running."""
        self._finish()
        for server in {self._server_of(job) for job in self._scheduler.running} & self._jobs.keys():
            self._require(server)

    def _answers(self, server: str) -> bool:
        record = self._records.get(server)
        return (
            record is not None
            and self._jobs[server] in self._scheduler.running
            and (self._folder / server / RECORD).exists()
            and record.age() < _RECORD_AGE
        )

    def _may_start(self, job: Any, started: list[Any]) -> bool:
        """Whether a server can start beside those just `started`.

        On one machine one server runs at a time, because each may take all its memory.
        """
        free = self._scheduler.resources
        fits = all(job.scheduler_resources.get(name, 0) <= free[name] for name in free if name != "_job_count")
        others = started or self._scheduler.running.intersection(self._jobs.values())
        return fits and not (self._workflow.local_exec and others)

    def _require(self, server: str) -> Any:
        """Return the job of a server; a new one, which is ready to start, if there is none or the last has ended."""
        job = self._jobs.get(server)
        if job is None or self._dag.finished(job):
            (self._folder / server / RECORD).unlink(missing_ok=True)
            self._records[server] = Watch(self._folder / server / RECORD)
            job = self._jobs[server] = self._make_job(server, last=job)
            self._last_use[server] = time.monotonic()
            # Before the job can start.
            self._beat([*self._heartbeat["needed"], server], self._heartbeat["failed"])
            self._dag._ready_jobs.add(job)
        return job

    def _make_job(self, server: str, last: Any) -> Any:
        """Add a job of the rule `serve` to the graph, with its environment, and return it."""
        dag, rule = self._dag, self._workflow.get_rule(RULE)
        if last is not None:
            dag.targetjobs.discard(last)
            dag._dependencies.pop(last, None)
        wildcards = {"server": server}
        target = rule.output[0].apply_wildcards(wildcards)
        job = self._workflow.async_run(
            dag.job_factory.new(rule, dag, wildcards_dict=wildcards, targetfile=target, update=True)
        )
        dag.targetjobs.add(job)
        _ = dag._dependencies[job]  # this makes it one of the graph's jobs
        dag.update_jobids()
        dag._priority[job] = rule.priority
        dag._len += 1
        dag.update_container_imgs()
        dag.update_conda_envs()
        methods = {method.name for method in self._workflow.deployment_settings.deployment_method}
        if "APPTAINER" in methods:
            dag.pull_container_imgs()
        if "CONDA" in methods:
            dag.create_conda_envs()
        return job

    def _give_up(self, server: str, shards: set[Any]) -> None:
        """Do not start the shards of a server that has failed for good: no other job can make them."""
        log.error(f"{len(shards)} jobs are not started, because their server has failed: see logs/{RULE}/{server}.log")
        self._scheduler.failed |= shards
        self._drop(shards)

    def _drop(self, jobs: Iterable[Any]) -> None:
        """Make jobs unready, and let the scheduler see that: it waits as long as jobs are ready."""
        if dropped := set(jobs):
            self._dag._ready_jobs -= dropped
            self._scheduler._open_jobs.release()

    def _watch(self) -> None:
        """Write the heartbeat when a server is needed or no longer needed, and from time to time."""
        written = 0.0
        while True:
            try:
                with self._scheduler._lock:
                    needed = self._needed()
                    failed = [server for server, job in self._jobs.items() if job in self._scheduler.failed]
                    if any(self._answers(server) for server in list(self._held)):
                        self._scheduler._open_jobs.release()  # the scheduler sleeps until then
                news = (needed, failed) != (self._heartbeat["needed"], self._heartbeat["failed"])
                if news or time.monotonic() - written > _BEAT:
                    self._beat(needed, failed)
                    written = time.monotonic()
            except Exception as error:  # servers would end without the heartbeat, so it goes on whatever happens
                log.warning(f"the heartbeat for servers could not be written ({error}); trying again")
            time.sleep(_POLL)

    def _needed(self) -> list[str]:
        """Return the servers with shards that run or wait for them, or had some within the last minute.

        None is needed once only servers run and no job is ready: nothing can follow.
        """
        scheduler = self._scheduler
        if self._closing or not (scheduler.running - set(self._jobs.values()) or self._dag.ready_jobs):
            return []
        ending = scheduler._user_kill or (scheduler._errors and not scheduler.keepgoing)
        using = {self._server_of(job) for job in scheduler.running}
        if not ending:
            using |= {self._server_of(job) for job in self._dag.ready_jobs}
        now = time.monotonic()
        servers = list(self._last_use)
        for server in using.intersection(servers):
            self._last_use[server] = now
        return sorted(server for server in servers if now - self._last_use[server] < (0.1 if ending else LINGER))

    def _beat(self, needed: list[str], failed: list[str]) -> None:
        with self._writing:
            self._heartbeat |= {"needed": needed, "failed": failed, "beat": self._heartbeat["beat"] + 1}
            files.write_json(self._folder / HEARTBEAT, self._heartbeat)
