"""Make measurements of students and baselines, and metrics of their forms, for tests of the table of deployment."""

MACHINE = {"processor": "N100", "architecture": "x86_64", "cores": 2, "memory_bytes": 8 * 10**9, "load": 0.5}


def make_figures(accuracy, interval=(0.4, 0.9)):
    """Return metrics whose weighted F1 is `accuracy` - 0.1 and whose macro F1 is `accuracy` - 0.2."""

    def estimate(value):
        return {"value": round(value, 3), "interval": interval and list(interval)}

    return {
        "accuracy": estimate(accuracy),
        "macro_f1": estimate(accuracy - 0.2),
        "weighted_f1": estimate(accuracy - 0.1),
        "missing_rate": 0.05,
        "confidence": {"mean": 0.9},
        "answer_tokens": 120.0,
    }


def make_timing(seconds=0.5, **changes):
    """Return the timing of a student that is asked with reasoning on one thread."""
    return {
        "reasoning": "think",
        "direct": False,
        "threads": 1,
        "windows": 8,
        "load_seconds": 1.5,
        "seconds": seconds,
        "slowest_seconds": 2 * seconds,
        "cpu_seconds": seconds,
        "uncached_seconds": 3 * seconds,
        "prompt_tokens": 900.0,
        "own_tokens": 300.0,
        "answer_tokens": 140.0,
        "prompt_tokens_per_second": 60.0,
        "answer_tokens_per_second": 15.0,
        "joules": None,
        "peak_memory_bytes": 900_000_000,
        **changes,
    }


def make_measurement(form="q8_0", timings=None, **changes):
    """Return the measurement of a student's form; by default of one that is not the model's own."""
    return {
        "recogniser": "small_joint_flat",
        "dataset": "flat",
        "form": form,
        "is_own": False,
        "bytes": 637_000_000,
        "why_not": "",
        "machine": MACHINE,
        "versions": {"xllamacpp": "1"},
        "timings": [make_timing()] if timings is None else timings,
        **changes,
    }


def make_baseline(name="crf", seconds=0.002, accuracy=0.5):
    """Return the measurement of a baseline."""
    timing = dict.fromkeys(make_timing(), None) | {
        "reasoning": "",
        "direct": False,
        "threads": 1,
        "windows": 8,
        "load_seconds": 0.1,
        "seconds": seconds,
        "slowest_seconds": seconds,
        "cpu_seconds": seconds,
        "peak_memory_bytes": 150_000_000,
    }
    measured = make_measurement("", [timing], recogniser=name, bytes=2_000_000, versions={"scikit-learn": "1"})
    return measured | {"fit_seconds": 3.0, "windows": 32, "events": 300, "figures": make_figures(accuracy)}


def make_parity(adapter=0.8, own=0.79):
    """Return the parity.json of the student of `make_measurement`, whose own form is bf16."""
    return {
        "student": "small_joint_flat",
        "dataset": "flat",
        "windows": 32,
        "events": 300,
        "decoding": {"temperature": 0},
        "adapter": {"status": {"ok": 32}, "figures": make_figures(adapter)},
        "merged": {"status": {"ok": 32}},
        "form": "bf16",
        "gguf": {"status": {"ok": 32}, "figures": make_figures(own)},
    }


def make_quantised(form="q8_0", accuracy=0.75, loss=0.05, interval=(0.01, 0.09)):
    """Return the parity-<form>.json of the student of `make_measurement`."""
    lost = {"value": loss, "interval": interval and list(interval)}
    return {
        "student": "small_joint_flat",
        "dataset": "flat",
        "form": form,
        "bytes": 637_000_000,
        "windows": 32,
        "events": 300,
        "agreement": 0.9,
        "loss": {"accuracy": lost, "macro_f1": lost, "weighted_f1": lost},
        **make_figures(accuracy),
    }


def make_direct(form="q8_0", accuracy=0.7):
    """Return the direct-<form>.json of the student of `make_measurement`."""
    return {
        "student": "small_joint_flat",
        "dataset": "flat",
        "form": form,
        "windows": 32,
        "events": 300,
        **make_figures(accuracy),
    }
