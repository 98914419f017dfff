"""Check that this node has what jobs of the models need: GPUs, memory, disk, versions of packages."""

import argparse
import dataclasses
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.models.load import DTYPES, resolve_dtype, work_offline
from hearth.workflow import preflight
from hearth.workflow.findings import Findings


def main(argv: Sequence[str] | None = None) -> None:
    """Run all checks and write their findings as JSON. The exit status is 0 even if a check finds a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="folders of models with equal requests")
    parser.add_argument("--gpus", type=int, required=True, help="GPUs that a job of these models requests")
    parser.add_argument("--mem-mb", type=int, required=True, help="memory that such a job requests, in MB")
    parser.add_argument("--dtype", choices=DTYPES, required=True, help="number format of the weights")
    parser.add_argument("--pins", type=Path, required=True, help="conda file with the required versions")
    parser.add_argument("--work", type=Path, required=True, help="folder of work in progress")
    parser.add_argument("--spare-gb", type=float, default=1, help="disk that temporary files need, in GB")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args(argv)
    names = ", ".join(folder.name for folder in arguments.models)
    findings = Findings(f"on the node for {names} ({platform.node()}), packages of {arguments.pins.name}")
    dtype = resolve_dtype(arguments.dtype, "cuda" if arguments.gpus else "cpu")
    weights = preflight.weight_bytes(findings, arguments.models, dtype)
    preflight.check_gpus(findings, arguments.gpus, dtype, weights)
    preflight.check_host_memory(findings, arguments.mem_mb, weights)
    preflight.check_versions(findings, arguments.pins)
    preflight.check_writable(findings, arguments.work)
    preflight.check_disk(findings, Path(tempfile.gettempdir()), 0, arguments.spare_gb)
    files.write_json(arguments.out, dataclasses.asdict(findings))


if __name__ == "__main__":
    work_offline()
    run(main)
