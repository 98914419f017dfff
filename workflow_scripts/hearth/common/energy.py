"""Measure the energy of the CPUs (with RAPL) and GPUs (with NVML) of this machine, in joules.

The meters count the energy of all programs on the machine, not only of this one. They do not count fans, disks or the
power supply. On a machine without meters, or with meters that only its administrators can read, energy is unknown.
"""

import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")
MICRO, MILLI = 1e-6, 1e-3

# A counter: a function that returns its value, and the value at which it wraps to 0 (0.0: never). Both are in joules.
Counter = tuple[Callable[[], float], float]


class Meters:
    """Count the energy that all readable meters of this machine measure, from the creation of this object on."""

    def __init__(self, powercap: Path = POWERCAP):
        """`powercap` is the folder in which Linux shows RAPL's counters."""
        self._counters = [*_cpu_counters(powercap), *_gpu_counters()]
        self._last = [read() for read, _ in self._counters]

    def joules(self) -> float | None:
        """Return the joules used since the last call; at the first call, since this object was made.

        Returns None if no meter can be read.
        """
        if not self._counters:
            return None
        used = 0.0
        for index, (read, wraps_at) in enumerate(self._counters):
            now = read()
            used += now - self._last[index] + (wraps_at if now < self._last[index] else 0.0)
            self._last[index] = now
        return used


def _cpu_counters(powercap: Path) -> list[Counter]:
    """Return a counter for each processor package. Zones within a package, such as its cores, get none of their own."""
    counters: list[Counter] = []
    for zone in sorted(powercap.glob("intel-rapl:*")):
        with contextlib.suppress(OSError, ValueError):
            if (zone / "name").read_text().startswith("package"):
                read = partial(_read_microjoules, zone / "energy_uj")
                read()
                counters.append((read, _read_microjoules(zone / "max_energy_range_uj")))
    return counters


def _read_microjoules(path: Path) -> float:
    return int(path.read_text()) * MICRO


def _gpu_counters() -> list[Counter]:
    """Return a counter for each GPU that CUDA may use (CUDA_VISIBLE_DEVICES)."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no package, no driver or no GPU: each raises another error
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(pynvml.nvmlDeviceGetCount())) if visible is None else filter(None, visible.split(","))
    counters: list[Counter] = []
    for name in names:
        with contextlib.suppress(pynvml.NVMLError):  # a GPU older than Volta, or not accessible
            find = pynvml.nvmlDeviceGetHandleByIndex if name.isdecimal() else pynvml.nvmlDeviceGetHandleByUUID
            read = partial(_read_gpu_joules, pynvml, find(int(name) if name.isdecimal() else name))
            read()
            counters.append((read, 0.0))
    return counters


def _read_gpu_joules(nvml: Any, handle: Any) -> float:
    """Return the joules that the GPU `handle` has used since its driver was loaded."""
    return nvml.nvmlDeviceGetTotalEnergyConsumption(handle) * MILLI
