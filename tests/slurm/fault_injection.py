"""A run of the small DAG on the test cluster, to be disturbed, and what must hold of it afterwards."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import yaml
from accounting import ACCOUNT
from cluster import Cluster, leftovers, wait_until
from repository import REPOSITORY
from snakemake_runs import Workflow, environment, slurm_profile, small_config

TEACHER = "tiny-l"
STUDENT = "tiny-s_reasoning_sim-marble"
# Every table but `cost`.
TABLES = ("table_scaling", "table_distillation", "table_cross_dataset", "table_claims")


class Disturbed(Workflow):
    """Runs Snakemake with the cluster profile, in the background; keeps what it prints."""

    def __init__(self, directory: Path, config: dict, cluster: Cluster):
        super().__init__(directory, config)
        self.cluster = cluster
        self.status_command = "sacct" if cluster.accounts else "squeue"
        self.profile = slurm_profile(
            directory.parent / "profile",
            account=ACCOUNT if cluster.accounts else "''",
            cpu_partition="cpu",
            gpu_partition="gpu",
            scratch=directory,
        )
        self.process = None
        self._output = directory.parent / "snakemake.log"

    def command(self, *arguments: str) -> list[str]:
        """The cluster profile, but for what this host lacks, and with less waiting."""
        impatient = str(Path(__file__).with_name("impatient_snakemake.py"))
        snakemake = [sys.executable, impatient, "--snakefile", str(self.repository / "Snakefile")]
        profiles = ["--profile", str(self.profile), "--workflow-profile", str(self.repository / "profiles/default")]
        here = ["--slurm-status-command", self.status_command, "--software-deployment-method", "env-modules"]
        quick = ["--slurm-init-seconds-before-status-checks", "3", "--max-status-checks-per-second", "1"]
        plain = ["--latency-wait", "5", "--nocolor"]
        return [*snakemake, *profiles, "--configfile", str(self.configfile), *here, *quick, *plain, *arguments]

    def start(self, *targets: str) -> None:
        """Start Snakemake in the background."""
        self._launch(self.command(*targets))

    def resume(self) -> None:
        """Start the documented recovery, one command, in the background: it becomes a Snakemake."""
        self._launch(["make", "resume", f"RUN={self.directory}"])

    def _launch(self, command: list[str]) -> None:
        with self._output.open("a") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.repository,
                env=environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def printed(self) -> str:
        """What Snakemake has printed so far."""
        return self._output.read_text()

    def submitted(self) -> list[str]:
        """The ids of the SLURM jobs that Snakemake has submitted so far."""
        return re.findall(r"has been submitted with SLURM jobid (\d+)", self.printed())

    def wait_for(self, condition, what: str):
        """Wait until `condition()` holds, while Snakemake runs."""

        def holds():
            value = condition()
            assert value or self.process.poll() is None, f"ended before {what}:\n{self.printed()[-6000:]}"
            return value

        return wait_until(holds, what, seconds=600)

    def finish(self) -> None:
        """Wait until Snakemake ends; it must succeed."""
        code = self.process.wait(timeout=900)
        assert code == 0, self.printed()[-8000:]

    def kill(self) -> None:
        """`kill -9` of Snakemake; its jobs know nothing of it."""
        family = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for member in family:
            member.kill()
        self.process.wait(timeout=30)

    def end(self) -> None:
        """Leave no Snakemake behind, whatever became of the test."""
        if self.process and self.process.poll() is None:
            self.kill()

    def forget(self, *folders: str) -> None:
        """Delete results as if they had never been made, and what was made of them, or nothing would miss them."""
        for folder in ("results/tables", "results/scores", *folders):
            shutil.rmtree(self.directory / folder)

    def forget_recognition(self) -> None:
        """Forget what the teacher made of the test split: two shards of the slowest model."""
        self.forget(f"results/predictions/{TEACHER}/sim-marble/test", f"work/predictions/{TEACHER}/sim-marble/test")

    def forget_training(self) -> None:
        """Forget the student, and what it made of the test split."""
        self.forget(*(f"{top}/{kind}/{STUDENT}" for top in ("results", "work") for kind in ("students", "predictions")))

    def journals(self) -> dict[str, int]:
        """Windows recognised so far, by shard of the teacher's test split."""
        folders = sorted((self.directory / f"work/predictions/{TEACHER}/sim-marble/test").glob("*"))
        return {folder.name: len(_journaled(folder)) for folder in folders}

    def recognising(self, windows: int):
        """A condition: both shards have recognised so many windows, and both go on."""
        predictions = self.directory / f"results/predictions/{TEACHER}/sim-marble/test"

        def holds():
            counts = self.journals()
            return len(counts) == 2 and min(counts.values()) >= windows and not [*predictions.glob("*.jsonl")]

        return holds

    def programs(self, node: str | None = None) -> list[psutil.Process]:
        """The running programs of the cluster jobs' rules, on all nodes or on one, torchrun among them."""

        def is_program(process):
            with contextlib.suppress(psutil.Error):
                return any(Path(word).name in ("recognise.py", "distil.py") for word in process.cmdline())

        return [process for process in leftovers(node) if is_program(process)]

    def log(self, shard: str) -> str:
        """The log of a shard of the teacher's test split; '' while Snakemake has it deleted, before it starts a job."""
        log = self.directory / f"logs/recognise/{TEACHER}/sim-marble/test/{shard}.log"
        with contextlib.suppress(FileNotFoundError):
            return log.read_text()
        return ""

    def checkpoints(self) -> list[str]:
        """Complete checkpoints of the student's training."""
        return [path.parent.name for path in (self.directory / f"work/students/{STUDENT}").rglob("complete.json")]

    def results(self) -> dict[str, tuple[int, bytes]]:
        """Time and bytes of every result."""
        files = [path for path in (self.directory / "results").rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    def assert_resumed(self, before: dict[str, int]) -> None:
        """Every shard of the teacher went on from what was recognised `before`."""
        for shard, windows in before.items():
            done = re.search(r"(\d+) of \d+ windows are done already", self.log(shard))
            assert done, f"{shard}: began anew\n{self.log(shard)}"
            assert int(done[1]) >= windows

    def trained_as(self, undisturbed: Workflow) -> int:
        """The student is the undisturbed one byte for byte; the step of the checkpoint from which it went on."""
        adapter = f"results/students/{STUDENT}/adapter/adapter_model.safetensors"
        assert (self.directory / adapter).read_bytes() == (undisturbed.directory / adapter).read_bytes()
        stats = json.loads((self.directory / f"results/students/{STUDENT}/training.stats.json").read_text())
        return stats["resumed_from_step"]

    def assert_ended_as(self, undisturbed: Workflow) -> None:
        """Same tables, nothing done twice, nothing left in the queue or alive, and no ghost that wrote afterwards."""
        results = self.results()
        assert self.tables() == undisturbed.tables()
        with contextlib.suppress(AssertionError):  # the next line says what lives
            wait_until(lambda: not leftovers(), "no process of a job lives")
        assert [_described(process) for process in leftovers()] == []
        assert self.cluster.jobs() == []
        assert self.results() == results
        for folder in (self.directory / "work/predictions").glob("*/*/*/*"):
            windows = _journaled(folder)
            assert len(windows) == len(set(windows)), f"windows recognised twice in {folder}"


def slow_config(folder: Path) -> dict:
    """The small DAG with one home, and a teacher slow enough, one window at a time, to be killed at its work.

    Its models ask for a GPU each, as real ones do; the test cluster's are fake.
    """
    registry = yaml.safe_load((REPOSITORY / "config/models.yaml").read_text())
    models = {name: {**entry, "gpus": 1} for name, entry in registry.items() if name.startswith("tiny-")}
    (folder / "models.yaml").write_text(yaml.safe_dump(models))
    config = small_config()
    del config["datasets"]["sim-mural"]
    config["datasets"]["sim-marble"]["simulate"]["sessions"] = 8
    config["split"]["test_fraction"] = 0.6
    config["model_registry"] = str(folder / "models.yaml")
    config["models"] = ["tiny-s", TEACHER]
    config["teacher"] = TEACHER
    config["decoding"]["max_new_tokens"] = 256
    config["engine"] |= {"batch_size": 1, "shard_size": 16}
    config["students"]["training"] |= {"epochs": 6, "save_steps": 5}
    return config


def _described(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid}, child of {process.ppid()}, {process.status()}: {' '.join(process.cmdline())}"
    return str(process)


def _journaled(folder: Path) -> list[str]:
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines(keepends=True)]
    return [window for line in lines if line.endswith("\n") for window in json.loads(line)["items"]]
