"""Test all formats: equal seeds give equal bytes, residents interleave, labels need context, loaders read all rows."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hearth.data.sources.registry import SOURCES
from hearth.simulation.formats import FORMATS
from simulated_homes import SESSIONS, files_below, labelled_events, load_home_named


def windows(sessions: list[list[tuple]]) -> list[list[tuple]]:
    return [events[start : start + 10] for events in sessions for start in range(0, len(events), 10)]


def sensor_majority_accuracy(sessions: list[list[tuple]]) -> float:
    """Return the accuracy, on the second half of the sessions, of a baseline that is trained on the first half.

    The baseline gives each event the most frequent label of its sensor and state.
    """
    half = len(sessions) // 2
    seen = defaultdict(Counter)
    for events in sessions[:half]:
        for sensor, state, _, label in events:
            seen[sensor, state][label] += 1
    test = [event for events in sessions[half:] for event in events]
    return sum(bool(seen[e[:2]]) and seen[e[:2]].most_common(1)[0][0] == e[3] for e in test) / len(test)


@pytest.mark.parametrize("name", FORMATS)
def test_equal_seeds_give_equal_bytes_and_other_seeds_give_others(name, roots, tmp_path):
    home = load_home_named(name)
    FORMATS[name](tmp_path / "again", 7, SESSIONS, home)
    FORMATS[name](tmp_path / "other", 8, SESSIONS, home)
    assert files_below(tmp_path / "again") == files_below(roots[name])
    assert files_below(tmp_path / "other") != files_below(roots[name])


@pytest.mark.parametrize("name", FORMATS)
def test_a_session_does_not_depend_on_how_many_there_are(name, roots, tmp_path):
    FORMATS[name](tmp_path, 7, 5, load_home_named(name))
    few, many = files_below(tmp_path), files_below(roots[name])
    assert few == {path: many[path] for path in few}


# In MARBLE, people come and go without triggering a sensor.
WITHOUT_EVENTS = {"marble": {"ENTERING_HOME", "LEAVING_HOME"}, "mural": set()}


@pytest.mark.parametrize("name", FORMATS)
def test_all_labels_and_sensors_occur_and_no_others(name, homes):
    home = load_home_named(name)
    assert {event[3] for events in homes[name] for event in events} == set(home.labels) - WITHOUT_EVENTS[name]
    assert {event[0] for events in homes[name] for event in events} == set(home.sensors)


@pytest.mark.parametrize("name", FORMATS)
def test_residents_interleave(name, homes):
    sessions = homes[name]
    changes = [a[2] != b[2] for events in sessions for a, b in pairwise(events)]
    shared = [len({who for event in window for who in event[2]}) > 1 for window in windows(sessions)]
    # In real MARBLE scenarios of two and four residents, these shares are 0.39 and 0.86.
    assert sum(changes) / len(changes) > 0.35
    assert sum(shared) / len(shared) > 0.75


@pytest.mark.parametrize(("name", "most"), [("marble", 0.7), ("mural", 0.5)])
def test_a_sensor_alone_does_not_determine_the_label(name, most, homes):
    assert 0.2 < sensor_majority_accuracy(homes[name]) < most


@pytest.mark.parametrize("name", FORMATS)
def test_sensors_can_be_missing(name, tmp_path):
    home = load_home_named(name)
    FORMATS[name](tmp_path, 7, 14, home, missing=3)
    seen = {event[0] for events in labelled_events(name, tmp_path) for event in events}
    assert len(seen) == len(home.sensors) - 3
    with pytest.raises(ValueError, match="missing sensors"):
        FORMATS[name](tmp_path, 7, 1, home, missing=len(home.sensors))


@pytest.mark.parametrize("name", FORMATS)
def test_the_loaders_read_every_row(name, roots, homes):
    events, report = SOURCES[name].read(roots[name], load_home_named(name))
    assert report.broken == []
    assert len(events) == sum(map(len, homes[name]))
    assert report.rows == report.loaded + sum(report.skipped.values())
    if name == "marble":
        assert not report.skipped
