"""Events of invented recordings, and what a loader may make of them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Planted:
    """An event of an invented recording.

    `label` is its activity without `R1_` or `R1 `, "" outside all. `odd` says why its line may be unreadable or its
    activity unclear, "" if neither is. Times are unique in a home.
    """

    file: str
    line: int  # 1-based
    time: datetime
    label: str
    odd: str = ""
    labels: frozenset[str] = frozenset()  # all activities of the event where it has several; `label` is the last begun


@dataclass
class Form:
    """The content of a recording: its events, the lines that are no event, and label rows that cannot be read."""

    events: list[Planted] = field(default_factory=list)
    lines: int = 0  # of event files, without header lines
    no_events: dict[int, str] = field(default_factory=dict)  # line -> what it is
    broken_labels: list[int] = field(default_factory=list)  # lines of the label file

    def counts(self) -> Counter[str]:
        """Return the number of certain events by label, "" outside all."""
        return Counter(event.label for event in self.events if not event.odd)

    def odd(self) -> list[Planted]:
        """Return the events of odd lines: each is an event with its label, or its line is counted as left out."""
        return [event for event in self.events if event.odd]


def plain(label: str) -> str:
    """Return a label without the resident before it."""
    return label[3:] if label[:3] in ("R1_", "R2_", "R1 ", "R2 ") else label
