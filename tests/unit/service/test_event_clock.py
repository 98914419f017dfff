"""Check the times that events get, whatever the clocks of devices, of the machine and of the home do."""

from datetime import UTC, datetime, timedelta

from hearth.service.event_clock import EventClock

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ROME = "Europe/Rome"


def after(seconds):
    return NOON + timedelta(seconds=seconds)


def test_a_time_near_the_arrival_counts_and_is_on_the_homes_clock():
    moment = EventClock(ROME, 60).moment(after(-59.1239), NOON)
    assert moment.utc == after(-59.124)
    assert moment.home == datetime(2026, 3, 2, 12, 59, 0, 876000)
    assert not any((moment.is_replaced, moment.is_held, moment.starts_session))


def test_without_a_time_or_far_from_it_the_arrival_counts():
    clock = EventClock(ROME, 60)
    assert clock.moment(None, NOON).utc == NOON
    for own in (after(-62), after(62), datetime(1970, 1, 1, tzinfo=UTC)):
        moment = clock.moment(own, NOON)
        assert (moment.utc, moment.is_replaced) == (NOON, True)


def test_a_message_may_be_as_old_as_the_service_was_away_until_it_has_caught_up():
    clock = EventClock(ROME, 60)
    clock.connect(NOON, last_seen=after(-7200))
    assert clock.moment(after(-7250), after(1)).utc == after(-7250)
    assert clock.moment(after(-7300), after(2)).is_replaced
    assert clock.moment(after(-100), after(3000)).is_replaced


def test_events_do_not_go_back():
    clock = EventClock(ROME, 60, last=NOON)
    moment = clock.moment(after(-30), after(5))
    assert (moment.utc, moment.is_held, moment.starts_session) == (NOON, True, False)


def test_when_the_machines_clock_was_put_back_a_session_starts():
    moment = EventClock(ROME, 60, last=after(86400)).moment(None, NOON)
    assert (moment.utc, moment.is_held, moment.starts_session) == (NOON, False, True)


def test_when_summer_time_ends_a_session_starts():
    clock = EventClock(ROME, 60)
    before = datetime(2026, 10, 25, 0, 59, tzinfo=UTC)
    clock.moment(None, before)
    moment = clock.moment(None, before + timedelta(minutes=2))
    assert (moment.home.isoformat(), moment.starts_session) == ("2026-10-25T02:01:00", True)


def test_each_connection_may_have_been_away():
    clock = EventClock(ROME, 60)
    clock.connect(NOON, after(-7200), "WebSocket")
    clock.connect(after(1), last_seen=NOON)
    assert not clock.moment(after(-7200), after(2)).is_replaced
