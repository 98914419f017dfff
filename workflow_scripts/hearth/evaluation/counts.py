"""Per-session counts of windows and events, from which all metrics, their intervals and their tests follow.

Counts add up over sessions, so the same formulas (`metrics.compute_metrics`) give the metrics of a whole test split,
of a subset of its windows, and of a bootstrap resample of its sessions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

import numpy as np

from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.score_document import NumberBySession, Parsing, ParsingCounts, Score, SessionCounts, Subset

# Statuses of windows whose answer could not be read at all.
UNREADABLE = ("malformed", "unclosed_reasoning", "truncated")

# Number of columns of `Counts.matrix` that do not belong to one label.
_WINDOW_COLUMNS = 5


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of one recogniser under one parsing, one row per session.

    `sessions` are sorted, so that the order of sessions in a file changes no resample. `labels` are the labels with
    gold events, in the home's order. `matrix` holds whole numbers in the smallest unsigned type that holds them, its
    shape is (sessions, 3 * number of labels + 5). Its columns are events by gold label, events by predicted label and
    correct events by label, then windows, windows with status ok, unreadable windows, events without a label and events
    with an unknown label.
    """

    recogniser: str
    dataset: str
    sessions: tuple[str, ...]
    labels: tuple[str, ...]
    matrix: np.ndarray


def count_sessions(windows: EncodedWindows) -> SessionCounts:
    """Count the windows and events of every session.

    Windows of status malformed, unclosed_reasoning or truncated count as `malformed`. An event without a label counts
    as `unknown` in a window of status unknown_label, in which every event was answered, and as `missing` in any other,
    also in one of status unanswered.
    """
    sessions = len(windows.sessions)
    used = np.unique(windows.gold)

    def by_label(events: np.ndarray, codes: np.ndarray) -> dict[str, NumberBySession]:
        places = windows.session_of_event[events] * np.int64(len(windows.labels)) + codes[events]
        table = np.bincount(places, minlength=sessions * len(windows.labels)).reshape(sessions, -1)
        return {windows.labels[code]: _written(table[:, code]) for code in used}

    def by_session(session_of: np.ndarray) -> NumberBySession:
        return _written(np.bincount(session_of, minlength=sessions))

    def count_parsing(parsing: Parsing) -> ParsingCounts:
        labels = windows.answers[parsing].labels
        missing, unknown = windows.without_label(parsing)
        return {
            "predicted": by_label(~missing & ~unknown, labels),
            "right": by_label(labels == windows.gold, labels),
            "ok": by_session(windows.session[windows.has_status(parsing, "ok")]),
            "malformed": by_session(windows.session[windows.has_status(parsing, *UNREADABLE)]),
            "missing": by_session(windows.session_of_event[missing]),
            "unknown": by_session(windows.session_of_event[unknown]),
        }

    counts: dict[str, object] = {
        "names": list(windows.sessions),
        "windows": by_session(windows.session),
        "gold": by_label(np.ones(len(windows.gold), bool), windows.gold),
        **{parsing: count_parsing(parsing) for parsing in windows.answers},
    }
    return cast(SessionCounts, counts)


def _written(numbers: np.ndarray) -> NumberBySession:
    return " ".join(map(str, numbers.tolist()))


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
    recogniser: str, dataset: str, sessions: SessionCounts, home_labels: Sequence[str], parsing: Parsing
) -> Counts:
    """Return the counts of these sessions under one parsing.

    The name `dataset` decides how sessions are resampled (see `bootstrap.session_weights`). Raises ValueError for a
    label that is not one of `home_labels`, and for counts that are not one whole number per session.
    """
    gold, part = sessions["gold"], sessions[parsing]

    def fail(what: str) -> NoReturn:
        raise ValueError(f"score of {recogniser} on {dataset}: {what}; run the rule `score` again")

    def read(numbers: NumberBySession) -> np.ndarray:
        try:
            column = np.array(numbers.split(), np.uint32)
        except (ValueError, OverflowError):
            column = np.empty(0, np.uint32)
        if len(column) != len(sessions["names"]):
            fail(f"{numbers[:60]!r} is not one number for each of its {len(sessions['names'])} sessions")
        return column

    for label in (*gold, *part["predicted"], *part["right"]):
        if label not in home_labels:
            fail(f"label {label!r} of its sessions is not a label of the home")
    if not gold.keys() == part["predicted"].keys() == part["right"].keys():
        fail("its sessions have counts of different labels")
    labels = tuple(label for label in home_labels if label in gold)
    by_label: tuple[Mapping[str, NumberBySession], ...] = (gold, part["predicted"], part["right"])
    columns = [read(events[label]) for events in by_label for label in labels]
    columns += map(read, (sessions["windows"], part["ok"], part["malformed"], part["missing"], part["unknown"]))
    matrix = np.stack(columns, axis=1)
    small = matrix.astype(np.min_scalar_type(matrix.max()))
    return Counts(recogniser, dataset, tuple(sessions["names"]), labels, small)


def split_columns(counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Split an array with the columns of `Counts.matrix` on its last axis into four arrays.

    These are gold, predicted and correct events by label, and the last five columns.
    """
    size = (counts.shape[-1] - _WINDOW_COLUMNS) // 3
    return tuple(np.split(counts, [size, 2 * size, 3 * size], axis=-1))
