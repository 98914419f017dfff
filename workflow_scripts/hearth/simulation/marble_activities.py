"""Sensors and activities of a simulated MARBLE home; sensors and labels are those of config/homes/marble.yaml."""

from hearth.simulation.behaviour import Resident, Script

CHAIRS = ("P1", "P4", "P5", "P6")
COUCH = ("P3", "P7", "P8", "P9")
OFFICE_CHAIR = "P2"
PANTRY, CUTLERY, POTS, MEDICINES, FRIDGE = "R1", "R2", "R5", "R6", "R7"
STOVE, TELEVISION = "E1", "E2"
CALL_OUT, CALL_IN = "S1", "S2"
TRANSITION = "TRANSITION"
# The trait that devices and people do not keep to labels: ends of uses that are lost, doors used before an activity's
# label or after it, calls that end after it.
ODDITIES = "oddities"


def _run_activity(me: Resident, label: str, place: str, script: Script, door: str = "") -> Script:
    """Walk to `place`, run the activity's script, and return to TRANSITION.

    Now and then the resident uses `door` before the label begins or after it has ended, as MARBLE's residents do.
    """
    yield from me.walk_to(place)
    if ODDITIES in me.household.without:
        door = ""
    if door and me.chooses("before the label", 0.08):
        yield from me.use(door, 2.5, 5)
    yield from me.begin(label)
    yield from script
    yield from me.begin(TRANSITION)
    if door and me.place == place and me.chooses("after the label", 0.08):
        yield from me.use(door, 2, 4)
    yield me.duration(1, 4)


def leave_seat(me: Resident) -> Script:
    """Stand up at a whole second, if the resident sits."""
    if me.seat:
        yield from me.wait_for_whole_second()
        me.stand_up()
        yield me.duration(0.5, 2)


def end_activity(me: Resident) -> Script:
    """Stand up and return to TRANSITION, if the resident still sits or is still in an activity."""
    yield from leave_seat(me)
    if me.label != TRANSITION:
        yield from me.begin(TRANSITION)


def _change_shoes(me: Resident) -> Script:
    """Sit down on a free chair for some seconds."""
    yield from me.walk_to("DINING_ROOM")
    if me.sit_down(me.order_by_habit("chair", CHAIRS)):
        yield me.duration(5, 9)
        me.stand_up()


def enter_home(me: Resident) -> Script:
    """Come home, which no sensor notices; then some residents change shoes, and some put the shopping away."""
    yield from me.begin("ENTERING_HOME")
    yield from me.walk_to("HALL", 5, 14)
    yield from me.begin(TRANSITION)
    if me.chooses("shoes", 0.2):
        yield from _change_shoes(me)
    if me.chooses("shopping", 0.2):
        yield from me.walk_to("KITCHEN")
        yield from me.use(me.order_by_habit("shopping", (PANTRY, FRIDGE))[0], 2, 5)
    yield me.duration(1, 6)


def leave_home(me: Resident) -> Script:
    """Vacate the seat, turn the television off and change shoes; then leave, which no sensor notices."""
    yield from end_activity(me)
    if not me.others_doing("WATCHING_TV"):
        yield me.duration(1, 3)
        me.switch(TELEVISION, False)
    if me.chooses("shoes", 0.3):
        yield from _change_shoes(me)
    yield from me.begin("LEAVING_HOME")
    yield from me.walk_to("HALL", 3, 8)
    yield from me.walk_to("OUT", 4, 9)
    if me.rng.random() < 0.6:
        yield from me.begin(TRANSITION)


def cook(me: Resident) -> Script:
    """Cook a warm meal: mostly with pots and the stove, and with ingredients fetched before and during cooking."""

    def script() -> Script:
        yield me.duration(1, 5)
        doors = me.order_by_habit("cooking", (PANTRY, FRIDGE, PANTRY, CUTLERY, FRIDGE))[: me.rng.randint(1, 3)]
        early = doors[:1] if me.chooses("fetch first", 0.4) else []
        for door in early:
            yield from me.use(door, 2.5, 8)
            yield me.duration(1, 5)
        has_pots = me.chooses("pots", 0.8)
        if has_pots:
            yield from me.use(POTS, 2, 4)
            yield me.duration(3, 10)
        # Without pots, only the stove shows that the meal is a warm one.
        if not has_pots or me.chooses("stove", 0.65):
            me.switch(STOVE, True)
        for door in doors[len(early) :]:
            yield me.duration(2, 17)
            yield from me.use(door, 2.5, 8)
        yield me.duration(10, 30)
        if me.chooses("season", 0.15):
            yield from me.use(me.order_by_habit("season", (PANTRY, FRIDGE))[0], 2, 5)
        yield me.duration(3, 15)
        if me.chooses("stove off in time", 0.8):
            me.switch(STOVE, False)
            yield me.duration(1, 6)

    yield from _run_activity(me, "COOKING", "KITCHEN", script(), FRIDGE)
    me.switch(STOVE, False)


def prepare_cold_meal(me: Resident) -> Script:
    """Prepare a cold meal: the same doors as for cooking, without pots and stove."""

    def script() -> Script:
        knife = [CUTLERY] if me.chooses("knife", 0.8) else []
        for door in me.order_by_habit("cold meal", [FRIDGE, PANTRY, FRIDGE, *knife])[: me.rng.randint(2, 4)]:
            yield me.duration(3, 14)
            yield from me.use(door, 2.5, 7)
        yield me.duration(15, 40)

    yield from _run_activity(me, "PREPARING_COLD_MEAL", "KITCHEN", script(), PANTRY)


def set_table(me: Resident) -> Script:
    """Carry cutlery, something to drink or bread to the table, in one or two trips."""

    def script() -> Script:
        doors = me.order_by_habit("table", (CUTLERY, CUTLERY, FRIDGE, FRIDGE, PANTRY))
        for door in doors[: 1 + me.chooses("second trip", 0.15)]:
            yield me.duration(4, 14)
            yield from me.use(door, 2.5, 6)
            yield from me.walk_to("DINING_ROOM")
            yield me.duration(3, 9)
            yield from me.walk_to("KITCHEN")
        yield from me.walk_to("DINING_ROOM")
        yield me.duration(4, 12)

    yield from _run_activity(me, "SETTING_UP_TABLE", "KITCHEN", script(), CUTLERY)


def take_medicines(me: Resident) -> Script:
    """Take a box out of the medicine cabinet, fetch water by habit, and put the box back."""

    def script() -> Script:
        yield me.duration(1, 3)
        yield from me.use(MEDICINES, 3, 6)
        yield me.duration(3, 12)
        if me.chooses("water", 0.4):
            yield from me.walk_to("KITCHEN")
            yield from me.use(FRIDGE, 2.5, 5)
            yield me.duration(4, 9)
            yield from me.walk_to("MEDICINE_AREA")
        if me.chooses("box back", 0.1):
            yield from me.use(MEDICINES, 2.5, 5)
        yield me.duration(1, 4)

    yield from _run_activity(me, "TAKING_MEDICINES", "MEDICINE_AREA", script(), MEDICINES)


def eat(me: Resident) -> Script:
    """Sit down, eat in one to three spells, and stand up; most residents sit down before EATING begins.

    Not every seat has a mat that notices it.
    """
    yield from me.walk_to("DINING_ROOM")
    begins_standing = me.chooses("eat at once", 0.05)
    if begins_standing:
        yield from me.begin("EATING")
    yield me.duration(0.5, 2)
    yield from me.wait_for_whole_second()
    if me.chooses("chair with a mat", 0.7):
        me.sit_down(me.order_by_habit("chair", CHAIRS))
    if not begins_standing:
        yield me.duration(2, 8)
        yield from me.begin("EATING")
    spells = me.rng.randint(1, 3)
    for spell in range(spells):
        yield me.duration(90, 125) / spells
        if spell < spells - 1:
            yield from me.begin(TRANSITION)
            yield me.duration(0.5, 7)
            yield from me.begin("EATING")
    if me.chooses("up before the end of the meal", 0.2):
        me.stand_up()
        yield me.duration(0.5, 3)
    yield from me.begin(TRANSITION)
    yield me.duration(0.5, 3)
    yield from leave_seat(me)


def drink(me: Resident) -> Script:
    """Drink a glass of water, which MARBLE labels EATING; fetching it, now and then from the fridge, is TRANSITION."""
    yield from me.walk_to("KITCHEN")
    if me.chooses("water from the fridge", 0.2):
        yield from me.use(FRIDGE, 2, 4)
    yield from _run_activity(me, "EATING", "KITCHEN", iter((me.duration(6, 15),)))


def clear_table(me: Resident) -> Script:
    """Carry leftovers back to the kitchen, where not every trip opens a door."""

    def script() -> Script:
        for door in me.order_by_habit("clear", (FRIDGE, FRIDGE, PANTRY))[: me.rng.choice((0, 1, 1, 1))]:
            yield me.duration(2, 7)
            yield from me.walk_to("KITCHEN")
            yield from me.use(door, 2, 6)
            yield from me.walk_to("DINING_ROOM")
        yield me.duration(15, 40)

    yield from _run_activity(me, "CLEARING_TABLE", "DINING_ROOM", script())


def wash_dishes(me: Resident) -> Script:
    """Wash dishes, which no sensor notices; now and then put something back into a drawer."""

    def script() -> Script:
        yield me.duration(30, 55)
        if me.chooses("dishes", 0.14):
            yield from me.use(me.order_by_habit("dishes", (CUTLERY, POTS))[0], 2, 4)
        yield me.duration(2, 8)

    yield from _run_activity(me, "WASHING_DISHES", "KITCHEN", script())


def watch_tv(me: Resident) -> Script:
    """Watch television: the first viewer turns it on, the last one turns it off, or forgets to."""
    yield from me.walk_to("LIVING_ROOM")
    sits_first = me.chooses("sit first", 0.3)
    yield from me.wait_for_whole_second()
    if sits_first:
        me.sit_down(me.order_by_habit("couch", COUCH))
        yield me.duration(1, 3)
    if me.chooses("on at once", 0.25):
        me.switch(TELEVISION, True)
        yield me.duration(0.5, 2)
    yield from me.begin("WATCHING_TV")
    if me.switch(TELEVISION, True):
        yield me.duration(1.5, 6)
    me.sit_down(me.order_by_habit("couch", COUCH))
    yield me.duration(60, 120)
    if me.chooses("stay seated", 0.3):
        return  # the next activity may take place on the couch, too
    if not me.others_doing("WATCHING_TV") and me.chooses("off from the couch", 0.15):
        me.switch(TELEVISION, False)
        yield me.duration(1, 3)
    if me.chooses("up before the end", 0.75):
        yield from leave_seat(me)
    yield from me.begin(TRANSITION)
    yield me.duration(0.5, 2)
    yield from leave_seat(me)
    if not me.others_doing("WATCHING_TV"):
        me.switch(TELEVISION, False)


def _hold_call(me: Resident, label: str, phone: str) -> Script:
    """Make or take a phone call, sitting or walking; its label ends before the phone records the call's end."""
    seats = {"LIVING_ROOM": COUCH, "OFFICE": (OFFICE_CHAIR,), "DINING_ROOM": CHAIRS}
    if not me.seat and phone == CALL_OUT and me.chooses("sit down to call", 0.3):
        yield from me.walk_to(me.order_by_habit("call", sorted(seats))[0])
        yield from me.wait_for_whole_second()
        me.sit_down(me.order_by_habit("call seat", seats[me.place]))
        yield me.duration(1, 4)
    yield from me.begin(label)
    yield me.duration(0.5, 3)
    yield from me.wait_for_whole_second()
    me.set_sensor(phone, True)
    if not me.seat and me.place in seats and me.chooses("sit while calling", 0.2):
        yield me.duration(2, 9)
        yield from me.wait_for_whole_second()
        me.sit_down(me.order_by_habit("call seat", seats[me.place]))
    yield me.duration(20, 40)
    if me.chooses("up while calling", 0.5):
        yield from leave_seat(me)
    yield me.duration(20, 40)
    yield from _end_call(me, phone)
    yield me.duration(1, 4)
    yield from leave_seat(me)


def _end_call(me: Resident, phone: str) -> Script:
    """End a call's label; its end is recorded 0.5 to 4 s later, at a whole second, as in every call of MARBLE."""
    if ODDITIES in me.household.without:
        yield from me.wait_for_whole_second()
        me.set_sensor(phone, False)
        yield from me.begin(TRANSITION)
        return
    ended = me.household.now / 1000
    yield from me.begin(TRANSITION)
    delay = 0.5 if me.rng.random() < 0.95 else me.rng.uniform(1, 3)
    yield ended + delay - me.household.now / 1000
    yield from me.wait_for_whole_second()
    me.set_sensor(phone, False)


def make_call(me: Resident) -> Script:
    """Call somebody."""
    yield from _hold_call(me, "MAKING_PHONE_CALL", CALL_OUT)


def answer_call(me: Resident) -> Script:
    """Answer a call wherever the resident is."""
    yield from _hold_call(me, "ANSWERING_PHONE", CALL_IN)


def use_computer(me: Resident) -> Script:
    """Sit down at the PC, unless somebody else uses it."""

    def script() -> Script:
        yield me.duration(1, 4)
        yield from me.wait_for_whole_second()
        me.sit_down((OFFICE_CHAIR,))
        yield me.duration(60, 110)
        if me.chooses("up before the end", 0.05):
            me.stand_up()
            yield me.duration(0.5, 2)

    if OFFICE_CHAIR in me.household.active or me.others_doing("USING_PC"):
        return
    yield from _run_activity(me, "USING_PC", "OFFICE", script())
    yield from leave_seat(me)
