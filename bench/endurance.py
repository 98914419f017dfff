"""Check that recognition survives kills and long shards (`make bench-endurance`).

Recognition of a shard of 200 windows is killed with SIGKILL at random moments, possibly while it loads or writes, and
restarted until the shard is finished. This is repeated with new shards until there were 50 kills. Then the peak memory
of recognising 1,000 and 10,000 windows is measured. The model is TINY and the home SIMULATED.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from common import PROJECT, benchmark_parser, write_report
from hearth.common.files import read_json, read_json_lines
from hearth.engines.protocol import Decoding
from single_home import HOME, MODEL, SPLIT, single_home_config
from snakemake_runs import Workflow

KILLED_SHARD, SHORT_SHARD, LONG_SHARD = 200, 1_000, 10_000  # windows
BATCH_SIZE = 8
MAX_NEW_TOKENS = 256


class Recognition:
    """Run recognise.py on the first `windows` windows of the home, with a journal of its own."""

    def __init__(self, directory: Path, name: str, windows: int, max_new_tokens: int):
        results = directory / "results"
        self.out, self.stats, self.work = (directory / f"{name}{suffix}" for suffix in (".jsonl", ".json", "-work"))
        decoding = asdict(Decoding.greedy(max_new_tokens))
        options = {
            "engine": "transformers",
            "model": results / "models" / MODEL,
            "windows": results / f"datasets/{HOME}/windows.jsonl",
            "index": results / f"datasets/{HOME}/windows.index.json",
            "splits": results / f"datasets/{HOME}/splits.json",
            "split": SPLIT,
            "shard": f"00000-{windows - 1:05d}",
            "prompt": results / f"prompts/{HOME}.json",
            "decoding": json.dumps(decoding),
            "batch-size": BATCH_SIZE,
            "device": "cpu",
            "work": self.work,
            "out": self.out,
            "stats": self.stats,
        }
        program = str(PROJECT / "workflow_scripts" / "recognise.py")
        self.command = [sys.executable, program, *(text for key in options for text in (f"--{key}", str(options[key])))]

    def run(self, timeout: float | None = None) -> bool:
        """Run the program, and kill it after `timeout` seconds; return whether it ended before that."""
        try:
            subprocess.run(self.command, check=True, timeout=timeout, capture_output=True, env=dict(os.environ))
        except subprocess.TimeoutExpired:
            return False
        return True

    def journalled_windows(self) -> list[str]:
        """Return the window ids of every complete journal line, in order, repeated ones included."""
        lines = [line for path in self.work.glob("*.jsonl") for line in path.read_bytes().split(b"\n")[:-1]]
        return [window_id for line in lines for window_id in json.loads(line)["items"]]


def count_kills(directory: Path, kills: int, rng: random.Random) -> dict[str, int]:
    """Kill and resume recognition until there were `kills` kills; return counts by name.

    "shards_equal" counts shards with the same bytes as without kills, "windows_done_twice" repeated windows.
    """
    reference = Recognition(directory, "whole", KILLED_SHARD, MAX_NEW_TOKENS)
    started = time.monotonic()
    reference.run()
    window_seconds = read_json(reference.stats)["seconds"]
    start_seconds = time.monotonic() - started - window_seconds
    counts = {"kills": 0, "kills_amid_windows": 0, "shards": 0, "shards_equal": 0, "windows_done_twice": 0}
    while counts["kills"] < kills:
        recognition = Recognition(directory, f"killed-{counts['shards']}", KILLED_SHARD, MAX_NEW_TOKENS)
        done: list[str] = []
        while counts["kills"] < kills and len(done) < KILLED_SHARD:
            if recognition.run(timeout=start_seconds * rng.uniform(0.7, 1) + rng.uniform(0, window_seconds / 3)):
                break
            before, done = len(done), recognition.journalled_windows()
            counts["kills"] += 1
            counts["kills_amid_windows"] += before < len(done) < KILLED_SHARD
            print(f"kill {counts['kills']}: {len(set(done))} of {KILLED_SHARD} windows are done", flush=True)
        recognition.run()
        done = recognition.journalled_windows()
        counts["shards"] += 1
        counts["shards_equal"] += recognition.out.read_bytes() == reference.out.read_bytes()
        counts["windows_done_twice"] += len(done) - len(set(done))
    return counts


def measure_memory(directory: Path) -> dict[str, int]:
    """Return the peak memory in bytes of the process that recognises a short shard, and of that for a long shard."""
    peaks = {}
    for windows in (SHORT_SHARD, LONG_SHARD):
        recognition = Recognition(directory, f"memory-{windows}", windows, max_new_tokens=4)
        recognition.run()
        peaks[windows] = read_json(recognition.stats)["peak_memory_bytes"]
        assert len(read_json_lines(recognition.out)) == windows
        print(f"{windows} windows: {peaks[windows] / 2**20:.0f} MiB", flush=True)
    return {f"peak_bytes_{windows}_windows": peak for windows, peak in peaks.items()}


def main() -> None:
    """Make the data and the model, count kills and their effects, measure memory, and write the report."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--kills", type=int, default=50, help="number of kills")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the moments of the kills")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        targets = (f"results/datasets/{HOME}/windows.jsonl", f"results/prompts/{HOME}.json")
        workflow = Workflow(directory, single_home_config(LONG_SHARD, test_fraction=0.001))
        workflow.run(*targets, f"results/models/{MODEL}/snapshot.json")
        rng = random.Random(arguments.seed)  # noqa: S311 - moments, not secrets
        report = count_kills(directory, arguments.kills, rng) | measure_memory(directory)
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
