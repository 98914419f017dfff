"""Per-group counts of windows and events, from which all metrics, their intervals and their tests follow.

Counts add up over groups, so the same formulas (`metrics.compute_metrics`) give the metrics of a whole test split,
of a subset of its windows, and of a bootstrap resample of its groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

import numpy as np

from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.score_document import (
    GroupCounts,
    LostAnswers,
    NumberByGroup,
    Parsing,
    ParsingCounts,
    Score,
    Subset,
)
from hearth.prompting.oddities import UNREADABLE

# Number of columns of `Counts.matrix` that do not belong to one label.
_WINDOW_COLUMNS = 5


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of one recogniser under one parsing, one row per group.

    `groups` are sorted, so that the order of groups in a file changes no resample. `labels` are the labels with
    gold events, in the home's order. `matrix` holds whole numbers in the smallest unsigned type that holds them, its
    shape is (groups, 3 * number of labels + 5). Its columns are events by gold label, events by predicted label and
    correct events by label, then windows, windows with status ok, unreadable windows, events without a label and events
    with an unknown label. `lost_answers` is the reading of the headline metrics that are computed from them.
    """

    recogniser: str
    dataset: str
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    matrix: np.ndarray
    lost_answers: LostAnswers


def count_groups(windows: EncodedWindows) -> GroupCounts:
    """Count the windows and events of every group.

    Windows of status malformed, unclosed_reasoning or truncated count as `malformed`. An event without a label counts
    as `unknown` in a window of status unknown_label, in which every event was answered, and as `missing` in any other,
    also in one of status unanswered.
    """
    groups = len(windows.groups)
    used = np.unique(windows.gold)

    def by_label(events: np.ndarray, codes: np.ndarray) -> dict[str, NumberByGroup]:
        places = windows.group_of_event[events] * np.int64(len(windows.labels)) + codes[events]
        table = np.bincount(places, minlength=groups * len(windows.labels)).reshape(groups, -1)
        return {windows.labels[code]: _written(table[:, code]) for code in used}

    def by_group(session_of: np.ndarray) -> NumberByGroup:
        return _written(np.bincount(session_of, minlength=groups))

    def count_parsing(parsing: Parsing) -> ParsingCounts:
        labels = windows.answers[parsing].labels
        missing, unknown = windows.without_label(parsing)
        return {
            "predicted": by_label(~missing & ~unknown, labels),
            "right": by_label(labels == windows.gold, labels),
            "ok": by_group(windows.group[windows.has_status(parsing, "ok")]),
            "malformed": by_group(windows.group[windows.has_status(parsing, *UNREADABLE)]),
            "missing": by_group(windows.group_of_event[missing]),
            "unknown": by_group(windows.group_of_event[unknown]),
        }

    counts: dict[str, object] = {
        "names": list(windows.groups),
        "windows": by_group(windows.group),
        "gold": by_label(np.ones(len(windows.gold), bool), windows.gold),
        **{parsing: count_parsing(parsing) for parsing in windows.answers},
    }
    return cast(GroupCounts, counts)


def _written(numbers: np.ndarray) -> NumberByGroup:
    return " ".join(map(str, numbers.tolist()))


def counts_of_score(score: Score, parsing: Parsing = "strict") -> Counts:
    """Return the counts of a score under one parsing. Raises ValueError for a label that is not a label of the home."""
    home_labels = score["strict"]["confusion"]["labels"]
    return counts_of_groups(
        score["recogniser"], score["dataset"], score["groups"], home_labels, parsing, score["lost_answers"]
    )


def counts_of_subset(score: Score, subset: Subset) -> Counts | None:
    """Return the strictly parsed counts of the simple or complex windows of a score; None if there are none.

    The counts name dataset and subset together, so that the resamples of a subset are drawn independently of those of
    the whole dataset.
    """
    part = score["complexity"][subset]
    if part is None:
        return None
    name = f"{score['dataset']} {subset}"
    labels = part["confusion"]["labels"]
    return counts_of_groups(score["recogniser"], name, part["groups"], labels, "strict", score["lost_answers"])


def counts_of_groups(
    recogniser: str,
    dataset: str,
    groups: GroupCounts,
    home_labels: Sequence[str],
    parsing: Parsing,
    lost_answers: LostAnswers,
) -> Counts:
    """Return the counts of these groups under one parsing.

    The name `dataset` decides how groups are resampled (see `bootstrap.group_weights`). Raises ValueError for a
    label that is not one of `home_labels`, and for counts that are not one whole number per group.
    """
    gold, part = groups["gold"], groups[parsing]

    def fail(what: str) -> NoReturn:
        raise ValueError(f"score of {recogniser} on {dataset}: {what}; run the rule `score` again")

    def read(numbers: NumberByGroup) -> np.ndarray:
        try:
            column = np.array(numbers.split(), np.uint32)
        except (ValueError, OverflowError):
            column = np.empty(0, np.uint32)
        if len(column) != len(groups["names"]):
            fail(f"{numbers[:60]!r} is not one number for each of its {len(groups['names'])} groups")
        return column

    for label in (*gold, *part["predicted"], *part["right"]):
        if label not in home_labels:
            fail(f"label {label!r} of its groups is not a label of the home")
    if not gold.keys() == part["predicted"].keys() == part["right"].keys():
        fail("its groups have counts of different labels")
    labels = tuple(label for label in home_labels if label in gold)
    by_label: tuple[Mapping[str, NumberByGroup], ...] = (gold, part["predicted"], part["right"])
    columns = [read(events[label]) for events in by_label for label in labels]
    columns += map(read, (groups["windows"], part["ok"], part["malformed"], part["missing"], part["unknown"]))
    matrix = np.stack(columns, axis=1)
    small = matrix.astype(np.min_scalar_type(matrix.max()))
    return Counts(recogniser, dataset, tuple(groups["names"]), labels, small, lost_answers)


def split_columns(counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Split an array with the columns of `Counts.matrix` on its last axis into four arrays.

    These are gold, predicted and correct events by label, and the last five columns.
    """
    size = (counts.shape[-1] - _WINDOW_COLUMNS) // 3
    return tuple(np.split(counts, [size, 2 * size, 3 * size], axis=-1))
