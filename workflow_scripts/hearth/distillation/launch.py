"""Make the command that starts a training: torchrun on this machine, or one torchrun on each node of a SLURM job."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hearth.common.cli import UserError

TORCHRUN = (sys.executable, "-m", "torch.distributed.run")
# The environment variable by which a process that srun has started knows the nodes of its training: a JSON object from
# the name of each node to its address.
NODE_ADDRESSES = "HEARTH_NODE_ADDRESSES"
# Ports for torchrun's rendezvous. They are below Linux's ephemeral ports, so that they are rarely in use.
_FIRST_PORT, _PORTS = 20000, 10000


@dataclass(frozen=True)
class Allocation:
    """The resources of a SLURM job: the address of each node, and CPU cores per task, None if not requested."""

    addresses: dict[str, str]
    cpus_per_task: int | None


def start_command(nodes: int, ranks: int, program: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """Return the command that starts `ranks` processes of the Python program `program` on each of `nodes` nodes.

    On several nodes, the command is srun, which starts the program once on each node of the current SLURM job; when one
    of them fails, srun ends the others. There the program calls this function again, and gets the command of the node's
    torchrun. Raises UserError unless this process runs in a SLURM job of `nodes` nodes.
    """
    if nodes == 1:
        return [*TORCHRUN, "--standalone", f"--nproc_per_node={ranks}", *program]
    job = environment.get("SLURM_JOB_ID")
    if not job:
        raise UserError(slurm_needed(nodes, "this model"))
    if addresses := environment.get(NODE_ADDRESSES):
        options = _torchrun_options(int(job), json.loads(addresses), environment["SLURMD_NODENAME"])
        return [*TORCHRUN, f"--nnodes={nodes}", f"--nproc_per_node={ranks}", *options, *program]
    allocation = read_allocation(job)
    if len(allocation.addresses) != nodes:
        raise UserError(
            f"SLURM job {job} has {len(allocation.addresses)} node(s), but this model is trained on {nodes}: set "
            "`nodes` of the model in config/models.yaml to the nodes of the job"
        )
    return [
        "srun",
        f"--nodes={nodes}",
        f"--ntasks={nodes}",
        "--ntasks-per-node=1",
        "--kill-on-bad-exit=1",
        # srun does not inherit the number of CPUs per task from the job.
        *([f"--cpus-per-task={allocation.cpus_per_task}"] if allocation.cpus_per_task else []),
        *("env", f"{NODE_ADDRESSES}={json.dumps(allocation.addresses)}"),
        *(sys.executable, *program),
    ]


def slurm_needed(nodes: int, model: str) -> str:
    """Return the message that a training on several nodes, as the registry's entry of `model` asks for, needs SLURM."""
    return (
        f"training on {nodes} nodes needs a SLURM job of {nodes} nodes (snakemake --profile profiles/slurm); to "
        f"train without SLURM, set nodes: 1 for {model} in config/models.yaml"
    )


def read_allocation(job: str) -> Allocation:
    """Return what SLURM has given to a job; raises UserError if SLURM does not say.

    SLURM is asked because Snakemake's plugin removes the variables that say it from the environment of a job's program.
    """
    details = _scontrol("show", "job", job)
    # Names and comments of users can hold any text, but no line that begins with these keys.
    node_list = re.search(r"^\s+NodeList=(\S+)", details, re.MULTILINE)
    cpus = re.search(r"^\s+NumNodes=.* CPUs/Task=(\d+)", details, re.MULTILINE)
    described = _scontrol("--oneliner", "show", "node", node_list[1]) if node_list else ""
    addresses = dict(re.findall(r"^NodeName=(\S+) .*? NodeAddr=(\S+)", described, re.MULTILINE))
    if not addresses:
        raise UserError(f"scontrol names no nodes of SLURM job {job}; it says: {details.strip()}")
    return Allocation(addresses, int(cpus[1]) if cpus else None)


def check_gpus(processes: int, gpus: int) -> None:
    """Raise UserError if this node has more training processes than visible GPUs."""
    if processes > gpus:
        raise UserError(f"{processes} processes on this node but only {gpus} GPU(s) are visible")


def _torchrun_options(job: int, addresses: Mapping[str, str], node: str) -> list[str]:
    """Return torchrun's options on `node` with which the torchruns of all nodes meet, on the first node.

    The addresses are SLURM's own, which reach every node. By itself torchrun would take those of the host's name, which
    on some clusters is another network, or the host alone.
    """
    first = next(iter(addresses))
    return [
        "--rdzv_backend=c10d",
        f"--rdzv_endpoint={addresses[first]}:{_FIRST_PORT + job % _PORTS}",
        f"--rdzv_conf=is_host={int(node == first)}",
        f"--rdzv_id={job}",
        f"--local_addr={addresses[node]}",
    ]


def _scontrol(*arguments: str) -> str:
    done = subprocess.run(["scontrol", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"scontrol {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout
