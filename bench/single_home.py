"""Configure a run with the SIMULATED home sim-marble and the TINY model tiny-s, for the benchmarks of recognition."""

from typing import Any

from snakemake_runs import small_config

MODEL, HOME, SPLIT = "tiny-s", "sim-marble", "train1"
# Sessions have at least this many windows.
WINDOWS_PER_SESSION = 4


def single_home_config(windows: int, test_fraction: float) -> dict[str, Any]:
    """Return the small run's config with one home, with at least `windows` windows in the train split."""
    config = small_config()
    del config["datasets"]["sim-mural"]
    config["datasets"][HOME]["simulate"]["sessions"] = 2 + windows // WINDOWS_PER_SESSION
    config["split"]["test_fraction"] = test_fraction
    return config
