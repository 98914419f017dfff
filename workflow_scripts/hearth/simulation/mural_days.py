"""A resident's session in a simulated MuRAL: meals, and leisure drawn by habit."""

from collections.abc import Callable
from dataclasses import dataclass

from hearth.simulation.behaviour import Resident, Script
from hearth.simulation.mural_actions import CHAT, COFFEE, GAME, KETTLE, MEAL_READY, MICROWAVE, STOVE
from hearth.simulation.mural_activities import (
    chat,
    clean,
    come_home,
    do_something_else,
    go_out,
    join_at_table,
    play_board_game,
    play_video_games,
    read_book,
    rest,
    take_shower,
    use_bedroom,
    use_computer,
    use_toilet,
    wash,
    watch_tv,
)
from hearth.simulation.mural_meals import (
    clear_table,
    drink,
    eat_meal,
    grab_food_or_drink,
    grab_tableware,
    make_drink,
    prepare_fruit,
    prepare_meal,
    wash_dishes,
)


@dataclass(frozen=True)
class Leisure:
    """A leisure activity, with its weight in the random choice.

    `habit` names the random number that scales the weight for each resident: another name changes the simulated data.
    """

    habit: str
    script: Callable[[Resident], Script]
    weight: float


LEISURE = (
    Leisure("television", watch_tv, 2.5),
    Leisure("video_games", play_video_games, 2),
    Leisure("reading", read_book, 2),
    Leisure("resting", rest, 2.5),
    Leisure("chatting", chat, 2.5),
    Leisure("board_game", play_board_game, 1.5),
    Leisure("computer", use_computer, 2),
    Leisure("cleaning", clean, 1.5),
    Leisure("out", go_out, 2),
    Leisure("drinks", make_drink, 2.5),
    Leisure("drinking", drink, 1),
    Leisure("grabbing", grab_food_or_drink, 2),
    Leisure("fruits", prepare_fruit, 2),
    Leisure("bedroom", use_bedroom, 1.2),
    Leisure("toilet", use_toilet, 1.5),
    Leisure("washing", wash, 0.7),
    Leisure("shower", take_shower, 0.5),
    Leisure("dishes", wash_dishes, 0.4),
    Leisure("anything_else", do_something_else, 1.5),
)
MEALS = {"morning": "breakfast", "evening": "dinner"}
# Activities after getting up, by the habit's name; a resident's habits decide their order.
GETTING_UP: dict[str, Callable[[Resident], Script]] = {"toilet": use_toilet, "washing": wash, "shower": take_shower}


def _spend_leisure(me: Resident, done: list[Leisure]) -> Script:
    """Join a game or a talk, or do something drawn by habit that differs from the last three."""
    if GAME in me.household.flags and me.rng.random() < 0.8:
        yield from join_at_table(me, "playing board games", GAME, f"{me.name} joins the board game.")
        return
    if CHAT in me.household.flags and me.rng.random() < 0.8:
        yield from join_at_table(me, "chatting", CHAT, f"{me.name} sits down at the table, too, and talks.")
        return
    choices = [leisure for leisure in LEISURE if leisure not in done[-3:]]
    weights = [leisure.weight * (0.4 + 1.2 * me.habit(leisure.habit)) for leisure in choices]
    choice = me.rng.choices(choices, weights)[0]
    done.append(choice)
    yield from choice.script(me)
    yield me.duration(1, 8)


def _have_meal(me: Resident, role: int, meal: str, done: list[Leisure]) -> Script:
    """Prepare the meal or wait for it, eat, and clear up.

    The resident of role 0 always prepares the meal, the resident of role 1 sometimes does.
    """
    household = me.household
    devices = [STOVE] if me.chooses(f"stove for {meal}", 0.85 if meal == "dinner" else 0.35) else []
    devices += [MICROWAVE] if me.chooses(f"microwave for {meal}", 0.4) else []
    devices += [COFFEE if me.chooses("tea", 0.5) else KETTLE] if meal == "breakfast" and me.chooses("hot drink") else []
    if role == 0 or (role == 1 and me.rng.random() < 0.35):
        yield from prepare_meal(me, meal, devices)
    else:
        while MEAL_READY not in household.flags:
            yield from _spend_leisure(me, done)
    if role < 2 and me.chooses("tableware", 0.6):
        yield from grab_tableware(me)
    yield from eat_meal(me, meal)
    if role == 0 or me.rng.random() < 0.3:
        yield from clear_table(me)
    if role == 1 or me.rng.random() < 0.2:
        yield from wash_dishes(me)


def day_script(me: Resident, role: int, period: str) -> Script:
    """Get up or come home, have the meal of that period, and spend leisure time until the recording stops.

    `role` is 0 for the cook, 1 for the helper, 2 and up for the others; `period` is a key of `mural.PERIODS`.
    """
    done: list[Leisure] = []
    if period == "morning" and me.place.startswith("bedroom"):
        yield from use_bedroom(me, low=1, high=30)
        for activity in me.order_by_habit("get up", tuple(GETTING_UP))[: me.rng.randint(1, 2)]:
            yield from GETTING_UP[activity](me)
    elif me.place == "out":
        yield from come_home(me)
    if period in MEALS:
        yield from _have_meal(me, role, MEALS[period], done)
        if period == "morning" and me.rng.random() < 0.3:
            yield from go_out(me)
    while True:
        yield from _spend_leisure(me, done)
