"""Measure how long Snakemake takes to plan a run (`make bench-dag`).

Two runs are planned. The paper's run is planned on SIMULATED datasets, before and after their windows are cut; these
have the formats and about the sizes of the real datasets. The large run has 100,000 test windows for each of six
models, in shards of 64: it repeats the events of the first run under other session names, and the workflow's own rule
cuts its windows.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from common import PROJECT, benchmark_parser, write_report
from hearth.common.files import read_json
from hearth.data.event_files import read_events, write_events
from hearth.homes.home import load_home
from hearth.simulation.formats import FORMATS

# Numbers of sessions and events in the real datasets.
SIZES = {"marble": {"sessions": 76}, "mural": {"sessions": 21, "events_per_session": 407}}
WINDOWS = 100_000
TEST_FRACTION = 0.9
REPEATS = 3


def paper_config(folder: Path) -> dict[str, Any]:
    """Return the paper's config on simulated raw files below `folder`."""
    config = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))
    for name, dataset in config["datasets"].items():
        home = load_home(PROJECT / "config" / "homes" / f"{dataset['home']}.yaml")
        dataset["root"] = str(folder / "data" / name)
        FORMATS[dataset["source"]](Path(dataset["root"]), seed=0, home=home, **SIZES[dataset["source"]])
    # Jobs of vllm can be planned only where its environment exists, and shards cut by time only for fetched models.
    config["engine"] = config.get("engine", {}) | {"name": "transformers", "shard_size": 1024}
    return config


def repeat_events(paper: Path, large: Path, datasets: list[str]) -> None:
    """Write the events of the run `paper`, repeated, into the folder of the run `large`: for WINDOWS test windows."""
    shutil.copytree(paper / "results" / "project", large / "results" / "project")
    for dataset in datasets:
        source, target = (folder / "results" / "datasets" / dataset for folder in (paper, large))
        windows = read_json(source / "splits.json")["windows"]["all"]
        table = read_events(source / "events.parquet")
        # Make one copy more than needed, because sessions differ in length and the split is by session.
        copies = int(WINDOWS / TEST_FRACTION / len(datasets) / windows) + 2
        repeated = [table.assign(session=f"copy{number}-" + table["session"].astype(str)) for number in range(copies)]
        write_events(target / "events.parquet", pd.concat(repeated, ignore_index=True))
        (target / "dataset_card.md").write_text("Repeated events, to measure planning.\n", encoding="utf-8")


def run_snakemake(directory: Path, config: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on `config` in `directory`; end the program with Snakemake's output if it fails."""
    directory.mkdir(parents=True, exist_ok=True)
    configfile = directory / "run.yaml"
    configfile.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--directory", str(directory), "--configfile", str(configfile)]
    command += ["--cores", "2", "--nocolor", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done


def measure_plan(directory: Path, config: dict[str, Any]) -> dict[str, float]:
    """Return the number of jobs in a dry run of `all`, with the least wall and CPU seconds of REPEATS dry runs.

    The keys are "seconds", "cpu_seconds" and "jobs".
    """
    seconds, cpu_seconds = [], []
    for _ in range(REPEATS):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        output = run_snakemake(directory, config, "all", "--dry-run", "--quiet", "rules").stdout
        seconds.append(time.monotonic() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    total = next(line for line in output.splitlines() if line.startswith("total "))
    return {"seconds": round(min(seconds), 2), "cpu_seconds": round(min(cpu_seconds), 2), "jobs": int(total.split()[1])}


def cut_windows(directory: Path, config: dict[str, Any]) -> None:
    """Run the workflow's rules up to the windows of every dataset."""
    run_snakemake(directory, config, *(f"results/datasets/{dataset}/splits.json" for dataset in config["datasets"]))


def main() -> None:
    """Make the windows of both runs in a temporary folder, then measure their plans."""
    arguments = benchmark_parser(__doc__, __file__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paper, large = Path(folder) / "paper", Path(folder) / "large"
        config = paper_config(Path(folder))
        before_cutting = measure_plan(paper, config)
        cut_windows(paper, config)
        after_cutting = measure_plan(paper, config)
        engine = config["engine"] | {"shard_size": 64}
        large_config = config | {"split": {"test_fraction": TEST_FRACTION}, "engine": engine}
        repeat_events(paper, large, list(config["datasets"]))
        cut_windows(large, large_config)
        large_plan = measure_plan(large, large_config)
        splits = [read_json(large / "results" / "datasets" / name / "splits.json") for name in config["datasets"]]
    report = {
        "paper_seconds": max(before_cutting["seconds"], after_cutting["seconds"]),
        "large_seconds": large_plan["seconds"],
        "large_jobs": large_plan["jobs"],
        "large_windows": sum(split["windows"]["test1"] for split in splits),
        "large_models": len(config["models"]),
        "plans": {"paper, windows not cut yet": before_cutting, "paper": after_cutting, "large": large_plan},
    }
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
