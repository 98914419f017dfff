"""What the meters of this machine say that a program's work took: processors by RAPL, NVIDIA's GPUs by NVML.

Both count all that the machine does meanwhile, of whatever program, and neither counts fans, disks or the power supply.
Where a machine has no meter, or shows it to its administrators only, nothing is said rather than estimated.
"""

import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
MICRO, MILLI = 1e-6, 1e-3


class Meters:
    """All meters that can be read here, from now on."""

    def __init__(self, powercap: Path = POWERCAP):
        """`powercap` is the folder in which Linux shows RAPL's counters."""
        self._counters = [*_processors(powercap), *_gpus()]
        self._last = [read() for read, _ in self._counters]

    def joules(self) -> float | None:
        """Energy since the last call, or since the start; None without a meter."""
        if not self._counters:
            return None
        used = 0.0
        for place, (read, wraps_at) in enumerate(self._counters):
            now = read()
            # A counter that went back has started anew at its end.
            used += now - self._last[place] + (wraps_at if now < self._last[place] else 0.0)
            self._last[place] = now
        return used


# A counter is how it is read, and where it starts anew, both in joules.
Counter = tuple[Callable[[], float], float]


def _processors(powercap: Path) -> list[Counter]:
    """A counter a processor package; its parts (cores, memory) have counters of their own, which it includes."""
    counters = []
    for zone in sorted(powercap.glob("intel-rapl:*")):
        with contextlib.suppress(OSError, ValueError):
            if (zone / "name").read_text().startswith("package"):
                read = partial(_micro_joules, zone / "energy_uj")
                read()
                counters.append((read, _micro_joules(zone / "max_energy_range_uj")))
    return counters


def _micro_joules(path: Path) -> float:
    return int(path.read_text()) * MICRO


def _gpus() -> list[Counter]:
    """A counter a GPU that CUDA may use (CUDA_VISIBLE_DEVICES); it counts since its driver was loaded."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no such package, no driver, no GPU: as many errors as ways to have none
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(pynvml.nvmlDeviceGetCount())) if named is None else filter(None, named.split(","))
    counters = []
    for name in names:
        with contextlib.suppress(pynvml.NVMLError):  # older than Volta, or not ours
            find = pynvml.nvmlDeviceGetHandleByIndex if name.isdecimal() else pynvml.nvmlDeviceGetHandleByUUID
            read = partial(_gpu_joules, pynvml, find(int(name) if name.isdecimal() else name))
            read()
            counters.append((read, 0.0))
    return counters


def _gpu_joules(nvml, handle) -> float:
    return nvml.nvmlDeviceGetTotalEnergyConsumption(handle) * MILLI
