"""Measurements of recognisers on a small computer, as `measure_export.py` and `measure_baseline.py` write them.

No score depends on them.
"""

import os
import platform
from pathlib import Path
from typing import TypedDict

from hearth.common.records import read_record

_PROCESSORS, _MEMORY, _BOARD = Path("/proc/cpuinfo"), Path("/proc/meminfo"), Path("/proc/device-tree/model")


class Machine(TypedDict):
    """The computer of a measurement.

    `cores` are those that the process may use. `load` is the mean number of processes that ran or
    waited to run in the minute before; None where it is unknown.
    """

    processor: str
    architecture: str
    cores: int
    memory_bytes: int
    load: float | None


class Timing(TypedDict):
    """Windows that one process, which does nothing else, recognised one after the other.

    `reasoning` is the prompt's reasoning mode; "" for a baseline. `direct` says whether a student that learned to
    answer both ways was asked for no reasoning. `seconds` are the median over windows with the prompt's static
    prefix in llama.cpp's cache, `slowest_seconds` the longest of them, and `cpu_seconds` the mean of what all threads
    worked; `uncached_seconds` are the median over windows that compute the prefix again. Tokens and joules are means.
    `own_tokens` are the prompt tokens that a window computes beside
    the cached prefix. Tokens, and seconds without a cache, are None for a baseline, and joules where no meter can be
    read. `peak_memory_bytes` is the resident memory of the whole process.
    """

    reasoning: str
    direct: bool
    threads: int
    windows: int
    load_seconds: float
    seconds: float
    slowest_seconds: float
    cpu_seconds: float
    uncached_seconds: float | None
    prompt_tokens: float | None
    own_tokens: float | None
    answer_tokens: float | None
    prompt_tokens_per_second: float | None
    answer_tokens_per_second: float | None
    joules: float | None
    peak_memory_bytes: int


class Measurement(TypedDict):
    """Size and times of one recogniser in one form, on one machine.

    `form` is the number format of a student's GGUF file, and `is_own` says whether it is the merged model's own; for a
    baseline it is "". `bytes` is the size on disk. `why_not` is the reason why there is nothing to measure, and
    `timings` are then empty.
    """

    recogniser: str
    dataset: str
    form: str
    is_own: bool
    bytes: int
    why_not: str
    machine: Machine
    versions: dict[str, str]
    timings: list[Timing]


def read_measurement(path: Path) -> Measurement:
    """Read a measurement. Raises ValueError, which names the file and the key at fault."""
    return read_record(path, Measurement)


def this_machine() -> Machine:
    """Return the computer that runs this process."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": usable_cores(),
        "memory_bytes": _memory_bytes(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    """Return the name of the processor; on boards whose processor has no name, that of the board."""
    if _PROCESSORS.exists():
        for line in _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, name = line.partition(":")
            if key.strip().lower() == "model name" and name.strip():
                return " ".join(name.split())
    if _BOARD.exists():
        return _BOARD.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    """Return the size of the machine's memory; 0 where it is unknown."""
    if not _MEMORY.exists():
        return 0
    lines = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines() if ":" in line)
    return int(lines["MemTotal"].split()[0]) * 1024
