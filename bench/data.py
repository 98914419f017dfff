"""Measure time and memory of loading and windowing a large home (`make bench-data`), into bench/data.json.

Random events of a home are written as one CSV file; a million events cover some sixty days. The workflow's programs
load_dataset.py and window_dataset.py make windows from them. For comparison, a plain pandas script makes the same files
without any checks: it reads the CSV, describes events in words, sorts, and writes events as Parquet and
windows as JSON lines.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from common import PROJECT, measure_program
from hearth.common.files import write_json

SIZES = {"full": 10_000_000, "half": 5_000_000, "quick": 300_000}
ROOMS = ("kitchen", "living room", "bathroom", "bedroom", "hall")
LABELS = [f"activity {number}" for number in range(12)]
SENSORS = {f"S{number:02d}": ROOMS[number % len(ROOMS)] for number in range(40)}
STATES = {"ON": "turned ON", "OFF": "turned OFF"}
EVENTS_PER_DAY = 17_000
WINDOW_SIZE, SEED = 10, 0


def write_home(path: Path) -> None:
    """Write the yaml of the generated home.

    Its example has a sensor without events: with millions of events, any other would equal a recorded one by chance.
    """
    unused = "S99"
    home = {
        "name": "Generated home",
        "about": "A home in which two people live.",
        "rooms": dict.fromkeys(ROOMS, ""),
        "sensors": {
            sensor: {"room": room, "words": f"sensor {sensor}", "states": STATES}
            for sensor, room in (SENSORS | {unused: "hall"}).items()
        },
        "labels": LABELS,
        "example": {
            "reasoning": "One activity.",
            "events": [{"time": "08:00:00", "sensor": unused, "state": "ON", "label": LABELS[0]}] * 2,
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
    """Write a CSV of `count` random events with increasing times; at most 500,000 events are in memory at once."""
    generator = np.random.default_rng(SEED)
    start = 0
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, count, 500_000):
            size = min(500_000, count - first)
            steps = start + np.cumsum(generator.integers(1, 2 * 86_400_000 // EVENTS_PER_DAY, size))
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


def run_plain_pandas(data: Path, out: Path) -> None:
    """Write events and windows of the CSV `data` into the folder `out`, as a short script for one home would do it."""
    events = pd.read_csv(data, parse_dates=["time"], dtype=dict.fromkeys(["sensor", "state", "activity"], "category"))
    events["session"] = events["time"].dt.strftime("%Y-%m-%d")
    events = events.sort_values("time", kind="stable", ignore_index=True)
    events["room"] = events["sensor"].map(SENSORS)
    states = events["state"].map(STATES).astype(str)
    events["description"] = events["room"].astype(str) + " sensor " + events["sensor"].astype(str) + " " + states
    events.to_parquet(out / "events.parquet")
    with open(out / "windows.jsonl", "w", encoding="utf-8") as lines:
        for session, part in events.groupby("session", sort=False):
            columns = [part["time"].dt.strftime("%H:%M:%S"), part["description"], part["activity"], part["resident"]]
            rows = list(zip(*(column.tolist() for column in columns), strict=True))
            for start in range(0, len(rows), WINDOW_SIZE):
                window_rows = rows[start : start + WINDOW_SIZE]
                window = {
                    "window_id": f"home/{session}/{start // WINDOW_SIZE}",
                    "dataset": "home",
                    "session": session,
                    "index": start // WINDOW_SIZE,
                    "events": [
                        {"id": number, "time": row[0], "description": row[1]}
                        for number, row in enumerate(window_rows, start=1)
                    ],
                    "gold": [row[2] for row in window_rows],
                    "residents": [[row[3]] for row in window_rows],
                }
                lines.write(json.dumps(window, ensure_ascii=False) + "\n")


def measure_size(count: int, folder: Path) -> dict[str, Any]:
    """Measure the workflow's programs and the plain script on `count` events, with files in `folder`.

    With fewer than a million events, the windows of both are compared; if they differ, this benchmark ends.
    """
    data, home, own, plain = (folder / name for name in ("log.csv", "home.yaml", "own", "plain"))
    write_home(home)
    write_events(data, count)
    plain.mkdir(exist_ok=True)
    scripts = PROJECT / "workflow_scripts"
    load = measure_program(
        "load_dataset",
        *(str(scripts / "load_dataset.py"), "--source", "table", "--root", str(data), "--home", str(home)),
        *("--max-broken-share", "0", "--events", str(own / "events.parquet"), "--card", str(own / "card.md")),
    )
    cut = measure_program(
        "window_dataset",
        *(str(scripts / "window_dataset.py"), "--dataset", "home", "--events", str(own / "events.parquet")),
        *("--window-size", str(WINDOW_SIZE), "--short-windows", "keep"),
        *("--windows", str(own / "windows.jsonl"), "--index", str(own / "windows.index.json")),
    )
    script = measure_program("plain pandas", __file__, "--plain", str(data), str(plain))
    same = (own / "windows.jsonl").read_bytes() == (plain / "windows.jsonl").read_bytes() if count < 10**6 else None
    if same is False:
        raise SystemExit("the plain script and the workflow made different windows")
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
    """Measure every size and write bench/data.json; with --quick, measure the smallest size and write no file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure only the smallest size and write no file")
    parser.add_argument("--plain", nargs=2, type=Path, metavar=("CSV", "FOLDER"), help="only run the plain script")
    arguments = parser.parse_args()
    if arguments.plain:
        run_plain_pandas(*arguments.plain)
        return
    report: dict[str, dict[str, Any]] = {}
    for name in ["quick"] if arguments.quick else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            report[name] = measure_size(SIZES[name], Path(folder))
    print(json.dumps(report, indent=2))
    if not arguments.quick:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "pandas": pd.__version__}
        linear = report["full"]["events_per_second"] / report["half"]["events_per_second"]
        summary = report["full"] | {"sizes": report, "linear": round(linear, 2)}
        write_json(PROJECT / "bench" / "data.json", summary | machine)


if __name__ == "__main__":
    main()
