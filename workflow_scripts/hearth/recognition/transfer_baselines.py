"""Transfer baselines: recognisers without a language model that learn in several homes and answer in common labels.

They see what homes share: the words of descriptions, kinds of sensors, rooms, what a state says (on, off, a number),
the time of day, the other events of the window and the pauses between them. Every home weighs the same, however many
events it has. A home's vocabulary is known only if the home is learned from.
"""

import logging
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hearth.data.gold_labels import with_common_labels
from hearth.data.windows import Window, WindowEvent
from hearth.homes.home import Home, common_label_names
from hearth.prompting.predictions import ParsedPrediction
from hearth.prompting.prompts import answer_text
from hearth.recognition.baselines import SEED, batches, seconds_of_day

log = logging.getLogger(__name__)

# The most windows of a home that a baseline learns from, so that a home of a year takes minutes.
WINDOWS_PER_HOME = 2000
_DAY = 24 * 60 * 60
# Words of sorts of states; those of "off" come first, because "no longer in use" has words of both.
_STATES = {
    "off": re.compile(r"off|closed?|closes|end(s|ed)?|stop(s|ped)?|released|inactive|absent|left|gone|no|rest|back"),
    "on": re.compile(
        r"on|open(s|ed)?|begins?|start(s|ed)?|detect(s|ed)|motion|pressed|occupied|active|present|used?|taken|move[sd]"
    ),
}


@dataclass(frozen=True)
class Traits:
    """The traits of an event's description that homes share: words of room and sensor, room, kind, sort of state.

    Letter case and numbers are left out, so that `bedroom_1` and `Bedroom 2` are alike.
    """

    words: tuple[str, ...]
    room: str
    kind: str
    state: str


@dataclass(frozen=True)
class HomeWindows:
    """Windows of one dataset: those to learn from, or those to label.

    `traits` has those of each description, `common_labels` maps each label of the home to one that homes share.
    """

    name: str
    windows: Iterable[Window]
    traits: Mapping[str, Traits]
    common_labels: Mapping[str, str]


@dataclass(frozen=True)
class _Learned:
    """A window to learn from: its events, their traits, their common labels, and the weight of each event."""

    events: Sequence[WindowEvent]
    traits: Sequence[Traits]
    labels: Sequence[str]
    weight: float


def home_traits(home: Home) -> dict[str, Traits]:
    """Return a dict from every description of a home to its traits."""
    return {
        sensor.describe(state): Traits(
            words=_words(f"{sensor.room} {sensor.words}"),
            room=" ".join(_words(sensor.room)),
            kind=" ".join(_words(sensor.kind)),
            state=_sort_of_state(state),
        )
        for sensor in home.sensors.values()
        for state in sensor.states.values()
    }


def recognise_windows(baseline: str, train: Sequence[HomeWindows], tested: HomeWindows) -> Iterator[ParsedPrediction]:
    """Learn from `train` with a transfer baseline; yield the common labels of each tested window, as if parsed.

    Raises ValueError for an unknown baseline, and if a home has no window to learn from.
    """
    if baseline not in TRANSFER_BASELINES:
        raise ValueError(f"transfer baseline {baseline!r} is none of {', '.join(TRANSFER_BASELINES)}")
    label = TRANSFER_BASELINES[baseline]([window for home in train for window in _learned(home)])
    for windows in batches(tested.windows):
        labelled = label([(window["events"], _traits_of(window, tested)) for window in windows])
        for window, labels in zip(windows, labelled, strict=True):
            yield _prediction(window, list(labels))


def _learned(home: HomeWindows) -> list[_Learned]:
    """Return the windows of a home to learn from, together of weight 1.

    Of more than `WINDOWS_PER_HOME` windows, they are every second, fourth, eighth... one. Only these are in memory.
    """
    chosen: list[Window] = []
    step = 1
    for number, window in enumerate(home.windows):
        if number % step == 0:
            chosen.append(window)
        if len(chosen) > WINDOWS_PER_HOME:
            chosen, step = chosen[::2], 2 * step
    if not chosen:
        raise ValueError(f"the train split of {home.name} has no window to learn from")
    if step > 1:
        log.warning("%s: learning from one in %d of its train windows, %d", home.name, step, len(chosen))
    weight = 1 / sum(len(window["gold"]) for window in chosen)
    return [
        _Learned(
            window["events"],
            _traits_of(window, home),
            with_common_labels(window, home.common_labels)["gold"],
            weight,
        )
        for window in chosen
    ]


def _traits_of(window: Window, home: HomeWindows) -> list[Traits]:
    return [home.traits[event["description"]] for event in window["events"]]


def _prediction(window: Window, labels: list[str | None]) -> ParsedPrediction:
    return {
        "window_id": window["window_id"],
        "text": answer_text([str(label) for label in labels]),
        "finish_reason": "stop",
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "seed": SEED,
        "reasoning": "",
        "labels": labels,
        "status": "ok",
        "lenient_labels": labels,
        "lenient_status": "ok",
    }


# From the events and traits of windows to the labels of each.
Labeller = Callable[[Sequence[tuple[Sequence[WindowEvent], Sequence[Traits]]]], Iterable[Sequence[str]]]


def words_majority(learned: Sequence[_Learned]) -> Labeller:
    """Label an event with the most frequent label of its words and state; if these are new, of its kind and room.

    If these are new too, the label is that of the room, else that of all events. Of equally frequent labels, the first
    in the order of the common labels counts.
    """
    counts: dict[Hashable, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for window in learned:
        for traits, label in zip(window.traits, window.labels, strict=True):
            for key in _keys(traits):
                counts[key][label] += window.weight
    order = common_label_names()
    best = {key: max(order, key=lambda label: count[label]) for key, count in counts.items()}

    def label_windows(windows: Sequence[tuple[Sequence[WindowEvent], Sequence[Traits]]]) -> Iterator[list[str]]:
        for _, traits in windows:
            yield [next(best[key] for key in _keys(each) if key in best) for each in traits]

    return label_windows


def _keys(traits: Traits) -> list[Hashable]:
    """Return what the label of an event is looked up by, from the finest to the coarsest."""
    return [("words", traits.words, traits.state), ("kind", traits.kind, traits.room), ("room", traits.room), "all"]


def words_trees(learned: Sequence[_Learned]) -> Labeller:
    """Label each event by itself with scikit-learn's extra trees on `features`."""
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.feature_extraction import DictVectorizer

    vectorizer = DictVectorizer(dtype=np.float32, sparse=False)
    rows = vectorizer.fit_transform(row for window in learned for row in features(window.events, window.traits))
    # One thread: with more, sums over trees differ in their last digits from run to run.
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, max_features=0.1, random_state=SEED)
    trees.fit(
        rows,
        [label for window in learned for label in window.labels],
        sample_weight=[window.weight for window in learned for _ in window.labels],
    )

    def label_windows(windows: Sequence[tuple[Sequence[WindowEvent], Sequence[Traits]]]) -> Iterator[list[str]]:
        described = (row for events, traits in windows for row in features(events, traits))
        labels = iter(trees.predict(vectorizer.transform(described)))
        for events, _ in windows:
            yield [str(next(labels)) for _ in events]

    return label_windows


# The transfer baselines by name: the valid values of `transfer_baselines` in a config.
TRANSFER_BASELINES: dict[str, Callable[[Sequence[_Learned]], Labeller]] = {
    "words-majority": words_majority,
    "words-trees": words_trees,
}


def features(events: Sequence[WindowEvent], traits: Sequence[Traits]) -> list[dict[str, float]]:
    """Return for each event of a window a dict from the name of a feature to its value.

    Features are the event's words, room, kind and state; the words before and after it, each divided by its distance in
    events; the share of the window's events with each word; the time of day on a circle; and the pauses before and
    after it, log(1 + seconds).
    """
    seconds = [seconds_of_day(event["time"]) for event in events]
    in_window = Counter(f"window: {word}" for each in traits for word in set(each.words))
    shared = {name: count / len(events) for name, count in in_window.items()}
    rows = []
    for index, (second, own) in enumerate(zip(seconds, traits, strict=True)):
        near: dict[str, float] = defaultdict(float)
        for other, each in enumerate(traits):
            place = "before" if other < index else "after"
            for word in each.words if other != index else ():
                near[f"{place}: {word}"] += 1 / abs(other - index)
        angle = 2 * math.pi * second / _DAY
        rows.append(
            {
                **shared,
                **near,
                **{f"word: {word}": 1.0 for word in own.words},
                f"room: {own.room}": 1.0,
                f"kind: {own.kind}": 1.0,
                f"state: {own.state}": 1.0,
                "day, sine": math.sin(angle),
                "day, cosine": math.cos(angle),
                "pause before": _pause(seconds, index - 1, index),
                "pause after": _pause(seconds, index, index + 1),
            }
        )
    return rows


def _pause(seconds: Sequence[int], earlier: int, later: int) -> float:
    """Return log(1 + seconds) between two neighbours; -1 at an end of the window, where there is no neighbour."""
    if earlier < 0 or later == len(seconds):
        return -1.0
    return math.log1p((seconds[later] - seconds[earlier]) % _DAY)  # a window may pass midnight


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a text in lower case, without numbers, in order."""
    return tuple(re.findall(r"[^\W\d_]+", text.casefold()))


def _sort_of_state(state: str) -> str:
    """Return "on", "off", "number" or, for any other state, its words."""
    words = _words(state)
    for sort, known in _STATES.items():
        if any(map(known.fullmatch, words)):
            return sort
    return " ".join(words) or "number"
