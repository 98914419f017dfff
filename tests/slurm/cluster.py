"""A real SLURM on this host: its own munged, slurmctld and several slurmd with fake GPUs, to be broken and mended.

One cluster at a time: SLURM's programs look for their settings in /etc/slurm only, because the jobs' Snakemake hides
SLURM_CONF from them. So there is one run directory, one lock on this host, and whoever starts a cluster first clears
away what an interrupted test has left.
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

import accounting
import psutil

NAME = "hearth-test"
RUN = Path("/run") / NAME
LOCK = Path("/tmp/slurm-cluster.lock")
ETC = Path("/etc/slurm")
SETTINGS = ("slurm.conf", "slurmdbd.conf", "gres.conf", "cgroup.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
# Packages of Debian put the daemons where only root looks.
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"

# What SLURM puts into the environment of every job, and the jobs' Snakemake leaves there.
JOB_MARK = ("SLURM_CLUSTER_NAME", NAME)

SLURM_CONF = Path(__file__).with_name("slurm.conf.template")
EPILOG = Path(__file__).with_name("epilog.sh")  # run on the node when a job has ended
KILL_WAIT = 30  # seconds between SIGTERM and SIGKILL


def unavailable() -> str:
    """Why no cluster can be had on this host, in words; '' where one can."""
    absent = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if absent:
        packages = "slurmctld slurmd slurm-client munge"
        return f"SLURM is not installed ({', '.join(absent)} not found): apt-get install {packages}"
    if os.geteuid() != 0:
        return "a SLURM of one's own takes root: its settings must lie in /etc/slurm"
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        try:
            _make_fake_gpu(Path(folder) / "fakegpu")
        except OSError as error:
            return f"fake GPUs are device files, and this host lets nobody make one: {error}"
    foreign = [str(ETC / name) for name in SETTINGS if _is_foreign(ETC / name)]
    if foreign:
        return f"this host is another cluster's, says {', '.join(foreign)}; nothing was touched"
    return ""


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep other tests' clusters off this host; wait for one that is there to end."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running(nodes: int = 2, cpus: int = 4, gpus: int = 2, accounts: bool = False) -> Iterator["Cluster"]:
    """A cluster with idle nodes; when this ends, however it ends, nothing of it is left.

    With `accounts` it has SLURM's accounting, and one account. Waits for another test's cluster on this host to end.
    Where there can be none, the RuntimeError says why.
    """
    with alone():
        if reason := unavailable():
            raise RuntimeError(reason)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends tests in an orderly way, like Ctrl-C
        cluster = Cluster(nodes, cpus, gpus, accounts)
        cluster.stop()
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def _make_fake_gpu(path: Path) -> None:
    """A device that can be opened, like /dev/null, is all that SLURM asks of a GPU."""
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    path.open("rb").close()  # a file system may be mounted without devices


def _is_foreign(settings: Path) -> bool:
    return os.path.lexists(settings) and not (settings.is_symlink() and RUN in Path(os.readlink(settings)).parents)


class Cluster:
    """The cluster in `RUN`: node1, node2, ... with CPUs and fake GPUs; partitions cpu, gpu and urgent, of all nodes."""

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
            wait_until(lambda: _run("sacctmgr", "show", "cluster").returncode == 0, "slurmdbd answers")
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self.wait_idle()
        if self.accounts:
            known = ("sacctmgr", "--parsable2", "show", "cluster")
            wait_until(lambda: NAME in command(*known), "slurmdbd knows the cluster")
            command("sacctmgr", "--immediate", "add", "account", accounting.ACCOUNT)
            command("sacctmgr", "--immediate", "add", "user", "root", f"account={accounting.ACCOUNT}")

    def stop(self) -> None:
        """End whatever the cluster has started, jobs and their orphans included, and give /etc/slurm back."""
        everything = [*_daemons(), *leftovers()]
        _kill_and_wait(everything)
        for name in SETTINGS:
            if (ETC / name).is_symlink() and not _is_foreign(ETC / name):
                (ETC / name).unlink()
        shutil.rmtree(RUN, ignore_errors=True)

    def mend(self) -> None:
        """Cancel every job, bring every node back, wait until all are idle, and end what still lives of the jobs."""
        if not _by_pid_file("slurmctld"):
            self.start_controller()
        for node in self.nodes:
            if not _by_pid_file(f"slurmd-{node}"):
                self.start_node(node)
        jobs = [job["id"] for job in self.jobs()]
        if jobs:
            command("scancel", *jobs)
        self.wait_idle()
        _kill_and_wait(leftovers())

    def start_controller(self) -> None:
        """Start slurmctld; it takes up the state of the one before."""
        self._launch("slurmctld", "-D")
        wait_until(self.answers, "slurmctld answers")

    def kill_controller(self) -> None:
        """`kill -9` of slurmctld."""
        _kill_and_wait([_by_pid_file("slurmctld")])

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        self._launch("slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """What a power cut does: the node's daemon and all that it has started are gone at once."""
        _kill_and_wait([_by_pid_file(f"slurmd-{node}"), *leftovers(node)])

    def cut_off_node(self, node: str) -> None:
        """What a broken network does: the controller hears of the node no more, and its jobs go on unseen."""
        _kill_and_wait([_by_pid_file(f"slurmd-{node}")])

    def drain(self, node: str) -> None:
        """Let a node take no more jobs."""
        command("scontrol", "update", f"NodeName={node}", "State=DRAIN", "Reason=test")

    def resume(self, node: str) -> None:
        """Let a drained node take jobs again."""
        command("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def submit(self, script: str, *options: str) -> str:
        """Submit a job that is none of Snakemake's; its id."""
        return command("sbatch", "--parsable", "--output=/dev/null", *options, f"--wrap={script}").strip()

    def cancel(self, job: str) -> None:
        """`scancel` of one job."""
        command("scancel", job)

    def limit(self, job: str, minutes: int) -> None:
        """Let a running job's wall time end so many minutes from now."""
        command("scontrol", "update", f"JobId={job}", f"TimeLimit={_minutes(self.shown(job)['RunTime']) + minutes}")

    def jobs(self) -> list[dict[str, str]]:
        """The jobs that wait or run: id, state, node, name, restarts."""
        return _rows("squeue", "--noheader", "--states=PD,R,CG,CF,S", id="%i", state="%T", node="%N", name="%j")

    def states(self) -> dict[str, str]:
        """The state of every node, such as `idle` or `down`."""
        return {row["node"]: row["state"] for row in _rows("sinfo", "--noheader", "--Node", node="%N", state="%T")}

    def shown(self, job: str) -> dict[str, str]:
        """What `scontrol show job` says of a job."""
        return dict(word.split("=", 1) for word in command("scontrol", "show", "job", job).split() if "=" in word)

    def restarts(self, job: str) -> int:
        """How often SLURM has requeued a job."""
        return int(self.shown(job)["Restarts"])

    def answers(self) -> bool:
        """Whether the controller answers."""
        return _run("scontrol", "ping").returncode == 0

    def wait_idle(self) -> None:
        """Wait until no job is left and every node can take one."""
        wait_until(lambda: not self.jobs(), "the queue is empty")
        wait_until(lambda: set(self.states().values()) == {"idle"}, "every node is idle")

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
        command("munged", "--force", *(f"--{option}={path}" for option, path in files.items()))

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


def leftovers(node: str | None = None) -> list[psutil.Process]:
    """What jobs have started, on all nodes or on one: step daemons, Snakemakes, programs, whoever their parent is."""
    started = ((process, _node_of(process)) for process in psutil.process_iter())
    return [process for process, at in started if at and node in (None, at)]


def _node_of(process: psutil.Process) -> str:
    """The node on which a job started `process`; '' for what is no job's."""
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        if process.name().startswith("slurmstepd"):  # has no environment to read, but its node's log open
            logs = [Path(file.path) for file in process.open_files() if Path(file.path).parent == RUN / "log"]
            return next((log.stem.removeprefix("slurmd-") for log in logs), "")
        environment = process.environ()
        if environment.get(JOB_MARK[0]) == JOB_MARK[1]:
            return environment.get("SLURMD_NODENAME", "")
    return ""


def lives(process: psutil.Process) -> bool:
    """Whether a process still does anything."""
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@contextlib.contextmanager
def standing_still(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop processes; let those that are still there go on at the end."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.resume()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 300):
    """The first true value of `condition`, asked again and again; an AssertionError says what never came."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return value


def command(*arguments: str) -> str:
    """What a client program of SLURM prints; an error says what went wrong."""
    done = _run(*arguments)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def _run(*arguments: str) -> subprocess.CompletedProcess:
    # Without a controller SLURM's clients wait for one for minutes.
    return subprocess.run(
        ["timeout", "30", *arguments],
        env={"PATH": PATH, "SLURM_TIME_FORMAT": "standard"},
        capture_output=True,
        text=True,
        check=False,
    )


def _rows(*arguments: str, **columns: str) -> list[dict[str, str]]:
    printed = command(*arguments, f"--format={'|'.join(columns.values())}")
    return [dict(zip(columns, line.split("|"), strict=True)) for line in printed.splitlines()]


def _minutes(duration: str) -> int:
    """Minutes begun of a duration in SLURM's words, [days-]hours:minutes:seconds."""
    days, _, clock = duration.rpartition("-")
    hours, minutes, _ = (int(part) for part in clock.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + minutes + 1


def _daemons() -> list[psutil.Process]:
    names = [path.stem for path in RUN.glob("*.pid")]
    return [process for name in names if (process := _by_pid_file(name))]


def _by_pid_file(name: str) -> psutil.Process | None:
    """The process a pid file names; None when it has ended, even if its number is another's by now."""
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
    wait_until(lambda: not any(lives(process) for process in alive), f"killed: {alive}", seconds=30)
