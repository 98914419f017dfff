"""What the residents of a simulated MARBLE do: activities, and a scenario's part of a day made of them."""

from collections.abc import Callable

from hearth.simulation.behaviour import Resident, Script

CHAIRS = ("P1", "P4", "P5", "P6")
COUCH = ("P3", "P7", "P8", "P9")
OFFICE_CHAIR = "P2"
PANTRY, CUTLERY, POTS, MEDICINES, FRIDGE = "R1", "R2", "R5", "R6", "R7"
STOVE, TELEVISION = "E1", "E2"
CALL_OUT, CALL_IN = "S1", "S2"
TRANSITION = "TRANSITION"


def _activity(me: Resident, label: str, place: str, script: Script) -> Script:
    """Walk there, do it, and be in between two activities again."""
    yield from me.goes(place)
    yield from me.begins(label)
    yield from script
    yield from me.begins(TRANSITION)
    yield me.takes(1, 4)


def _leave_seat(me: Resident) -> Script:
    if me.seat:
        yield from me.whole_second()
        me.stands()
        yield me.takes(0.5, 2)


def entering(me: Resident) -> Script:
    """Come home; some take off their shoes on a chair, some put the shopping away."""
    yield from me.begins("ENTERING_HOME")
    yield from me.goes("HALL", 5, 14)
    if me.usually("shoes", 0.35):
        yield from me.goes("DINING_ROOM")
        if me.sits(me.order("chair", CHAIRS)):
            yield me.takes(5, 9)
            me.stands()
    if me.usually("shopping", 0.35):
        yield from me.goes("KITCHEN")
        for door in me.order("shopping", (PANTRY, FRIDGE)):
            yield from me.uses(door, 2, 5)
            yield me.takes(0.5, 1.5)
    yield from me.begins(TRANSITION)
    yield me.takes(1, 6)


def leaving(me: Resident) -> Script:
    """Get ready and go; the couch and the television are left behind on the way."""
    yield from me.begins("LEAVING_HOME")
    yield me.takes(1, 3)
    yield from _leave_seat(me)
    if not me.others("WATCHING_TV"):
        yield me.takes(1, 3)
        me.switches(TELEVISION, False)
    if me.usually("shoes", 0.6):
        yield from me.goes("DINING_ROOM")
        if me.sits(me.order("chair", CHAIRS)):
            yield me.takes(5, 9)
            me.stands()
    yield from me.goes("HALL", 3, 8)
    yield from me.goes("OUT", 4, 9)
    if me.rng.random() < 0.6:
        yield from me.begins(TRANSITION)


def cooking(me: Resident) -> Script:
    """A warm meal: pots, the stove, and whatever has to be fetched while it cooks."""

    def script() -> Script:
        yield me.takes(1, 5)
        fetched = me.order("cooking", (PANTRY, FRIDGE, PANTRY, CUTLERY, FRIDGE))[: me.rng.randint(2, 3)]
        early = fetched[:1] if me.usually("fetch first", 0.4) else []
        for door in early:
            yield from me.uses(door, 2.5, 8)
            yield me.takes(1, 5)
        yield from me.uses(POTS, 2, 4)
        yield me.takes(3, 10)
        me.switches(STOVE, True)
        for door in fetched[len(early) :]:
            yield me.takes(2, 17)
            yield from me.uses(door, 2.5, 8)
        yield me.takes(10, 30)
        if me.usually("second pot", 0.6):
            yield from me.uses(POTS, 2, 5)
        if me.usually("season", 0.3):
            yield from me.uses(me.order("season", (PANTRY, FRIDGE))[0], 2, 5)
        yield me.takes(3, 15)
        me.switches(STOVE, False)
        yield me.takes(1, 6)

    yield from _activity(me, "COOKING", "KITCHEN", script())


def cold_meal(me: Resident) -> Script:
    """A cold meal: the cooking's doors without pots and stove."""

    def script() -> Script:
        knife = [CUTLERY] if me.usually("knife", 0.35) else []
        for door in me.order("cold meal", [FRIDGE, PANTRY, FRIDGE, *knife])[: me.rng.randint(2, 4)]:
            yield me.takes(3, 14)
            yield from me.uses(door, 2.5, 7)
        yield me.takes(15, 40)

    yield from _activity(me, "PREPARING_COLD_MEAL", "KITCHEN", script())


def setting_table(me: Resident) -> Script:
    """Cutlery, then something to drink, carried to the table."""

    def script() -> Script:
        ways = [CUTLERY, me.order("table", (FRIDGE, PANTRY))[0]]
        for door in ways if me.usually("cutlery first", 0.7) else reversed(ways):
            yield me.takes(4, 14)
            yield from me.uses(door, 2.5, 6)
            yield from me.goes("DINING_ROOM")
            yield me.takes(3, 9)
            yield from me.goes("KITCHEN")
        if me.usually("cutlery again", 0.25):
            yield from me.uses(CUTLERY, 2, 4)
        yield from me.goes("DINING_ROOM")
        yield me.takes(4, 12)

    yield from _activity(me, "SETTING_UP_TABLE", "KITCHEN", script())


def medicines(me: Resident) -> Script:
    """The cabinet is opened to take a box out and again to put it back; some fetch cold water between."""

    def script() -> Script:
        yield me.takes(1, 3)
        yield from me.uses(MEDICINES, 3, 6)
        yield me.takes(3, 12)
        if me.usually("water", 0.45):
            yield from me.goes("KITCHEN")
            yield from me.uses(FRIDGE, 2.5, 5)
            yield me.takes(4, 9)
            yield from me.goes("MEDICINE_AREA")
        if me.usually("box back", 0.75):
            yield from me.uses(MEDICINES, 2.5, 5)
        yield me.takes(1, 4)

    yield from _activity(me, "TAKING_MEDICINES", "MEDICINE_AREA", script())


def eating(me: Resident) -> Script:
    """Sit down, wait for the others, eat in several goes, stand up; most sit down on the way to eating."""
    yield from me.goes("DINING_ROOM")
    inside = me.usually("eat at once", 0.15)
    if inside:
        yield from me.begins("EATING")
    yield me.takes(0.5, 2)
    yield from me.whole_second()
    me.sits(me.order("chair", CHAIRS))
    if not inside:
        yield me.takes(2, 8)
        yield from me.begins("EATING")
    goes = me.rng.randint(1, 3)
    for part in range(goes):
        yield me.takes(90, 125) / goes
        if part < goes - 1:
            yield from me.begins(TRANSITION)
            yield me.takes(0.5, 7)
            yield from me.begins("EATING")
    if me.usually("up before the end of the meal", 0.2):
        me.stands()
        yield me.takes(0.5, 3)
    yield from me.begins(TRANSITION)
    yield me.takes(0.5, 3)
    yield from _leave_seat(me)


def drinking(me: Resident) -> Script:
    """A glass of water counts as EATING."""

    def script() -> Script:
        yield from me.uses(FRIDGE, 2, 4)
        yield from me.goes("DINING_ROOM")
        me.sits(me.order("chair", CHAIRS))
        yield me.takes(12, 25)
        me.stands()

    yield from _activity(me, "EATING", "KITCHEN", script())


def clearing(me: Resident) -> Script:
    """Leftovers go back, several ways between the table and the kitchen."""

    def script() -> Script:
        for door in me.order("clear", (FRIDGE, FRIDGE, PANTRY))[: me.rng.randint(1, 2)]:
            yield from me.goes("DINING_ROOM")
            yield me.takes(2, 7)
            yield from me.goes("KITCHEN")
            yield from me.uses(door, 2, 6)
        yield me.takes(2, 10)

    yield from _activity(me, "CLEARING_TABLE", "DINING_ROOM", script())


def washing(me: Resident) -> Script:
    """Dishes are washed where no sensor looks; what is clean goes back into its drawer."""

    def script() -> Script:
        yield me.takes(30, 55)
        for drawer in me.order("dishes", (CUTLERY, POTS))[: me.rng.randint(0, 2)]:
            yield me.takes(5, 15)
            yield from me.uses(drawer, 2, 4)
        yield me.takes(2, 8)

    yield from _activity(me, "WASHING_DISHES", "KITCHEN", script())


def television(me: Resident) -> Script:
    """Whoever comes first turns it on; the last one turns it off, or forgets."""
    yield from me.goes("LIVING_ROOM")
    on_the_way = me.usually("sit first", 0.3)
    yield from me.whole_second()
    if on_the_way:
        me.sits(me.order("couch", COUCH))
        yield me.takes(1, 3)
    yield from me.begins("WATCHING_TV")
    if me.switches(TELEVISION, True):
        yield me.takes(1.5, 6)
    me.sits(me.order("couch", COUCH))
    yield me.takes(60, 120)
    if me.usually("stay seated", 0.3):
        return  # the next activity may well be one for the couch
    if not me.others("WATCHING_TV") and me.usually("off from the couch", 0.6):
        me.switches(TELEVISION, False)
        yield me.takes(1, 3)
    if me.usually("up before the end", 0.6):
        yield from _leave_seat(me)
    yield from me.begins(TRANSITION)
    yield me.takes(0.5, 2)
    yield from _leave_seat(me)
    if not me.others("WATCHING_TV"):
        me.switches(TELEVISION, False)


def _call(me: Resident, label: str, call: str) -> Script:
    """A phone call, on a seat that suits the person or up and about; the phone keeps whole seconds."""
    if not me.seat and call == CALL_OUT and me.usually("sit down to call", 0.7):
        yield from me.goes(me.order("call", ("LIVING_ROOM", "OFFICE", "DINING_ROOM"))[0])
    yield from me.begins(label)
    yield me.takes(0.5, 3)
    yield from me.whole_second()
    me.tells(call, True)
    if not me.seat and me.usually("sit while calling", 0.75):
        seats = {"LIVING_ROOM": COUCH, "OFFICE": (OFFICE_CHAIR,), "DINING_ROOM": CHAIRS}
        yield me.takes(2, 9)
        yield from me.goes(me.place if me.place in seats else me.order("call", sorted(seats))[0])
        yield from me.whole_second()
        me.sits(me.order("call seat", seats[me.place]))
    yield me.takes(45, 85)
    yield from me.whole_second()
    me.tells(call, False)
    yield me.takes(0.5, 3)
    if me.usually("up before the end", 0.7):
        yield from _leave_seat(me)
    yield from me.begins(TRANSITION)
    yield me.takes(1, 4)
    yield from _leave_seat(me)


def calling(me: Resident) -> Script:
    """Call somebody."""
    yield from _call(me, "MAKING_PHONE_CALL", CALL_OUT)


def answering(me: Resident) -> Script:
    """Be called, wherever that is."""
    yield from _call(me, "ANSWERING_PHONE", CALL_IN)


def computer(me: Resident) -> Script:
    """Sit down at the PC, if nobody else has."""

    def script() -> Script:
        yield me.takes(1, 4)
        yield from me.whole_second()
        me.sits((OFFICE_CHAIR,))
        yield me.takes(60, 110)
        if me.usually("up before the end", 0.5):
            me.stands()
            yield me.takes(0.5, 2)

    if OFFICE_CHAIR in me.household.active or me.others("USING_PC"):
        return
    yield from _activity(me, "USING_PC", "OFFICE", script())
    yield from _leave_seat(me)


LEISURE = (television, television, television, calling, answering, computer, computer, medicines, drinking)


def _leisure(me: Resident, done: list[Callable]) -> Script:
    """Something of one's own, not the same thing twice running."""
    choice = me.rng.choice([script for script in LEISURE if script not in done[-2:]])
    done.append(choice)
    if choice not in (television, calling, answering):
        yield from _leave_seat(me)
    yield from choice(me)
    yield me.takes(0.5, 3)


def day(me: Resident, role: int, scenario: str, stop: int) -> Script:
    """Before, at and after a meal until `stop` (ms); `role` 0 cooks, the others share the rest of the work."""
    home, done = me.household, []
    letter, count, period = scenario[0], len(home.residents), scenario[2:]
    if "e" in period and letter != "C":
        yield from entering(me)
    else:
        yield me.takes(5, 16)
    if letter == "C" or (role > 1 and me.rng.random() < 0.5):
        yield from _leisure(me, done)
    if role == 0:
        # Scenario D's meal is a cold one, and its cooking comes after it.
        yield from (cold_meal if letter == "D" else cooking)(me)
        if count == 1:
            yield from setting_table(me)
        home.facts.add("meal")
    else:
        work = (cold_meal, setting_table, medicines) if letter == "A" else (medicines, cold_meal, setting_table)
        for script in work[: 1 + (role == 1 and me.rng.random() < 0.6)] if role < 3 else work[-1:]:
            yield me.takes(1, 12)
            yield from script(me)
        yield from me.waits_for(lambda: "meal" in home.facts, at_most=150)
    yield from _leave_seat(me)
    yield from eating(me)
    after = {0: (clearing,), 1: (washing,)}.get((role + (letter in "BD")) % 2 if role < 2 else role, ())
    for script in (clearing, washing) if count == 1 else after:
        yield from script(me)
    if letter == "D" and role == 0:
        yield from cooking(me)
    going = period[-1] == "a" or me.rng.random() < 0.25
    while home.now < stop - (25_000 if going else 0):
        yield from _leisure(me, done)
    if going:
        yield from leaving(me)
