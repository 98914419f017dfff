"""Run a real SLURM on this host for tests that inject faults: munged, slurmctld, and several slurmd with fake GPUs.

Only one cluster can run at a time: Snakemake removes SLURM_CONF from the environment of its jobs, so SLURM's programs
read /etc/slurm. So there is one run directory and one lock per host. Starting a cluster first stops the processes and
removes the files that an interrupted test has left.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import accounting
import psutil

NAME = "hearth-test"
RUN = Path("/run") / NAME
LOCK = Path("/tmp/slurm-cluster.lock")
ETC = Path("/etc/slurm")
SETTINGS = ("slurm.conf", "slurmdbd.conf", "gres.conf", "cgroup.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
# Debian installs the daemons in folders that are on root's PATH only.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

# Name and value of an environment variable of every job; SLURM sets it, and Snakemake does not remove it.
JOB_MARK = ("SLURM_CLUSTER_NAME", NAME)

SLURM_CONF = Path(__file__).with_name("slurm.conf.template")
EPILOG = Path(__file__).with_name("epilog.sh")  # runs on the node after every job
KILL_WAIT = 30  # seconds between SIGTERM and SIGKILL

T = TypeVar("T")


def unavailable_reason() -> str:
    """Return a sentence that says why this host cannot run a cluster; '' if it can."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if missing:
        packages = "slurmctld slurmd slurm-client munge"
        return f"SLURM is not installed ({', '.join(missing)} not found): apt-get install {packages}"
    if os.geteuid() != 0:
        return "starting a SLURM needs root: its settings must lie in /etc/slurm"
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        try:
            _make_fake_gpu(Path(folder) / "fakegpu")
        except OSError as error:
            return f"fake GPUs are device files, and this host does not allow making them: {error}"
    foreign = [str(ETC / name) for name in SETTINGS if _is_foreign(ETC / name)]
    if foreign:
        return f"this host belongs to another cluster, according to {', '.join(foreign)}; nothing was changed"
    return ""


@contextlib.contextmanager
def exclusive_host() -> Iterator[None]:
    """Hold the lock of this host's test cluster; wait until another test releases it."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running_cluster(nodes: int = 2, cpus: int = 4, gpus: int = 2, accounts: bool = False) -> Iterator["Cluster"]:
    """Start a cluster with idle nodes; at the end, also after an error, stop it and remove its files.

    First wait until the cluster of another test on this host has ended. If `accounts` is true, the cluster has SLURM's
    accounting, with one account.

    Raises:
        RuntimeError: This host cannot run a cluster; the message says why.
    """
    with exclusive_host():
        if reason := unavailable_reason():
            raise RuntimeError(reason)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # SIGTERM ends tests with clean-up, like Ctrl-C
        cluster = Cluster(nodes, cpus, gpus, accounts)
        cluster.stop()
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def _make_fake_gpu(path: Path) -> None:
    """Make a device like /dev/null: SLURM requires only that a GPU's device can be opened."""
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    path.open("rb").close()  # fails on a file system that is mounted without devices


def _is_foreign(settings: Path) -> bool:
    """Return whether a settings file exists that is not a link into `RUN`."""
    return os.path.lexists(settings) and not (settings.is_symlink() and RUN in Path(os.readlink(settings)).parents)


class Cluster:
    """Control the test cluster, whose files are in `RUN`.

    Its nodes are node1, node2, ...; each of the partitions cpu, gpu and urgent contains all of them.
    """

    def __init__(self, nodes: int, cpus: int, gpus: int, accounts: bool):
        self.nodes = [f"node{number}" for number in range(1, nodes + 1)]
        self.accounts = accounts
        self._cpus, self._gpus = cpus, gpus

    def start(self) -> None:
        """Write the settings, start every daemon, and wait until all nodes are idle."""
        for folder in ("log", "state", "dev", *(f"spool-{node}" for node in self.nodes)):
            (RUN / folder).mkdir(parents=True, mode=0o755)
        for number in range(self._gpus):
            _make_fake_gpu(RUN / f"dev/fakegpu{number}")
        self._write_settings()
        ETC.mkdir(exist_ok=True)
        for name in SETTINGS:
            (ETC / name).symlink_to(RUN / name)
        self._start_munged()
        if self.accounts:
            accounting.start(RUN, self._launch, wait_until, PATH)
            wait_until(lambda: _run_client("sacctmgr", "show", "cluster").returncode == 0, "slurmdbd responds")
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self.wait_idle()
        if self.accounts:
            show_cluster = ("sacctmgr", "--parsable2", "show", "cluster")
            wait_until(lambda: NAME in run_client(*show_cluster), "slurmdbd lists the cluster")
            run_client("sacctmgr", "--immediate", "add", "account", accounting.ACCOUNT)
            run_client("sacctmgr", "--immediate", "add", "user", "root", f"account={accounting.ACCOUNT}")

    def stop(self) -> None:
        """Kill the daemons, the jobs and their orphans, and remove the settings from /etc/slurm."""
        _kill_and_wait([*_running_daemons(), *job_processes()])
        for name in SETTINGS:
            if (ETC / name).is_symlink() and not _is_foreign(ETC / name):
                (ETC / name).unlink()
        shutil.rmtree(RUN, ignore_errors=True)

    def restore(self) -> None:
        """Cancel every job, restart stopped daemons, wait until all nodes are idle, and kill orphans of jobs."""
        if not _find_daemon("slurmctld"):
            self.start_controller()
        for node in self.nodes:
            if not _find_daemon(f"slurmd-{node}"):
                self.start_node(node)
        jobs = [job["id"] for job in self.jobs()]
        if jobs:
            run_client("scancel", *jobs)
        self.wait_idle()
        _kill_and_wait(job_processes())

    def start_controller(self) -> None:
        """Start slurmctld, which restores the state that it saved before it was killed."""
        self._launch("slurmctld", "-D")
        wait_until(self.is_responding, "slurmctld responds")

    def kill_controller(self) -> None:
        """Kill slurmctld with SIGKILL."""
        _kill_and_wait([_find_daemon("slurmctld")])

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        self._launch("slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """Simulate a power cut: kill the node's daemon and all its processes at once."""
        _kill_and_wait([_find_daemon(f"slurmd-{node}"), *job_processes(node)])

    def disconnect_node(self, node: str) -> None:
        """Simulate a broken network: the node stops reporting to the controller, and its jobs go on."""
        _kill_and_wait([_find_daemon(f"slurmd-{node}")])

    def drain(self, node: str) -> None:
        """Drain a node: it accepts no more jobs."""
        run_client("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")

    def resume(self, node: str) -> None:
        """Let a drained node accept jobs again."""
        run_client("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def submit(self, script: str, *options: str) -> str:
        """Submit a job without Snakemake and return its id."""
        return run_client("sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}").strip()

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        run_client("scancel", job)

    @contextlib.contextmanager
    def preemption(self, mode: str) -> Iterator[None]:
        """Let jobs of the partition gpu be preempted with `mode`, such as CANCEL, until the context ends."""
        run_client("scontrol", "update", "PartitionName=gpu", f"PreemptMode={mode}")
        try:
            yield
        finally:
            run_client("scontrol", "update", "PartitionName=gpu", "PreemptMode=REQUEUE")

    def set_remaining_time(self, job: str, minutes: int) -> None:
        """Set a running job's time limit to `minutes` from now."""
        limit = _parse_minutes(self.job_details(job)["RunTime"]) + minutes
        run_client("scontrol", "update", f"JobId={job}", f"TimeLimit={limit}")

    def jobs(self) -> list[dict[str, str]]:
        """Return a dict with id, state, node and name for every job that waits or runs."""
        return _read_columns("squeue", "--noheader", "--states=PD,R,CG,CF,S", id="%i", state="%T", node="%N", name="%j")

    def node_states(self) -> dict[str, str]:
        """Return a dict from node to its state, such as `idle` or `down`."""
        rows = _read_columns("sinfo", "--noheader", "--Node", node="%N", state="%T")
        return {row["node"]: row["state"] for row in rows}

    def job_details(self, job: str) -> dict[str, str]:
        """Return a dict from field to value in the output of `scontrol show job`."""
        return dict(word.split("=", 1) for word in run_client("scontrol", "show", "job", job).split() if "=" in word)

    def restart_count(self, job: str) -> int:
        """Return how often SLURM has requeued a job."""
        return int(self.job_details(job)["Restarts"])

    def is_responding(self) -> bool:
        """Return whether the controller responds."""
        return _run_client("scontrol", "ping").returncode == 0

    def wait_idle(self) -> None:
        """Wait until the queue is empty and every node is idle."""
        wait_until(lambda: not self.jobs(), "the queue is empty")
        wait_until(lambda: set(self.node_states().values()) == {"idle"}, "every node is idle")

    def _write_settings(self) -> None:
        host = socket.gethostname()
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={16820 + at} CPUs={self._cpus} "
            f"RealMemory=100000 Gres=gpu:fake:{self._gpus}"
            for at, node in enumerate(self.nodes)
        )
        settings = {"name": NAME, "host": host, "run": RUN, "nodes": nodes, "patience": KILL_WAIT}
        slurm_conf = SLURM_CONF.read_text() + accounting.SLURM_CONF * self.accounts
        (RUN / "slurm.conf").write_text(slurm_conf.format(**settings))
        if self.accounts:
            accounting.write_settings(RUN)
        (RUN / "epilog").write_text(f"#!/bin/sh\npatience={KILL_WAIT}\n{EPILOG.read_text()}")
        (RUN / "epilog").chmod(0o755)
        (RUN / "gres.conf").write_text(
            f"NodeName={','.join(self.nodes)} Name=gpu Type=fake File={RUN}/dev/fakegpu[0-{self._gpus - 1}]\n"
        )
        (RUN / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")

    def _start_munged(self) -> None:
        key = RUN / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        files = {"socket": RUN / "munge.socket", "key-file": key, "pid-file": RUN / "munged.pid"}
        files |= {"log-file": RUN / "log/munged.log", "seed-file": RUN / "munged.seed"}
        run_client("munged", "--force", *(f"--{option}={path}" for option, path in files.items()))

    def _launch(self, *arguments: str, **environment: str) -> None:
        with (RUN / "log/started.log").open("a") as log:
            subprocess.Popen(
                arguments,
                env={"PATH": PATH} | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def job_processes(node: str | None = None) -> list[psutil.Process]:
    """Return the processes of jobs on all nodes or on one: step daemons, Snakemakes and programs, orphans included."""
    found = ((process, _find_node(process)) for process in psutil.process_iter())
    return [process for process, its_node in found if its_node and node in (None, its_node)]


def _find_node(process: psutil.Process) -> str:
    """Return the node on which a job started `process`; '' if no job started it."""
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        if process.name().startswith("slurmstepd"):  # its environment is unreadable; it has its node's log open
            logs = [Path(file.path) for file in process.open_files() if Path(file.path).parent == RUN / "log"]
            return next((log.stem.removeprefix("slurmd-") for log in logs), "")
        environment = process.environ()
        if environment.get(JOB_MARK[0]) == JOB_MARK[1]:
            return environment.get("SLURMD_NODENAME", "")
    return ""


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process exists and is not a zombie."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@contextlib.contextmanager
def suspended(processes: list[psutil.Process]) -> Iterator[None]:
    """Suspend processes during the `with` block; resume those that still exist afterwards."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.resume()


def wait_until(condition: Callable[[], T], description: str, seconds: float = 300) -> T:
    """Poll `condition` until its value is true and return the value.

    Raises:
        AssertionError: The value is still false after `seconds`; the message holds `description`.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {description}"
        time.sleep(0.1)
    return value


def run_client(*arguments: str) -> str:
    """Run a client program of SLURM and return its output; raise AssertionError with the output if it fails."""
    done = _run_client(*arguments)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def _run_client(*arguments: str) -> subprocess.CompletedProcess:
    # A timeout, because without a controller SLURM's clients wait for minutes.
    return subprocess.run(
        ["timeout", "30", *arguments],
        env={"PATH": PATH, "SLURM_TIME_FORMAT": "standard"},
        capture_output=True,
        text=True,
        check=False,
    )


def _read_columns(*arguments: str, **columns: str) -> list[dict[str, str]]:
    """Run a client program and return a dict for each line of output; `columns` maps keys to SLURM's format fields."""
    lines = run_client(*arguments, f"--format={'|'.join(columns.values())}").splitlines()
    return [dict(zip(columns, line.split("|"), strict=True)) for line in lines]


def _parse_minutes(duration: str) -> int:
    """Return the minutes of a duration in SLURM's format, [days-]hours:minutes:seconds, rounded up."""
    days, _, clock = duration.rpartition("-")
    hours, minutes, _ = (int(part) for part in clock.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + minutes + 1


def _running_daemons() -> list[psutil.Process]:
    names = [path.stem for path in RUN.glob("*.pid")]
    return [process for name in names if (process := _find_daemon(name))]


def _find_daemon(name: str) -> psutil.Process | None:
    """Return the process of the daemon whose pid file is `name`; None if it has ended, even if its id is reused."""
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.Error):
        process = psutil.Process(int((RUN / f"{name}.pid").read_text()))
        if name.startswith(process.name()):
            return process
    return None


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(signal.SIGKILL)


def _kill_and_wait(processes: list[psutil.Process | None]) -> None:
    alive = [process for process in processes if process]
    for process in alive:
        _kill(process)
    wait_until(lambda: not any(is_alive(process) for process in alive), f"killed: {alive}", seconds=30)
