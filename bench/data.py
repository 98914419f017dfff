"""How fast a large home is loaded and windowed, and in how much memory (`make bench-data`), into bench/data.json.

A home's events are written as one CSV of some sixty days for each million; load_dataset.py and window_dataset.py, the
programs of the workflow, make windows of them. Beside them a plain pandas script does the same without any checks: it
reads the CSV, puts events in words, sorts, splits by day, and writes events as Parquet and windows as JSON lines.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from hearth.common.files import write_json

PROJECT = Path(__file__).resolve().parents[1]
SIZES = {"full": 10_000_000, "half": 5_000_000, "quick": 300_000}
ROOMS = ("kitchen", "living room", "bathroom", "bedroom", "hall")
LABELS = [f"activity {number}" for number in range(12)]
SENSORS = {f"S{number:02d}": ROOMS[number % len(ROOMS)] for number in range(40)}
STATES = {"ON": "turned ON", "OFF": "turned OFF"}
EVENTS_A_DAY = 17_000
WINDOW, TEST_FRACTION, SEED = 10, 0.3, 0


def write_home(path: Path) -> None:
    """The yaml of the generated home."""
    home = {
        "name": "Generated home",
        "about": "A home in which two people live.",
        "rooms": dict.fromkeys(ROOMS, ""),
        "sensors": {
            sensor: {"room": room, "words": f"sensor {sensor}", "states": STATES} for sensor, room in SENSORS.items()
        },
        "labels": LABELS,
        "example": {
            "reasoning": "One activity.",
            "events": [{"time": "08:00:00", "sensor": "S00", "state": "ON", "label": LABELS[0]}] * 2,
        },
        "recording": {
            "columns": {
                **{"time": "time", "sensor": "sensor", "state": "state"},
                **{"activity": "activity", "resident": "resident"},
            },
            "sessions": {"by": "day"},
        },
    }
    path.write_text(yaml.safe_dump(home), encoding="utf-8")


def write_events(path: Path, count: int) -> None:
    """A CSV of `count` generated events, in pieces: times that move on, everything else drawn by the seed."""
    generator = np.random.default_rng(SEED)
    start = 0
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, count, 500_000):
            size = min(500_000, count - first)
            steps = start + np.cumsum(generator.integers(1, 2 * 86_400_000 // EVENTS_A_DAY, size))
            start = steps[-1]
            times = np.datetime_as_string(np.datetime64("2020-01-01", "ms") + steps.astype("timedelta64[ms]"))
            pd.DataFrame(
                {
                    "time": times,
                    "sensor": generator.choice(list(SENSORS), size),
                    "state": generator.choice(list(STATES), size),
                    "activity": generator.choice(LABELS, size),
                    "resident": generator.choice(["A", "B"], size),
                }
            ).to_csv(file, index=False, header=first == 0)


def plain_pandas(data: Path, out: Path) -> None:
    """The same from a script of a few lines, as one would write it for one home."""
    events = pd.read_csv(data, parse_dates=["time"], dtype=dict.fromkeys(["sensor", "state", "activity"], "category"))
    events["session"] = events["time"].dt.strftime("%Y-%m-%d")
    events = events.sort_values("time", kind="stable", ignore_index=True)
    events["room"] = events["sensor"].map(SENSORS)
    said = events["state"].map(STATES).astype(str)
    events["description"] = events["room"].astype(str) + " sensor " + events["sensor"].astype(str) + " " + said
    events.to_parquet(out / "events.parquet")
    days = sorted(events["session"].unique(), key=lambda day: hashlib.sha256(f"{SEED}/{day}".encode()).hexdigest())
    tested = set(days[: round(TEST_FRACTION * len(days))])
    with open(out / "windows.jsonl", "w", encoding="utf-8") as lines:
        for session, part in events.groupby("session", sort=False):
            columns = [part["time"].dt.strftime("%H:%M:%S"), part["description"], part["activity"], part["resident"]]
            rows = list(zip(*(column.tolist() for column in columns), strict=True))
            for start in range(0, len(rows), WINDOW):
                chosen = rows[start : start + WINDOW]
                window = {
                    "window_id": f"home/{session}/{start // WINDOW}",
                    "dataset": "home",
                    "session": session,
                    "index": start // WINDOW,
                    "split": "test" if session in tested else "train",
                    "events": [
                        {"id": number, "time": row[0], "description": row[1]}
                        for number, row in enumerate(chosen, start=1)
                    ],
                    "gold": [row[2] for row in chosen],
                    "residents": [[row[3]] for row in chosen],
                }
                lines.write(json.dumps(window, ensure_ascii=False) + "\n")


def measured(name: str, *command: str) -> dict:
    """CPU and wall seconds of a command that must succeed, and the most memory that it held at a time, in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{name} ended with {os.waitstatus_to_exitcode(status)}")
    found = {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
        "wall_s": round(time.perf_counter() - started, 2),
        "peak_bytes": usage.ru_maxrss * 1024,
    }
    print(f"{name}: {found}", flush=True)
    return found


def size_of(count: int, folder: Path) -> dict:
    """What the workflow's programs and the plain script need for `count` events."""
    data, home, own, plain = (folder / name for name in ("log.csv", "home.yaml", "own", "plain"))
    write_home(home)
    write_events(data, count)
    plain.mkdir(exist_ok=True)
    scripts = PROJECT / "workflow_scripts"
    load = measured(
        "load_dataset",
        *(str(scripts / "load_dataset.py"), "--source", "table", "--root", str(data), "--home", str(home)),
        *("--max-broken-share", "0", "--events", str(own / "events.parquet"), "--card", str(own / "card.md")),
    )
    cut = measured(
        "window_dataset",
        *(str(scripts / "window_dataset.py"), "--dataset", "home", "--events", str(own / "events.parquet")),
        *("--window-size", str(WINDOW), "--short-windows", "keep", "--test-fraction", str(TEST_FRACTION)),
        *("--split-seed", str(SEED), "--shard-size", "1024", "--windows", str(own / "windows.jsonl")),
        *("--splits", str(own / "splits.json"), "--shards", str(own / "shards.json")),
    )
    script = measured("plain pandas", __file__, "--plain", str(data), str(plain))
    same = (own / "windows.jsonl").read_bytes() == (plain / "windows.jsonl").read_bytes() if count < 10**6 else None
    if same is False:
        raise SystemExit("the plain script's windows are others")
    seconds = load["cpu_s"] + cut["cpu_s"]
    return {
        "events": count,
        "events_per_second": round(count / seconds),
        "ratio_pandas": round(seconds / script["cpu_s"], 2),
        "peak_bytes": max(load["peak_bytes"], cut["peak_bytes"]),
        "load_dataset": load,
        "window_dataset": cut,
        "plain_pandas": script,
    }


def main() -> None:
    """Measure the sizes asked for and write bench/data.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest size alone, and write no file")
    parser.add_argument("--plain", nargs=2, type=Path, metavar=("CSV", "FOLDER"), help="only run the plain script")
    args = parser.parse_args()
    if args.plain:
        plain_pandas(*args.plain)
        return
    found = {}
    for name in ["quick"] if args.quick else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = size_of(SIZES[name], Path(folder))
    print(json.dumps(found, indent=2))
    if not args.quick:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "pandas": pd.__version__}
        linear = found["full"]["events_per_second"] / found["half"]["events_per_second"]
        write_json(
            PROJECT / "bench" / "data.json", found["full"] | {"sizes": found, "linear": round(linear, 2)} | machine
        )


if __name__ == "__main__":
    main()
