"""Test labels by marks at which activities begin and end."""

import itertools

import pytest
from hearth.data.load_report import LoadReport
from hearth.data.sources.activity_marks import MarkedEvent, label_by_marks
from hearth.data.sources.encoded_rows import Annotation


def read(*tails, times=()):
    """Return the labels by marks of events with these words after the state, and the warnings."""
    events = []
    for number, (tail, time) in enumerate(itertools.zip_longest(tails, times, fillvalue=""), start=1):
        activity, _, mark = tail.partition(" ")
        annotation = Annotation((), (activity,)) if activity else Annotation()
        events.append(MarkedEvent("P01.txt", number, time, "M1", "ON", annotation, mark))
    report = LoadReport()
    return label_by_marks(events, report), report.warnings


def test_an_unpaired_mark_labels_its_own_event_and_is_noted():
    labels, warnings = read("eat end", "", "sleep begin", "", "sleep begin", "sleep end", "cook begin", "")
    activities = [annotation.activities for annotation in labels.annotations]
    assert activities == [("eat",), (), ("sleep",), (), ("sleep",), ("sleep",), ("cook",), ()]
    assert warnings == [
        "P01.txt:1: 'eat' ends without having begun: only this event gets the activity",
        "P01.txt:3: 'sleep' begins and never ends: only this event gets the activity",
        "P01.txt:7: 'cook' begins and never ends: only this event gets the activity",
    ]
    assert [sorted(each.activities for each in found) for found in (labels.unended, labels.unbegun)] == [
        [("cook",)],
        [("eat",)],
    ]


@pytest.mark.parametrize(
    ("tails", "lost"),
    [
        (["", "eat end", ""], [0]),
        (["", "eat begin", ""], [2]),
        (["eat begin", "", "eat begin", "", "eat end", ""], [1]),
        (["eat begin", "eat end", "", "cook end", ""], [2]),
        (["eat begin", "cook begin", "", "eat end", ""], []),
        (["eat begin", "cook begin", "", "eat end", "", "nap"], []),
        (["cook begin", "nap", "", "eat begin", "eat end", ""], [2]),
    ],
)
def test_events_without_another_activity_that_an_unpaired_mark_may_label_are_lost(tails, lost):
    labels, _ = read(*tails)
    assert [place for place, annotation in enumerate(labels.annotations) if annotation.is_lost] == lost


def test_of_many_unpaired_marks_the_first_are_named_and_the_others_counted():
    _, warnings = read(*["eat end", ""] * 13)
    assert len(warnings) == 11
    assert warnings[9].startswith("P01.txt:19: 'eat' ends")
    assert warnings[10] == "and 3 more marks without their begin or end, from P01.txt:21"


def test_activities_that_overlap_begin_and_end_at_their_own_events():
    labels, _ = read("", "a begin", "b begin", "", "a end", "c begin", "c end", "b end", "")
    activities = [annotation.activities for annotation in labels.annotations]
    assert activities == [(), ("a",), ("b", "a"), ("b", "a"), ("a", "b"), ("c", "b"), ("c", "b"), ("b",), ()]


def test_an_activity_of_over_a_day_is_named():
    times = (
        "2010-01-01 22:00:00",
        "2010-01-02 07:00:00.5",
        "2010-01-02 09:00:00",
        "2010-01-03 09:00:01",
        "2010-02-30 00:00",
    )
    labels, warnings = read("sleep begin", "sleep end", "eat begin", "eat end", "nap", times=times)
    assert [annotation.activities for annotation in labels.annotations][2:4] == [("eat",)] * 2
    assert warnings == [
        "P01.txt:3: 'eat' lasts over a day, up to line 4 of P01.txt: marks between may be missing, and its events be "
        "mislabelled"
    ]
