"""How a training is started: torchrun on this machine, or one torchrun a node of a SLURM job."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

from hearth.common.cli import UserError

TORCHRUN = (sys.executable, "-m", "torch.distributed.run")
# Ports of a node that nothing is likely to have: below those that Linux gives out by itself.
_FIRST_PORT, _PORTS = 20000, 10000


def command(nodes: int, ranks: int, program: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What starts `ranks` processes of `program` on each of `nodes` nodes, as an argument list.

    On one node torchrun is alone. On several srun starts one a node of the job that this is in, and they meet on the
    first node; when one fails, srun ends the others. Raises UserError outside such a job, and in one of another size.
    """
    if nodes == 1:
        return [*TORCHRUN, "--standalone", f"--nproc_per_node={ranks}", *program]
    job, given = environment.get("SLURM_JOB_ID"), environment.get("SLURM_JOB_NUM_NODES", "0")
    if not job:
        raise UserError(
            f"training on {nodes} nodes needs a SLURM job of {nodes} nodes (snakemake --profile profiles/slurm); here, "
            "set nodes: 1 for this model in config/models.yaml"
        )
    if int(given) != nodes:
        raise UserError(
            f"SLURM job {job} has {given} node(s), and training asks for {nodes}: see nodes in config/models.yaml"
        )
    return [
        "srun",
        f"--nodes={nodes}",
        f"--ntasks={nodes}",
        "--ntasks-per-node=1",
        "--kill-on-bad-exit=1",
        # srun does not take this over from the job by itself.
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
    """The name of a SLURM job's first node."""
    listed = ["scontrol", "show", "hostnames", environment["SLURM_JOB_NODELIST"]]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()[0]


def check_devices(here: int, found: int) -> None:
    """Raise UserError unless each of the `here` processes of this node has one of its `found` GPUs to itself."""
    if here > found:
        raise UserError(f"{here} processes on this node but {found} GPU(s) in sight")
