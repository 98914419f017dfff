"""Activities of a simulated MuRAL apart from meals: bedroom, bathroom, living room, entrance.

Activities around food and drink are in `mural_meals`.
"""

from hearth.simulation.behaviour import Resident, Script
from hearth.simulation.mural_actions import (
    BATHROOM,
    BATHROOM_TAKEN,
    BEDROOMS,
    BOOKSHELF,
    CHAIRS,
    CHAT,
    CONSOLE,
    COUCH,
    COUNTER,
    DRINKING,
    GAME,
    HOOD,
    KITCHEN_SINK,
    MAIN_DOOR,
    OTHERS,
    RESTING,
    TELEVISION,
    TOILET,
    WASHBASIN,
    sit_down,
    stand_up,
    stay_near,
    stay_seated,
    trigger_motion,
)


def use_bedroom(me: Resident, label: str = "bedroom personal activity", low: float = 40, high: float = 110) -> Script:
    """Go to the resident's bedroom, close the door, and come out again."""
    room = BEDROOMS[me.name]
    door = f"{room} door"
    yield from me.begin(label)
    if me.place != room:
        yield from me.walk_to(room)
        yield from me.use(door, 1, 3, f"{me.name} goes into {room} and closes the door.")
    yield me.duration(low, high)
    yield from me.use(door, 1, 3, f"{me.name} opens the door to {room} and comes out.")


def _use_bathroom(me: Resident, label: str, script: Script) -> Script:
    """Run a bathroom activity once the bathroom is free; give up after a long wait."""
    household = me.household
    yield from me.wait_until(lambda: BATHROOM_TAKEN not in household.flags, at_most=100)
    if BATHROOM_TAKEN in household.flags:
        return
    household.flags.add(BATHROOM_TAKEN)
    yield from me.walk_to("bathroom")
    yield from me.begin(label)
    trigger_motion(me, BATHROOM, f"{me.name} walks into the bathroom.")
    yield me.duration(1.5, 5)
    yield from script
    household.flags.discard(BATHROOM_TAKEN)


def use_toilet(me: Resident) -> Script:
    """Use the toilet, wash hands, and leave."""

    def script() -> Script:
        me.set_sensor(TOILET, True, f"{me.name} sits down on the toilet.")
        yield me.duration(18, 60)
        me.set_sensor(TOILET, False, f"{me.name} gets up from the toilet.")
        yield me.duration(1, 5)
        if me.chooses("wash hands", 0.75):
            trigger_motion(me, WASHBASIN, f"{me.name} washes hands after using the toilet.")
            yield me.duration(4, 12)
        trigger_motion(me, BATHROOM)
        yield me.duration(1, 3)

    yield from _use_bathroom(me, "using toilet", script())


def wash(me: Resident) -> Script:
    """Brush teeth and wash the face at the washbasin."""

    def script() -> Script:
        for _ in range(me.rng.randint(1, 3)):
            trigger_motion(me, WASHBASIN, f"{me.name} brushes teeth and washes the face.")
            yield me.duration(10, 30)
        if me.chooses("look around", 0.5):
            trigger_motion(me, BATHROOM)
            yield me.duration(1, 3)

    yield from _use_bathroom(me, "personal washing", script())


def take_shower(me: Resident) -> Script:
    """Take a shower; sensors notice only the resident getting into it and coming out."""

    def script() -> Script:
        yield me.duration(3, 9)
        trigger_motion(me, BATHROOM, f"{me.name} gets into the shower.")
        yield me.duration(60, 130)
        trigger_motion(me, BATHROOM, f"{me.name} comes out of the shower.")
        yield me.duration(8, 20)
        if me.chooses("comb", 0.4):
            trigger_motion(me, WASHBASIN, f"{me.name} combs the wet hair.")
            yield me.duration(4, 10)

    yield from _use_bathroom(me, "taking shower", script())


def watch_tv(me: Resident) -> Script:
    """Watch TV; the last viewer turns it off, or forgets to."""
    yield from me.walk_to("living room")
    yield from me.begin("watching TV")
    if me.chooses("sit first", 0.4):
        trigger_motion(me, COUCH, f"{me.name} sits down on the couch.")
        yield me.duration(1, 5)
    if me.switch(TELEVISION, True, f"{me.name} turns on the TV."):
        yield me.duration(1, 6)
    yield from stay_near(me, COUCH, 40, 110, f"{me.name} watches TV on the couch.")
    if not me.others_doing(me.label) and CONSOLE not in me.household.active and me.chooses("turn off", 0.9):
        me.switch(TELEVISION, False, f"{me.name} turns off the TV.")
        yield me.duration(1, 3)


def play_video_games(me: Resident) -> Script:
    """Play on the game console, which needs the TV."""
    yield from me.walk_to("living room")
    yield from me.begin("playing video games")
    for device in me.order_by_habit("console", (TELEVISION, CONSOLE)):
        if me.switch(device, True, f"{me.name} starts the {'TV' if device == TELEVISION else 'game console'}."):
            yield me.duration(2, 7)
    yield from stay_near(me, COUCH, 40, 110, f"{me.name} plays a video game.")
    if not me.others_doing(me.label):
        me.switch(CONSOLE, False, f"{me.name} turns off the game console.")
        yield me.duration(1, 4)
        if not me.others_doing("watching TV") and me.chooses("turn off", 0.6):
            me.switch(TELEVISION, False, f"{me.name} turns off the TV.")
            yield me.duration(1, 3)


def read_book(me: Resident) -> Script:
    """Take a book from the shelf and read it on the couch; tidy residents put it back."""
    yield from me.walk_to("living room")
    yield from me.begin("reading books")
    trigger_motion(me, BOOKSHELF, f"{me.name} takes a book from the bookshelf.")
    yield me.duration(4, 15)
    yield from stay_near(me, COUCH, 35, 90, f"{me.name} sits on the couch to read.")
    if me.chooses("put back", 0.6):
        trigger_motion(me, BOOKSHELF, f"{me.name} puts the book back.")
        yield me.duration(2, 5)


def rest(me: Resident) -> Script:
    """Rest on the couch or on a chair."""
    yield from me.begin(RESTING)
    if me.chooses("rest on a chair", 0.3):
        yield from sit_down(me, f"{me.name} sits down to rest.")
        yield from stay_seated(me, 40, 100)
        yield from stand_up(me)
    else:
        yield from me.walk_to("living room")
        yield from stay_near(me, COUCH, 30, 80, f"{me.name} rests on the couch.")


def _host_at_table(me: Resident, label: str, flag: str, sentence: str, low: float, high: float) -> Script:
    """Sit at the table and set `flag`, so that others can join; clear it when the resident stands up."""
    household = me.household
    household.flags.add(flag)
    yield from sit_down(me, sentence)
    yield from me.wait_until(lambda: bool(me.others_doing(label)), at_most=50)
    yield from stay_seated(me, low, high)
    household.flags.discard(flag)
    yield from stand_up(me)


def join_at_table(me: Resident, label: str, flag: str, sentence: str) -> Script:
    """Join the residents at the table until the resident who set `flag` clears it."""
    yield from me.begin(label)
    yield from sit_down(me, sentence)
    yield from me.wait_until(lambda: flag not in me.household.flags, at_most=180)
    yield from stand_up(me)


def chat(me: Resident) -> Script:
    """Talk at the table, or with somebody who rests or drinks on the couch."""
    label = "chatting"
    at_leisure = me.others_doing(RESTING) + me.others_doing(DRINKING)
    partners = [r for r in at_leisure if not r.seat and r.place == "living room"]
    if not partners:
        yield from me.begin(label)
        yield from _host_at_table(me, label, CHAT, f"{me.name} sits down at the table to talk.", 25, 70)
        return
    yield from me.walk_to("living room")
    yield from me.begin(label)
    if partners[0].label in (RESTING, DRINKING):
        partners[0].label = label
    yield from stay_near(me, COUCH, 25, 60, f"{me.name} talks with {partners[0].name} on the couch.")


def play_board_game(me: Resident) -> Script:
    """Fetch a game from the shelf, play it at the table, and put it back."""
    label = "playing board games"
    yield from me.walk_to("living room")
    yield from me.begin(label)
    trigger_motion(me, BOOKSHELF, f"{me.name} takes a board game from the bookshelf.")
    yield me.duration(4, 10)
    yield from _host_at_table(
        me, label, GAME, f"After fetching a board game, {me.name} sits down at the table.", 40, 90
    )
    yield from me.walk_to("living room")
    trigger_motion(me, BOOKSHELF, f"{me.name} puts the board game back.")
    yield me.duration(2, 6)


def use_computer(me: Resident) -> Script:
    """Fetch the laptop to the table and bring it back, or use it at the bedroom's desk."""
    if me.chooses("desk", 0.15):
        yield from use_bedroom(me, "using pc", 60, 140)
        return
    room = BEDROOMS[me.name]
    yield from me.walk_to(room)
    yield from me.begin("using pc")
    yield from me.use(f"{room} door", 1, 3, f"{me.name} fetches the laptop from {room}.")
    yield from sit_down(me, f"{me.name} works on the laptop.")
    yield from stay_seated(me, 50, 110)
    yield from stand_up(me)
    if me.chooses("laptop back", 0.5):
        yield from me.walk_to(room)
        yield from me.use(f"{room} door", 1, 3, f"{me.name} brings the laptop back to {room}.")


def clean(me: Resident) -> Script:
    """Clean next to four to seven sensors, one soon after the other."""
    yield from me.begin("cleaning appartment")
    places = {COUCH: "living room", BOOKSHELF: "living room", COUNTER: "kitchen", KITCHEN_SINK: "kitchen"}
    places |= {WASHBASIN: "bathroom", BATHROOM: "bathroom", CHAIRS[0]: "dining room", CHAIRS[1]: "dining room"}
    for sensor in me.order_by_habit("clean", list(places))[: me.rng.randint(4, 7)]:
        yield from me.walk_to(places[sensor])
        if sensor not in CHAIRS:
            trigger_motion(me, sensor, f"{me.name} cleans there.")
            yield me.duration(5, 12)
        elif sensor not in me.household.active:
            yield from me.use(sensor, 2, 5, f"{me.name} moves the chair to clean under it.")


def go_out(me: Resident) -> Script:
    """Leave home and come back after a while."""
    yield from leave_home(me)
    yield me.duration(60, 260)
    yield from come_home(me)


def leave_home(me: Resident) -> Script:
    """Take the keys, then leave through the main door."""
    yield from me.begin("getting out of the apartment")
    if me.chooses("jacket", 0.4):
        yield from me.walk_to(BEDROOMS[me.name])
        yield from me.use(f"{BEDROOMS[me.name]} door", 1, 3, f"{me.name} fetches a jacket.")
    if me.chooses("keys", 0.7):
        yield from me.walk_to("living room")
        trigger_motion(me, BOOKSHELF, f"{me.name} takes the keys from the shelf.")
        yield me.duration(3, 8)
    yield from me.walk_to("entrance")
    yield from me.use(MAIN_DOOR, 2, 6, f"{me.name} leaves the apartment.", f"{me.name} closes the main door.")
    yield from me.walk_to("out", 0.5, 1)


def come_home(me: Resident) -> Script:
    """Enter through the main door, then put the keys down."""
    yield from me.walk_to("entrance", 0.5, 1)
    yield from me.begin("coming into the apartment")
    yield from me.use(MAIN_DOOR, 2, 6, f"{me.name} comes home.", f"{me.name} closes the main door.")
    if me.chooses("keys", 0.7):
        yield from me.walk_to("living room")
        trigger_motion(me, BOOKSHELF, f"{me.name} puts the keys on the shelf.")
        yield me.duration(3, 8)
    if me.chooses("jacket", 0.4):
        yield from me.walk_to(BEDROOMS[me.name])
        yield from me.use(f"{BEDROOMS[me.name]} door", 1, 3, f"{me.name} puts the jacket away.")


def do_something_else(me: Resident) -> Script:
    """Do something that no other label covers."""
    yield from me.begin(OTHERS)
    sensor = me.rng.choice((HOOD, COUCH, BOOKSHELF, COUNTER))
    yield from me.walk_to("kitchen" if sensor in (HOOD, COUNTER) else "living room")
    if sensor == HOOD and HOOD not in me.household.active:
        yield from me.use(HOOD, 4, 10, f"{me.name} tries the light of the range hood.")
    elif sensor != HOOD:
        trigger_motion(me, sensor, f"{me.name} looks for something.")
    yield me.duration(5, 15)
