"""Test the commands that start a training, on what a real SLURM says of its jobs; tests/slurm runs them."""

import json
import os
import stat
import subprocess
import sys

import psutil
import pytest
import training_fixtures as fixtures
from hearth.common.cli import UserError
from hearth.common.locks import locked
from hearth.distillation import launch

# Output of SLURM 22.05. The job's name and comment, which its user chooses, contain fields of their own.
JOB = """\
JobId=1234 JobName=a NodeList=evil NumNodes=7
   UserId=root(0) GroupId=root(0) MCS_label=N/A
   JobState=RUNNING Reason=None Dependency=(null)
   Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=0:0
   ReqNodeList=(null) ExcNodeList=(null)
   NodeList=node[3-4]
   BatchHost=node3
   NumNodes=2 NumCPUs=6 NumTasks=2 CPUs/Task=3 ReqB:S:C:T=0:0:*:*
   TRES=cpu=6,mem=2000M,node=2,billing=6
   Command=/home/user/job.sh
   Comment=rule x NodeList=evil
   TresPerNode=gres:gpu:fake:2
"""
NODES = """\
NodeName=node3 Arch=x86_64 CoresPerSocket=1 CPUAlloc=3 CPUEfctv=4 CPUTot=4 CPULoad=1.06 Gres=gpu:fake:2 \
NodeAddr=10.0.0.3 NodeHostName=n3 Port=16820 Version=22.05.8 RealMemory=100000 State=MIXED Partitions=cpu,gpu
NodeName=node4 Arch=x86_64 CoresPerSocket=1 CPUAlloc=3 CPUEfctv=4 CPUTot=4 CPULoad=1.06 Gres=gpu:fake:2 \
NodeAddr=10.0.0.4 NodeHostName=n4 Port=16821 Version=22.05.8 RealMemory=100000 State=MIXED Partitions=cpu,gpu
"""
SCONTROL = """\
#!/bin/sh
case "$*" in
  "show job 1234") cat "$0.job";;
  "--oneliner show node node[3-4]") cat "$0.nodes";;
  *) echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1;;
esac
"""
IN_JOB = {"SLURM_JOB_ID": "1234"}


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Put a scontrol that repeats the output above first on PATH; return its path."""
    program = tmp_path / "bin" / "scontrol"
    program.parent.mkdir()
    program.write_text(SCONTROL)
    program.chmod(stat.S_IRWXU)
    program.with_name("scontrol.job").write_text(JOB)
    program.with_name("scontrol.nodes").write_text(NODES)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return program


def test_on_one_node_torchrun_is_standalone():
    assert launch.start_command(1, 4, ["distil.py", "--student", "s"], {})[1:] == [
        *("-m", "torch.distributed.run", "--standalone", "--nproc_per_node=4", "distil.py", "--student", "s")
    ]


def test_on_several_nodes_srun_starts_the_program_on_each_with_the_cores_of_the_job(scontrol):
    command = launch.start_command(2, 4, ["distil.py", "--student", "s"], IN_JOB)
    assert command == [
        *("srun", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--kill-on-bad-exit=1", "--cpus-per-task=3"),
        *("env", f"{launch.NODE_ADDRESSES}={json.dumps({'node3': '10.0.0.3', 'node4': '10.0.0.4'})}"),
        *(sys.executable, "distil.py", "--student", "s"),
    ]


def test_a_job_that_requested_no_number_of_cores_leaves_it_to_slurm(scontrol):
    scontrol.with_name("scontrol.job").write_text(JOB.replace("CPUs/Task=3", "CPUs/Task=N/A"))
    assert launch.read_allocation("1234").cpus_per_task is None


@pytest.mark.parametrize(("node", "address", "is_host"), [("node3", "10.0.0.3", 1), ("node4", "10.0.0.4", 0)])
def test_the_torchruns_of_all_nodes_meet_on_the_first(node, address, is_host):
    addresses = json.dumps({"node3": "10.0.0.3", "node4": "10.0.0.4"})
    environment = IN_JOB | {launch.NODE_ADDRESSES: addresses, "SLURMD_NODENAME": node}
    assert launch.start_command(2, 4, ["distil.py"], environment) == [
        *(*launch.TORCHRUN, "--nnodes=2", "--nproc_per_node=4", "--rdzv_backend=c10d"),
        *("--rdzv_endpoint=10.0.0.3:21234", f"--rdzv_conf=is_host={is_host}", "--rdzv_id=1234"),
        *(f"--local_addr={address}", "distil.py"),
    ]


@pytest.mark.parametrize(
    ("nodes", "environment", "message"),
    [
        (2, {}, "needs a SLURM job of 2 nodes"),
        (3, IN_JOB, r"SLURM job 1234 has 2 node\(s\), but this model is trained on 3"),
        (2, {"SLURM_JOB_ID": "7"}, "scontrol show job 7 failed: slurm_load_jobs error: Invalid job id specified"),
    ],
)
def test_several_nodes_need_a_job_of_the_same_size(scontrol, nodes, environment, message):
    with pytest.raises(UserError, match=message):
        launch.start_command(nodes, 1, ["distil.py"], environment)


def test_output_of_scontrol_without_nodes_is_an_error_that_shows_it(scontrol):
    scontrol.with_name("scontrol.job").write_text(JOB.replace("   NodeList=node[3-4]", "   NodeList="))
    with pytest.raises(UserError, match=r"(?s)names no nodes of SLURM job 1234; it says: JobId=1234 .*NumNodes=2"):
        launch.read_allocation("1234")


def test_more_processes_on_a_node_than_it_has_gpus_are_refused():
    launch.check_gpus(processes=4, gpus=4)
    with pytest.raises(UserError, match=r"4 processes on this node but only 2 GPU\(s\) are visible"):
        launch.check_gpus(processes=4, gpus=2)


def test_while_another_process_trains_the_student_no_rank_is_started(tmp_path, tiny_model):
    training = fixtures.Training(tmp_path, tiny_model)
    program = training.command[training.command.index("--nproc_per_node=1") + 1 :]
    with locked(tmp_path / "work" / "lock"):
        waiting = subprocess.Popen([sys.executable, *program], stderr=subprocess.PIPE, text=True)
        assert "another process uses" in waiting.stderr.readline()
        assert psutil.Process(waiting.pid).cmdline() == [sys.executable, *program]
        waiting.kill()
    waiting.communicate()
