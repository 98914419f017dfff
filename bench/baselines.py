"""Measure accuracy, weighted F1 and time of baselines (`make bench-baselines`), into bench/baselines.json.

Their scores on the demo's simulated homes put those of the tiny models into perspective. Each baseline is trained
twice: on the train split of the home, as in the workflow, and on other simulated homes in the same data format, as the
tiny models are. The other homes use the words of the tested home, so these baselines have an easier task than the tiny
models. The time is that of the rule's program for every baseline, on a larger simulated home.
"""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from common import PROJECT, benchmark_parser, measure_program, write_report
from hearth.common.files import write_json, write_json_lines
from hearth.data.folds import read_split
from hearth.data.indexed_windows import WindowSettings
from hearth.data.splitting import count_windows, make_splits
from hearth.data.windows import Window
from hearth.homes.home import load_home
from hearth.recognition.baselines import BASELINES, predict_labels
from hearth.toy_models.training_data import simulate_windows
from sklearn.metrics import f1_score

SCORED = ("sensor-majority", "extra-trees")
# Number of sessions in the home on which times are measured: some 183,000 events.
TIMED_SESSIONS = 3400
# Number of sessions in each of the other homes, by data format.
SESSIONS = {"marble": 12, "mural": 6}
FIRST_SEED = 5000


def score_baseline(baseline: str, train: list[Window], test: list[Window]) -> dict[str, float]:
    """Train a baseline and return its accuracy and weighted F1 on the test windows."""
    gold = [label for window in test for label in window["gold"]]
    predicted = [label for labels in predict_labels(baseline, train, test) for label in labels]
    accuracy = sum(a == b for a, b in zip(gold, predicted, strict=True)) / len(gold)
    f1 = f1_score(gold, predicted, labels=sorted(set(gold)), average="weighted", zero_division=0)
    return {"accuracy": round(accuracy, 4), "weighted_f1": round(float(f1), 4)}


def measure_times(folder: Path) -> dict[str, dict[str, float]]:
    """Return CPU and wall seconds and peak memory of every baseline on the test split of a large simulated home."""
    home = load_home(PROJECT / "config" / "homes" / "marble.yaml")
    windows = simulate_windows("marble", home, FIRST_SEED, TIMED_SESSIONS, 10)
    sessions = {window["session"]: window["session"] for window in windows}
    settings: WindowSettings = {"window_size": 10, "keep_short": True, "dataset_digest": ""}
    write_json_lines(folder / "windows.jsonl", windows)
    write_json(
        folder / "splits.json",
        make_splits(sessions, count_windows(windows), settings, by="session", folds=1, seed=0, test_fraction=0.3),
    )
    program = str(PROJECT / "workflow_scripts" / "recognise_baseline.py")
    return {
        name: measure_program(
            name,
            *(program, "--baseline", name, "--windows", str(folder / "windows.jsonl")),
            *("--splits", str(folder / "splits.json"), "--split", "test1"),
            *("--out", str(folder / f"{name}.jsonl"), "--stats", str(folder / f"{name}.stats.json")),
        )
        for name in BASELINES
    }


def main() -> None:
    """Read the demo's windows, simulate other homes, score baselines; then measure their times."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--homes", type=int, default=100, help="number of other homes to train on")
    arguments = parser.parse_args()
    datasets = yaml.safe_load((PROJECT / "config" / "demo.yaml").read_text(encoding="utf-8"))["datasets"]
    report: dict[str, dict[str, Any]] = {}
    for name, dataset in datasets.items():
        source, home = dataset["source"], load_home(PROJECT / "config" / "homes" / f"{dataset['home']}.yaml")
        folder = PROJECT / "demo" / "results" / "datasets" / name
        files = folder / "windows.jsonl", folder / "splits.json"
        test, own = read_split(*files, "test1"), read_split(*files, "train1")
        seeds = range(FIRST_SEED, FIRST_SEED + arguments.homes)
        others = [window for seed in seeds for window in simulate_windows(source, home, seed, SESSIONS[source], 10)]
        report[name] = {"test_windows": len(test), "own_windows": len(own), "other_windows": len(others)}
        for baseline in SCORED:
            for trained_on, train in (("own", own), ("others", others)):
                report[name][f"{baseline} {trained_on}"] = score_baseline(baseline, train, test)
    with tempfile.TemporaryDirectory() as temporary:
        report["times"] = measure_times(Path(temporary))
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
