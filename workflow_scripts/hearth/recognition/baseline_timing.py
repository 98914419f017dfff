"""Time a baseline as a home hub would use it: window by window, in a process of its own."""

import time
from collections.abc import Callable, Sequence
from statistics import median

from hearth.common.deployment_stats import Timing
from hearth.common.energy import Meters
from hearth.common.memory import peak_memory_bytes
from hearth.data.windows import Window
from hearth.recognition.baselines import Labeller


def time_baseline(load: Callable[[], Labeller], windows: Sequence[Window]) -> Timing:
    """Load a baseline that has learned, and time its labelling of each of `windows` alone."""
    started = time.perf_counter()
    label = load()
    load_seconds = time.perf_counter() - started
    list(label([windows[-1]["events"]]))  # as a student's first window, which caches the prefix
    meters, worked = Meters(), time.process_time()
    seconds = []
    for window in windows:
        started = time.perf_counter()
        list(label([window["events"]]))
        seconds.append(time.perf_counter() - started)
    worked, joules = time.process_time() - worked, meters.joules()
    return {
        "reasoning": "",
        "direct": False,
        "threads": 1,
        "windows": len(windows),
        "load_seconds": round(load_seconds, 4),
        "seconds": round(median(seconds), 6),
        "slowest_seconds": round(max(seconds), 6),
        "cpu_seconds": round(worked / len(windows), 6),
        "uncached_seconds": None,
        "prompt_tokens": None,
        "own_tokens": None,
        "answer_tokens": None,
        "prompt_tokens_per_second": None,
        "answer_tokens_per_second": None,
        "joules": None if joules is None else round(joules / len(windows), 6),
        "peak_memory_bytes": peak_memory_bytes(),
    }
