"""Help all benchmarks: parse the option `--out`, write reports, and run measurements in fresh processes."""

import argparse
import json
import os
import subprocess
import sys
import time
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


def measure_program(name: str, *arguments: str) -> dict[str, float]:
    """Run a Python program; return its CPU and wall seconds and its peak memory in bytes.

    Ends this benchmark if that program fails.
    """
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} ended with {os.waitstatus_to_exitcode(status)}")
    measured = {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.perf_counter() - started, 2),
        "peak_bytes": usage.ru_maxrss * 1024,
    }
    print(f"{name}: {measured}", flush=True)
    return measured
