"""Test the command that starts a training, and train on two simulated nodes: two torchruns on this machine."""

import os
import stat
import subprocess

import pytest
import training_fixtures as fixtures
from hearth.common.cli import UserError
from hearth.distillation import launch

NO_DROPOUT = {**fixtures.SETTINGS["lora"], "dropout": 0.0}
JOB = {"SLURM_JOB_ID": "1234", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "node[3-4]"}
SCONTROL = '#!/bin/sh\n[ "$*" = "show hostnames node[3-4]" ] && echo "localhost\nnode4"\n'
# A stand-in for srun: runs the command after its options twice, as on two nodes, and fails if either run fails.
SRUN = """#!/bin/bash
echo "$@" > "$(dirname "$0")/options"
while [[ $1 == --* ]]; do shift; done
"$@" & first=$!
"$@" & second=$!
wait $first && wait $second
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put a fake srun and scontrol first on PATH and set the variables of a SLURM job with two nodes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("scontrol", SCONTROL), ("srun", SRUN)):
        (folder / name).write_text(text)
        (folder / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name, value in JOB.items():
        monkeypatch.setenv(name, value)
    return folder


def test_on_one_node_torchrun_is_standalone():
    assert launch.torchrun_command(1, 4, ["distil.py", "--student", "s"], {})[1:] == [
        *("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=4", "distil.py", "--student", "s")
    ]


def test_on_several_nodes_srun_starts_one_torchrun_a_node_and_they_meet_on_the_first(slurm):
    command = launch.torchrun_command(2, 4, ["distil.py"], JOB | {"SLURM_CPUS_PER_TASK": "6"})
    assert command[:5] == ["srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    assert "--cpus-per-task=6" in command
    assert command[-6:] == [
        *("--nnodes=2", "--nproc_per_node=4", "--rdzv_backend=c10d", "--rdzv_endpoint=localhost:21234"),
        *("--rdzv_id=1234", "distil.py"),
    ]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "needs a SLURM job of 2 nodes"),
        (JOB | {"SLURM_JOB_NUM_NODES": "1"}, r"SLURM job 1234 has 1 node\(s\), but this model is trained on 2"),
    ],
)
def test_several_nodes_need_a_job_of_the_same_size(environment, message):
    with pytest.raises(UserError, match=message):
        launch.torchrun_command(2, 1, ["distil.py"], environment)


def test_more_processes_on_a_node_than_it_has_gpus_are_refused():
    launch.check_gpus(processes=4, gpus=4)
    with pytest.raises(UserError, match=r"4 processes on this node but only 2 GPU\(s\) are visible"):
        launch.check_gpus(processes=4, gpus=2)


class SelfLaunchedTraining(fixtures.Training):
    """A training by distil.py, which starts torchrun itself, as the rule `distil` runs it."""

    nodes = 1

    @property
    def command(self) -> list[str]:
        program = fixtures.Training.command.fget(self)[-2 * len(self.options) - 1 :]
        return [launch.TORCHRUN[0], *program, "--nodes", str(self.nodes), "--ranks", str(self.ranks)]


@pytest.mark.slow
def test_two_nodes_end_with_the_adapter_of_two_ranks_on_one(tmp_path, tiny_model, slurm):
    one_node = SelfLaunchedTraining(tmp_path / "one", tiny_model, windows=8, ranks=2, lora=NO_DROPOUT)
    assert one_node.run() == 0, one_node.log
    two_nodes = SelfLaunchedTraining(tmp_path / "two", tiny_model, windows=8, ranks=1, lora=NO_DROPOUT)
    two_nodes.nodes = 2
    assert two_nodes.run() == 0, two_nodes.log
    assert (slurm / "options").read_text().startswith("--nodes=2 --ntasks=2")
    assert two_nodes.adapter == one_node.adapter


def test_a_training_on_several_nodes_outside_of_slurm_ends_in_one_line(tmp_path, tiny_model):
    training = SelfLaunchedTraining(tmp_path, tiny_model)
    training.nodes = 2
    done = subprocess.run(training.command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: training on 2 nodes needs a SLURM job")
    assert done.stderr.count("\n") == 1
