"""Run the small DAG on the test cluster for tests that inject faults, and check its results and its remains."""

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import yaml
from accounting import ACCOUNT
from cluster import Cluster, job_processes, wait_until
from repository import CONFIG
from snakemake_runs import Workflow, slurm_profile, small_config, subprocess_environment

TEACHER = "tiny-l"
STUDENT = "tiny-s_reasoning_sim-marble"
# Every table but `cost`.
TABLES = ("table_scaling", "table_distillation", "table_cross_dataset", "table_claims")
SHARDS = f"predictions/{TEACHER}/sim-marble/test1"


class ClusterRun(Workflow):
    """Run Snakemake in the background with the cluster profile; its output goes to a file."""

    def __init__(self, directory: Path, config: dict, cluster: Cluster):
        super().__init__(directory, config)
        self.cluster = cluster
        self.status_command = "sacct" if cluster.accounts else "squeue"
        self.profile = slurm_profile(
            directory.parent / "profile",
            account=ACCOUNT if cluster.accounts else "''",
            cpu_partition="cpu",
            gpu_partition="gpu",
            scratch=str(directory),
        )
        self.process: subprocess.Popen | None = None
        self._output = directory.parent / "snakemake.log"

    def arguments(self, *arguments: str) -> list[str]:
        """Return the arguments of Snakemake: the cluster profile, conda turned off, and shorter waiting times."""
        profiles = ["--profile", str(self.profile), "--workflow-profile", str(self.repository / "profiles/default")]
        site = ["--slurm-status-command", self.status_command, "--software-deployment-method", "env-modules"]
        waiting = ["--slurm-init-seconds-before-status-checks", "3", "--max-status-checks-per-second", "1"]
        common = ["--snakefile", str(self.repository / "Snakefile"), "--configfile", str(self.configfile)]
        return [*common, *profiles, *site, *waiting, "--latency-wait", "5", "--nocolor", *arguments]

    def launch(self, *targets: str) -> None:
        """Start Snakemake in the background."""
        snakemake = str(Path(__file__).with_name("fast_polling_snakemake.py"))
        self._launch([sys.executable, snakemake, *self.arguments(*targets)])

    def launch_resume(self) -> None:
        """Start `make resume`, the documented recovery, in the background."""
        self._launch(["make", "resume", f"RUN={self.directory}"])

    def launch_in_job(self, *targets: str) -> str:
        """Start Snakemake in a SLURM job, with the batch script of docs/cluster.md, and return the job's id.

        The job's host has the name of its node, as on a real cluster.
        """
        snakemake = [sys.executable, str(Path(__file__).with_name("fast_polling_snakemake.py"))]
        start = shlex.join([*snakemake, *self.arguments(*targets)])
        resume = shlex.join(["make", "resume", f"RUN={self.directory}"])
        script = f'if [ "${{SLURM_RESTART_COUNT:-0}}" = 0 ]; then {start}; else {resume}; fi'
        job = self.directory.parent / "job.sh"
        job.write_text(f"#!/bin/sh\nexec unshare --uts sh -c {shlex.quote(f'hostname $SLURMD_NODENAME; {script}')}\n")
        account = [f"--account={ACCOUNT}"] * self.cluster.accounts
        limits = ["--partition=cpu", "--mem=1234M", "--time=77", "--requeue", "--job-name=snakemake"]
        output = [f"--output={self._output}", "--open-mode=append"]
        # Like a Snakemake in the background, `sbatch --wait` ends with the job.
        self._launch(["sbatch", "--wait", *account, *limits, *output, str(job)])
        find = lambda: [job["id"] for job in self.cluster.jobs() if job["name"] == "snakemake"]  # noqa: E731
        return self.wait_for(find, "the job with Snakemake is submitted")[0]

    def attempt_resume(self) -> str:
        """Run `resume.py`, assert that it refuses, and return its message."""
        command = [sys.executable, str(self.repository / "workflow_scripts/resume.py"), str(self.directory)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def _launch(self, command: list[str]) -> None:
        with self._output.open("a") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.repository,
                env=subprocess_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def output(self) -> str:
        """Return the output of Snakemake so far."""
        return self._output.read_text()

    def submitted_jobs(self) -> list[str]:
        """Return the ids of the SLURM jobs that Snakemake has submitted so far."""
        return re.findall(r"has been submitted with SLURM jobid (\d+)", self.output())

    def wait_for(self, condition: Callable[[], object], description: str) -> object:
        """Wait until `condition()` is true while Snakemake runs, and return its value."""

        def check() -> object:
            value = condition()
            assert value or self.process.poll() is None, f"ended before {description}:\n{self.output()[-6000:]}"
            return value

        return wait_until(check, description, seconds=600)

    def wait_for_success(self) -> None:
        """Wait until Snakemake ends, and assert that it succeeds."""
        code = self.process.wait(timeout=900)
        assert code == 0, self.output()[-8000:]

    def kill(self) -> None:
        """Kill Snakemake and its children with SIGKILL; its SLURM jobs go on."""
        family = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for member in family:
            member.kill()
        self.process.wait(timeout=30)

    def ensure_stopped(self) -> None:
        """Kill Snakemake if it still runs."""
        if self.process and self.process.poll() is None:
            self.kill()

    def delete_teacher_predictions(self) -> None:
        """Delete the teacher's predictions of the test split: two shards of the slowest model."""
        self.delete_results(f"results/{SHARDS}", f"work/{SHARDS}")

    def delete_student(self) -> None:
        """Delete the student and its predictions."""
        self.delete_results(
            *(f"{top}/{kind}/{STUDENT}" for top in ("results", "work") for kind in ("students", "predictions"))
        )

    def delete_results(self, *folders: str) -> None:
        """Delete folders, and all scores and tables: while these exist, Snakemake does not make the folders again."""
        for folder in ("results/tables", "results/scores", *folders):
            shutil.rmtree(self.directory / folder)

    def count_recognised(self) -> dict[str, int]:
        """Return a dict from each shard of the teacher's test split to its number of recognised windows."""
        folders = sorted((self.directory / f"work/{SHARDS}").glob("*"))
        return {folder.name: len(_read_journal(folder)) for folder in folders}

    def both_shards_run(self, windows: int) -> Callable[[], bool]:
        """Return a function that checks whether both shards have at least `windows` windows and neither is finished."""

        def check() -> bool:
            counts = self.count_recognised()
            written = [*(self.directory / f"results/{SHARDS}").glob("*.jsonl")]
            return len(counts) == 2 and min(counts.values()) >= windows and not written

        return check

    def job_programs(self, node: str | None = None) -> list[psutil.Process]:
        """Return the running programs of rules in cluster jobs, torchrun included, on all nodes or on one."""

        def is_program(process: psutil.Process) -> bool:
            with contextlib.suppress(psutil.Error):
                return any(Path(word).name in ("recognise.py", "distil.py") for word in process.cmdline())
            return False

        return [process for process in job_processes(node) if is_program(process)]

    def rank_environments(self, node: str) -> list[dict[str, str]]:
        """Return the environment variables of every rank of a training on a node, in the order of ranks."""
        environments = [process.environ() for process in self.job_programs(node)]
        return sorted((found for found in environments if "RANK" in found), key=lambda found: int(found["RANK"]))

    def read_log(self, shard: str) -> str:
        """Return the log of a shard of the teacher's test split; '' while it is missing: Snakemake deletes old logs."""
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / f"logs/recognise/{TEACHER}/sim-marble/test1/{shard}.log").read_text()
        return ""

    def complete_checkpoints(self) -> list[str]:
        """Return the names of the complete checkpoints of the student's training."""
        return [path.parent.name for path in (self.directory / f"work/students/{STUDENT}").rglob("complete.json")]

    def read_results(self) -> dict[str, tuple[int, bytes]]:
        """Return a dict from the path of every result to its modification time in ns and its bytes."""
        files = [path for path in (self.directory / "results").rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    def assert_resumed(self, recognised: dict[str, int]) -> None:
        """Assert that every shard in `recognised` resumed with at least the number of windows given there."""
        for shard, windows in recognised.items():
            done = re.search(r"(\d+) of \d+ windows are done already", self.read_log(shard))
            assert done, f"{shard}: started from the beginning\n{self.read_log(shard)}"
            assert int(done[1]) >= windows

    def assert_same_student(self, reference_run: Workflow) -> int:
        """Assert that the student equals the reference run's byte for byte; return the step it resumed from."""
        adapter = f"results/students/{STUDENT}/fold1/adapter/adapter_model.safetensors"
        assert (self.directory / adapter).read_bytes() == (reference_run.directory / adapter).read_bytes()
        stats = json.loads((self.directory / f"results/students/{STUDENT}/fold1/training.stats.json").read_text())
        return stats["resumed_from_step"]

    def assert_clean_end(self, reference_run: Workflow) -> None:
        """Assert equal tables, no window recognised twice, no job or process left, and no later change of a result."""
        assert self.read_tables() == reference_run.read_tables()
        self.assert_nothing_left()
        for folder in (self.directory / "work/predictions").glob("*/*/*/*"):
            windows = _read_journal(folder)
            assert len(windows) == len(set(windows)), f"windows recognised twice in {folder}"

    def assert_nothing_left(self) -> None:
        """Assert that no job or process is left, and that no result has changed when they have ended."""
        results = self.read_results()
        with contextlib.suppress(AssertionError):  # the next assertion names the processes
            wait_until(lambda: not job_processes(), "all processes of jobs have ended")
        assert [_describe(process) for process in job_processes()] == []
        assert self.cluster.jobs() == []
        assert self.read_results() == results


def slow_config(folder: Path) -> dict:
    """Return the small DAG's config with one home, and a teacher slow enough to be killed while it recognises.

    The teacher recognises one window at a time. Every model requests a GPU, as real models do; the cluster's GPUs are
    fake. Writes the model registry into `folder`.
    """
    registry = yaml.safe_load((CONFIG / "models.yaml").read_text())
    models = {name: {**entry, "gpus": 1, "cpus": 1} for name, entry in registry.items() if name.startswith("tiny-")}
    (folder / "models.yaml").write_text(yaml.safe_dump(models))
    config = small_config()
    del config["datasets"]["sim-mural"]
    config["datasets"]["sim-marble"]["simulate"]["sessions"] = 8
    config["split"]["test_fraction"] = 0.6
    config["model_registry"] = str(folder / "models.yaml")
    config["models"] = ["tiny-s", TEACHER]
    config["teacher"] = TEACHER
    config["decoding"]["max_new_tokens"] = 256
    # Jobs on the CPU request no GPUs: `auto` requests them, and finds none.
    config["engine"] |= {"name": "transformers", "device": "auto", "batch_size": 1, "shard_size": 16}
    config["students"]["training"] |= {"epochs": 6, "save_steps": 5}
    return config


def _describe(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid}, child of {process.ppid()}, {process.status()}: {' '.join(process.cmdline())}"
    return str(process)


def _read_journal(folder: Path) -> list[str]:
    """Return the window ids of every complete line of a shard's journal."""
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines(keepends=True)]
    return [window for line in lines if line.endswith("\n") for window in json.loads(line)["items"]]
