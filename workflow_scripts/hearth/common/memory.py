"""Measure the memory of this process and of its machine."""

import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")
_MACHINE = Path("/proc/meminfo")
_CONTROL_GROUP, _CONTROL_GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def peak_memory_bytes() -> int:
    """Return the peak resident memory of this process so far, in bytes."""
    if _STATUS.exists():
        # The peak of resource.getrusage would include that of the program which started this one.
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def available_memory_bytes() -> int:
    """Return the memory that processes can still take, in bytes, within the limit of this process's job on Linux."""
    lines = dict(line.split(":", 1) for line in _MACHINE.read_text().splitlines())
    return min([int(lines["MemAvailable"].split()[0]) * 1024, *_left_in_control_groups()])


def _left_in_control_groups() -> list[int]:
    """Return what is left of the memory limit of each control group (version 2) that this process belongs to."""
    left = []
    for line in _CONTROL_GROUP.read_text().splitlines() if _CONTROL_GROUP.exists() else []:
        hierarchy, _, path = line.split(":", 2)
        if hierarchy != "0":
            continue
        group = _CONTROL_GROUPS / path.lstrip("/")
        for folder in (group, *group.parents[: len(group.parents) - len(_CONTROL_GROUPS.parents)]):
            limit, used = folder / "memory.max", folder / "memory.current"
            if limit.exists() and used.exists() and limit.read_text().strip() != "max":
                left.append(max(0, int(limit.read_text()) - int(used.read_text())))
    return left
