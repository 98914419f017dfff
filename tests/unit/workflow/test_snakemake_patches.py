"""Test which states of SLURM jobs the patched plugin sees, and what Snakemake remembers of functions.

tests/slurm tests the patches of the plugin on a real SLURM.
"""

import asyncio
import inspect
import os
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm as plugin
from hearth.workflow.snakemake_patches import patch_scheduler, remember_parameters
from repository import SCRIPTS
from snakemake import common, jobs, rules


def patched_states(monkeypatch, states: dict[str, str] | None) -> dict[str, str] | None:
    """Return what the plugin reads if its own query returns `states`."""

    async def query(command, logger):
        return states, 0.1

    monkeypatch.setattr(plugin, "query_job_status", query)
    executor = plugin.Executor.__new__(plugin.Executor)
    patch_scheduler(SimpleNamespace(_executor=executor))
    seen, _ = asyncio.run(plugin.query_job_status("sacct", None))
    return seen


@pytest.fixture
def squeue(monkeypatch, tmp_path):
    """Return a function that puts a stand-in for squeue on PATH, which prints the given lines."""

    def install(queue: str) -> None:
        (tmp_path / "squeue").write_text(f"#!/bin/sh\ncat << END\n{queue}\nEND\n")
        (tmp_path / "squeue").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return install


def test_a_job_that_somebody_cancelled_is_cancelled(monkeypatch):
    assert patched_states(monkeypatch, {"1": "CANCELLED by 1000", "2": "RUNNING"}) == {"1": "CANCELLED", "2": "RUNNING"}


@pytest.mark.parametrize("state", ["PREEMPTED", "NODE_FAIL"])
def test_a_job_that_was_preempted_or_lost_its_node_is_cancelled_unless_slurm_will_requeue_it(
    monkeypatch, squeue, state
):
    squeue("1|PENDING on |hearth_1\n3|RUNNING on node1|hearth_1")
    states = {"1": state, "2": state, "3": "RUNNING"}
    assert patched_states(monkeypatch, states) == states | {"2": "CANCELLED"}


def test_while_slurm_does_not_answer_no_job_counts_as_ended(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert patched_states(monkeypatch, {"1": "PREEMPTED"}) == {"1": "PREEMPTED"}
    assert patched_states(monkeypatch, None) is None


def test_the_parameters_of_a_function_are_inspected_once(monkeypatch):
    for module in (common, jobs, rules):
        monkeypatch.setattr(module, "get_function_params", module.get_function_params)  # restored after the test
    inspected = []

    def signature(function):
        inspected.append(function)
        return original(function)

    original = inspect.signature
    monkeypatch.setattr(inspect, "signature", signature)

    def resource(wildcards, attempt):
        return attempt

    remember_parameters()
    for _ in range(3):
        assert list(rules.get_function_params(resource)) == ["wildcards", "attempt"]
        assert common.get_input_function_aux_params(resource, {"attempt": 2, "input": []}) == {"attempt": 2}
    assert inspected == [resource]


def test_the_path_of_python_is_quoted_in_the_commands_of_jobs_by_every_executor():
    code = """
import sys
from types import SimpleNamespace
from hearth.workflow.snakemake_patches import quote_interpreter
from snakemake.executors.local import Executor as Local
from snakemake_executor_plugin_slurm import Executor as Slurm
from snakemake_executor_plugin_slurm_jobstep import Executor as Jobstep
from snakemake.settings.types import SharedFSUsage
quote_interpreter()
sys.executable = "/my env's/bin/python"
storage = SimpleNamespace(shared_fs_usage={SharedFSUsage.SOFTWARE_DEPLOYMENT})
for kind in (Local, Slurm, Jobstep):
    executor = kind.__new__(kind)
    executor.workflow = SimpleNamespace(storage_settings=storage)
    print(executor.get_python_executable())
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, capture_output=True, text=True, check=True)
    assert [shlex.split(line) for line in done.stdout.splitlines()] == [["/my env's/bin/python"]] * 3
