"""A resident's session in a drawn home: the activities of a time of day, then whatever the resident likes."""

from typing import NamedTuple

from hearth.simulation.behaviour import Resident, Script
from hearth.simulation.drawn_activities import MEAL_READY, OUT, go_out, perform
from hearth.simulation.drawn_layout import Layout

# From a time of day to its first hour and the activities that begin it, with the share of sessions that have them.
PERIODS: dict[str, tuple[float, dict[str, float]]] = {
    "morning": (
        6.5,
        {"sleep": 0.5, "use the toilet": 0.9, "wash": 0.6, "shower": 0.5, "dress": 0.9, "prepare breakfast": 1}
        | {"have breakfast": 1, "wash dishes": 0.6, "take medicines": 0.6, "brush teeth": 0.7, "leave": 0.3},
    ),
    "midday": (
        11.5,
        {
            "clean": 0.4,
            "do laundry": 0.4,
            "prepare lunch": 1,
            "set the table": 0.7,
            "have lunch": 1,
            "take medicines": 0.4,
        }
        | {"wash dishes": 0.8, "use the toilet": 0.4, "leave": 0.2},
    ),
    "evening": (
        17.5,
        {"come home": 0.7, "use the toilet": 0.4, "prepare dinner": 1, "set the table": 0.7, "have dinner": 1}
        | {"wash dishes": 0.8, "take medicines": 0.4, "watch television": 0.7},
    ),
    "night": (
        21.5,
        {"prepare a drink": 0.4, "read": 0.4, "take medicines": 0.3, "shower": 0.3, "brush teeth": 0.8, "dress": 0.7}
        | {"use the toilet": 0.8, "sleep": 1},
    ),
}


class Leisure(NamedTuple):
    """Something to do at any time: its activity and how likely it is, before the resident's habits."""

    activity: str
    weight: float


LEISURE = (
    Leisure("watch television", 2.5),
    Leisure("read", 1.5),
    Leisure("rest", 1.2),
    Leisure("work", 2),
    Leisure("phone", 1.5),
    Leisure("prepare a drink", 1.2),
    Leisure("have a snack", 1.5),
    Leisure("use the toilet", 1.5),
    Leisure("wash", 0.8),
    Leisure("clean", 0.6),
    Leisure("do laundry", 0.6),
    Leisure("sleep", 0.4),
    Leisure("leave", 0.8),
)


def _spend_leisure(me: Resident, layout: Layout, done: list[str]) -> Script:
    """Do something drawn by habit that the home has and that differs from the last two."""
    choices = [each for each in LEISURE if each.activity in layout.labels and each.activity not in done[-2:]]
    if not choices:
        yield me.duration(30, 60)
        done.append("")
        return
    weights = [each.weight * (0.3 + 1.4 * me.habit(each.activity)) for each in choices]
    activity = me.rng.choices(choices, weights)[0].activity
    done.append(activity)
    if activity == "leave":
        yield from go_out(me, layout.labels, layout.has_pauses)
    else:
        yield from perform(me, activity, layout.has_pauses)


def _do(me: Resident, role: int, activity: str, layout: Layout, done: list[str]) -> Script:
    """Do an activity of the time of day; of a meal, the resident of role 0 prepares it, and others wait for it."""
    prepares = activity.startswith("prepare") and activity != "prepare a drink"
    if prepares and role > 0:
        yield from _spend_leisure(me, layout, done)
        yield from me.wait_until(lambda: MEAL_READY in me.household.flags, at_most=150)
        return
    if activity == "leave":
        yield from go_out(me, layout.labels, layout.has_pauses)
    else:
        yield from perform(me, activity, layout.has_pauses)
    if prepares:
        me.household.flags.add(MEAL_READY)


def day_script(me: Resident, role: int, period: str, layout: Layout) -> Script:
    """Live through a time of day, a key of `PERIODS`, and go on with leisure until the recording stops.

    `role` is 0 for the resident who cooks, and 1, 2, ... for the others.
    """
    done: list[str] = []
    for activity, share in PERIODS[period][1].items():
        if activity not in layout.labels or not me.chooses(activity, share):
            continue
        if activity == "come home":
            me.place = OUT
        yield from _do(me, role, activity, layout, done)
        done.append(activity)
    while True:
        yield from _spend_leisure(me, layout, done)
