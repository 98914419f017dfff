"""Tested windows as arrays of numbers: gold labels, predicted labels and statuses of a million windows in 100 MB."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hearth.common.schemas import nearest
from hearth.evaluation.score_document import Parsing
from hearth.prompting.parsing import STATUSES

ParsedAnswer = tuple[Sequence[str | None], str]  # the label of each event, None if it has none, and the status


class Answers(NamedTuple):
    """The answers to all windows under one parsing.

    `labels` (int16, one per event) are positions in the home's labels; an event without a readable label has the number
    of these labels. `statuses` (int8, one per window) are positions in `parsing.STATUSES`.
    """

    labels: np.ndarray
    statuses: np.ndarray


@dataclass(frozen=True, eq=False)
class EncodedWindows:
    """Windows with their answers, in any order.

    `labels` are all labels of the home. `groups` are sorted, so that the order of groups in a file changes no
    result. `group` (int32) and `sizes` (int32) have one entry per window: the position of its group in `groups`
    and its number of events. `gold` (int16) has the position of the gold label in `labels`, one per event.
    """

    labels: tuple[str, ...]
    groups: tuple[str, ...]
    group: np.ndarray
    sizes: np.ndarray
    gold: np.ndarray
    answers: Mapping[Parsing, Answers]

    @property
    def window_of_event(self) -> np.ndarray:
        """The position of each event's window (int64)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @cached_property
    def group_of_event(self) -> np.ndarray:
        """The position in `groups` of each event's group (int32)."""
        return np.repeat(self.group, self.sizes)

    def has_status(self, parsing: Parsing, *statuses: str) -> np.ndarray:
        """Whether each window has one of these statuses (bool)."""
        return np.isin(self.answers[parsing].statuses, [STATUSES.index(status) for status in statuses])

    def without_label(self, parsing: Parsing) -> tuple[np.ndarray, np.ndarray]:
        """Return two masks of the events without a label (bool, one per event): missing and unknown.

        They are unknown in windows of status unknown_label, in which every event was answered, and missing in others.
        """
        unlabelled = self.answers[parsing].labels == len(self.labels)
        answered: np.ndarray = np.repeat(self.has_status(parsing, "unknown_label"), self.sizes)
        return unlabelled & ~answered, unlabelled & answered

    def select(self, windows: np.ndarray, parsing: Parsing) -> "EncodedWindows":
        """Return the windows for which `windows` (bool, one per window) is true, with one parsing of their answers."""
        events: np.ndarray = np.repeat(windows, self.sizes)
        used, group = np.unique(self.group[windows], return_inverse=True)
        answers = self.answers[parsing]
        return EncodedWindows(
            labels=self.labels,
            groups=tuple(self.groups[position] for position in used),
            group=group.astype(np.int32),
            sizes=self.sizes[windows],
            gold=self.gold[events],
            answers={parsing: Answers(answers.labels[events], answers.statuses[windows])},
        )

    def keep_events(self, events: np.ndarray, parsing: Parsing) -> "EncodedWindows":
        """Return the windows and groups with a chosen event (bool, one per event), only with these, and one parsing."""
        answers = self.answers[parsing]
        kept = EncodedWindows(
            labels=self.labels,
            groups=self.groups,
            group=self.group,
            sizes=np.bincount(self.window_of_event[events], minlength=len(self.sizes)).astype(np.int32),
            gold=self.gold[events],
            answers={parsing: Answers(answers.labels[events], answers.statuses)},
        )
        return kept.select(kept.sizes > 0, parsing)

    def count_labels(self) -> np.ndarray:
        """Return the number of different gold labels of each window (int64)."""
        pairs = np.unique(self.window_of_event * np.int64(len(self.labels)) + self.gold)
        return np.bincount(pairs // len(self.labels), minlength=len(self.sizes))


class WindowEncoder:
    """Collects windows one by one; `encoded` returns all of them."""

    def __init__(self, labels: Sequence[str], parsings: Sequence[Parsing]):
        """`labels` are all labels of the home; every window must come with an answer for each of `parsings`."""
        self._labels = tuple(labels)
        self._codes: dict[str | None, int] = {label: code for code, label in enumerate(labels)}
        self._codes_or_none = self._codes | {None: len(labels)}
        self._groups: dict[str, int] = {}
        self._group, self._sizes, self._gold = array("i"), array("i"), array("h")
        self._answers = {parsing: (array("h"), array("b")) for parsing in parsings}

    def add(self, group: str, gold: Sequence[str], answers: Mapping[Parsing, ParsedAnswer]) -> None:
        """Add a window.

        Raises ValueError for a gold or predicted label that is not a label of the home, for an unknown status, and for
        answers of another number of events.
        """
        self._group.append(self._groups.setdefault(group, len(self._groups)))
        self._sizes.append(len(gold))
        _extend(self._gold, gold, self._codes, "gold")
        for parsing, (codes, statuses) in self._answers.items():
            labels, status = answers[parsing]
            if len(labels) != len(gold):
                raise ValueError(f"{len(gold)} gold labels, {len(labels)} predicted labels")
            if status not in STATUSES:
                raise ValueError(f"unknown status {status!r}; known: {', '.join(STATUSES)}")
            _extend(codes, labels, self._codes_or_none, "predicted")
            statuses.append(STATUSES.index(status))

    def encoded(self) -> EncodedWindows:
        """Return all windows. Raises ValueError if they have no events."""
        if not self._gold:
            raise ValueError("no events to score")
        names = sorted(self._groups)
        position_of: np.ndarray = np.empty(len(names), np.int32)
        position_of[[self._groups[name] for name in names]] = np.arange(len(names))
        return EncodedWindows(
            labels=self._labels,
            groups=tuple(names),
            group=position_of[np.frombuffer(self._group, np.int32)],
            sizes=np.frombuffer(self._sizes, np.int32),
            gold=np.frombuffer(self._gold, np.int16),
            answers={
                parsing: Answers(np.frombuffer(codes, np.int16), np.frombuffer(statuses, np.int8))
                for parsing, (codes, statuses) in self._answers.items()
            },
        )


def _extend(codes: "array[int]", labels: Sequence[str | None], known: Mapping[str | None, int], kind: str) -> None:
    try:
        codes.extend([known[label] for label in labels])
    except KeyError:
        number, label = next((at, label) for at, label in enumerate(labels, start=1) if label not in known)
        names = [name for name in known if name is not None]
        raise ValueError(
            f"event {number}: {kind} label {label!r} is not a label of the home{nearest(str(label), names)}"
        ) from None
