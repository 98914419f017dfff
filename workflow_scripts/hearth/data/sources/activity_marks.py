"""Label the events between the marks at which activities begin and end, as lines of CASAS have them."""

import functools
import itertools
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from hearth.data.load_report import PLACES_SHOWN, LoadReport
from hearth.data.sources.encoded_rows import Annotation

MARKS = ("begin", "end")


class MarkedEvent(NamedTuple):
    """A readable line; `annotation` is written on the line itself, without activities begun on earlier lines.

    `mark` says whether the annotation's activity begins or ends here, or is ''.
    """

    file: str
    line: int
    time: str
    sensor: str
    state: str
    annotation: Annotation
    mark: str = ""


@dataclass
class MarkedLabels:
    """The annotation of each event, and what has a begin mark without an end, or an end mark without a begin."""

    annotations: list[Annotation]
    unended: set[Annotation] = field(default_factory=set)
    unbegun: set[Annotation] = field(default_factory=set)


def label_by_marks(events: Sequence[MarkedEvent], report: LoadReport) -> MarkedLabels:
    """Return the annotations of `events`: of each, its own, then those that have begun and not ended, the last first.

    An unpaired mark labels its own event only, with a warning. The activity of events up to the next mark after a begin
    without an end, or from the mark before an end without a begin, is lost unless they have another activity.
    """
    found = MarkedLabels([])
    marks = [place for place, event in enumerate(events) if event.mark]
    begun: dict[Annotation, int] = {}  # places of begin marks
    spans: list[tuple[int, int, Annotation]] = []  # first event, last event, annotation
    lost: set[int] = set()
    unpaired: dict[int, str] = {}  # places of marks

    def lose(place: int) -> None:
        following = bisect(marks, place)
        lost.update(range(place + 1, marks[following] if following < len(marks) else len(events)))
        unpaired[place] = "begins and never ends"

    for number, place in enumerate(marks):
        annotation = events[place].annotation
        first = begun.pop(annotation, None)
        if events[place].mark == "begin":
            if first is not None:
                lose(first)
            begun[annotation] = place
        elif first is not None:
            spans.append((first, place, annotation))
        else:
            lost.update(range(marks[number - 1] + 1 if number else 0, place))
            found.unbegun.add(annotation)
            unpaired[place] = "ends without having begun"
    for annotation, place in begun.items():
        found.unended.add(annotation)
        lose(place)
    _warn(report, events, unpaired)
    _warn_of_long_spans(report, events, spans)
    merge = functools.cache(_merge)  # Equal annotations are one object, so that years of events fit in memory.
    for place, (event, active) in enumerate(zip(events, _active(spans, len(events)), strict=True)):
        merged = merge(event.annotation, active)
        is_lost = place in lost and not merged.activities
        found.annotations.append(replace(merged, is_lost=True) if is_lost else merged)
    return found


def _warn(report: LoadReport, events: Sequence[MarkedEvent], unpaired: Mapping[int, str]) -> None:
    """Warn of the events with an unpaired mark, and what each lacks; name the first and count the others."""
    found = [(events[place], what) for place, what in sorted(unpaired.items())]
    report.warnings += [
        f"{event.file}:{event.line}: {event.annotation.activities[0]!r} {what}: only this event gets the activity"
        for event, what in found[:PLACES_SHOWN]
    ]
    if others := found[PLACES_SHOWN:]:
        event = others[0][0]
        report.warnings.append(
            f"and {len(others)} more marks without their begin or end, from {event.file}:{event.line}"
        )


def _warn_of_long_spans(
    report: LoadReport, events: Sequence[MarkedEvent], spans: Sequence[tuple[int, int, Annotation]]
) -> None:
    """Warn of activities that last over a day: the marks between may be missing, so that begin and end are no pair."""
    places = ([first for first, _, _ in spans], [last for _, last, _ in spans])
    begins, ends = (
        pd.to_datetime(pd.Series([events[place].time for place in each], dtype=str), errors="coerce", format="ISO8601")
        for each in places
    )
    long = np.flatnonzero(ends - begins > pd.Timedelta(days=1)).tolist()
    report.warnings += [
        f"{event.file}:{event.line}: {event.annotation.activities[0]!r} lasts over a day, up to line "
        f"{last.line} of {last.file}: marks between may be missing, and its events be mislabelled"
        for event, last in ((events[spans[span][0]], events[spans[span][1]]) for span in long[:PLACES_SHOWN])
    ]
    if len(long) > PLACES_SHOWN:
        report.warnings.append(f"and {len(long) - PLACES_SHOWN} more activities that last over a day")


def _active(spans: Sequence[tuple[int, int, Annotation]], count: int) -> list[tuple[Annotation, ...]]:
    """Return the active annotations of each of `count` events, the last begun first."""
    starting: dict[int, list[tuple[int, Annotation]]] = {}
    for first, last, annotation in spans:
        starting.setdefault(first, []).append((last, annotation))
    current: list[tuple[int, Annotation]] = []
    active: list[tuple[Annotation, ...]] = []
    changes = sorted({0, count, *starting, *(last + 1 for _, last, _ in spans)})
    for event, following in itertools.pairwise(changes):
        current = [*starting.get(event, []), *(entry for entry in current if entry[0] >= event)]
        active += [tuple(annotation for _, annotation in current)] * (following - event)
    return active


def _merge(own: Annotation, active: Sequence[Annotation]) -> Annotation:
    """Return one annotation with the residents and activities of `own`, then those of `active`, each once."""
    if not active:
        return own
    every = [own, *active]
    return Annotation(
        tuple(dict.fromkeys(name for one in every for name in one.residents)),
        tuple(dict.fromkeys(name for one in every for name in one.activities)),
    )
