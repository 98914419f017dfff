"""Check the life of a run's own servers in real Snakemake runs; a small HTTP server is in the place of vLLM."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from hearth.engines.server_record import SERVERS, read_server
from repository import REPOSITORY, SCRIPTS

PROGRAM = Path(__file__).with_name("served_workflow.py")
SNAKEFILE = f"""
from hearth.workflow import servers

servers._POLL, servers._BEAT = 0.2, 0.5

onstart:
    servers.Servers(workflow, lambda job: "little" if job.rule.name == "shard" else "").start()

rule all:
    input: [f"shard-{{n}}" for n in range(3)], "other"

rule other:
    output: "other"
    shell: "touch {{output}}"

rule shard:
    output: "shard-{{n}}"
    shell: "{sys.executable} {PROGRAM} ask . {{output}}"

rule serve:
    output: "results/servers/{{server}}.json"
    log: "logs/serve/{{server}}.log"
    threads: 0
    shell: "{sys.executable} {PROGRAM} serve {SERVERS}/{{wildcards.server}} {{output}} > {{log}} 2>&1"
"""


class Run:
    """A run of Snakemake in `folder` on one core."""

    def __init__(self, folder, *options):
        self.folder, self.server = folder, folder / SERVERS / "little"
        (folder / "Snakefile").write_text(SNAKEFILE)
        self.server.mkdir(parents=True)
        self.options = options

    def start(self):
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nocolor", *self.options]
        paths = (SCRIPTS, REPOSITORY / "tests" / "unit")
        with open(self.folder / "output", "a") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": ":".join(map(str, paths))},
                stdout=output,
                stderr=output,
                # A shell lets the processes that it starts in the background ignore SIGINT, these tests among them.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        return self

    def wait(self):
        code = self.process.wait(timeout=120)
        return code, (self.folder / "output").read_text()

    def wait_until(self, condition):
        deadline = time.monotonic() + 60
        while not (value := condition()):
            assert time.monotonic() < deadline, (self.folder / "output").read_text()
            time.sleep(0.05)
        return value

    def server_processes(self):
        started = self.server / "started"
        return [int(line.split()[0]) for line in started.read_text().splitlines()] if started.exists() else []

    def left(self):
        return [pid for pid in self.server_processes() if psutil.pid_exists(pid)]


@pytest.fixture
def run(tmp_path):
    running = Run(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()


def test_a_server_starts_before_its_shards_and_ends_with_the_last(run):
    (run.folder / "go").touch()
    code, output = run.start().wait()
    assert code == 0, output
    assert "6 of 6 steps (100%) done" in output
    assert len(run.server_processes()) == 1
    assert (run.folder / "results/servers/little.json").read_text() == "the run no longer needs it"
    assert run.left() == []
    assert read_server(run.server) is None


def test_without_shards_no_server_starts(run):
    for number in range(3):
        (run.folder / f"shard-{number}").touch()
    code, output = run.start().wait()
    assert code == 0, output
    assert (run.folder / "other").exists()
    assert run.server_processes() == []


def test_shards_of_a_server_that_cannot_start_are_not_started(run):
    (run.server / "broken").touch()
    run.options = ("--keep-going", "--retries", "1")
    code, output = run.start().wait()
    assert code != 0
    assert "3 jobs are not started, because their server has failed: see logs/serve/little.log" in output
    assert len(run.server_processes()) == 6  # two attempts, three starts each
    assert (run.folder / "other").exists()
    assert not list(run.folder.glob("asking-*"))


def test_a_supervisor_that_is_killed_is_followed_by_another(run):
    run.options = ("--retries", "1")
    run.start().wait_until(lambda: list(run.folder.glob("asking-*")))
    (process,) = run.server_processes()
    supervisor = psutil.Process(process).parent()
    supervisor.kill()
    run.wait_until(lambda: len(run.server_processes()) == 2)
    (run.folder / "go").touch()
    code, output = run.wait()
    assert code == 0, output
    assert len(run.server_processes()) == 2
    # The server of the dead supervisor ends when it notices that.
    run.wait_until(lambda: run.left() == [])


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_end_ends_its_server(run, sent):
    run.start().wait_until(lambda: list(run.folder.glob("asking-*")))
    run.process.send_signal(sent)
    (run.folder / "go").touch()
    code, output = run.wait()
    assert code != 0, output
    run.wait_until(lambda: run.left() == [])
    assert len(list(run.folder.glob("shard-*"))) < 3


def test_a_server_ends_after_a_run_that_was_killed(run):
    run.start().wait_until(lambda: list(run.folder.glob("asking-*")))
    run.process.kill()
    run.process.wait()
    (run.folder / "go").touch()
    run.wait_until(lambda: run.left() == [])
    assert read_server(run.server) is None
