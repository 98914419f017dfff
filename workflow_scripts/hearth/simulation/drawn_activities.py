"""Activities of drawn homes: where residents do what with which things.

A thing that a home has no sensor for is used all the same, and records nothing.
"""

from typing import NamedTuple

from hearth.simulation.behaviour import Resident, Script
from hearth.simulation.drawn_words import PAUSE

OUT = "out"
MEAL_READY = "meal ready"  # a flag of the household
MOTION_HOLD = 12.0


class Scripted(NamedTuple):
    """An activity: its place, and the things that residents use there.

    `switched` are on all the time, `used` are opened or turned on for some seconds, `uses` of them (least and most) in
    an order of habit. `seats` are seats, of which a resident takes the first free one. `stay` has the least and most
    seconds of each of one to three stretches of the activity.
    """

    place: str
    used: tuple[str, ...] = ()
    uses: tuple[int, int] = (1, 1)
    switched: tuple[str, ...] = ()
    seats: tuple[str, ...] = ()
    stay: tuple[float, float] = (5, 25)

    def is_seen_by(self, sensors: frozenset[str]) -> bool:
        """Whether one of the sensors can show the activity."""
        return not sensors.isdisjoint((f"{self.place} motion", *self.used, *self.switched, *self.seats))


CHAIRS = ("chair 1", "chair 2", "chair 3")
SOFA = ("couch", "armchair")
SCRIPTED = {
    "sleep": Scripted("bedroom", seats=("bed",), used=("bedside lamp",), uses=(0, 1), stay=(300, 2400)),
    "use the toilet": Scripted("bathroom", ("toilet", "bathroom door"), (1, 2)),
    "wash": Scripted("bathroom", ("basin", "basin", "mirror cabinet"), (1, 2)),
    "brush teeth": Scripted("bathroom", ("mirror cabinet", "basin", "mirror cabinet"), (2, 3)),
    "shower": Scripted("bathroom", ("bathroom door",), (0, 1), ("shower",), stay=(40, 120)),
    "dress": Scripted("bedroom", ("wardrobe", "wardrobe", "bedroom door"), (1, 3)),
    "prepare breakfast": Scripted("kitchen", ("fridge", "cupboard", "kettle", "drawer", "fridge"), (2, 4)),
    "prepare lunch": Scripted("kitchen", ("fridge", "cupboard", "microwave", "sink", "drawer"), (2, 4), ("stove",)),
    "prepare dinner": Scripted("kitchen", ("fridge", "sink", "cupboard", "fridge", "drawer"), (2, 4), ("stove",)),
    "prepare a drink": Scripted("kitchen", ("fridge", "cupboard", "sink"), (0, 2), ("kettle",)),
    "have breakfast": Scripted("dining", ("fridge",), (0, 1), seats=CHAIRS, stay=(20, 60)),
    "have lunch": Scripted("dining", ("fridge",), (0, 1), seats=CHAIRS, stay=(30, 90)),
    "have dinner": Scripted("dining", ("fridge",), (0, 1), seats=CHAIRS, stay=(30, 90)),
    "have a snack": Scripted("dining", ("cupboard", "fridge"), (1, 1), seats=CHAIRS, stay=(15, 50)),
    "set the table": Scripted("kitchen", ("drawer", "cupboard", "drawer"), (1, 2)),
    "wash dishes": Scripted("kitchen", ("sink", "dishwasher", "sink", "drawer"), (2, 4)),
    "clean": Scripted("living", switched=("vacuum cleaner",), stay=(20, 60)),
    "do laundry": Scripted("bathroom", ("bathroom door",), (0, 1), ("washing machine",), stay=(20, 80)),
    "take medicines": Scripted("kitchen", ("medicines", "sink"), (1, 2)),
    "watch television": Scripted("living", switched=("television",), seats=SOFA, stay=(40, 160)),
    "read": Scripted("living", ("bookshelf",), (0, 1), ("reading lamp",), SOFA, (40, 160)),
    "rest": Scripted("living", seats=SOFA, stay=(40, 160)),
    "work": Scripted("office", switched=("computer",), seats=("desk chair",), stay=(60, 200)),
    "phone": Scripted("living", ("phone",), stay=(5, 15)),
    "leave": Scripted("hall", ("front door",), stay=(1, 4)),
    "come home": Scripted("hall", ("front door",), stay=(1, 4)),
}
# Things that residents use nearly always in an activity that nothing else tells from others.
CHARACTERISTIC = frozenset({"shower", "vacuum cleaner", "washing machine", "television", "reading lamp", "computer"})


def perform(me: Resident, activity: str, has_pauses: bool) -> Script:
    """Walk to the activity's place, use its things in an order of habit, and put everything back.

    With `has_pauses`, the label of pauses follows; else the activity's label lasts until the next one.
    """
    script = SCRIPTED[activity]
    yield from me.walk_to(script.place)
    yield from me.begin(activity)
    _move(me)
    if script.seats:
        yield me.duration(1, 6)
        me.sit_down(script.seats)
    switched = [
        thing
        for thing in script.switched
        if me.chooses(f"{activity}/{thing}", 0.95 if thing in CHARACTERISTIC else 0.8)
    ]
    for thing in switched:
        yield me.duration(1, 6)
        me.switch(thing, True)
    for thing in me.order_by_habit(activity, script.used)[: me.rng.randint(*script.uses)]:
        yield me.duration(1, 8)
        yield from me.use(thing, 2, 40 if thing == "phone" else 9)
        _move(me)
    for _ in range(me.rng.randint(1, 3)):
        yield me.duration(*script.stay)
        _move(me)
    for thing in reversed(switched):
        me.switch(thing, False)
        yield me.duration(1, 4)
    me.stand_up()
    if has_pauses:
        yield from me.begin(PAUSE)
    yield me.duration(1, 6)


def go_out(me: Resident, labels: dict[str, str], has_pauses: bool) -> Script:
    """Leave, stay away for a while, and come home; `labels` has the activities of the home."""
    if "leave" in labels:
        yield from perform(me, "leave", has_pauses)
    yield from me.walk_to(OUT)
    yield me.duration(300, 3000)
    if "come home" in labels:
        yield from perform(me, "come home", has_pauses)


def _move(me: Resident) -> None:
    """Trigger the motion sensor of the place where the resident is."""
    me.trigger_motion(f"{me.place} motion", MOTION_HOLD)
