"""Count lost shards and measure the overhead of jobs on several nodes of a SLURM on this host (`make bench-slurm`).

A job starts Snakemake twice and loads a model before its first window; efficiency is the share of the jobs' wall time
that is spent on windows. The nodes share the cores of this host, the model is TINY and the home SIMULATED. Two results
carry over to a real cluster: whether shards are lost, and that a job's overhead does not grow with its windows.
"""

import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cluster as slurm
from common import benchmark_parser, write_report
from fault_injection import ClusterRun
from hearth.common.files import read_json, read_json_lines
from hearth.data.folds import read_splits
from hearth.data.indexed_windows import IndexedWindows
from hearth.data.shards import Shard, cut, parse_shard
from single_home import HOME, MODEL, SPLIT, single_home_config
from snakemake_runs import Workflow


def many_shards_config(shards: int, windows: int) -> dict[str, Any]:
    """Return the single home's config with at least `shards` shards of `windows` windows."""
    config = single_home_config(shards * windows, test_fraction=0.01)
    config["decoding"]["max_new_tokens"] = 256
    config["engine"] |= {"batch_size": 1, "shard_size": windows}
    return config


def watch_jobs(run: ClusterRun) -> dict[str, int]:
    """Wait until Snakemake ends; return the wall time of each of its jobs in seconds."""
    elapsed: dict[str, int] = {}
    ended = False
    while not ended:
        ended = run.process.poll() is not None
        # SLURM lists ended jobs for five minutes.
        output = slurm.run_client("squeue", "--noheader", "--states=all", "--format=%i %M")
        elapsed |= {job: parse_duration(duration) for job, duration in map(str.split, output.splitlines())}
        if not ended:
            time.sleep(15)
    run.wait_for_success()
    return {job: elapsed[job] for job in run.submitted_jobs()}


def parse_duration(text: str) -> int:
    """Return the seconds of a duration in squeue's format, [days-][hours:]minutes:seconds."""
    days, _, clock = text.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return int(days or 0) * 86_400 + seconds


def window_ids(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the ids of windows or predictions, in order."""
    return [row["window_id"] for row in rows]


def predicted_ids(shard: Path) -> list[str]:
    """Return the ids of the windows in a shard's predictions; none if the file is missing."""
    path = Path(f"{shard}.jsonl")
    return window_ids(read_json_lines(path)) if path.is_file() else []


def main() -> None:
    """Make data and model without SLURM, recognise every shard on the cluster, and report lost shards and job times."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--shards", type=int, default=200, help="number of shards, one job each")
    parser.add_argument("--windows", type=int, default=16, help="windows per shard")
    parser.add_argument("--nodes", type=int, default=8, help="number of nodes, with one CPU each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        data, predictions = (directory / "results" / part for part in (f"datasets/{HOME}", f"predictions/{MODEL}"))
        config = many_shards_config(arguments.shards, arguments.windows)
        prompt, model = f"results/prompts/{HOME}.json", f"results/models/{MODEL}/snapshot.json"
        Workflow(directory, config).run(f"results/datasets/{HOME}/splits.json", prompt, model)
        windows = IndexedWindows(data / "windows.jsonl", data / "windows.index.json", read_splits(data / "splits.json"))
        cuts = cut(Shard(0, windows.count(SPLIT) - 1), arguments.windows)[: arguments.shards]
        shards = [predictions / HOME / SPLIT / shard.name for shard in cuts]
        with slurm.running_cluster(arguments.nodes, cpus=1) as cluster:
            run = ClusterRun(directory, config, cluster)
            started = time.monotonic()
            run.launch(*(f"{shard.relative_to(directory)}.jsonl" for shard in shards))
            try:
                elapsed = watch_jobs(run)
            finally:
                run.ensure_stopped()
            seconds = time.monotonic() - started
        lost = [
            shard.name
            for shard in shards
            if predicted_ids(shard) != window_ids(windows.read(SPLIT, parse_shard(shard.name)))
        ]
        window_seconds = [
            read_json(Path(f"{shard}.stats.json"))["seconds"] for shard in shards if shard.name not in lost
        ]
    overhead = sum(elapsed.values()) - sum(window_seconds)
    report = {
        "shards": len(shards),
        "shards_lost": len(lost),
        "windows_a_shard": arguments.windows,
        "nodes": arguments.nodes,
        "jobs": len(elapsed),
        "seconds": round(seconds),
        "job_seconds": sum(elapsed.values()),
        "job_seconds_median": statistics.median(elapsed.values()),
        "window_seconds": round(sum(window_seconds)),
        "seconds_beside_windows_a_job": round(overhead / len(elapsed), 1),
        "efficiency": round(sum(window_seconds) / sum(elapsed.values()), 3),
    }
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
