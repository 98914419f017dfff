"""Test what of the messages of the bus becomes events, with messages that were recorded from Home Assistant."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from factories import HOME
from hearth.homes.home import parse_home
from hearth.service.inputs.registry import make_input
from hearth.service.intake import Arrival, DirectReading, Intake
from hearth.service.journal import Journal
from hearth.service.messages import Reading
from home_assistant_messages import CHANGED, EVENTSTREAM, STATESTREAM

SENSOR = {"room": "kitchen", "words": "motion", "states": {"on": "detected", "off": "ended"}}
RAW = HOME | {"sensors": HOME["sensors"] | {"pir": SENSOR}, "entities": {"input_boolean.hall_pir": "pir"}}
CLOCK = [time.replace(microsecond=time.microsecond // 1000 * 1000) for time in CHANGED]
LATER = CHANGED[-1] + timedelta(seconds=30)
STATE = "states/input_boolean/hall_pir/state"


@pytest.fixture
def journal() -> Iterator[Journal]:
    journal = Journal(None)
    yield journal
    journal.close()


def make_intake(journal: Journal) -> Intake:
    zone = ZoneInfo("Europe/Paris")
    inputs = [make_input("statestream", "states", zone), make_input("eventstream", "events", zone)]
    return Intake(parse_home(RAW, "home"), inputs, journal, 120)


def arrive(topic: str, payload: str, arrived: datetime = LATER, is_retained: bool = False) -> Arrival:
    return Arrival(topic, payload.encode(), arrived, is_retained=is_retained)


def statestream(arrived: datetime = LATER, is_retained: bool = False) -> list[Arrival]:
    return [arrive(f"states/{topic}", payload, arrived, is_retained) for topic, payload in STATESTREAM]


def events(journal: Journal) -> Sequence[tuple[str, datetime]]:
    """Return the states of the journal's events, and their times in UTC."""
    found = [one.event for one in journal.waiting_events(0, 100)]
    zone = ZoneInfo("Europe/Paris")
    return [(event["state"], event["time"].replace(tzinfo=zone).astimezone(UTC)) for event in found]


def test_states_of_statestream_have_the_times_that_follow_them(journal):
    assert make_intake(journal).add(statestream()) == 2
    assert events(journal) == [("detected", CLOCK[0]), ("ended", CLOCK[1])]


def test_a_state_of_statestream_does_not_wait_for_its_time(journal):
    intake = make_intake(journal)
    for arrival in statestream():
        intake.add([arrival])
    arrival = LATER.replace(microsecond=LATER.microsecond // 1000 * 1000)
    assert events(journal) == [("detected", arrival), ("ended", arrival)]


def test_a_time_that_the_broker_kept_is_not_that_of_a_new_state(journal):
    retained = [one for one in statestream(is_retained=True) if one.topic != STATE]
    assert make_intake(journal).add([arrive(STATE, "on"), *retained]) == 1
    assert events(journal)[0][1] > CHANGED[-1] + timedelta(seconds=29)


def test_states_that_the_broker_kept_are_no_events(journal):
    intake = make_intake(journal)
    assert intake.add(statestream(is_retained=True)) == 0
    assert intake.add([arrive(STATE, "off")]) == 0  # as the last one that was kept
    assert intake.add([arrive(STATE, "on")]) == 1


def test_a_time_that_is_none_is_counted(journal):
    assert make_intake(journal).add([arrive(STATE, "on"), arrive(f"{STATE[:-5]}last_changed", "yesterday")]) == 1
    assert journal.counts()["malformed messages"] == 1


def test_events_of_eventstream_are_changes_with_their_times(journal):
    arrivals = [arrive("events", json.dumps(event)) for event in EVENTSTREAM]
    assert make_intake(journal).add(arrivals) == 2
    assert events(journal) == [("detected", CLOCK[0]), ("ended", CLOCK[1])]


def direct(state: str, time: datetime, arrived: datetime, is_retained: bool = False) -> DirectReading:
    return DirectReading(Reading("input_boolean.hall_pir", state, time, is_retained), arrived)


def test_a_change_that_the_websocket_missed_has_its_own_time(journal):
    minutes = timedelta(minutes=1)
    intake = make_intake(journal)
    intake.connect(CLOCK[0])
    intake.add([direct("off", CLOCK[0], CLOCK[0], is_retained=True)])
    intake.connect_socket(CLOCK[0] + 40 * minutes, intake.last_change())  # the broker was there all the time
    assert intake.add([direct("on", CLOCK[0] + 20 * minutes, CLOCK[0] + 40 * minutes)]) == 1
    assert events(journal) == [("detected", CLOCK[0] + 20 * minutes)]
    assert make_intake(journal).last_change() == CLOCK[0] + 20 * minutes


def test_what_comes_by_the_websocket_first_leaves_the_times_of_what_the_broker_kept(journal):
    hour = timedelta(hours=1)
    make_intake(journal).add([arrive(STATE, "off", CLOCK[0])])
    intake = make_intake(journal)
    intake.connect_socket(CLOCK[0] + hour, intake.last_change())
    intake.add([direct("off", CLOCK[0], CLOCK[0] + hour, is_retained=True)])
    intake.connect(CLOCK[0] + hour)
    times = [STATE, f"{STATE[:-5]}last_changed"]
    changed = CLOCK[0] + hour / 2
    intake.add(
        [arrive(topic, text, CLOCK[0] + hour) for topic, text in zip(times, ("on", changed.isoformat()), strict=True)]
    )
    assert events(journal)[-1] == ("detected", changed)


@pytest.mark.parametrize(("by", "sessions"), [("day", 2), ("file", 1)])
def test_a_session_ends_at_midnight_of_the_home_if_its_recording_says_so(journal, by, sessions):
    columns = {role: role for role in ("time", "sensor", "state", "activity")}
    raw = RAW | {"recording": {"columns": columns, "sessions": {"by": by}}}
    intake = Intake(parse_home(raw, "home"), [], journal, 120)
    for minute, state in (("21:58", "on"), ("21:59", "off"), ("22:00", "on")):  # UTC; Paris is two hours ahead in July
        moment = datetime.fromisoformat(f"2026-07-01T{minute}:00+00:00")
        intake.add([DirectReading(Reading("input_boolean.hall_pir", state, moment), moment)])
    assert len({one.event["session"] for one in journal.waiting_events(0, 10)}) == sessions
