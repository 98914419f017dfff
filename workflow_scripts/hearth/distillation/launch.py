"""Make the command that starts a training: torchrun on this machine, or one torchrun on each node of a SLURM job."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

from hearth.common.cli import UserError

TORCHRUN = (sys.executable, "-m", "torch.distributed.run")
# Ports for torchrun's rendezvous. They are below Linux's ephemeral ports, so that they are rarely in use.
_FIRST_PORT, _PORTS = 20000, 10000


def torchrun_command(nodes: int, ranks: int, program: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the command that starts `ranks` processes of `program` on each of `nodes` nodes.

    On several nodes, srun starts one torchrun on each node of the current SLURM job. All torchruns connect to the first
    node; when one fails, srun ends the others. Raises UserError unless this process runs in a SLURM job of `nodes`
    nodes.
    """
    if nodes == 1:
        return [*TORCHRUN, "--standalone", f"--nproc_per_node={ranks}", *program]
    job, job_nodes = environment.get("SLURM_JOB_ID"), environment.get("SLURM_JOB_NUM_NODES", "0")
    if not job:
        raise UserError(
            f"training on {nodes} nodes needs a SLURM job of {nodes} nodes (snakemake --profile profiles/slurm); to "
            "train without SLURM, set nodes: 1 for this model in config/models.yaml"
        )
    if int(job_nodes) != nodes:
        raise UserError(
            f"SLURM job {job} has {job_nodes} node(s), but this model is trained on {nodes}: set `nodes` of the model "
            "in config/models.yaml to the nodes of the job"
        )
    return [
        "srun",
        f"--nodes={nodes}",
        f"--ntasks={nodes}",
        "--ntasks-per-node=1",
        "--kill-on-bad-exit=1",
        # srun does not inherit the number of CPUs per task from the job.
        *([f"--cpus-per-task={threads}"] if (threads := environment.get("SLURM_CPUS_PER_TASK")) else []),
        *TORCHRUN,
        f"--nnodes={nodes}",
        f"--nproc_per_node={ranks}",
        "--rdzv_backend=c10d",
        f"--rdzv_endpoint={first_node(environment)}:{_FIRST_PORT + int(job) % _PORTS}",
        f"--rdzv_id={job}",
        *program,
    ]


def first_node(environment: Mapping[str, str]) -> str:
    """Return the name of the first node of the SLURM job whose environment variables are `environment`."""
    command = ["scontrol", "show", "hostnames", environment["SLURM_JOB_NODELIST"]]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]


def check_gpus(processes: int, gpus: int) -> None:
    """Raise UserError if this node has more training processes than visible GPUs."""
    if processes > gpus:
        raise UserError(f"{processes} processes on this node but only {gpus} GPU(s) are visible")
