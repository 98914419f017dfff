"""Run Snakemake on a small DAG: two simulated homes, the two smallest tiny models, one student per home."""

import os
import re
import subprocess
import sys
from pathlib import Path

import forked_snakemake
import yaml
from repository import CONFIG, REPOSITORY

TIMEOUT_S = 600


class Workflow:
    """Run Snakemake on a repository with a given working directory and config."""

    def __init__(self, directory: Path, config: dict, repository: Path = REPOSITORY):
        self.directory, self.repository = directory, repository
        directory.mkdir(parents=True, exist_ok=True)
        self.configure(config)

    @property
    def configfile(self) -> Path:
        return self.directory / "run.yaml"

    def configure(self, config: dict) -> None:
        """Write the config file for later runs."""
        self.config = config
        self.configfile.write_text(yaml.safe_dump(config, sort_keys=False))

    def arguments(self, *arguments: str) -> list[str]:
        """Return the command line of Snakemake without the program."""
        snakefile = ["--snakefile", str(self.repository / "Snakefile")]
        profile = ["--workflow-profile", str(self.repository / "profiles" / "default")]
        run = ["--directory", str(self.directory), "--configfile", str(self.configfile), "--cores", "2"]
        return [*snakefile, *profile, *run, "--latency-wait", "5", "--nocolor", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake as a child process, the first of its process group."""
        return self._start([sys.executable, "-m", "snakemake", *self.arguments(*arguments)])

    def start_resume(self) -> subprocess.Popen:
        """Start `resume.py`, the documented recovery after Snakemake was killed, as a child process."""
        program = self.repository / "workflow_scripts" / "resume.py"
        return self._start([sys.executable, str(program), str(self.directory)])

    def _start(self, command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(
            command,
            cwd=self.repository,
            env=subprocess_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def attempt(self, *arguments: str) -> tuple[int, str]:
        """Run Snakemake to its end; return its exit status and output."""
        return forked_snakemake.run(
            self.arguments(*arguments), self.repository, subprocess_environment(), timeout_s=TIMEOUT_S
        )

    def run(self, *arguments: str) -> str:
        """Run Snakemake, assert that it succeeds, and return its output."""
        status, output = self.attempt(*arguments)
        assert status == 0, output[-6000:]
        return output

    def plan(self, *arguments: str) -> dict[str, int]:
        """Return the number of jobs of each rule in a dry run."""
        return parse_job_counts(self.run(*arguments, "--dry-run", "--quiet", "rules"))

    def read_tables(self) -> dict[str, bytes]:
        """Return a dict from file name to bytes for every table but `cost`, whose timings differ between runs."""
        folder = self.directory / "results" / "tables"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.stem != "cost"}


def parse_job_counts(output: str) -> dict[str, int]:
    """Return a dict from rule to number of jobs, from Snakemake's first "Job stats" block; empty if there is none."""
    counts = {}
    lines = iter(output.splitlines())
    for line in lines:
        if line.startswith("Job stats:"):
            next(lines), next(lines)
            for row in lines:
                name, _, count = row.strip().rpartition(" ")
                if not count.isdecimal() or name.strip() == "total":
                    break
                counts[name.strip()] = int(count)
            break
    return counts


def subprocess_environment() -> dict[str, str]:
    """Return this process's environment variables, changed so that waiting threads of the jobs do not spin."""
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}


def slurm_profile(folder: Path, **site: str) -> Path:
    """Copy the cluster profile into `folder` with a site's account, cpu_partition, gpu_partition and scratch."""
    text = (REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text()
    for key, value in site.items():
        text, count = re.subn(rf"^(  {key}: ){key.upper()}\b", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert count == 1, key
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(text)
    return folder


def small_config() -> dict:
    """Return the demo's config, reduced to a run of a minute. Only the test split of sim-marble has two shards."""
    config = yaml.safe_load((CONFIG / "demo.yaml").read_text())
    del config["students"]["groups"], config["tables"]["held_out_homes"], config["tables"]["forgetting"]
    config["datasets"]["sim-marble"]["simulate"]["sessions"] = 5
    config["datasets"]["sim-mural"]["simulate"]["sessions"] = 2
    config["split"]["test_fraction"] = 0.6
    config["models"] = ["tiny-s", "tiny-m"]
    config["export"] = {"max_loss": 1}  # answers of students of a few windows are not worth a limit
    config["teacher"] = "tiny-m"
    config["baselines"] = []
    config["tables"]["scaling"]["select"] = [{"recognisers": "models"}]
    config["decoding"]["max_new_tokens"] = 96
    config["engine"] |= {"batch_size": 2, "shard_size": 12}
    config["students"]["seeds"] = [0]
    config["students"]["training"] |= {"epochs": 2, "batch_size": 2, "micro_batch_size": 2, "save_steps": 2}
    return config
