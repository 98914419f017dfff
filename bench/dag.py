"""How long planning takes: the paper's run, and one of 100,000 windows for each of six models (`make bench-dag`).

The paper's config is planned on stand-ins for its data sets, SIMULATED in their formats and about their size, before
their windows are cut and after. The large run repeats those events under other sessions' names, up to 100,000 windows
to test on; its windows are cut by the workflow's own rule.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml
from hearth.common.files import read_json, write_json
from hearth.data import events
from hearth.homes.home import load_home
from hearth.simulation.formats import FORMATS

PROJECT = Path(__file__).resolve().parents[1]
# As many sessions and events as the real data sets have.
SIZES = {"marble": {"sessions": 76}, "mural": {"sessions": 21, "events_per_session": 407}}
WINDOWS = 100_000
TESTED = 0.9
REPEATS = 3


def paper_config(folder: Path) -> dict:
    """The paper's config on simulated raw files below `folder`."""
    config = yaml.safe_load((PROJECT / "config" / "config.yaml").read_text(encoding="utf-8"))
    for name, dataset in config["datasets"].items():
        home = load_home(PROJECT / "config" / "homes" / f"{dataset['home']}.yaml")
        dataset["root"] = str(folder / "data" / name)
        FORMATS[dataset["source"]](Path(dataset["root"]), seed=0, home=home, **SIZES[dataset["source"]])
    return config


def repeat_events(paper: Path, large: Path, datasets: list[str]) -> None:
    """Give every data set of the run `large` the events that it has in `paper`, until WINDOWS are tested on in all."""
    shutil.copytree(paper / "results" / "project", large / "results" / "project")
    for dataset in datasets:
        source, target = (folder / "results" / "datasets" / dataset for folder in (paper, large))
        windows = sum(read_json(source / "splits.json")["windows"].values())
        table = events.read(source / "events.parquet")
        # One more than enough, since sessions differ in length and the split is by session.
        copies = int(WINDOWS / TESTED / len(datasets) / windows) + 2
        repeated = [table.assign(session=f"copy{number}-" + table["session"].astype(str)) for number in range(copies)]
        events.write(target / "events.parquet", pd.concat(repeated, ignore_index=True))
        (target / "dataset_card.md").write_text("Repeated events, to measure planning.\n", encoding="utf-8")


def snakemake(directory: Path, config: dict, *arguments: str) -> subprocess.CompletedProcess:
    """Run Snakemake on `config` in `directory` to success."""
    directory.mkdir(parents=True, exist_ok=True)
    configfile = directory / "run.yaml"
    configfile.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--directory", str(directory), "--configfile", str(configfile)]
    command += ["--cores", "2", "--nocolor", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done


def plan(directory: Path, config: dict) -> dict:
    """Seconds, CPU seconds (the best of REPEATS each) and jobs of a dry run of everything."""
    seconds, cpu_seconds = [], []
    for _ in range(REPEATS):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        printed = snakemake(directory, config, "all", "--dry-run", "--quiet", "rules").stdout
        seconds.append(time.monotonic() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    total = next(line for line in printed.splitlines() if line.startswith("total "))
    return {"seconds": round(min(seconds), 2), "cpu_seconds": round(min(cpu_seconds), 2), "jobs": int(total.split()[1])}


def cut_windows(directory: Path, config: dict) -> None:
    """Let the workflow's own rules cut the windows of every data set, and name their shards."""
    snakemake(directory, config, *(f"results/datasets/{dataset}/shards.json" for dataset in config["datasets"]))


def main() -> None:
    """Make both runs' windows in a temporary folder, plan, write seconds and jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paper, large = Path(folder) / "paper", Path(folder) / "large"
        config = paper_config(Path(folder))
        before = plan(paper, config)
        cut_windows(paper, config)
        after = plan(paper, config)
        large_config = config | {"split": {"test_fraction": TESTED}}
        repeat_events(paper, large, list(config["datasets"]))
        cut_windows(large, large_config)
        most = plan(large, large_config)
        splits = [read_json(large / "results" / "datasets" / name / "splits.json") for name in config["datasets"]]
    tested = sum(split["windows"]["test"] for split in splits)
    found = {
        "paper_seconds": max(before["seconds"], after["seconds"]),
        "large_seconds": most["seconds"],
        "large_jobs": most["jobs"],
        "large_windows": tested,
        "large_models": len(config["models"]),
        "plans": {"paper, windows not cut yet": before, "paper": after, "large": most},
    }
    write_json(arguments.out, found)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
