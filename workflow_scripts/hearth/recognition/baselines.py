"""Baselines: recognisers without a language model, which learn from the train split of the dataset they are tested on.

A baseline is a function of the train split's events, their gold labels, and the events to label: no other label can
reach it. It sees an event's description and time of day, and the other events of its window. It sees neither the date
nor a window's position in its session, which would identify a recording.
"""

import importlib
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

from hearth.common.job_stats import JobStats
from hearth.common.memory import peak_memory_bytes
from hearth.data.windows import Window, WindowEvent, WindowInput
from hearth.prompting.predictions import Prediction
from hearth.prompting.prompts import answer_text

Events = Sequence[WindowEvent]  # of one window
Labels = Sequence[str]  # one for each event of a window
Labeller = Callable[[Sequence[Events]], Iterable[Labels]]  # labels windows after it has learned
Item = TypeVar("Item")  # a window, or its events

SEED = 0
BATCH = 4096  # windows that are labelled at once
REACH = 6  # number of neighbours on either side of an event that its features describe
_DAY = 24 * 60 * 60
_LIBRARIES = ("scikit-learn", "sklearn-crfsuite")


def recognise_windows(baseline: str, train: Iterable[Window], windows: Iterable[Window]) -> Iterator[Prediction]:
    """Learn from `train` with a baseline, and yield a prediction with the keys of a language model's for each window.

    Raises ValueError for an unknown baseline and for an empty `train`.
    """
    labelled, named = itertools.tee(windows)
    labels = _label(baseline, train, (window["events"] for window in labelled))
    for window, window_labels in zip(named, labels, strict=True):
        yield {
            "window_id": window["window_id"],
            "text": answer_text(window_labels),
            "finish_reason": "stop",
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "seed": SEED,
        }


def make_stats(windows: int, seconds: float) -> JobStats:
    """Return the stats of a job with the keys of a language model's: `seconds` cover learning and labelling."""
    return {
        "windows": windows,
        "seconds": round(seconds, 3),
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "engine": "baseline",
        "dtype": None,
        "versions": {library: version(library) for library in _LIBRARIES},
        "device": "cpu",
        "batch_size": None,
        "peak_memory_bytes": peak_memory_bytes(),
    }


def import_libraries() -> None:
    """Import the libraries of all baselines, which takes seconds that are not part of their work.

    They are not imported at the top, because the Snakefile only needs the names of `BASELINES`.
    """
    for module in ("sklearn.ensemble", "sklearn.feature_extraction", "sklearn_crfsuite"):
        importlib.import_module(module)


def predict_labels(baseline: str, train: Iterable[Window], windows: Iterable[WindowInput]) -> list[list[str]]:
    """Learn from `train` with a baseline; return for each of `windows` a list of its events' labels.

    Raises ValueError for an unknown baseline and for an empty `train`.
    """
    return list(_label(baseline, train, (window["events"] for window in windows)))


def _label(baseline: str, train: Iterable[Window], test: Iterable[Events]) -> Iterator[list[str]]:
    labeller = learn(baseline, train)
    for some in batches(test):
        for labels in labeller(some):
            yield [str(label) for label in labels]


def learn(baseline: str, train: Iterable[Window]) -> Labeller:
    """Learn from `train` with a baseline; return what labels windows, which can be pickled.

    Raises ValueError for an unknown baseline and for an empty `train`.
    """
    if baseline not in BASELINES:
        raise ValueError(f"baseline {baseline!r} is none of {', '.join(BASELINES)}")
    learned = ((window["events"], window["gold"]) for window in train)
    first = next(learned, None)
    if first is None:
        raise ValueError(f"baseline {baseline}: the train split has no window to learn from")
    return BASELINES[baseline](itertools.chain([first], learned))


def majority(train: Iterable[tuple[Events, Labels]]) -> Labeller:
    """Label every event with the most frequent label; of equally frequent ones the first to occur."""
    [(label, _)] = Counter(label for _, labels in train for label in labels).most_common(1)
    return partial(_by_description, {}, label)


def sensor_majority(train: Iterable[tuple[Events, Labels]]) -> Labeller:
    """Label each event with the most frequent label of its description; if that is new, of all descriptions."""
    overall: Counter[str] = Counter()
    by_description: dict[str, Counter[str]] = {}
    for events, labels in train:
        overall.update(labels)
        for event, label in zip(events, labels, strict=True):
            by_description.setdefault(event["description"], Counter())[label] += 1
    most_frequent = {name: counts.most_common(1)[0][0] for name, counts in by_description.items()}
    [(label, _)] = overall.most_common(1)
    return partial(_by_description, most_frequent, label)


def _by_description(most_frequent: Mapping[str, str], otherwise: str, windows: Sequence[Events]) -> Iterator[Labels]:
    for events in windows:
        yield [most_frequent.get(event["description"], otherwise) for event in events]


def extra_trees(train: Iterable[tuple[Events, Labels]]) -> Labeller:
    """Label each event by itself with scikit-learn's extra trees."""
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.feature_extraction import DictVectorizer

    vectorizer = DictVectorizer(dtype=np.float32, sparse=False)
    learned = list(train)
    rows = vectorizer.fit_transform([row for events, _ in learned for row in features(events)])
    # One thread: with more, sums over trees differ in their last digits from run to run.
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, max_features=0.1, random_state=SEED)
    trees.fit(rows, [label for _, labels in learned for label in labels])
    return partial(_by_trees, vectorizer, trees)


def _by_trees(vectorizer: Any, trees: Any, windows: Sequence[Events]) -> Iterator[Labels]:
    rows = vectorizer.transform([row for events in windows for row in features(events)])
    predicted = iter(trees.predict(rows))
    for events in windows:
        yield [next(predicted) for _ in events]


def crf(train: Iterable[tuple[Events, Labels]]) -> Labeller:
    """Label a window as a sequence with CRFsuite's linear-chain conditional random field."""
    from sklearn_crfsuite import CRF

    field = CRF(algorithm="lbfgs", c1=0.1, c2=0.1, max_iterations=100, all_possible_transitions=True)
    learned = [(features(events), labels) for events, labels in train]
    field.fit([rows for rows, _ in learned], [labels for _, labels in learned])
    return partial(_by_field, field)


def _by_field(field: Any, windows: Sequence[Events]) -> Iterable[Labels]:
    predicted: list[Labels] = field.predict([features(events) for events in windows])
    return predicted


def batches(windows: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield windows in lists of up to `BATCH`, so that the features of few are in memory."""
    rest = iter(windows)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


# The baselines by name: the valid values of `baselines` in a config.
BASELINES: dict[str, Callable[[Iterable[tuple[Events, Labels]]], Labeller]] = {
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
    seconds = [seconds_of_day(event["time"]) for event in events]
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


def seconds_of_day(clock: str) -> int:
    """Return the seconds since midnight of a time HH:MM:SS."""
    hours, minutes, seconds = map(int, clock.split(":"))
    return hours * 3600 + minutes * 60 + seconds
