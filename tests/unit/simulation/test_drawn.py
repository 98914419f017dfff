"""Test drawn homes: valid, consistent with their files, equal for equal seeds, and different from each other."""

from collections import Counter

import check_home
import draw_home
import pytest
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home
from hearth.simulation import drawn
from hearth.simulation.drawn_activities import SCRIPTED
from hearth.simulation.drawn_layout import draw_layout
from hearth.simulation.drawn_words import ACTIVITIES, ITEMS, PAUSE
from hearth.simulation.formats import SIMULATORS
from simulated_homes import files_below

SEEDS = range(40)


def events_of(seed, root, sessions=4, missing=0):
    home = drawn.draw_home(seed)
    drawn.write_home(root, seed, sessions, home, missing)
    events, report = SOURCES["table"].read(root, home)
    return home, events, report


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_row_of_a_drawn_home_is_an_event_with_a_label(seed, tmp_path):
    home, events, report = events_of(seed, tmp_path)
    assert report.rows == len(events)
    assert not report.warnings
    assert set(events["activity"]) <= set(home.labels)
    assert {len(names) for names in events["residents"]} == {1}
    low, high = drawn.EVENTS
    assert all(low <= count <= high for count in Counter(events["session"]).values())


def test_equal_seeds_give_equal_bytes_and_a_session_does_not_depend_on_their_number(tmp_path):
    for name, seed, sessions in (("one", 5, 3), ("again", 5, 3), ("longer", 5, 6), ("other", 6, 3)):
        drawn.write_home(tmp_path / name, seed, sessions, drawn.draw_home(seed))
    one, longer = files_below(tmp_path / "one"), files_below(tmp_path / "longer")
    assert one == files_below(tmp_path / "again")
    assert one == {name: content for name, content in longer.items() if name in one}
    assert not set(one.values()) & set(files_below(tmp_path / "other").values())


def test_the_yaml_of_a_drawn_home_is_the_home_and_says_that_it_is_simulated(tmp_path):
    draw_home.main(["--seed", "9", "--out", str(tmp_path / "home.yaml")])
    assert load_home(tmp_path / "home.yaml") == drawn.draw_home(9)
    assert (tmp_path / "home.yaml").read_text().startswith("# SIMULATED")


@pytest.mark.parametrize("seed", [4, 21])
def test_check_home_finds_nothing_to_do_in_a_drawn_home(seed, tmp_path, capsys):
    drawn.write_home(tmp_path / "data", seed, 8, drawn.draw_home(seed))
    (tmp_path / "home.yaml").write_text(drawn.home_yaml(seed))
    check_home.main(["--home", str(tmp_path / "home.yaml"), "--root", str(tmp_path / "data")])
    verdict = capsys.readouterr().out.split("Verdict")[1]
    assert "clean" in verdict, verdict


def test_drawn_homes_differ_in_labels_sensors_rooms_words_states_and_residents():
    homes = [drawn.draw_home(seed) for seed in SEEDS]
    for trait in (
        lambda home: frozenset(home.labels),
        lambda home: frozenset((sensor.room, sensor.words) for sensor in home.sensors.values()),
    ):
        assert len(set(map(trait, homes))) == len(homes)
    assert len({frozenset(home.rooms) for home in homes}) > 10
    assert len({frozenset(state for s in home.sensors.values() for state in s.states) for home in homes}) > 10
    assert {home.residents for home in homes} == {"one", "several"}
    assert min(len(home.labels) for home in homes) <= 12
    assert max(len(home.labels) for home in homes) >= 20


def test_some_homes_have_one_label_where_others_have_several():
    cooking = [sum(common == "cooking" for common in drawn.draw_home(seed).common_labels.values()) for seed in SEEDS]
    assert min(cooking) == 1
    assert max(cooking) >= 3


def test_common_labels_name_every_label_of_every_home():
    for seed in SEEDS:
        home = drawn.draw_home(seed)
        assert home.common_labels.keys() == set(home.labels)
        assert set(home.common_labels.values()) <= ACTIVITIES.keys()


def test_sensors_of_one_room_never_share_a_name_and_residents_do_only_what_sensors_show():
    for seed in SEEDS:
        layout = draw_layout(seed)
        names = [(sensor.room, sensor.words) for sensor in layout.sensors.values()]
        assert len(set(names)) == len(names)
        shown = frozenset(layout.sensors)
        assert all(SCRIPTED[activity].is_seen_by(shown) for activity in layout.labels if activity != PAUSE)


def test_scripts_name_only_things_that_a_home_can_have():
    for script in SCRIPTED.values():
        assert {*script.used, *script.switched, *script.seats} <= ITEMS.keys()
    assert SCRIPTED.keys() | {PAUSE} == {activity for each in ACTIVITIES.values() for activity in each}


def test_missing_sensors_record_nothing(tmp_path):
    home, events, _ = events_of(3, tmp_path / "all", 12)
    _, fewer, _ = events_of(3, tmp_path / "fewer", 12, missing=6)
    assert set(fewer["sensor"]) < set(home.sensors)
    assert len(set(fewer["sensor"])) <= len(home.sensors) - 6 < len(set(events["sensor"])) + 6


def test_a_drawn_home_is_simulated_only_as_its_seed_draws_it(tmp_path):
    with pytest.raises(ValueError, match="not the home that the seed 2 draws"):
        SIMULATORS["drawn"](tmp_path, 2, 1, drawn.draw_home(1))
    with pytest.raises(ValueError, match="no traits to leave out"):
        SIMULATORS["drawn"](tmp_path, 2, 1, drawn.draw_home(2), without=["habits"])
    with pytest.raises(ValueError, match="missing sensors"):
        SIMULATORS["drawn"](tmp_path, 2, 1, drawn.draw_home(2), missing=len(drawn.draw_home(2).sensors))
    assert not files_below(tmp_path)
