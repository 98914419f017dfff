"""Whether recognition outlives kills and long shards (`make bench-endurance`).

One shard of 200 windows is killed with SIGKILL at random moments, loading and writing included, and started again until
it ends; then another, until there were 50 kills. Then memory: the peak of a process on 1,000 and on 10,000 windows.
The model is TINY and the home SIMULATED.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hearth.common.files import read_json, read_json_lines, write_json
from snakemake_runs import Workflow, small_config

PROJECT = Path(__file__).resolve().parents[1]
MODEL, HOME, SPLIT = "tiny-s", "sim-marble", "train"
WINDOWS_A_SESSION = 4  # there are more
SHARD, SHORT, LONG = 200, 1_000, 10_000
BATCH = 8
NEW_TOKENS = 256


class Recognition:
    """The program on the first `windows` windows of the home, with a journal of its own."""

    def __init__(self, directory: Path, name: str, windows: int, max_new_tokens: int):
        results = directory / "results"
        self.out, self.stats, self.work = (directory / f"{name}{suffix}" for suffix in (".jsonl", ".json", "-work"))
        decoding = {"temperature": 0.0, "max_new_tokens": max_new_tokens}
        options = {
            "model": results / "models" / MODEL,
            "windows": results / f"datasets/{HOME}/windows.jsonl",
            "split": SPLIT,
            "shard": f"00000-{windows - 1:05d}",
            "prompt": results / f"prompts/{HOME}.json",
            "decoding": json.dumps(decoding),
            "batch-size": BATCH,
            "device": "cpu",
            "work": self.work,
            "out": self.out,
            "stats": self.stats,
        }
        program = str(PROJECT / "workflow_scripts" / "recognise.py")
        self.command = [sys.executable, program, *(text for key in options for text in (f"--{key}", str(options[key])))]

    def run(self, timeout: float | None = None) -> bool:
        """Run to the end, or for `timeout` seconds and kill it; whether it ended."""
        try:
            subprocess.run(self.command, check=True, timeout=timeout, capture_output=True, env=dict(os.environ))
        except subprocess.TimeoutExpired:
            return False
        return True

    def journaled(self) -> list[str]:
        """The window of every whole line of the journal, in their order, those of one window twice included."""
        lines = [line for path in self.work.glob("*.jsonl") for line in path.read_bytes().split(b"\n")[:-1]]
        return [key for line in lines for key in json.loads(line)["items"]]


def kills(directory: Path, count: int, draw: random.Random) -> dict:
    """Kill and resume; what became of the windows."""
    whole = Recognition(directory, "whole", SHARD, NEW_TOKENS)
    started = time.monotonic()
    whole.run()
    work = read_json(whole.stats)["seconds"]
    start = time.monotonic() - started - work
    found = {"kills": 0, "kills_amid_windows": 0, "shards": 0, "shards_equal": 0, "windows_done_twice": 0}
    while found["kills"] < count:
        hit = Recognition(directory, f"killed-{found['shards']}", SHARD, NEW_TOKENS)
        done: list[str] = []
        while found["kills"] < count and len(done) < SHARD:
            if hit.run(timeout=start * draw.uniform(0.7, 1) + draw.uniform(0, work / 3)):
                break
            before, done = len(done), hit.journaled()
            found["kills"] += 1
            found["kills_amid_windows"] += before < len(done) < SHARD
            print(f"kill {found['kills']}: {len(set(done))} of {SHARD} windows are done", flush=True)
        hit.run()
        done = hit.journaled()
        found["shards"] += 1
        found["shards_equal"] += hit.out.read_bytes() == whole.out.read_bytes()
        found["windows_done_twice"] += len(done) - len(set(done))
    return found


def memory(directory: Path) -> dict:
    """Peak memory of processes on few and on many windows."""
    peaks = {}
    for windows in (SHORT, LONG):
        recognition = Recognition(directory, f"memory-{windows}", windows, 4)
        recognition.run()
        peaks[windows] = read_json(recognition.stats)["peak_memory_bytes"]
        assert len(read_json_lines(recognition.out)) == windows
        print(f"{windows} windows: {peaks[windows] / 2**20:.0f} MiB", flush=True)
    return {f"peak_bytes_{windows}_windows": peak for windows, peak in peaks.items()}


def main() -> None:
    """Make data and model here, kill, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    arguments = parser.parse_args()
    settings = small_config()
    del settings["datasets"]["sim-mural"]
    settings["datasets"][HOME]["simulate"]["sessions"] = 2 + LONG // WINDOWS_A_SESSION
    settings["split"]["test_fraction"] = 0.001
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        wanted = (f"results/datasets/{HOME}/windows.jsonl", f"results/prompts/{HOME}.json")
        Workflow(directory, settings).run(*wanted, f"results/models/{MODEL}/snapshot.json")
        draw = random.Random(arguments.seed)  # noqa: S311 - moments, not secrets
        found = kills(directory, arguments.kills, draw) | memory(directory)
    write_json(arguments.out, found)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
