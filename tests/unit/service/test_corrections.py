"""Test what people may say on the topic for corrections."""

import json
from datetime import datetime

import pytest
from factories import LABELS
from hearth.service.corrections import (
    Correction,
    CorrectionError,
    LabelledPeriod,
    LoggedEvent,
    from_record,
    label_periods,
    read_correction,
    resolve,
    select_events,
    shown_events,
    to_record,
)
from service_factories import service_home

COOKING, DRINKING, EATING = LABELS
HOME = service_home(aliases={EATING: ["dining"]})


def at(second: int, millisecond: int = 0) -> datetime:
    return datetime(2026, 3, 2, 8, 0, second, millisecond * 1000)


def period(begin: int, end: int, label: str | None) -> LabelledPeriod:
    return LabelledPeriod(at(begin), at(end), label)


# Two windows: 1 to 3, and 4 to 8, whose last three events have one label.
ANSWERS = [EATING, EATING, COOKING, COOKING, None, DRINKING, DRINKING, DRINKING]
EVENTS = [
    LoggedEvent(1 if number < 4 else 2, number, at(number), "s1", "ON", answer)
    for number, answer in enumerate(ANSWERS, start=1)
]


@pytest.mark.parametrize(
    ("said", "correction"),
    [
        (COOKING, Correction(COOKING)),
        (" dining\n", Correction(EATING)),
        ({"label": DRINKING}, Correction(DRINKING)),
        ({"label": None, "window": 3}, Correction(None, window=3)),
        ({"right": True}, Correction(None, is_right=True)),
        ({"right": True, "event": 12}, Correction(None, is_right=True, event=12)),
        ({"label": EATING, "from": "2026-03-02T08:00:01"}, Correction(EATING, begin=at(1))),
        (
            {"label": EATING, "from": "2026-03-02T07:00:01Z", "to": "2026-03-02T08:00:02.0015+01:00"},
            Correction(EATING, begin=at(1), end=at(2, 1)),
        ),
    ],
)
def test_corrections_are_labels_or_json(said, correction):
    payload = said if isinstance(said, str) else json.dumps(said)
    assert read_correction(payload.encode(), HOME) == correction


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b"\xff", "not UTF-8"),
        (b"{label: x}", "not JSON"),
        (b'{"label": "COOKING", "event": ' + b"1" * 5_000 + b"}", "not JSON"),
        (b'{"label": "COOKING", "from": "0001-01-01T00:00:00+14:00"}', "is outside the years 1 to 9999"),
        (b'{"label": "COOKING", "from": "2026-03-02", "to": "9999-12-31T23:59:59-12:00"}', "is outside the years"),
        (b"COKING", "unknown label 'COKING'; did you mean 'COOKING'?"),
        (b'{"label": "COOKING", "windows": 3}', "unknown key 'windows'; known: label, right, window, event, from, to"),
        (b'{"window": 3}', 'write either `label`, or `"right": true`'),
        (b'{"label": "COOKING", "right": true}', 'write either `label`, or `"right": true`'),
        (b'{"right": false}', 'write either `label`, or `"right": true`'),
        (b'{"label": 3}', "unknown label 3"),
        (b'{"label": "COOKING", "window": 3, "event": 1}', "write one of window, event"),
        (b'{"label": "COOKING", "window": "3"}', "`window` is '3'; write a number"),
        (b'{"label": "COOKING", "window": true}', "`window` is True; write a number"),
        (b'{"label": "COOKING", "from": "noon"}', "'noon' is no time: write ISO 8601"),
        (b'{"label": "COOKING", "from": 5}', "5 is no time"),
        (b'{"label": "COOKING", "to": "2026-03-02T08:00:00"}', "`to` needs `from`"),
    ],
)
def test_what_is_wrong_with_a_correction_is_named(said, message):
    with pytest.raises(CorrectionError) as raised:
        read_correction(said, HOME)
    assert message in str(raised.value)


def test_the_state_that_home_assistant_shows_is_a_label():
    event = {"time": "08:00:00", "sensor": "s1", "state": "ON", "label": "None"}
    home = service_home(labels=["None", "EATING"], example={"reasoning": "x", "events": [event] * 2})
    assert read_correction(b"(None)", home) == read_correction(b"None", home) == Correction("None")


@pytest.mark.parametrize(
    ("correction", "numbers"),
    [
        (Correction(COOKING), [1, 2, 3, 4, 5, 6, 7, 8]),
        (Correction(COOKING, window=1), [1, 2, 3]),
        (Correction(COOKING, window=3), []),
        (Correction(COOKING, event=5), [5]),
        (Correction(COOKING, begin=at(7)), [7, 8]),
        (Correction(COOKING, begin=at(2), end=at(4)), [2, 3, 4]),
    ],
)
def test_a_correction_names_events(correction, numbers):
    assert [event.event for event in select_events(correction, EVENTS)] == numbers


def test_without_a_place_the_last_events_of_one_answer_are_meant():
    last_window = EVENTS[3:]
    assert shown_events(Correction(COOKING), last_window) == EVENTS[5:]
    assert shown_events(Correction(COOKING, window=2), last_window) == last_window
    assert shown_events(Correction(COOKING), []) == []


def test_a_label_is_that_of_a_period_and_a_confirmation_of_several():
    assert label_periods(Correction(EATING), EVENTS[1:5]) == [period(2, 5, EATING)]
    assert label_periods(Correction(None, is_right=True), EVENTS) == [
        period(1, 2, EATING),
        period(3, 4, COOKING),
        period(6, 8, DRINKING),
    ]


def test_a_period_covers_the_hour_by_which_the_clock_was_put_back():
    events = [LoggedEvent(1, number, at(second), "s1", "ON", EATING) for number, second in ((1, 50), (2, 9), (3, 20))]
    assert label_periods(Correction(COOKING), events) == [period(9, 50, COOKING)]


def test_a_correction_of_nothing_is_refused():
    with pytest.raises(CorrectionError, match="no events of the log are meant"):
        label_periods(Correction(EATING), [])
    with pytest.raises(CorrectionError, match="no label that could be right"):
        label_periods(Correction(None, is_right=True), EVENTS[4:5])


@pytest.mark.parametrize(
    ("periods", "resolved"),
    [
        ([(1, 3, EATING), (5, 6, COOKING)], [(at(1), at(3), EATING), (at(5), at(6), COOKING)]),
        ([(1, 3, EATING), (1, 3, COOKING)], [(at(1), at(3), COOKING)]),
        (
            [(1, 9, EATING), (3, 5, COOKING)],
            [(at(1), at(2, 999), EATING), (at(3), at(5), COOKING), (at(5, 1), at(9), EATING)],
        ),
        ([(3, 5, COOKING), (1, 4, EATING)], [(at(1), at(4), EATING), (at(4, 1), at(5), COOKING)]),
        ([(1, 9, EATING), (3, 9, None)], [(at(1), at(2, 999), EATING)]),
        ([(1, 9, EATING), (1, 9, None), (2, 2, COOKING)], [(at(2), at(2), COOKING)]),
    ],
)
def test_later_corrections_replace_earlier_ones(periods, resolved):
    assert resolve(period(*one) for one in periods) == [LabelledPeriod(*one) for one in resolved]


def test_periods_survive_their_record():
    for one in (period(1, 2, EATING), LabelledPeriod(at(1, 7), at(1, 9), None)):
        assert from_record(json.loads(json.dumps(to_record(one)))) == one
