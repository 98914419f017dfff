"""Test what a simulated MARBLE leaves out: each trait is gone, and the rest of the home is as it was."""

from collections import Counter

import pytest
from hearth.simulation import marble, mural
from hearth.simulation.behaviour import HABITS, Household, Resident
from hearth.simulation.marble import TRAITS, simulate_session
from hearth.simulation.marble_activities import CALL_IN, CALL_OUT, ODDITIES, TRANSITION
from simulated_homes import files_below, labelled_events, load_home_named, marble_instances

SESSIONS = 14  # one of each scenario


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Return a dict from each trait to the folder of a home without it; that of "" has all traits."""
    folders = {}
    for trait in ("", *TRAITS):
        folders[trait] = tmp_path_factory.mktemp(trait or "whole")
        marble.write_home(folders[trait], 7, SESSIONS, load_home_named("marble"), without=[trait] if trait else [])
    return folders


def events(folder):
    return [event for session in labelled_events("marble", folder) for event in session]


def test_a_home_without_a_trait_differs_from_the_whole_one(homes):
    written = [files_below(folder) for folder in homes.values()]
    assert all(one != other for place, one in enumerate(written) for other in written[:place])


def test_without_habits_all_residents_take_optional_steps_equally_often():
    chosen = Counter()
    for without in ((), (HABITS,)):
        household = Household(marble.random_stream("test"), [TRANSITION], [], without=without)
        for name in marble.SUBJECTS:
            resident = Resident(name, household, 7, TRANSITION, "HALL")
            chosen[without, name] = sum(resident.chooses("step", 0.3) for _ in range(2_000))
    shares = {without: [chosen[without, name] / 2_000 for name in marble.SUBJECTS] for without in ((), (HABITS,))}
    assert max(shares[()]) - min(shares[()]) > 0.3
    assert shares[HABITS,] == pytest.approx([0.3] * len(marble.SUBJECTS), abs=0.05)


def test_without_transitions_the_events_are_the_same_and_belong_to_activities(homes):
    whole, without = events(homes[""]), events(homes["transition"])
    assert [event[:3] for event in whole] == [event[:3] for event in without]
    changed = [(before[3], after[3]) for before, after in zip(whole, without, strict=True) if before[3] != after[3]]
    assert {before for before, _ in changed} == {TRANSITION}
    assert TRANSITION not in {event[3] for event in without}


def test_without_transitions_the_spans_of_a_resident_begin_and_end_with_the_session(homes):
    ends = {
        trait: [
            (min(spans)[0], max(span[1] for span in spans))
            for one in marble_instances(homes[trait])
            for spans in one["spans"].values()
        ]
        for trait in ("", "transition")
    }
    assert ends[""] == ends["transition"]


def test_without_phones_nobody_calls(homes):
    assert {CALL_IN, CALL_OUT} <= {event[0] for event in events(homes[""])}
    assert not {CALL_IN, CALL_OUT} & {event[0] for event in events(homes["phones"])}
    assert not any("PHONE" in event[3] for event in events(homes["phones"]))
    assert not list(homes["phones"].rglob("smartphone.csv"))


def test_without_housemates_every_session_has_one_resident(homes):
    instances = marble_instances(homes["housemates"])
    assert len(instances) == SESSIONS
    assert {len(one["spans"]) for one in instances} == {1}
    assert all(one["folder"].parent.name[1] == "1" for one in instances)


def test_without_oddities_doors_calls_and_seats_keep_to_their_labels(homes):
    def count_of_uses(folder, sensors, label):
        return sum(event[0] in sensors and event[3] == label for event in events(folder))

    assert count_of_uses(homes[""], (CALL_OUT, CALL_IN), TRANSITION) > 0
    assert count_of_uses(homes[ODDITIES], (CALL_OUT, CALL_IN), TRANSITION) == 0
    # Shopping and water from the fridge are TRANSITION in both homes.
    doors = ("R1", "R2", "R5", "R6", "R7")
    assert count_of_uses(homes[ODDITIES], doors, TRANSITION) < count_of_uses(homes[""], doors, TRANSITION)
    assert uses_without_end(()) > 0
    assert uses_without_end((ODDITIES,)) == 0


def uses_without_end(without):
    """Return how often in many sessions a seat or a plug becomes active although it is active already."""
    count = 0
    for number in range(5 * SESSIONS):
        active = set()
        for event in simulate_session(7, number, load_home_named("marble"), without=without)[1].events:
            count += event.active and event.sensor in active and event.sensor[0] in "PE"
            (active.add if event.active else active.discard)(event.sensor)
    return count


def test_without_a_scenario_tasks_come_in_any_order(homes):
    def eat_before_cooking(folder):
        spans = [
            sorted(own)
            for one in marble_instances(folder)
            for own in one["spans"].values()
            if one["folder"].parent.name[0] != "D"
        ]
        firsts = [[label for *_, label in own if label in ("COOKING", "EATING")] for own in spans]
        cooks = [first for first in firsts if "COOKING" in first]
        return sum(first[0] == "EATING" for first in cooks) / len(cooks)

    assert eat_before_cooking(homes["scenario"]) > eat_before_cooking(homes[""])


def test_traits_that_a_format_does_not_have_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no trait 'habit'; did you mean 'habits'"):
        marble.write_home(tmp_path, 7, 1, load_home_named("marble"), without=["habit"])
    with pytest.raises(ValueError, match="no traits to leave out"):
        mural.write_home(tmp_path, 7, 1, load_home_named("mural"), without=["habits"])
    assert not files_below(tmp_path)
