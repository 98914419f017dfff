"""Sensors of a simulated MuRAL home, and the actions that activities share.

Sensors and labels are those of config/homes/mural.yaml. A `sentence` is the Description of an event in data.csv.
"""

from collections.abc import Iterable

from hearth.simulation.behaviour import Resident, Script, random_stream

HOOD, STOVE = "kitchen range hood wattmeter", "kitchen induction stove wattmeter"
COFFEE, MICROWAVE = "kitchen coffee machine wattmeter", "kitchen microwave wattmeter"
KETTLE = "kitchen kettle wattmeter"
COUNTER, KITCHEN_SINK = "kitchen counter mov", "kitchen sink mov"
CABINET, FRIDGE = "kitchen cabinet door", "kitchen fridge door"
MAIN_DOOR = "main door"
CHAIRS = ("dining room chair_1 contact", "dining room chair_2 contact", "dining room chair_3 contact")
FOOD = "dining room food cabinet door"
BOOKSHELF, COUCH = "living room bookshelf mov", "living room couch mov"
TELEVISION, CONSOLE = "living room TV wattmeter", "living room game console wattmeter"
TOILET, BATHROOM = "bathroom toilet contact", "bathroom global mov"
WASHBASIN = "bathroom sink mov"
BEDROOMS = {"A": "bedroom_1", "B": "bedroom_1", "C": "bedroom_2", "D": "bedroom_2"}
OTHERS = "others"
RESTING = "resting on the couch or the chairs"
DRINKING = "drinking water, coffee or drinks"
# Flags of the household. The first two are activities that other residents can join; the bathroom and the meal are
# things that they wait for.
CHAT, GAME = "chat at the table", "game at the table"
BATHROOM_TAKEN, MEAL_READY = "bathroom taken", "meal ready"


def trigger_motion(me: Resident, sensor: str, sentence: str = "") -> None:
    """Trigger a motion sensor; its hold time (s) is drawn once for each sensor of a simulated home."""
    me.trigger_motion(sensor, 8 + 12 * random_stream(me.home_seed, sensor).random(), sentence)


def stay_near(me: Resident, sensor: str, low: float, high: float, sentence: str = "") -> Script:
    """Stay near a motion sensor for `low` to `high` seconds, moving now and then."""
    end = me.household.now + me.duration(low, high) * 1000
    while me.household.now < end:
        trigger_motion(me, sensor, sentence)
        sentence = ""
        yield me.rng.uniform(8, 45)


def start_heating(me: Resident, device: str, low: float, high: float, sentence: str) -> None:
    """Turn on a device that turns itself off, whatever the resident does meanwhile."""
    label = me.label

    def turn_off() -> Script:
        me.household.set_sensor(device, False, me, label, "")
        yield from ()

    if me.switch(device, True, sentence):
        me.household.start(turn_off(), me.duration(low, high))


def sit_down(me: Resident, sentence: str) -> Script:
    """Sit down on a chair, or on the couch if all chairs are taken."""
    yield from me.walk_to("dining room")
    if not me.sit_down(me.order_by_habit("chair", CHAIRS), sentence):
        yield from me.walk_to("living room")
        trigger_motion(me, COUCH, sentence)
    yield me.duration(1, 3)


def stay_seated(me: Resident, low: float, high: float) -> Script:
    """Stay seated for `low` to `high` seconds; on the couch, movements trigger its motion sensor."""
    if me.seat:
        yield me.duration(low, high)
    else:
        yield from stay_near(me, COUCH, low, high)


def stand_up(me: Resident) -> Script:
    """Get up from the table, if the resident sits there."""
    if me.seat:
        me.stand_up(f"{me.name} gets up from the table.")
        yield me.duration(0.5, 2)


def do_kitchen_steps(me: Resident, steps: Iterable[str], sentences: dict[str, str]) -> Script:
    """Go through kitchen steps: open and close doors, move in front of the counter and the sink."""
    for step in steps:
        yield from me.walk_to("dining room" if step == FOOD else "kitchen")
        sentence = sentences.get(step, "")
        if step in (COUNTER, KITCHEN_SINK):
            trigger_motion(me, step, sentence)
            yield me.duration(3, 9)
        else:
            yield from me.use(step, 1.5, 6, sentence)
        yield me.duration(0.5, 5)
