"""Baselines: recognisers without a language model, which learn from the train split of the dataset they are tested on.

A baseline is a function of the train split's events, their gold labels, and the events to label: no other label can
reach it. It sees an event's description and time of day, and the other events of its window. It sees neither the date
nor a window's position in its session, which would identify a recording.
"""

import importlib
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version

from hearth.common.job_stats import JobStats
from hearth.common.memory import peak_memory_bytes
from hearth.data.windows import Split, Window, WindowEvent
from hearth.prompting.predictions import Prediction
from hearth.prompting.prompts import answer_text

# Events: a list for each window. Labels: for each window, a list with the label of each of its events.
Events = Sequence[Sequence[WindowEvent]]
Labels = Sequence[Sequence[str]]

SEED = 0
REACH = 6  # number of neighbours on either side of an event that its features describe
_DAY = 24 * 60 * 60
_LIBRARIES = ("scikit-learn", "sklearn-crfsuite")


def recognise_windows(baseline: str, dataset: Sequence[Window], split: Split) -> tuple[list[Prediction], JobStats]:
    """Label the windows of `split` with a baseline; return a pair: their predictions in order, and stats.

    Both have the keys of a language model's. The baseline learns from the train split of `dataset`; the seconds in the
    stats cover learning and labelling. Raises ValueError for an unknown baseline and for an empty train split.
    """
    # Import these before the clock starts. They are not imported above, since the Snakefile only needs BASELINES' keys.
    for module in ("sklearn.ensemble", "sklearn.feature_extraction", "sklearn_crfsuite"):
        importlib.import_module(module)
    started = time.monotonic()
    windows = [window for window in dataset if window["split"] == split]
    labels = predict_labels(baseline, [window for window in dataset if window["split"] == "train"], windows)
    predictions: list[Prediction] = [
        {
            "window_id": window["window_id"],
            "text": answer_text(window_labels),
            "finish_reason": "stop",
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "seed": SEED,
        }
        for window, window_labels in zip(windows, labels, strict=True)
    ]
    stats: JobStats = {
        "windows": len(windows),
        "seconds": round(time.monotonic() - started, 3),
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "engine": "baseline",
        "dtype": None,
        "versions": {library: version(library) for library in _LIBRARIES},
        "device": "cpu",
        "batch_size": None,
        "peak_memory_bytes": peak_memory_bytes(),
    }
    return predictions, stats


def predict_labels(baseline: str, train: Sequence[Window], windows: Sequence[Window]) -> list[list[str]]:
    """Learn from `train` with a baseline; return for each of `windows` a list of its events' labels.

    Raises ValueError for an unknown baseline and for an empty `train`.
    """
    if baseline not in BASELINES:
        raise ValueError(f"baseline {baseline!r} is none of {', '.join(BASELINES)}")
    if not train:
        raise ValueError(f"baseline {baseline}: the train split has no window to learn from")
    gold = [window["gold"] for window in train]
    labels = BASELINES[baseline]([window["events"] for window in train], gold, [window["events"] for window in windows])
    return [[str(label) for label in window_labels] for window_labels in labels]


def majority(train: Events, gold: Labels, test: Events) -> Labels:
    """Label every event with the most frequent label; of equally frequent ones the first to occur."""
    [(label, _)] = Counter(label for labels in gold for label in labels).most_common(1)
    return [[label] * len(events) for events in test]


def sensor_majority(train: Events, gold: Labels, test: Events) -> Labels:
    """Label each event with the most frequent label of its description; if that is new, of all descriptions."""
    overall: Counter[str] = Counter()
    by_description: dict[str, Counter[str]] = {}
    for events, labels in zip(train, gold, strict=True):
        overall.update(labels)
        for event, label in zip(events, labels, strict=True):
            by_description.setdefault(event["description"], Counter())[label] += 1
    return [
        [by_description.get(event["description"], overall).most_common(1)[0][0] for event in events] for events in test
    ]


def extra_trees(train: Events, gold: Labels, test: Events) -> Labels:
    """Label each event by itself with scikit-learn's extra trees."""
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.feature_extraction import DictVectorizer

    vectorizer = DictVectorizer(dtype=np.float32, sparse=False)
    rows = vectorizer.fit_transform([row for events in train for row in features(events)])
    # One thread: with more, sums over trees differ in their last digits from run to run.
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, max_features=0.1, random_state=SEED)
    trees.fit(rows, [label for labels in gold for label in labels])
    predicted = iter(trees.predict(vectorizer.transform([row for events in test for row in features(events)])))
    return [[next(predicted) for _ in events] for events in test]


def crf(train: Events, gold: Labels, test: Events) -> Labels:
    """Label a window as a sequence with CRFsuite's linear-chain conditional random field."""
    from sklearn_crfsuite import CRF

    field = CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    field.fit([features(events) for events in train], gold)
    return field.predict([features(events) for events in test])


# The baselines by name: the valid values of `baselines` in a config.
BASELINES: dict[str, Callable[[Events, Labels, Events], Labels]] = {
    "majority": majority,
    "sensor-majority": sensor_majority,
    "extra-trees": extra_trees,
    "crf": crf,
}


def features(events: Sequence[WindowEvent]) -> list[dict[str, float]]:
    """Return for each event a dict from the name of a feature to its value.

    Features are the descriptions of neighbours and their distance in events, the number of times that each description
    occurs in the window, the time of day, and the gap to each neighbour, log(1 + seconds).
    """
    seconds = [_seconds_of_day(event["time"]) for event in events]
    in_window = Counter(f"window: {event['description']}" for event in events)
    rows = []
    for index, second in enumerate(seconds):
        row: dict[str, float] = {**in_window, "day": second / _DAY, f"hour {second // 3600}": 1}
        for other in range(max(index - REACH, 0), min(index + REACH + 1, len(events))):
            row[f"{other - index:+d}: {events[other]['description']}"] = 1
            earlier, later = sorted((index, other))
            gap = (seconds[later] - seconds[earlier]) % _DAY  # a window may pass midnight
            row[f"{other - index:+d} gap"] = math.log1p(gap)
        rows.append(row)
    return rows


def _seconds_of_day(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * 3600 + minutes * 60 + seconds
