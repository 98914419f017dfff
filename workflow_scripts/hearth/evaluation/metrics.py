"""Metrics over events, by scikit-learn.

How an event without a readable label counts (DESIGN, section 3; paper, step 5): `None` stands for a
label that is missing, unknown or unreadable. It is wrong, and it is never a class of its own.

- accuracy: correct events / all events.
- macro and weighted F1: over the labels with support in the gold. A label of the home that the test
  split never shows has no recall, so it is no term of the average; predicting it still costs the gold
  label its recall.
- micro F1: over all labels of the home, `None` as an abstention. An abstention costs recall and no
  precision, so with abstentions micro F1 is above accuracy; without any, the two are equal.
- a class whose precision and recall are both 0 has F1 0.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from hearth.prompting.parsing import STATUSES

UNREAD = "no readable label"
UNPARSED = ("malformed", "unclosed_reasoning", "truncated")


def score_windows(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str | None]],
    statuses: Sequence[str],
    labels: Sequence[str],
) -> dict:
    """All metrics of one way of parsing: the `strict` or `lenient` part of a score.

    `gold` and `predicted` hold one sequence of labels a window, `statuses` one status a window.
    Raises ValueError where the three disagree in size, and as `event_metrics` does.
    """
    if not len(gold) == len(predicted) == len(statuses):
        raise ValueError(f"{len(gold)} windows of gold, {len(predicted)} of predictions, {len(statuses)} statuses")
    for index, (expected, given) in enumerate(zip(gold, predicted, strict=True)):
        if len(expected) != len(given):
            raise ValueError(f"window {index}: {len(expected)} gold labels, {len(given)} predicted ones")
    metrics = event_metrics(
        [label for window in gold for label in window], [label for window in predicted for label in window], labels
    )
    return metrics | {"status": status_counts(statuses), "rates": rates(predicted, statuses)}


def event_metrics(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str]) -> dict:
    """Accuracy, macro, weighted and micro F1, per-class scores and confusion of one label per event.

    `per_class` covers all of `labels`, in a support of 0 as well; `confusion` has gold labels as rows
    and predicted labels, then "no readable label", as columns. Raises ValueError for no events,
    for lists of different length and for a label outside `labels`.
    """
    if not gold:
        raise ValueError("no events to score")
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold labels, {len(predicted)} predicted ones")
    code = {label: number for number, label in enumerate(labels)}
    for name, given in (("gold", set(gold)), ("predicted", set(predicted) - {None})):
        foreign = sorted(given - code.keys(), key=str)
        if foreign:
            raise ValueError(f"{name} label {foreign[0]!r} is none of the home's labels")
    # scikit-learn cannot sort None among strings; -1 is in no `labels=` below, so it is no class.
    truth = [code[label] for label in gold]
    guess = [-1 if label is None else code[label] for label in predicted]
    everything, supported = list(code.values()), sorted(set(truth))

    def average(kind: str | None, over: list[int]) -> tuple:
        return precision_recall_fscore_support(truth, guess, labels=over, average=kind, zero_division=0)

    per_class = {
        label: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
        for label, precision, recall, f1, support in zip(labels, *average(None, everything), strict=True)
    }
    return {
        "accuracy": float(accuracy_score(truth, guess)),
        "macro_f1": float(average("macro", supported)[2]),
        "weighted_f1": float(average("weighted", supported)[2]),
        "micro_f1": float(average("micro", everything)[2]),
        "per_class": per_class,
        "confusion": {
            "labels": list(labels),
            "columns": [*labels, UNREAD],
            "counts": confusion_matrix(truth, guess, labels=[*everything, -1])[:-1].tolist(),
        },
    }


def status_counts(statuses: Sequence[str]) -> dict[str, int]:
    """Windows of each status; a status that never occurs counts 0. Raises ValueError for an unknown one."""
    counts = Counter(statuses)
    foreign = sorted(counts.keys() - set(STATUSES))
    if foreign:
        raise ValueError(f"unknown status {foreign[0]!r}; known: {', '.join(STATUSES)}")
    return {status: counts[status] for status in STATUSES}


def tallies(predicted: Sequence[Sequence[str | None]], statuses: Sequence[str]) -> dict[str, int]:
    """Windows that are ok and malformed, events that are missing and unknown.

    Malformed windows are those of status malformed, unclosed_reasoning or truncated. An event without a label
    is unknown in a window of status unknown_label, where every event was answered, and missing in any other.
    """
    unlabelled = Counter()
    for window, status in zip(predicted, statuses, strict=True):
        unlabelled[status == "unknown_label"] += sum(label is None for label in window)
    return {
        "ok": sum(status == "ok" for status in statuses),
        "malformed": sum(status in UNPARSED for status in statuses),
        "missing": unlabelled[False],
        "unknown": unlabelled[True],
    }


def rates(predicted: Sequence[Sequence[str | None]], statuses: Sequence[str]) -> dict[str, float]:
    """Shares of windows (ok, malformed) and of events (missing, unknown), as `tallies` counts them."""
    windows, events = len(statuses), sum(map(len, predicted))
    counted = tallies(predicted, statuses)
    return {
        "ok_rate": counted["ok"] / windows,
        "malformed_rate": counted["malformed"] / windows,
        "missing_rate": counted["missing"] / events,
        "unknown_rate": counted["unknown"] / events,
    }


def session_counts(
    sessions: Sequence[str],
    gold: Sequence[Sequence[str]],
    parsings: Mapping[str, tuple[Sequence[Sequence[str | None]], Sequence[str]]],
) -> dict[str, dict]:
    """What the metrics of any choice of sessions follow from, by session in order of their first windows.

    `sessions` holds the session of each window, `parsings` the predicted labels and statuses of each window for every
    way of parsing. A session has `windows`, `gold` (events by label) and for every way of parsing `predicted` and
    `right` (events by label) and the `tallies`. A label of no event is left out.
    """
    found = {}
    for session in dict.fromkeys(sessions):
        own = [number for number, name in enumerate(sessions) if name == session]
        truth = [label for number in own for label in gold[number]]
        counted = {"windows": len(own), "gold": dict(Counter(truth))}
        for name, (predicted, statuses) in parsings.items():
            windows = [predicted[number] for number in own]
            guess = [label for window in windows for label in window]
            counted[name] = {
                "predicted": dict(Counter(label for label in guess if label is not None)),
                "right": dict(Counter(label for label, other in zip(truth, guess, strict=True) if label == other)),
                **tallies(windows, [statuses[number] for number in own]),
            }
        found[session] = counted
    return found
