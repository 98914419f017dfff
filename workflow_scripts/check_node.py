"""Check what jobs of some models find where they work: GPUs, memory, disk, versions. Problems are written."""

import argparse
import dataclasses
import os
import platform
import tempfile
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.models.load import resolve_dtype
from hearth.workflow import preflight


def main(argv=None):
    """Write what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="folders of the models with this ask")
    parser.add_argument("--gpus", type=int, required=True, help="GPUs that a job of theirs asks for")
    parser.add_argument("--mem-mb", type=int, required=True, help="memory that it asks for")
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16"), required=True, help="of the weights")
    parser.add_argument("--pins", type=Path, required=True, help="conda file with the versions to have")
    parser.add_argument("--work", type=Path, required=True, help="folder of partial work")
    parser.add_argument("--spare-gb", type=float, default=1, help="disk that should be free for temporary files")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args(argv)
    names = ", ".join(folder.name for folder in arguments.models)
    found = preflight.Findings(f"where {names} would run ({platform.node()})")
    dtype = resolve_dtype(arguments.dtype, "cuda" if arguments.gpus else "cpu")
    weights = preflight.weight_bytes(found, arguments.models, dtype)
    preflight.check_gpus(found, arguments.gpus, dtype, weights)
    preflight.check_host_memory(found, arguments.mem_mb, weights)
    preflight.check_versions(found, arguments.pins)
    preflight.check_writable(found, arguments.work)
    preflight.check_disk(found, Path(tempfile.gettempdir()), 0, arguments.spare_gb)
    files.write_json(arguments.out, dataclasses.asdict(found))


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1")
    run(main)
