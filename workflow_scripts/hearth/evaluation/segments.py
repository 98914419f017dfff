"""Score by segment: whether each episode of an activity was found, and how late.

A segment is a maximal run of consecutive events of one resident with one gold label in one session; an event of several
residents belongs to a segment of each. Events without a known resident are taken as those of one more resident.
"""

from dataclasses import dataclass

import numpy as np

from hearth.evaluation import bootstrap
from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.recorded_events import RecordedEvents
from hearth.evaluation.score_document import Interval, Parsing, SegmentMetrics

DEFINITIONS = {
    "segments": "maximal runs of consecutive events of one resident with one recorded label in a session",
    "found": "segments with at least one correctly labelled event / all segments",
    "found_by_majority": "segments with more than half of their events correctly labelled / all segments",
    "onset_mean": "mean seconds from the first event of a found segment to its first correctly labelled event",
    "onset_median": "median of these seconds",
}


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments, one array element each.

    `group` and `label` are positions in the groups and labels of the windows, `events` counts events, `right` counts
    correctly labelled events. `onset` (int64) is the number of seconds from the first event to the first correctly
    labelled one, -1 if there is none.
    """

    group: np.ndarray
    label: np.ndarray
    events: np.ndarray
    right: np.ndarray
    onset: np.ndarray


def find_segments(windows: EncodedWindows, recorded: RecordedEvents, parsing: Parsing) -> Segments:
    """Return the segments of all residents, ordered by resident and time."""
    residents, events = recorded.by_resident
    labels, sessions = windows.gold[events], np.repeat(recorded.session, recorded.sizes)[events]
    is_start: np.ndarray = np.ones(len(events), bool)
    is_start[1:] = False
    for values in (residents, sessions, labels):
        is_start[1:] |= values[1:] != values[:-1]
    starts = np.flatnonzero(is_start)
    is_right = (windows.answers[parsing].labels == windows.gold)[events]
    right = np.add.reduceat(is_right, starts, dtype=np.int64)
    found = right > 0
    # The first correctly labelled event at or after the start of a segment is in the segment if it has any.
    correct = np.flatnonzero(is_right)
    first = correct[np.searchsorted(correct, starts[found])]
    onset: np.ndarray = np.full(len(starts), -1, np.int64)
    onset[found] = recorded.seconds[events[first]] - recorded.seconds[events[starts[found]]]
    sizes = np.diff(starts, append=len(events))
    return Segments(windows.group_of_event[events[starts]], labels[starts], sizes, right, onset)


def score_segments(dataset: str, windows: EncodedWindows, recorded: RecordedEvents, parsing: Parsing) -> SegmentMetrics:
    """Return the `segments` of a score: see `DEFINITIONS`; the interval of each share and mean is over groups."""
    segments = find_segments(windows, recorded, parsing)
    found = segments.onset >= 0
    majority = 2 * segments.right > segments.events
    waits = segments.onset[found]
    groups = len(windows.groups)
    columns = (np.ones(len(found)), found, majority, np.maximum(segments.onset, 0))
    sums = np.stack([np.bincount(segments.group, values, groups) for values in columns], axis=1)

    def shares(totals: np.ndarray) -> dict[str, np.ndarray]:
        count, hits, by_majority, seconds = np.moveaxis(totals, -1, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {"found": hits / count, "found_by_majority": by_majority / count, "onset_mean": seconds / hits}

    resampled = shares(bootstrap.resampled_sums(dataset, sums)) if groups > 1 else {}
    intervals: dict[str, Interval | None] = {
        name: bootstrap.percentile_interval(resampled[name], groups) if name in resampled else None
        for name in ("found", "found_by_majority", "onset_mean")
    }
    return {
        "segments": len(found),
        "found": float(found.mean()),
        "found_by_majority": float(majority.mean()),
        "onset_mean": float(waits.mean()) if len(waits) else None,
        "onset_median": float(np.median(waits)) if len(waits) else None,
        "intervals": intervals,
        "by_label": {
            windows.labels[code]: {
                "segments": int((segments.label == code).sum()),
                "found": int(found[segments.label == code].sum()),
            }
            for code in np.unique(segments.label).tolist()
        },
    }
