"""How far simple rules get on the demo's simulated homes: what the family has to beat (`make bench-baselines`).

Two baselines label each event of the demo's test windows: the most frequent label of its description, and extra trees
on the descriptions and time gaps of its neighbours. Each learns twice: from the train split of that home, and from
other simulated homes of that kind, as the tiny family does (there in the home's own words, which is easier).
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from hearth.evaluation.inputs import read_windows
from hearth.files import write_json
from hearth.homes import load_home
from hearth.tiny_family.lessons import windows_of
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import f1_score

PROJECT = Path(__file__).resolve().parents[1]
REACH = 6  # neighbours on either side of an event
SESSIONS = {"marble": 12, "mural": 6}


def majority(train: list[dict], test: list[dict]) -> list[str]:
    """The most frequent label of each event's description in `train`, or of all where it never occurs."""
    everything, counts = Counter(), {}
    for window in train:
        for event, label in zip(window["events"], window["gold"], strict=True):
            counts.setdefault(event["description"], Counter())[label] += 1
            everything[label] += 1
    events = [event["description"] for window in test for event in window["events"]]
    return [counts.get(description, everything).most_common(1)[0][0] for description in events]


def extra_trees(train: list[dict], test: list[dict]) -> list[str]:
    """Labels by scikit-learn's extra trees on what happened around each event, and how long before or after."""
    words = sorted({event["description"] for window in train for event in window["events"]})
    place = {word: number for number, word in enumerate(words)}
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, max_features=0.1, random_state=0, n_jobs=2)
    trees.fit(features(train, place), [label for window in train for label in window["gold"]])
    return list(trees.predict(features(test, place)))


def features(windows: list[dict], place: dict[str, int]) -> np.ndarray:
    """A row an event: its neighbours one-hot by distance, all events of the window counted, gaps in seconds."""
    rows = []
    for window in windows:
        descriptions = [place.get(event["description"]) for event in window["events"]]
        seconds = [
            sum(int(part) * 60 ** (2 - i) for i, part in enumerate(e["time"].split(":"))) for e in window["events"]
        ]
        bag = np.bincount([d for d in descriptions if d is not None], minlength=len(place))
        for index, second in enumerate(seconds):
            near, gaps = np.zeros((2 * REACH + 1, len(place))), np.full(2 * REACH + 1, 99_999.0)
            for offset in range(-REACH, REACH + 1):
                if 0 <= (other := index + offset) < len(descriptions):
                    gaps[offset + REACH] = seconds[other] - second
                    if descriptions[other] is not None:
                        near[offset + REACH, descriptions[other]] = 1
            rows.append(np.concatenate([near.ravel(), bag, gaps, [second]]))
    return np.array(rows, dtype=np.float32)


def main() -> None:
    """Read the demo's windows, label them by each baseline, write accuracy and weighted F1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=100, help="other homes to learn from")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"), help="where the figures go")
    arguments = parser.parse_args()
    datasets = yaml.safe_load((PROJECT / "config" / "demo.yaml").read_text(encoding="utf-8"))["datasets"]
    found = {}
    for name, dataset in datasets.items():
        source, home = dataset["source"], load_home(PROJECT / "config" / "homes" / f"{dataset['home']}.yaml")
        path = PROJECT / "demo" / "results" / "datasets" / name / "windows.jsonl"
        test, own = read_windows(path, "test"), read_windows(path, "train")
        seeds = range(5000, 5000 + arguments.homes)
        others = [window for seed in seeds for window in windows_of(source, home, seed, SESSIONS[source], 10)]
        gold = [label for window in test for label in window["gold"]]
        found[name] = {"test_windows": len(test), "own_windows": len(own), "other_windows": len(others)}
        for baseline in (majority, extra_trees):
            for learned_from, train in (("own", own), ("others", others)):
                given = baseline(train, test)
                accuracy = sum(a == b for a, b in zip(gold, given, strict=True)) / len(gold)
                f1 = f1_score(gold, given, labels=sorted(set(gold)), average="weighted", zero_division=0)
                figures = {"accuracy": round(accuracy, 4), "weighted_f1": round(float(f1), 4)}
                found[name][f"{baseline.__name__}_{learned_from}"] = figures
    write_json(arguments.out, found)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
