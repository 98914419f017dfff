"""Help all benchmarks: parse the option `--out`, write reports, and run measurements in fresh processes."""

import argparse
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hearth.common.files import write_json

PROJECT = Path(__file__).resolve().parents[1]


def benchmark_parser(description: str | None, program: str) -> argparse.ArgumentParser:
    """Return a parser with the option `--out`, whose default is the path `program` with the ending .json."""
    parser = argparse.ArgumentParser(description=description)
    default = Path(program).with_suffix(".json")
    parser.add_argument("--out", type=Path, default=default, help="JSON file to write (default: %(default)s)")
    return parser


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON and print it."""
    write_json(path, report)
    print(json.dumps(report, indent=2))


def run_measurement(python: str | Path, program: str, *arguments: object) -> dict[str, Any]:
    """Run `program --measure <arguments>` in a fresh process; return the JSON object in its last line of output.

    Raises CalledProcessError if the process fails.
    """
    command = [str(python), program, "--measure", *map(str, arguments)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output.splitlines()[-1])
