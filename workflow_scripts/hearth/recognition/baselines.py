"""Recognisers without a language model: rules and classifiers that learn from the train split they are tested beside.

A baseline is a function of the train split's events, their gold labels, and the events that are asked about: no other
label can reach it. It knows an event by its description and time of day, and by the other events of its window; neither
the date nor the place of a window in its session, which would tell of a recording and not of a home.
"""

import math
import resource
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn_crfsuite import CRF

from hearth.prompting.prompts import answer_text

Events = list[dict]
SEED = 0
REACH = 6  # neighbours on either side of an event
_DAY = 24 * 60 * 60
_LIBRARIES = ("scikit-learn", "sklearn-crfsuite")


def recognise(name: str, asked: list[dict], windows: list[dict]) -> tuple[list[dict], dict]:
    """(predictions in the order of `asked`, stats) of one baseline, in the form of a language model's.

    It learns from the train split of `windows`, all those of the dataset. Seconds are of learning and answering.
    Raises ValueError for an unknown baseline and for an empty train split.
    """
    started = time.monotonic()
    labels = name_activities(name, [window for window in windows if window["split"] == "train"], asked)
    predictions = [
        {
            "window_id": window["window_id"],
            "text": answer_text(given),
            "finish_reason": "stop",
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "seed": SEED,
        }
        for window, given in zip(asked, labels, strict=True)
    ]
    stats = {
        "windows": len(asked),
        "seconds": round(time.monotonic() - started, 3),
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "engine": "baseline",
        "dtype": None,
        "versions": {library: version(library) for library in _LIBRARIES},
        "device": "cpu",
        "batch_size": None,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    return predictions, stats


def name_activities(name: str, train: list[dict], asked: list[dict]) -> list[list[str]]:
    """Labels for each window of `asked` by the baseline of that name, which learns from the windows of `train`."""
    if name not in BASELINES:
        raise ValueError(f"baseline {name!r} is none of {', '.join(BASELINES)}")
    if not train:
        raise ValueError(f"baseline {name}: the train split has no window to learn from")
    gold = [window["gold"] for window in train]
    labels = BASELINES[name]([window["events"] for window in train], gold, [window["events"] for window in asked])
    return [[str(label) for label in given] for given in labels]


def majority(train: Sequence[Events], gold: Sequence[list[str]], asked: Sequence[Events]) -> list[list[str]]:
    """The most frequent label of all, for every event; of equally frequent ones the first to occur."""
    [(label, _)] = Counter(label for labels in gold for label in labels).most_common(1)
    return [[label] * len(events) for events in asked]


def sensor_majority(train: Sequence[Events], gold: Sequence[list[str]], asked: Sequence[Events]) -> list[list[str]]:
    """The most frequent label of the event's description, or of all where it never occurs in the train split."""
    everything, counts = Counter(), {}
    for events, labels in zip(train, gold, strict=True):
        everything.update(labels)
        for event, label in zip(events, labels, strict=True):
            counts.setdefault(event["description"], Counter())[label] += 1
    return [[counts.get(event["description"], everything).most_common(1)[0][0] for event in events] for events in asked]


def extra_trees(train: Sequence[Events], gold: Sequence[list[str]], asked: Sequence[Events]) -> list[list[str]]:
    """Labels by scikit-learn's extra trees, each event by itself."""
    table = DictVectorizer(dtype=np.float32, sparse=False)
    rows = table.fit_transform([row for events in train for row in features(events)])
    # One thread: with more, sums over trees differ in their last digits from run to run.
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, max_features=0.1, random_state=SEED)
    trees.fit(rows, [label for labels in gold for label in labels])
    given = iter(trees.predict(table.transform([row for events in asked for row in features(events)])))
    return [[next(given) for _ in events] for events in asked]


def crf(train: Sequence[Events], gold: Sequence[list[str]], asked: Sequence[Events]) -> list[list[str]]:
    """Labels by CRFsuite's linear-chain conditional random field, a window as a sequence."""
    field = CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    field.fit([features(events) for events in train], gold)
    return field.predict([features(events) for events in asked])


BASELINES = {"majority": majority, "sensor-majority": sensor_majority, "extra-trees": extra_trees, "crf": crf}


def features(events: Events) -> list[dict[str, float]]:
    """What is known of each event, by name: descriptions by distance and in the whole window, time of day, gaps.

    A gap is the logarithm of the seconds to another event.
    """
    seconds = [_seconds_of_day(event["time"]) for event in events]
    around = Counter(f"window: {event['description']}" for event in events)
    rows = []
    for index, second in enumerate(seconds):
        row = {**around, "day": second / _DAY, f"hour {second // 3600}": 1}
        for other in range(max(index - REACH, 0), min(index + REACH + 1, len(events))):
            row[f"{other - index:+d}: {events[other]['description']}"] = 1
            earlier, later = sorted((index, other))
            passed = (seconds[later] - seconds[earlier]) % _DAY  # a window may pass midnight
            row[f"{other - index:+d} gap"] = math.log1p(passed)
        rows.append(row)
    return rows


def _seconds_of_day(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * 3600 + minutes * 60 + seconds
