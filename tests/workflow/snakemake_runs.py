"""Real Snakemake runs of a small DAG: two simulated homes, the two smallest tiny models, one student a home."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from repository import REPOSITORY


class Workflow:
    """Runs Snakemake on this repository with a working directory and a config of its own."""

    def __init__(self, directory: Path, config: dict, repository: Path = REPOSITORY):
        self.directory, self.repository = directory, repository
        directory.mkdir(parents=True, exist_ok=True)
        self.configure(config)

    @property
    def configfile(self) -> Path:
        return self.directory / "run.yaml"

    def configure(self, config: dict) -> None:
        self.config = config
        self.configfile.write_text(yaml.safe_dump(config, sort_keys=False))

    def command(self, *arguments: str) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(self.repository / "Snakefile")]
        profile = ["--workflow-profile", str(self.repository / "profiles" / "default")]
        where = ["--directory", str(self.directory), "--configfile", str(self.configfile), "--cores", "2"]
        return [*snakemake, *profile, *where, "--latency-wait", "5", "--nocolor", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.repository,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        """Run to success and return what was printed."""
        code, printed = self.attempt(*arguments)
        assert code == 0, printed[-6000:]
        return printed

    def attempt(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.repository,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def resume(self) -> str:
        """Go on, by the program for it, with a run whose Snakemake was killed; what was printed."""
        program = self.repository / "workflow_scripts" / "resume.py"
        done = subprocess.run(
            [sys.executable, program, self.directory],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done.stdout

    def planned(self, *arguments: str) -> dict[str, int]:
        """How many jobs of each rule a dry run plans."""
        printed = self.run(*arguments, "--dry-run", "--quiet", "rules")
        return jobs(printed)

    def tables(self, directory: Path | None = None) -> dict[str, bytes]:
        """Bytes of every table but `cost`, by file name."""
        folder = (directory or self.directory) / "results" / "tables"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.stem != "cost"}


def jobs(printed: str) -> dict[str, int]:
    """The job counts of Snakemake's first "Job stats" block; empty when there is nothing to do."""
    counts = {}
    lines = iter(printed.splitlines())
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


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}


def slurm_profile(folder: Path, **site: str) -> Path:
    """A copy of the cluster profile in `folder`, with a site's account, cpu_partition, gpu_partition and scratch."""
    text = (REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text()
    for key, value in site.items():
        text, count = re.subn(rf"^(  {key}: ){key.upper()}\b", rf"\g<1>{value}", text, flags=re.MULTILINE)
        assert count == 1, key
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(text)
    return folder


def small_config() -> dict:
    config = yaml.safe_load((REPOSITORY / "config" / "demo.yaml").read_text())
    config["datasets"]["sim-marble"]["simulate"]["sessions"] = 4
    config["datasets"]["sim-mural"]["simulate"]["sessions"] = 2
    config["split"]["test_fraction"] = 0.4
    config["models"] = ["tiny-s", "tiny-m"]
    config["teacher"] = "tiny-m"
    config["decoding"]["max_new_tokens"] = 96
    config["engine"] |= {"batch_size": 2, "shard_size": 8}
    config["students"]["training"] |= {"epochs": 2, "batch_size": 2, "micro_batch_size": 2, "save_steps": 2}
    return config
