"""Activities of a simulated MuRAL around food and drink."""

from hearth.simulation.behaviour import Resident, Script
from hearth.simulation.mural_actions import (
    CABINET,
    COFFEE,
    COUCH,
    COUNTER,
    DRINKING,
    FOOD,
    FRIDGE,
    HOOD,
    KETTLE,
    KITCHEN_SINK,
    MEAL_READY,
    MICROWAVE,
    STOVE,
    do_kitchen_steps,
    sit_down,
    stand_up,
    start_heating,
    stay_near,
    stay_seated,
    trigger_motion,
)


def prepare_meal(me: Resident, meal: str, devices: list[str]) -> Script:
    """Prepare a meal: fetch ingredients, work at the counter and the sink, heat with `devices`."""
    yield from me.walk_to("kitchen")
    yield from me.begin(f"preparing {meal}")
    steps = me.order_by_habit(meal, (FRIDGE, CABINET, COUNTER, FOOD, KITCHEN_SINK, FRIDGE, COUNTER))
    sentences = {
        FRIDGE: f"{me.name} opens the fridge to take ingredients for {meal}.",
        CABINET: f"{me.name} takes a bowl from the cabinet to prepare {meal}.",
        COUNTER: f"{me.name} prepares {meal} at the counter.",
        FOOD: f"{me.name} takes bread for {meal} from the food cabinet.",
        KITCHEN_SINK: f"{me.name} washes something for {meal} in the sink.",
    }
    first = me.rng.randint(2, 4)
    yield from do_kitchen_steps(me, steps[:first], sentences)
    yield from me.walk_to("kitchen")
    for device in devices:
        if device == STOVE:
            me.switch(STOVE, True, f"{me.name} turns on the induction stove to cook {meal}.")
            yield me.duration(3, 12)
            if me.chooses("hood", 0.6):
                me.switch(HOOD, True, f"{me.name} turns on the range hood.")
                yield me.duration(2, 6)
        else:
            start_heating(me, device, 25, 70, f"{me.name} heats something for {meal}.")
            yield me.duration(3, 12)
    yield from do_kitchen_steps(me, steps[first : first + me.rng.randint(1, 3)], sentences)
    if STOVE in devices:
        for _ in range(me.rng.randint(1, 3)):
            yield me.duration(10, 30)
            trigger_motion(me, COUNTER, f"{me.name} stirs the {meal} on the stove.")
        yield me.duration(5, 15)
        me.switch(STOVE, False, f"{me.name} turns off the induction stove.")
        yield me.duration(1, 5)
        me.switch(HOOD, False, f"{me.name} turns off the range hood.")
        yield me.duration(1, 5)
    me.household.flags.add(MEAL_READY)


def eat_meal(me: Resident, meal: str) -> Script:
    """Sit down at the table, eat, fetch what is missing, and get up."""
    yield from me.begin(f"having {meal}")
    yield from sit_down(me, f"{me.name} sits down at the table to have {meal}.")
    for _ in range(me.rng.randint(0, 2)):
        yield from stay_seated(me, 20, 50)
        if me.chooses("fetch more", 0.6):
            yield from stand_up(me)
            step = me.order_by_habit("more", (FRIDGE, FOOD, COUNTER, MICROWAVE))[0]
            yield from do_kitchen_steps(
                me, [step], {FRIDGE: f"{me.name} fetches something from the fridge during {meal}."}
            )
            yield from sit_down(me, f"{me.name} goes on with {meal}.")
    yield from stay_seated(me, 30, 80)
    yield from stand_up(me)


def grab_tableware(me: Resident) -> Script:
    """Carry plates and glasses from the cabinet to the table."""
    yield from me.walk_to("kitchen")
    yield from me.begin("grabing tableware")
    sentences = {CABINET: f"{me.name} takes plates and glasses from the cabinet.", COUNTER: f"{me.name} takes cutlery."}
    steps = me.order_by_habit("tableware", (CABINET, COUNTER, CABINET))[: 1 + me.chooses("second way", 0.6)]
    yield from do_kitchen_steps(me, steps, sentences)
    yield from me.walk_to("dining room")
    yield me.duration(4, 12)


def clear_table(me: Resident) -> Script:
    """Carry everything back into the kitchen, the fridge and the food cabinet."""
    yield from me.begin("clearing table")
    yield from stand_up(me)
    sentences = {
        COUNTER: f"{me.name} puts the used plates on the counter.",
        FRIDGE: f"{me.name} puts the leftovers into the fridge.",
        FOOD: f"{me.name} puts the bread back into the food cabinet.",
        KITCHEN_SINK: f"{me.name} puts the dishes into the sink.",
    }
    steps = me.order_by_habit("clear", (COUNTER, FRIDGE, FOOD, KITCHEN_SINK, COUNTER))[: me.rng.randint(2, 4)]
    for step in steps:
        yield from me.walk_to("dining room")
        yield from do_kitchen_steps(me, [step], sentences)


def wash_dishes(me: Resident) -> Script:
    """Wash the dishes at the sink and put dry ones into the cabinet."""
    yield from me.walk_to("kitchen")
    yield from me.begin("washing dishes")
    for _ in range(me.rng.randint(2, 4)):
        trigger_motion(me, KITCHEN_SINK, f"{me.name} washes the dishes.")
        yield me.duration(10, 35)
    steps = me.order_by_habit("dry", (CABINET, COUNTER))[: 1 + me.chooses("wipe", 0.5)]
    yield from do_kitchen_steps(
        me, steps, {CABINET: f"{me.name} puts clean dishes back.", COUNTER: f"{me.name} wipes."}
    )


def make_drink(me: Resident) -> Script:
    """Make tea or coffee, by habit, and drink it."""
    tea = me.chooses("tea", 0.5)
    yield from me.walk_to("kitchen")
    yield from me.begin("preparing drinks")
    if tea:
        yield from do_kitchen_steps(me, [KITCHEN_SINK], {KITCHEN_SINK: f"{me.name} fills the kettle."})
        start_heating(me, KETTLE, 35, 80, f"{me.name} turns on the kettle for tea.")
    else:
        yield from do_kitchen_steps(me, [COUNTER], {COUNTER: f"{me.name} stands at the counter to make coffee."})
        start_heating(me, COFFEE, 30, 60, f"{me.name} makes a coffee.")
    yield me.duration(2, 8)
    steps = (CABINET, FRIDGE, COUNTER) if me.chooses("milk", 0.5) else (CABINET, COUNTER)
    sentences = {CABINET: f"{me.name} takes a cup from the cabinet.", FRIDGE: f"{me.name} takes milk from the fridge."}
    yield from do_kitchen_steps(me, me.order_by_habit("drinks", steps), sentences)
    yield me.duration(10, 30)
    yield from drink(me)


def drink(me: Resident) -> Script:
    """Drink at the table, on the couch or standing in the kitchen."""
    yield from me.begin(DRINKING)
    where = me.order_by_habit("drink", ("table", "couch", "kitchen"))[0]
    if where == "kitchen":
        yield from do_kitchen_steps(
            me, [KITCHEN_SINK], {KITCHEN_SINK: f"{me.name} pours a glass of water and drinks it."}
        )
        yield from stay_near(me, COUNTER, 10, 30, f"{me.name} drinks standing at the counter.")
    elif where == "table":
        yield from sit_down(me, f"{me.name} sits down to have a drink.")
        yield from stay_seated(me, 30, 80)
        yield from stand_up(me)
    else:
        yield from me.walk_to("living room")
        yield from stay_near(me, COUCH, 30, 80, f"{me.name} has a drink on the couch.")


def grab_food_or_drink(me: Resident) -> Script:
    """Take something out of the fridge or the food cabinet, then eat or drink it."""
    yield from me.walk_to("kitchen")
    yield from me.begin("grabing food or drinks")
    sentences = {
        FRIDGE: f"{me.name} takes a drink from the fridge.",
        FOOD: f"{me.name} takes biscuits from the cabinet.",
    }
    yield from do_kitchen_steps(
        me, me.order_by_habit("grab", (FRIDGE, FOOD))[: 1 + me.chooses("grab more", 0.3)], sentences
    )
    yield from (eat_snack if me.chooses("snack", 0.5) else drink)(me)


def eat_snack(me: Resident) -> Script:
    """Eat something small at the table or on the couch."""
    yield from me.begin("having fruits or snacks")
    if me.chooses("snack at the table", 0.5):
        yield from sit_down(me, f"{me.name} sits down to have a snack.")
        yield from stay_seated(me, 25, 60)
        yield from stand_up(me)
    else:
        yield from me.walk_to("living room")
        yield from stay_near(me, COUCH, 25, 60, f"{me.name} eats a snack on the couch.")


def prepare_fruit(me: Resident) -> Script:
    """Wash and cut fruit, then eat it."""
    yield from me.walk_to("kitchen")
    yield from me.begin("treating fruits")
    sentences = {
        FRIDGE: f"{me.name} takes fruits from the fridge.",
        FOOD: f"{me.name} takes apples from the food cabinet.",
        KITCHEN_SINK: f"{me.name} washes the fruits.",
        COUNTER: f"{me.name} cuts the fruits on the counter.",
        CABINET: f"{me.name} takes a bowl for the fruits.",
    }
    steps = [me.order_by_habit("fruits", (FRIDGE, FOOD))[0], KITCHEN_SINK, COUNTER]
    yield from do_kitchen_steps(me, [*steps, CABINET] if me.chooses("bowl", 0.5) else steps, sentences)
    yield from stay_near(me, COUNTER, 10, 30)
    yield from eat_snack(me)
