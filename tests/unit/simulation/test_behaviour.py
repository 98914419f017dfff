"""Test that all residents live by one clock and share devices."""

import pytest
from hearth.simulation.behaviour import Household, Resident, random_stream


def test_a_motion_sensor_becomes_inactive_after_the_last_movement_of_anybody():
    household = Household(random_stream(1), ("walking", "idle"), ("mov",))
    one, two = (Resident(name, household, 1, "idle", "room") for name in "AB")

    def walk(me, at):
        yield at
        yield from me.begin("walking")
        me.trigger_motion("mov", 10)

    household.start(walk(one, 1))
    household.start(walk(two, 8))
    household.run(until=60_000)
    (on, off) = household.events
    assert (on.residents, on.active, off.residents, off.active) == (("A",), True, ("B",), False)
    assert 18_000 < off.time < 18_200


def test_an_error_names_the_label_that_the_home_lacks():
    household = Household(random_stream(1), ("idle",), ())
    household.start(Resident("A", household, 1, "idle", "room").begin("flying"))
    with pytest.raises(ValueError, match="flying"):
        household.run(until=1000)
