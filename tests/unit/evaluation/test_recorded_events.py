"""Test sessions, times and residents of events as arrays."""

from recorded_factories import make_recorded_window, record

WINDOWS = [
    make_recorded_window("1", 0, [("23:59:58", "A", "EATING", None), ("00:00:03", "BA", "EATING", None)]),
    make_recorded_window("1", 1, [("00:00:03", "", "EATING", None)]),
    make_recorded_window("2", 0, [("08:00:00", "B", "EATING", None), ("09:00:01", "B", "EATING", None)]),
]


def test_times_go_on_over_midnight_and_over_windows():
    seconds = record(WINDOWS).seconds
    assert (seconds[:3] - seconds[0]).tolist() == [0, 5, 5]
    assert seconds[4] - seconds[3] == 3601


def test_events_are_listed_for_each_of_their_residents():
    recorded = record(WINDOWS)
    assert recorded.names == ("A", "B")
    assert [column.tolist() for column in recorded.by_resident] == [[0, 0, 1, 1, 1, 2], [0, 1, 1, 3, 4, 2]]
    assert recorded.of_resident("A").tolist() == [True, True, False, False, False]


def test_residents_of_a_window_are_counted_once():
    recorded = record(WINDOWS)
    assert recorded.residents_present().tolist() == [2, 0, 1]
    assert recorded.n_sessions == 2


def test_residents_may_all_be_unknown():
    recorded = record([WINDOWS[1]])
    assert (recorded.names, recorded.residents_present().tolist()) == ((), [0])
    assert [column.tolist() for column in recorded.by_resident] == [[0], [0]]
