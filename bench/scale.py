"""Measure what follows recognition, on a million windows of one recogniser (`make bench-scale`), into bench/scale.json.

Windows of a home and predictions for them are generated. The workflow's programs gather, parse, score and audit them,
each in a process of its own. Reasoning has about 150 words, and sessions have 60 windows on average. For the audit
the same windows are those of the train split. `sessions_seconds` is the score of 16,000 sessions with few windows each.
"""

import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from common import PROJECT, benchmark_parser, measure_program, write_report
from hearth.common.files import json_line, read_json_object, replacing, write_json
from hearth.data.indexed_windows import WindowSettings, write_windows
from hearth.data.shards import Shard, cut
from hearth.data.windows import Window, WindowEvent
from hearth.homes.home import HOMES, Home, load_home
from hearth.prompting.predictions import Prediction
from hearth.prompting.prompts import answer_text

# Windows of the test split. `short` has many sessions of few windows; the others have 60 windows a session.
SIZES = {"full": 1_000_000, "quarter": 250_000, "quick": 20_000, "short": 64_000}
WINDOWS_PER_SESSION, SESSIONS = 60, 16_000
TRAIN_SHARE = 0.05  # windows of the train split, for each one of the test split
SHARD_SIZE = 1024
SEED, POOL = 0, 4096  # seed, and number of different windows
RECOGNISER, DATASET = "large", "home"
HOME, TEMPLATE = HOMES / "mural.yaml", PROJECT / "config" / "prompts" / "six-parts.j2"
SCRIPTS = PROJECT / "workflow_scripts"
METADATA = {
    **{"kind": "base", "base": RECOGNISER, "variant": "", "home": "mural", "stand_in": "", "simulated": [DATASET]},
    **{"decoding": {"temperature": 0.6, "seed": 0}, "dtype": "bfloat16", "engine": "vllm", "engine_options": {}},
}

SETTINGS: WindowSettings = {"window_size": 10, "keep_short": True, "dataset_digest": ""}

Answered = tuple[dict[str, Any], dict[str, Any]]  # a window and its prediction, without ids


def answered_windows(home: Home) -> list[Answered]:
    """Return `POOL` random windows of a home, each with a prediction: four labels of five are correct."""
    rng = np.random.default_rng(SEED)
    states = [(sensor, state) for sensor, each in home.sensors.items() for state in each.states]
    pool = []
    for number in range(POOL):
        seconds = int(rng.integers(0, 80_000)) + np.cumsum(rng.integers(0, 60, 10))
        events: list[WindowEvent] = []
        for place, (second, choice) in enumerate(zip(seconds, rng.integers(len(states), size=10), strict=True), 1):
            clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
            events.append({"id": place, "time": clock, "description": home.describe(*states[choice]).description})
        gold = [str(label) for label in rng.choice(home.labels, size=10)]
        answered = [str(rng.choice(home.labels)) if rng.random() < 0.2 else label for label in gold]
        steps = [
            f"At {event['time']} the {event['description']}, so event {event['id']} belongs to {label}."
            for event, label in zip(events, answered, strict=True)
        ]
        is_cut = number % 50 == 0
        text = f"<think>\n{' '.join(steps)}" + ("" if is_cut else f"\n</think>\n\n{answer_text(answered)}")
        window = {"events": events, "gold": gold, "residents": [["A"]] * 10}
        tokens = {"prompt_tokens": 1100, "completion_tokens": len(text) // 4}
        pool.append((window, {"text": text, "finish_reason": "length" if is_cut else "stop", **tokens, "seed": 0}))
    return pool


def session_sizes(windows: int, sessions: int) -> list[int]:
    """Return the number of windows of every session, log-normal with sum `windows`; none is empty."""
    weights = np.random.default_rng(SEED).lognormal(sigma=0.7, size=sessions)
    ends = np.round(np.cumsum(weights) / weights.sum() * (windows - sessions)).astype(int)
    return [int(size) + 1 for size in np.diff(ends, prepend=0)]


def session_windows(pool: list[Answered], sizes: list[int], prefix: str = "s") -> Iterator[Window]:
    """Yield the windows of sessions; `sizes` has the number of windows of each of its sessions."""
    parts = itertools.cycle(window for window, _ in pool)
    for number, size in enumerate(sizes):
        session = f"{prefix}{number:05d}"
        for index in range(size):
            names = {"window_id": f"{DATASET}/{session}/{index}", "dataset": DATASET, "session": session}
            yield {**names, "index": index, **next(parts)}  # type: ignore[typeddict-item]


def predictions(pool: list[Answered], sizes: list[int]) -> Iterator[Prediction]:
    """Yield a prediction for each window of `session_windows`."""
    parts = itertools.cycle(prediction for _, prediction in pool)
    for number, size in enumerate(sizes):
        for index in range(size):
            yield {"window_id": f"{DATASET}/s{number:05d}/{index}", **next(parts)}  # type: ignore[typeddict-item]


def write_inputs(folder: Path, windows: int, sessions: int) -> None:
    """Write windows, shards of predictions, and the documents that the programs read beside them."""
    pool = answered_windows(load_home(HOME))
    test = session_sizes(windows, sessions)
    train = session_sizes(int(windows * TRAIN_SHARE), max(2, int(sessions * TRAIN_SHARE)))
    both = itertools.chain(session_windows(pool, train, "t"), session_windows(pool, test))
    write_windows(folder / "windows.jsonl", folder / "windows.index.json", both, SETTINGS)
    write_windows(folder / "train.jsonl", folder / "train.index.json", session_windows(pool, test), SETTINGS)
    rows = predictions(pool, test)
    for shard in cut(Shard(0, windows - 1), SHARD_SIZE):
        with replacing(folder / "shards" / f"{shard.name}.jsonl") as part, open(part, "wb") as lines:
            lines.writelines(map(json_line, itertools.islice(rows, shard.last - shard.first + 1)))
    tested = {f"s{number:05d}": number for number in range(len(test))}
    names = [*(f"t{number:05d}" for number in range(len(train))), *tested]
    splits = {
        **SETTINGS,
        **{"by": "session", "folds": 1, "test_fraction": 0.5, "seed": SEED, "groups": len(names), "digest": ""},
        "sessions": {name: {"group": name, "fold": 1 if name in tested else None} for name in names},
        "windows": {"all": windows + sum(train), "test1": windows, "train1": sum(train)},
        "events": {"all": 10 * (windows + sum(train)), "test1": 10 * windows, "train1": 10 * sum(train)},
    }
    write_json(folder / "splits.json", splits)
    snapshot = {"model": RECOGNISER, "source": "", "revision": "", "parameters": 1, "files": {}, "digest": ""}
    write_json(folder / "snapshot.json", snapshot | {"license": "", "stand_in": ""})


def run_program(name: str, **options: object) -> dict[str, float]:
    """Run a program of the workflow; return its CPU and wall seconds and its peak memory in bytes."""
    parts = [[f"--{key}", str(value)] for key, value in options.items()]
    return measure_program(name, str(SCRIPTS / f"{name}.py"), *itertools.chain.from_iterable(parts))


def measure_score(folder: Path) -> dict[str, float]:
    """Measure the score of the parsed predictions in `folder`."""
    files = {name: folder / f"{name}.json" for name in ("splits", "prompt")}
    return run_program(
        "score",
        **{"recogniser": RECOGNISER, "dataset": DATASET, "metadata": json.dumps(METADATA), "home": HOME},
        **{"windows": folder / "windows.jsonl", "parsed": folder / "parsed.jsonl", "model": folder / "snapshot.json"},
        **{**files, "out": folder / "score.json"},
    )


def measure_size(windows: int, sessions: int, folder: Path, audit: bool = True) -> dict[str, Any]:
    """Measure all programs on generated predictions of `windows` test windows, with files in `folder`."""
    # In a process of its own: a program's peak memory is at least that of the process which starts it.
    subprocess.run([sys.executable, __file__, "--generate", str(folder), str(windows), str(sessions)], check=True)
    prompt = folder / "prompt.json"
    run_program(
        "render_prompt", home=HOME, template=TEMPLATE, reasoning="think", out=prompt, text=folder / "prompt.txt"
    )
    measured = {
        "gather_predictions": run_program(
            "gather_predictions",
            **{
                "windows": folder / "windows.jsonl",
                "index": folder / "windows.index.json",
                "splits": folder / "splits.json",
            },
            **{"split": "test1", "shards": folder / "shards", "out": folder / "all.jsonl"},
        )
    }
    shutil.rmtree(folder / "shards")
    measured["parse_predictions"] = run_program(
        "parse_predictions",
        **{"windows": folder / "windows.jsonl", "home": HOME, "predictions": folder / "all.jsonl"},
        **{"splits": folder / "splits.json", "split": "test1"},
        out=folder / "parsed.jsonl",
    )
    (folder / "all.jsonl").unlink()
    measured["score"] = measure_score(folder)
    if audit:
        measured["audit"] = run_program(
            "audit",
            **{"recogniser": RECOGNISER, "dataset": DATASET, "windows": folder / "train.jsonl", "home": HOME},
            **{"split": "all", "prompt": prompt, "parsed": folder / "parsed.jsonl", "out": folder / "audit.jsonl"},
        )
    return {
        **{"windows": windows, "sessions": sessions, "score_bytes": (folder / "score.json").stat().st_size},
        "peak_bytes": max(each["peak_bytes"] for each in measured.values()),
        "programs": measured,
    }


def seconds_of(measured: dict[str, Any]) -> dict[str, float]:
    """Return the CPU seconds of every program, as entries of the report."""
    return {f"{name.split('_')[0]}_seconds": part["cpu_s"] for name, part in measured["programs"].items()}


def make_report(sizes: dict[str, Any]) -> dict[str, Any]:
    """Return the report of the measured sizes."""
    report: dict[str, Any] = {"sizes": sizes, "cpus": os.cpu_count(), "python": platform.python_version()}
    if "full" in sizes:
        full = sizes["full"]
        report |= {"windows": full["windows"], **seconds_of(full), "peak_bytes": full["peak_bytes"]}
    if {"full", "quarter"} <= sizes.keys():
        ratio, first = SIZES["full"] / SIZES["quarter"], seconds_of(sizes["quarter"])
        # CPU seconds for a window of the full size, relative to the quarter; 1 if the time is linear.
        report["linear"] = {name: round(value / first[name] / ratio, 2) for name, value in seconds_of(full).items()}
    if "short" in sizes:
        report["sessions_seconds"] = seconds_of(sizes["short"])["score_seconds"]
    return report


def main() -> None:
    """Measure all sizes, or some: then the report keeps what it has of the others."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument(
        "--sizes", nargs="+", choices=SIZES, default=["quarter", "full", "short"], help="sizes to measure"
    )
    parser.add_argument("--folder", type=Path, help="folder for generated files (default: that of temporary files)")
    generate = ("FOLDER", "WINDOWS", "SESSIONS")
    parser.add_argument("--generate", nargs=3, metavar=generate, help="only write the programs' input into a folder")
    arguments = parser.parse_args()
    if arguments.generate:
        folder, windows, sessions = arguments.generate
        write_inputs(Path(folder), int(windows), int(sessions))
        return
    sizes = read_json_object(arguments.out)["sizes"] if arguments.out.exists() else {}
    for name in arguments.sizes:
        sessions = SESSIONS if name == "short" else SIZES[name] // WINDOWS_PER_SESSION
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            sizes[name] = measure_size(SIZES[name], sessions, Path(folder), audit=name != "short")
        write_report(arguments.out, make_report(sizes))


if __name__ == "__main__":
    main()
