"""Measure a baseline on this machine: size, memory and seconds of a window, and its F1 on the windows of students."""

import argparse
import pickle
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from hearth.common import files
from hearth.common.cli import run
from hearth.common.config_schema import setting_default
from hearth.common.deployment_stats import Timing, this_machine
from hearth.common.own_process import call_alone
from hearth.data.folds import iterate_split, read_splits, sample_evenly
from hearth.data.windows import Window
from hearth.homes.home import load_home
from hearth.recognition.baselines import BASELINES, Labeller


def main(argv: Sequence[str] | None = None) -> None:
    """Learn from the train split, label the compared windows, and time some of them in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--baseline", required=True, choices=BASELINES, help="name of the baseline")
    parser.add_argument("--windows", required=True, type=Path, help="windows.jsonl of the dataset")
    parser.add_argument("--splits", required=True, type=Path, help="splits.json of the dataset")
    parser.add_argument("--home", required=True, type=Path, help="yaml of the home, which has its labels")
    parser.add_argument("--count", required=True, type=int, help="number of test windows to score")
    parser.add_argument("--timed", required=True, type=int, help="number of test windows to time")
    parser.add_argument(
        "--lost-answers", default=setting_default("metrics", "lost_answers"), help="see metrics.lost_answers"
    )
    parser.add_argument("--out", required=True, type=Path, help="measurement to write (JSON)")
    arguments = parser.parse_args(argv)
    from hearth.evaluation.deployment import BaselineMeasurement  # not in the timed process
    from hearth.evaluation.parity import FormAnswer, FormScorer, compared_windows
    from hearth.recognition.baselines import import_libraries, learn

    import_libraries()
    windows = compared_windows(arguments.windows, arguments.splits, arguments.count)
    started = time.perf_counter()
    labeller = learn(arguments.baseline, iterate_split(arguments.windows, arguments.splits, "train1"))
    fit_seconds = time.perf_counter() - started
    answers: list[FormAnswer] = [
        {
            "window_id": window["window_id"],
            "text": "",
            "labels": [str(label) for label in labels],
            "status": "ok",
            "confidences": [None] * len(labels),
            "completion_tokens": 0,
        }
        for window, labels in zip(windows, labeller([window["events"] for window in windows]), strict=True)
    ]
    groups = {name: session["group"] for name, session in read_splits(arguments.splits)["sessions"].items()}
    scorer = FormScorer(windows, groups, load_home(arguments.home).labels, arguments.lost_answers)
    with tempfile.TemporaryDirectory() as folder:
        learned = Path(folder) / "learned.pickle"
        learned.write_bytes(pickle.dumps(labeller))
        measured: BaselineMeasurement = {
            "recogniser": arguments.baseline,
            "dataset": windows[0]["dataset"],
            "form": "",
            "is_own": False,
            "bytes": learned.stat().st_size,
            "why_not": "",
            "machine": this_machine(),
            "versions": {library: version(library) for library in ("scikit-learn", "sklearn-crfsuite")},
            "timings": [call_alone(1, time_labels, learned, sample_evenly(windows, arguments.timed))],
            "fit_seconds": round(fit_seconds, 3),
            "windows": len(windows),
            "events": sum(len(window["events"]) for window in windows),
            "figures": scorer.figures(answers),
        }
    files.write_json(arguments.out, measured)


def time_labels(learned: Path, windows: Sequence[Window]) -> Timing:
    """Time the labelling of each window in this process, which loads what the baseline has learned."""
    from hearth.recognition.baseline_timing import time_baseline

    def load() -> Labeller:
        labeller: Labeller = pickle.loads(learned.read_bytes())  # noqa: S301  # written by this program a moment ago
        return labeller

    return time_baseline(load, windows)


if __name__ == "__main__":
    run(main)
