"""A resident's session in a simulated MARBLE: a scenario around a meal, then leisure."""

from collections.abc import Callable

from hearth.simulation.behaviour import Resident, Script
from hearth.simulation.marble_activities import (
    answer_call,
    clear_table,
    cook,
    drink,
    eat,
    end_activity,
    enter_home,
    leave_home,
    make_call,
    prepare_cold_meal,
    set_table,
    take_medicines,
    use_computer,
    wash_dishes,
    watch_tv,
)

Activity = Callable[[Resident], Script]

# Leisure activities; the more often one is listed, the likelier it is drawn.
LEISURE: tuple[Activity, ...] = (
    *[watch_tv] * 8,
    *[make_call] * 2,
    *[answer_call] * 2,
    *[use_computer] * 2,
    *[drink] * 4,
)
MEAL_READY = "meal ready"  # a flag of the household
PHONES = "phones"  # the trait that residents make and take calls
SCENARIO = "scenario"  # the trait that tasks have an order, and that the housemates wait for the meal


def _spend_leisure(me: Resident, done: list[Activity]) -> Script:
    """Do a random leisure activity that differs from the last two."""
    left_out = [*done[-2:], *((make_call, answer_call) if PHONES in me.household.without else ())]
    choice = me.rng.choice([activity for activity in LEISURE if activity not in left_out])
    done.append(choice)
    if choice not in (watch_tv, make_call, answer_call):
        yield from end_activity(me)
    yield from choice(me)
    yield me.duration(0.5, 3)


def _tasks_after_meal(role: int, letter: str, count: int) -> tuple[Activity, ...]:
    """Return a resident's tasks after the meal.

    The resident of role 0 clears the table and the resident of role 1 washes the dishes; in scenarios B and D they
    swap. The other residents have no task. A resident who lives alone does both.
    """
    if count == 1:
        return (clear_table, wash_dishes)
    if role > 1:
        return ()
    return (wash_dishes,) if (role == 1) != (letter in "BD") else (clear_table,)


def _live_around_meal(me: Resident, role: int, letter: str) -> Script:
    """Prepare the meal or something for it, eat together, and do the tasks after it."""
    household = me.household
    if role == 0:
        # In scenario D the meal is cold, and the resident cooks after it.
        yield from (prepare_cold_meal if letter == "D" else cook)(me)
        if len(household.residents) == 1:
            yield from set_table(me)
        household.flags.add(MEAL_READY)
    else:
        tasks: tuple[Activity, ...] = (prepare_cold_meal, take_medicines)
        for activity in (tasks if letter == "A" else tasks[::-1])[: 1 + (me.rng.random() < 0.5) if role == 1 else 1]:
            yield me.duration(1, 12)
            yield from activity(me)
        if role == 1 or me.rng.random() < 0.4:
            yield me.duration(1, 12)
            yield from set_table(me)
        yield from me.wait_until(lambda: MEAL_READY in household.flags, at_most=150)
    yield from end_activity(me)
    yield from eat(me)
    for activity in _tasks_after_meal(role, letter, len(household.residents)):
        yield from activity(me)
    if letter == "D" and role == 0:
        yield from cook(me)


def _do_tasks_in_any_order(me: Resident, role: int, letter: str) -> Script:
    """Do the tasks that a scenario gives a resident in a random order; nobody waits for the meal."""
    count = len(me.household.residents)
    tasks: list[Activity]
    if role == 0:
        tasks = [cook, prepare_cold_meal] if letter == "D" else [cook]
        lays_table = count == 1
    else:
        either: list[Activity] = [prepare_cold_meal, take_medicines]
        tasks = either[:: 1 if letter == "A" else -1][: 1 + (role == 1 and me.rng.random() < 0.5)]
        lays_table = role == 1 or me.rng.random() < 0.4
    tasks += [eat, *_tasks_after_meal(role, letter, count), *([set_table] if lays_table else [])]
    me.rng.shuffle(tasks)
    for task in tasks:
        yield from end_activity(me)
        yield from task(me)
        yield me.duration(1, 12)


def day_script(me: Resident, role: int, scenario: str, stop: int) -> Script:
    """Live through the time before, during and after a meal, until `stop` (ms).

    `role` is 0 for the cook, and 1, 2, ... for the other residents, who share the remaining work. `scenario` is one of
    `marble.SCENARIOS`.
    """
    household = me.household
    done: list[Activity] = []
    letter, period = scenario[0], scenario[2:]
    if "e" in period and letter != "C":
        yield from enter_home(me)
    else:
        yield me.duration(5, 16)
    if letter == "C" or (role > 1 and me.rng.random() < 0.5):
        yield from _spend_leisure(me, done)
    do_tasks = _do_tasks_in_any_order if SCENARIO in household.without else _live_around_meal
    yield from do_tasks(me, role, letter)
    leaves = period[-1] == "a" or me.rng.random() < 0.25
    while household.now < stop - (25_000 if leaves else 0):
        yield from _spend_leisure(me, done)
    if leaves:
        yield from leave_home(me)
