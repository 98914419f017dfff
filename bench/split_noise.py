"""Measure how much a score depends on the seed of the split (`make bench-split-noise`), into bench/split_noise.json.

Baselines are trained and tested on a recorded home, once per seed, in three ways: in folds that keep the groups of a
key together, in folds of single sessions, and with one plain split of sessions. Folds test every session, a plain split
a share of them. Reported is the spread of weighted F1 over the seeds: what a reader of one split would not see.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import PROJECT, benchmark_parser, write_report
from hearth.data.cutting import cut_windows
from hearth.data.events import GROUP_PREFIX
from hearth.data.folds import BY_SESSION, assign_folds
from hearth.data.sources.registry import SOURCES
from hearth.data.windows import Window
from hearth.homes.home import load_home
from hearth.recognition.baselines import BASELINES, predict_labels
from sklearn.metrics import f1_score

WINDOW_SIZE = 10


def pooled_f1(
    baseline: str, windows: Sequence[Window], group_of: Mapping[str, str], folds: int, seed: int, share: float
) -> float:
    """Return weighted F1 over the windows of all tested groups, each predicted by a baseline that never saw its group.

    `group_of` maps sessions to groups. With one fold, `share` of the groups is tested.
    """
    fold_of = assign_folds(sorted(set(group_of.values())), folds, seed, share)
    gold: list[str] = []
    predicted: list[str] = []
    for fold in range(1, folds + 1):
        tested = [window for window in windows if fold_of[group_of[window["session"]]] == fold]
        train = [window for window in windows if fold_of[group_of[window["session"]]] != fold]
        gold += [label for window in tested for label in window["gold"]]
        predicted += [label for labels in predict_labels(baseline, train, tested) for label in labels]
    return float(f1_score(gold, predicted, labels=sorted(set(gold)), average="weighted", zero_division=0))


def main() -> None:
    """Load the home, score every baseline by every seed in each of the three ways, and compare the spreads."""
    parser = benchmark_parser(__doc__, __file__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the recorded home")
    parser.add_argument("--source", choices=sorted(SOURCES), default="marble", help="its format (default: marble)")
    parser.add_argument("--home", default="marble", help="its yaml in config/homes, without ending (default: marble)")
    parser.add_argument("--by", default="sitting", help="group key of the grouped folds (default: sitting)")
    parser.add_argument("--folds", type=int, default=5, help="number of folds (default: 5)")
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds (default: 20)")
    parser.add_argument("--test-fraction", type=float, default=0.3, help="tested share of a plain split (default: 0.3)")
    parser.add_argument("--baselines", nargs="+", choices=sorted(BASELINES), default=["sensor-majority"])
    arguments = parser.parse_args()
    home = load_home(PROJECT / "config" / "homes" / f"{arguments.home}.yaml")
    events, _ = SOURCES[arguments.source].read(arguments.data, home)
    windows = list(cut_windows(events, arguments.home, WINDOW_SIZE, keep_short=True))
    keys = {arguments.by: GROUP_PREFIX + arguments.by, BY_SESSION: "session"}
    groups = {by: dict(zip(events["session"], events[column], strict=True)) for by, column in keys.items()}
    ways = {
        f"{arguments.folds} folds by {arguments.by}": (groups[arguments.by], arguments.folds),
        f"{arguments.folds} folds by session": (groups[BY_SESSION], arguments.folds),
        "plain split by session": (groups[BY_SESSION], 1),
    }
    report: dict[str, object] = {
        "sessions": len(set(events["session"])),
        "groups": len(set(groups[arguments.by].values())),
        "events": len(events),
        "seeds": arguments.seeds,
    }
    for baseline in arguments.baselines:
        spreads: dict[str, object] = {}
        for way, (group_of, folds) in ways.items():
            scores = [
                pooled_f1(baseline, windows, group_of, folds, seed, arguments.test_fraction)
                for seed in range(arguments.seeds)
            ]
            spreads[way] = {
                "mean": round(statistics.mean(scores), 4),
                "sd": round(statistics.stdev(scores), 4),
                "lowest": round(min(scores), 4),
                "highest": round(max(scores), 4),
            }
        report[baseline] = spreads
    write_report(arguments.out, report)


if __name__ == "__main__":
    main()
