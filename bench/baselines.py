"""How far simple rules get on the demo's simulated homes: what the family has to beat (`make bench-baselines`).

Each baseline learns twice: from the train split of that home, as the workflow's baselines do, and from other simulated
homes of that kind, as the tiny family does (there in the home's own words, which is easier).
"""

import argparse
import json
from pathlib import Path

import yaml
from hearth.common.files import write_json
from hearth.data.windows import read_windows
from hearth.homes.home import load_home
from hearth.recognition.baselines import name_activities
from hearth.toy_models.training_data import simulate_windows
from sklearn.metrics import f1_score

PROJECT = Path(__file__).resolve().parents[1]
BASELINES = ("sensor-majority", "extra-trees")
SESSIONS = {"marble": 12, "mural": 6}


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
        others = [window for seed in seeds for window in simulate_windows(source, home, seed, SESSIONS[source], 10)]
        gold = [label for window in test for label in window["gold"]]
        found[name] = {"test_windows": len(test), "own_windows": len(own), "other_windows": len(others)}
        for baseline in BASELINES:
            for learned_from, train in (("own", own), ("others", others)):
                given = [label for labels in name_activities(baseline, train, test) for label in labels]
                accuracy = sum(a == b for a, b in zip(gold, given, strict=True)) / len(gold)
                f1 = f1_score(gold, given, labels=sorted(set(gold)), average="weighted", zero_division=0)
                figures = {"accuracy": round(accuracy, 4), "weighted_f1": round(float(f1), 4)}
                found[name][f"{baseline} {learned_from}"] = figures
    write_json(arguments.out, found)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
