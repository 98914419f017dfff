"""Many shards on several nodes of a SLURM on this host (`make bench-slurm`): is one lost, and what do jobs cost?

A job starts Snakemake twice and loads a model before its first window; efficiency is the share of the jobs' wall time
that goes into windows. The nodes share the cores of this host, the model is TINY and the home SIMULATED: what carries
over to a cluster is whether a shard is lost, and that a job's seconds beside its windows do not grow with them.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import cluster as slurm
from fault_injection import ClusterRun
from hearth.common.files import read_json, read_json_lines, write_json
from hearth.data.windows import read_windows
from hearth.recognition.shards import shard_windows
from snakemake_runs import Workflow, small_config

MODEL, HOME, SPLIT = "tiny-s", "sim-marble", "train"
WINDOWS_A_SESSION = 4  # there are more


def config(shards: int, windows: int) -> dict:
    """The small run's config with one home, of at least `shards` shards of `windows` windows."""
    changed = small_config()
    del changed["datasets"]["sim-mural"]
    changed["datasets"][HOME]["simulate"]["sessions"] = 2 + shards * windows // WINDOWS_A_SESSION
    changed["split"]["test_fraction"] = 0.01
    changed["decoding"]["max_new_tokens"] = 256
    changed["engine"] |= {"batch_size": 1, "shard_size": windows}
    return changed


def watch(run: ClusterRun) -> dict[str, int]:
    """Wait until Snakemake ends; the wall time of every job of its run, in seconds."""
    elapsed, ended = {}, False
    while not ended:
        ended = run.process.poll() is not None
        # SLURM shows ended jobs for five minutes more.
        printed = slurm.run_client("squeue", "--noheader", "--states=all", "--format=%i %M")
        elapsed |= {job: duration(used) for job, used in map(str.split, printed.splitlines())}
        if not ended:
            time.sleep(15)
    run.wait_for_success()
    return {job: elapsed[job] for job in run.submitted_jobs()}


def duration(text: str) -> int:
    """Seconds of a duration as squeue writes it, [days-][hours:]minutes:seconds."""
    days, _, clock = text.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return int(days or 0) * 86_400 + seconds


def main() -> None:
    """Make data and model here, recognise every shard on the cluster, write what became of the jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=200, help="shards, a job each")
    parser.add_argument("--windows", type=int, default=16, help="windows a shard")
    parser.add_argument("--nodes", type=int, default=8, help="nodes, of one CPU each")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        data, predictions = (directory / "results" / part for part in (f"datasets/{HOME}", f"predictions/{MODEL}"))
        settings = config(arguments.shards, arguments.windows)
        prompt, model = f"results/prompts/{HOME}.json", f"results/models/{MODEL}/snapshot.json"
        Workflow(directory, settings).run(f"results/datasets/{HOME}/shards.json", prompt, model)
        names = read_json(data / "shards.json")[SPLIT][: arguments.shards]
        shards = [predictions / HOME / SPLIT / name for name in names]
        with slurm.running_cluster(arguments.nodes, cpus=1) as cluster:
            run = ClusterRun(directory, settings, cluster)
            started = time.monotonic()
            run.launch(*(f"{shard.relative_to(directory)}.jsonl" for shard in shards))
            try:
                elapsed = watch(run)
            finally:
                run.ensure_stopped()
            seconds = time.monotonic() - started
        windows = read_windows(data / "windows.jsonl")
        wanted = [shard_windows(windows, SPLIT, shard.name) for shard in shards]
        lost = [shard.name for shard, asked in zip(shards, wanted, strict=True) if answered(shard) != ids(asked)]
        in_windows = [read_json(Path(f"{shard}.stats.json"))["seconds"] for shard in shards if shard.name not in lost]
    beside = sum(elapsed.values()) - sum(in_windows)
    found = {
        "shards": len(shards),
        "shards_lost": len(lost),
        "windows_a_shard": arguments.windows,
        "nodes": arguments.nodes,
        "jobs": len(elapsed),
        "seconds": round(seconds),
        "job_seconds": sum(elapsed.values()),
        "job_seconds_median": statistics.median(elapsed.values()),
        "window_seconds": round(sum(in_windows)),
        "seconds_beside_windows_a_job": round(beside / len(elapsed), 1),
        "efficiency": round(sum(in_windows) / sum(elapsed.values()), 3),
    }
    write_json(arguments.out, found)
    print(json.dumps(found, indent=2))


def ids(windows: list[dict]) -> list[str]:
    """The windows' ids, in order."""
    return [window["window_id"] for window in windows]


def answered(shard: Path) -> list[str]:
    """The ids of the windows that a shard's predictions are of; none where it has none."""
    path = Path(f"{shard}.jsonl")
    return ids(read_json_lines(path)) if path.is_file() else []


if __name__ == "__main__":
    main()
