"""Per-session counts of windows and events, from which all metrics, their intervals and their tests follow.

Counts add up over sessions, so the same formulas (`metrics.compute_metrics`) give the metrics of a whole test split,
of a subset of its windows, and of a bootstrap resample of its sessions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hearth.evaluation.score_document import Parsing, ParsingCounts, Score, SessionCounts, Subset

# Statuses of windows whose answer could not be read at all.
UNREADABLE = ("malformed", "unclosed_reasoning", "truncated")

Labels = Sequence[Sequence[str]]  # one label per event, one sequence per window
PredictedLabels = Sequence[Sequence[str | None]]  # as `Labels`; None for an event without a readable label
ParsedWindows = tuple[PredictedLabels, Sequence[str]]  # predicted labels and status of each window

# Number of columns of `Counts.matrix` that do not belong to one label.
_WINDOW_COLUMNS = 5


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of one recogniser under one parsing, one row per session.

    `sessions` are sorted, so that the order of sessions in a file changes no resample. `labels` are the labels with
    gold events, in the home's order. Other labels need no column: predicting one of them already leaves the gold label
    with fewer correct events. `matrix` is float64 of shape (sessions, 3 * number of labels + 5). Its columns are events
    by gold label, events by predicted label and correct events by label, then windows, windows with status ok,
    unreadable windows, events without a label and events with an unknown label.
    """

    recogniser: str
    dataset: str
    sessions: tuple[str, ...]
    labels: tuple[str, ...]
    matrix: np.ndarray


def count_windows(gold: Labels, parsings: Mapping[Parsing, ParsedWindows]) -> SessionCounts:
    """Count the windows and events of one session, or of any set of windows.

    Windows of status malformed, unclosed_reasoning or truncated count as `malformed`. An event without a label counts
    as `unknown` in a window of status unknown_label, in which every event was answered, and as `missing` in any other,
    also in one of status unanswered.
    """
    by_gold = Counter(label for labels in gold for label in labels)
    counts: dict[str, object] = {"windows": len(gold), "gold": dict(by_gold)}
    for parsing, (predicted, statuses) in parsings.items():
        counts[parsing] = _count_parsing(gold, predicted, statuses)
    return counts  # type: ignore[return-value]  # parsings are keys of SessionCounts


def _count_parsing(gold: Labels, predicted: PredictedLabels, statuses: Sequence[str]) -> ParsingCounts:
    pairs = [pair for windows in zip(gold, predicted, strict=True) for pair in zip(*windows, strict=True)]
    unlabelled = Counter[bool]()
    for labels, status in zip(predicted, statuses, strict=True):
        unlabelled[status == "unknown_label"] += sum(label is None for label in labels)
    return {
        "predicted": dict(Counter(label for _, label in pairs if label is not None)),
        "right": dict(Counter(label for expected, label in pairs if label is not None and label == expected)),
        "ok": sum(status == "ok" for status in statuses),
        "malformed": sum(status in UNREADABLE for status in statuses),
        "missing": unlabelled[False],
        "unknown": unlabelled[True],
    }


def count_sessions(
    sessions: Sequence[str], gold: Labels, parsings: Mapping[Parsing, ParsedWindows]
) -> dict[str, SessionCounts]:
    """Return a dict from session to its counts; `sessions` names the session of each window."""
    positions: dict[str, list[int]] = {}
    for position, session in enumerate(sessions):
        positions.setdefault(session, []).append(position)
    return {
        session: count_windows(
            [gold[position] for position in own],
            {
                parsing: ([predicted[position] for position in own], [statuses[position] for position in own])
                for parsing, (predicted, statuses) in parsings.items()
            },
        )
        for session, own in positions.items()
    }


def counts_of_score(score: Score, parsing: Parsing = "strict") -> Counts:
    """Return the counts of a score under one parsing. Raises ValueError for a label that is not a label of the home."""
    home_labels = score["strict"]["confusion"]["labels"]
    return counts_of_sessions(score["recogniser"], score["dataset"], score["sessions"], home_labels, parsing)


def counts_of_subset(score: Score, subset: Subset) -> Counts | None:
    """Return the strictly parsed counts of the simple or complex windows of a score; None if there are none.

    The counts name dataset and subset together, so that the resamples of a subset are drawn independently of those of
    the whole dataset.
    """
    part = score["complexity"][subset]
    if part is None:
        return None
    name = f"{score['dataset']} {subset}"
    return counts_of_sessions(score["recogniser"], name, part["sessions"], part["confusion"]["labels"], "strict")


def counts_of_sessions(
    recogniser: str,
    dataset: str,
    sessions: Mapping[str, SessionCounts],
    home_labels: Sequence[str],
    parsing: Parsing,
) -> Counts:
    """Return the counts of these sessions under one parsing.

    The name `dataset` decides how sessions are resampled (see `bootstrap.session_weights`). Raises ValueError for a
    label that is not one of `home_labels`.
    """
    names = sorted(sessions)
    for session in sessions.values():
        for label in (*session["gold"], *session[parsing]["predicted"], *session[parsing]["right"]):
            if label not in home_labels:
                raise ValueError(
                    f"score of {recogniser} on {dataset}: label {label!r} of its sessions is not a label of the home;"
                    " run the rule `score` again"
                )
    in_order = [sessions[name] for name in names]
    labels = labels_with_gold(in_order, home_labels)
    return Counts(recogniser, dataset, tuple(names), labels, count_matrix(in_order, labels, parsing))


def labels_with_gold(sessions: Sequence[SessionCounts], home_labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that some event of the sessions has as its gold label, in the order of `home_labels`."""
    return tuple(label for label in home_labels if any(label in session["gold"] for session in sessions))


def count_matrix(sessions: Sequence[SessionCounts], labels: Sequence[str], parsing: Parsing) -> np.ndarray:
    """Return the matrix of `Counts`, one row per session, with columns for `labels`."""
    rows = []
    for session in sessions:
        part = session[parsing]
        by_label = (session["gold"], part["predicted"], part["right"])
        row = [events.get(label, 0) for events in by_label for label in labels]
        rows.append([*row, session["windows"], part["ok"], part["malformed"], part["missing"], part["unknown"]])
    return np.array(rows, dtype=float)


def split_columns(counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Split an array with the columns of `Counts.matrix` on its last axis into four arrays.

    These are gold, predicted and correct events by label, and the last five columns.
    """
    size = (counts.shape[-1] - _WINDOW_COLUMNS) // 3
    return tuple(np.split(counts, [size, 2 * size, 3 * size], axis=-1))
