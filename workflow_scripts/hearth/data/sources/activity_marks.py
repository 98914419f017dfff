"""Label the events between the marks at which activities begin and end, as lines of CASAS have them."""

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hearth.data.load_report import LoadReport
from hearth.data.sources.encoded_rows import Annotation

MARKS = ("begin", "end")


@dataclass(frozen=True)
class MarkedEvent:
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

    def lose(place: int) -> None:
        following = bisect(marks, place)
        lost.update(range(place + 1, marks[following] if following < len(marks) else len(events)))
        _warn(report, events[place], "begins and never ends")

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
            _warn(report, events[place], "ends without having begun")
    for annotation, place in begun.items():
        found.unended.add(annotation)
        lose(place)
    active = _active(spans, len(events))
    for place, event in enumerate(events):
        merged = _merge(event.annotation, active[place])
        is_lost = place in lost and not merged.activities
        found.annotations.append(replace(merged, is_lost=True) if is_lost else merged)
    return found


def _warn(report: LoadReport, event: MarkedEvent, what: str) -> None:
    report.warnings.append(
        f"{event.file}:{event.line}: {event.annotation.activities[0]!r} {what}: only this event gets the activity"
    )


def _active(spans: Sequence[tuple[int, int, Annotation]], count: int) -> list[tuple[Annotation, ...]]:
    """Return the active annotations of each of `count` events, the last begun first."""
    starting: dict[int, list[tuple[int, Annotation]]] = {}
    for first, last, annotation in spans:
        starting.setdefault(first, []).append((last, annotation))
    current: list[tuple[int, Annotation]] = []
    active = []
    for event in range(count):
        current = [*starting.get(event, []), *(entry for entry in current if entry[0] >= event)]
        active.append(tuple(annotation for _, annotation in current))
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
