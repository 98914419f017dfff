"""What the residents of a simulated MuRAL do: deeds, activities, and days made of them."""

from collections.abc import Callable, Iterable

from hearth.simulation.behaviour import Resident, Script, stream

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
CHAT, GAME = "chat at the table", "game at the table"  # facts that others can join
RESTING = "resting on the couch or the chairs"
DRINKING = "drinking water, coffee or drinks"


# Small deeds


def _moves(me: Resident, sensor: str, sentence: str = "") -> None:
    """Move before a motion sensor; how long it holds differs by sensor and home."""
    me.moves(sensor, 8 + 12 * stream(me.home_seed, sensor).random(), sentence)


def _stays(me: Resident, sensor: str, low: float, high: float, sentence: str = "") -> Script:
    """Be before a motion sensor for a while, moving now and then."""
    end = me.household.now + me.takes(low, high) * 1000
    while me.household.now < end:
        _moves(me, sensor, sentence)
        sentence = ""
        yield me.rng.uniform(8, 45)


def _heats(me: Resident, device: str, low: float, high: float, sentence: str) -> None:
    """Turn on a device that turns itself off, whatever the resident does meanwhile."""
    label = me.label

    def off() -> Script:
        me.household.tell(device, False, me, label, "")
        yield from ()

    if me.switches(device, True, sentence):
        me.household.start(off(), me.takes(low, high))


def _sits_down(me: Resident, sentence: str) -> Script:
    """Take a chair, or the couch where all chairs are taken."""
    yield from me.goes("dining room")
    if not me.sits(me.order("chair", CHAIRS), sentence):
        yield from me.goes("living room")
        _moves(me, COUCH, sentence)
    yield me.takes(1, 3)


def _remains(me: Resident, low: float, high: float) -> Script:
    """Stay seated where they are: a chair tells nothing, the couch does."""
    if me.seat:
        yield me.takes(low, high)
    else:
        yield from _stays(me, COUCH, low, high)


def _stands_up(me: Resident) -> Script:
    if me.seat:
        me.stands(f"{me.name} gets up from the table.")
        yield me.takes(0.5, 2)


def _kitchen(me: Resident, steps: Iterable[str], sentences: dict[str, str]) -> Script:
    """Go through steps in the kitchen: doors are opened and closed, counter and sink are moved before."""
    for step in steps:
        yield from me.goes("dining room" if step == FOOD else "kitchen")
        sentence = sentences.get(step, "")
        if step in (COUNTER, KITCHEN_SINK):
            _moves(me, step, sentence)
            yield me.takes(3, 9)
        else:
            yield from me.uses(step, 1.5, 6, sentence)
        yield me.takes(0.5, 5)


# Bedroom and bathroom


def bedroom(me: Resident, label: str = "bedroom personal activity", low: float = 40, high: float = 110) -> Script:
    """Go to one's bedroom, close the door, come out again."""
    room = BEDROOMS[me.name]
    door = f"{room} door"
    yield from me.begins(label)
    if me.place != room:
        yield from me.goes(room)
        yield from me.uses(door, 1, 3, f"{me.name} goes into {room} and closes the door.")
    yield me.takes(low, high)
    yield from me.uses(door, 1, 3, f"{me.name} opens the door to {room} and comes out.")


def _bathroom(me: Resident, label: str, script: Script) -> Script:
    """One at a time; the sensor of the whole bathroom sees everybody come and go."""
    home = me.household
    yield from me.waits_for(lambda: "bathroom taken" not in home.facts, at_most=100)
    if "bathroom taken" in home.facts:
        return
    home.facts.add("bathroom taken")
    yield from me.goes("bathroom")
    yield from me.begins(label)
    _moves(me, BATHROOM, f"{me.name} walks into the bathroom.")
    yield me.takes(1.5, 5)
    yield from script
    home.facts.discard("bathroom taken")


def toilet(me: Resident) -> Script:
    """Use the toilet, wash one's hands, leave."""

    def script() -> Script:
        me.tells(TOILET, True, f"{me.name} sits down on the toilet.")
        yield me.takes(18, 60)
        me.tells(TOILET, False, f"{me.name} gets up from the toilet.")
        yield me.takes(1, 5)
        if me.usually("wash hands", 0.75):
            _moves(me, WASHBASIN, f"{me.name} washes hands after using the toilet.")
            yield me.takes(4, 12)
        _moves(me, BATHROOM)
        yield me.takes(1, 3)

    yield from _bathroom(me, "using toilet", script())


def washing(me: Resident) -> Script:
    """Teeth, face, hair: a long time at the washbasin."""

    def script() -> Script:
        for _ in range(me.rng.randint(1, 3)):
            _moves(me, WASHBASIN, f"{me.name} brushes teeth and washes the face.")
            yield me.takes(10, 30)
        if me.usually("look around", 0.5):
            _moves(me, BATHROOM)
            yield me.takes(1, 3)

    yield from _bathroom(me, "personal washing", script())


def shower(me: Resident) -> Script:
    """No sensor sees the shower, only the way to it and back."""

    def script() -> Script:
        yield me.takes(3, 9)
        _moves(me, BATHROOM, f"{me.name} gets into the shower.")
        yield me.takes(60, 130)
        _moves(me, BATHROOM, f"{me.name} comes out of the shower.")
        yield me.takes(8, 20)
        if me.usually("comb", 0.4):
            _moves(me, WASHBASIN, f"{me.name} combs the wet hair.")
            yield me.takes(4, 10)

    yield from _bathroom(me, "taking shower", script())


# Kitchen and table


def drinks(me: Resident) -> Script:
    """Tea or coffee, by habit; then drink it."""
    tea = me.usually("tea", 0.5)
    yield from me.goes("kitchen")
    yield from me.begins("preparing drinks")
    if tea:
        yield from _kitchen(me, [KITCHEN_SINK], {KITCHEN_SINK: f"{me.name} fills the kettle."})
        _heats(me, KETTLE, 35, 80, f"{me.name} turns on the kettle for tea.")
    else:
        yield from _kitchen(me, [COUNTER], {COUNTER: f"{me.name} stands at the counter to make coffee."})
        _heats(me, COFFEE, 30, 60, f"{me.name} makes a coffee.")
    yield me.takes(2, 8)
    rest = (CABINET, FRIDGE, COUNTER) if me.usually("milk", 0.5) else (CABINET, COUNTER)
    said = {CABINET: f"{me.name} takes a cup from the cabinet.", FRIDGE: f"{me.name} takes milk from the fridge."}
    yield from _kitchen(me, me.order("drinks", rest), said)
    yield me.takes(10, 30)
    yield from drinking(me)


def drinking(me: Resident) -> Script:
    """Drink at the table, on the couch or standing in the kitchen."""
    yield from me.begins(DRINKING)
    where = me.order("drink", ("table", "couch", "kitchen"))[0]
    if where == "kitchen":
        yield from _kitchen(me, [KITCHEN_SINK], {KITCHEN_SINK: f"{me.name} pours a glass of water and drinks it."})
        yield from _stays(me, COUNTER, 10, 30, f"{me.name} drinks standing at the counter.")
    elif where == "table":
        yield from _sits_down(me, f"{me.name} sits down to have a drink.")
        yield from _remains(me, 30, 80)
        yield from _stands_up(me)
    else:
        yield from me.goes("living room")
        yield from _stays(me, COUCH, 30, 80, f"{me.name} has a drink on the couch.")


def _prepare(me: Resident, meal: str, devices: list[str]) -> Script:
    """Prepare a meal: what has to be fetched, devices that heat, steps at counter and sink."""
    yield from me.goes("kitchen")
    yield from me.begins(f"preparing {meal}")
    fetch = me.order(meal, (FRIDGE, CABINET, COUNTER, FOOD, KITCHEN_SINK, FRIDGE, COUNTER))
    said = {
        FRIDGE: f"{me.name} opens the fridge to take ingredients for {meal}.",
        CABINET: f"{me.name} takes a bowl from the cabinet to prepare {meal}.",
        COUNTER: f"{me.name} prepares {meal} at the counter.",
        FOOD: f"{me.name} takes bread for {meal} from the food cabinet.",
        KITCHEN_SINK: f"{me.name} washes something for {meal} in the sink.",
    }
    half = me.rng.randint(2, 4)
    yield from _kitchen(me, fetch[:half], said)
    yield from me.goes("kitchen")
    for device in devices:
        if device == STOVE:
            me.switches(STOVE, True, f"{me.name} turns on the induction stove to cook {meal}.")
            yield me.takes(3, 12)
            if me.usually("hood", 0.6):
                me.switches(HOOD, True, f"{me.name} turns on the range hood.")
                yield me.takes(2, 6)
        else:
            _heats(me, device, 25, 70, f"{me.name} heats something for {meal}.")
            yield me.takes(3, 12)
    yield from _kitchen(me, fetch[half : half + me.rng.randint(1, 3)], said)
    if STOVE in devices:
        for _ in range(me.rng.randint(1, 3)):
            yield me.takes(10, 30)
            _moves(me, COUNTER, f"{me.name} stirs the {meal} on the stove.")
        yield me.takes(5, 15)
        me.switches(STOVE, False, f"{me.name} turns off the induction stove.")
        yield me.takes(1, 5)
        me.switches(HOOD, False, f"{me.name} turns off the range hood.")
        yield me.takes(1, 5)
    me.household.facts.add("meal ready")


def _eat(me: Resident, meal: str) -> Script:
    """Sit down at the table, eat, fetch what is missing, get up."""
    yield from me.begins(f"having {meal}")
    yield from _sits_down(me, f"{me.name} sits down at the table to have {meal}.")
    for _ in range(me.rng.randint(0, 2)):
        yield from _remains(me, 20, 50)
        if me.usually("fetch more", 0.6):
            yield from _stands_up(me)
            step = me.order("more", (FRIDGE, FOOD, COUNTER, MICROWAVE))[0]
            yield from _kitchen(me, [step], {FRIDGE: f"{me.name} fetches something from the fridge during {meal}."})
            yield from _sits_down(me, f"{me.name} goes on with {meal}.")
    yield from _remains(me, 30, 80)
    yield from _stands_up(me)


def tableware(me: Resident) -> Script:
    """Plates and glasses from the cabinet to the table."""
    yield from me.goes("kitchen")
    yield from me.begins("grabing tableware")
    said = {CABINET: f"{me.name} takes plates and glasses from the cabinet.", COUNTER: f"{me.name} takes cutlery."}
    steps = me.order("tableware", (CABINET, COUNTER, CABINET))[: 1 + me.usually("second way", 0.6)]
    yield from _kitchen(me, steps, said)
    yield from me.goes("dining room")
    yield me.takes(4, 12)


def clearing(me: Resident) -> Script:
    """Carry everything back into kitchen, fridge and food cabinet."""
    yield from me.begins("clearing table")
    yield from _stands_up(me)
    said = {
        COUNTER: f"{me.name} puts the used plates on the counter.",
        FRIDGE: f"{me.name} puts the leftovers into the fridge.",
        FOOD: f"{me.name} puts the bread back into the food cabinet.",
        KITCHEN_SINK: f"{me.name} puts the dishes into the sink.",
    }
    steps = me.order("clear", (COUNTER, FRIDGE, FOOD, KITCHEN_SINK, COUNTER))[: me.rng.randint(2, 4)]
    for step in steps:
        yield from me.goes("dining room")
        yield from _kitchen(me, [step], said)


def dishes(me: Resident) -> Script:
    """The sink, long, and the cabinet for what is dry."""
    yield from me.goes("kitchen")
    yield from me.begins("washing dishes")
    for _ in range(me.rng.randint(2, 4)):
        _moves(me, KITCHEN_SINK, f"{me.name} washes the dishes.")
        yield me.takes(10, 35)
    steps = me.order("dry", (CABINET, COUNTER))[: 1 + me.usually("wipe", 0.5)]
    yield from _kitchen(me, steps, {CABINET: f"{me.name} puts clean dishes back.", COUNTER: f"{me.name} wipes."})


def grabbing(me: Resident) -> Script:
    """Take something out of the fridge or the food cabinet and go."""
    yield from me.goes("kitchen")
    yield from me.begins("grabing food or drinks")
    said = {FRIDGE: f"{me.name} takes a drink from the fridge.", FOOD: f"{me.name} takes biscuits from the cabinet."}
    yield from _kitchen(me, me.order("grab", (FRIDGE, FOOD))[: 1 + me.usually("grab more", 0.3)], said)
    yield from (snack if me.usually("snack", 0.5) else drinking)(me)


def snack(me: Resident) -> Script:
    """Eat something small at the table or on the couch."""
    yield from me.begins("having fruits or snacks")
    if me.usually("snack at the table", 0.5):
        yield from _sits_down(me, f"{me.name} sits down to have a snack.")
        yield from _remains(me, 25, 60)
        yield from _stands_up(me)
    else:
        yield from me.goes("living room")
        yield from _stays(me, COUCH, 25, 60, f"{me.name} eats a snack on the couch.")


def fruits(me: Resident) -> Script:
    """Wash and cut fruits, then eat them."""
    yield from me.goes("kitchen")
    yield from me.begins("treating fruits")
    said = {
        FRIDGE: f"{me.name} takes fruits from the fridge.",
        FOOD: f"{me.name} takes apples from the food cabinet.",
        KITCHEN_SINK: f"{me.name} washes the fruits.",
        COUNTER: f"{me.name} cuts the fruits on the counter.",
        CABINET: f"{me.name} takes a bowl for the fruits.",
    }
    steps = [me.order("fruits", (FRIDGE, FOOD))[0], KITCHEN_SINK, COUNTER]
    yield from _kitchen(me, [*steps, CABINET] if me.usually("bowl", 0.5) else steps, said)
    yield from _stays(me, COUNTER, 10, 30)
    yield from snack(me)


# Living room


def television(me: Resident) -> Script:
    """Watch TV; the last one turns it off, or forgets."""
    yield from me.goes("living room")
    yield from me.begins("watching TV")
    if me.usually("sit first", 0.4):
        _moves(me, COUCH, f"{me.name} sits down on the couch.")
        yield me.takes(1, 5)
    if me.switches(TELEVISION, True, f"{me.name} turns on the TV."):
        yield me.takes(1, 6)
    yield from _stays(me, COUCH, 40, 110, f"{me.name} watches TV on the couch.")
    if not me.others(me.label) and CONSOLE not in me.household.active and me.usually("turn off", 0.9):
        me.switches(TELEVISION, False, f"{me.name} turns off the TV.")
        yield me.takes(1, 3)


def video_games(me: Resident) -> Script:
    """The game console needs the TV."""
    yield from me.goes("living room")
    yield from me.begins("playing video games")
    for device in me.order("console", (TELEVISION, CONSOLE)):
        if me.switches(device, True, f"{me.name} starts the {'TV' if device == TELEVISION else 'game console'}."):
            yield me.takes(2, 7)
    yield from _stays(me, COUCH, 40, 110, f"{me.name} plays a video game.")
    if not me.others(me.label):
        me.switches(CONSOLE, False, f"{me.name} turns off the game console.")
        yield me.takes(1, 4)
        if not me.others("watching TV") and me.usually("turn off", 0.6):
            me.switches(TELEVISION, False, f"{me.name} turns off the TV.")
            yield me.takes(1, 3)


def reading(me: Resident) -> Script:
    """A book from the shelf, read on the couch, and put back by the tidy."""
    yield from me.goes("living room")
    yield from me.begins("reading books")
    _moves(me, BOOKSHELF, f"{me.name} takes a book from the bookshelf.")
    yield me.takes(4, 15)
    yield from _stays(me, COUCH, 35, 90, f"{me.name} sits on the couch to read.")
    if me.usually("put back", 0.6):
        _moves(me, BOOKSHELF, f"{me.name} puts the book back.")
        yield me.takes(2, 5)


def resting(me: Resident) -> Script:
    """Do nothing, on the couch or on a chair."""
    yield from me.begins(RESTING)
    if me.usually("rest on a chair", 0.3):
        yield from _sits_down(me, f"{me.name} sits down to rest.")
        yield from _remains(me, 40, 100)
        yield from _stands_up(me)
    else:
        yield from me.goes("living room")
        yield from _stays(me, COUCH, 30, 80, f"{me.name} rests on the couch.")


def _meet(me: Resident, label: str, fact: str, said: str, low: float, high: float) -> Script:
    """Sit down at the table and do something there with whoever comes, as long as oneself likes."""
    home = me.household
    home.facts.add(fact)
    yield from _sits_down(me, said)
    yield from me.waits_for(lambda: bool(me.others(label)), at_most=50)
    yield from _remains(me, low, high)
    home.facts.discard(fact)
    yield from _stands_up(me)


def _joins(me: Resident, label: str, fact: str, said: str) -> Script:
    """Join those at the table until whoever began it has had enough."""
    yield from me.begins(label)
    yield from _sits_down(me, said)
    yield from me.waits_for(lambda: fact not in me.household.facts, at_most=180)
    yield from _stands_up(me)


def chatting(me: Resident) -> Script:
    """Talk at the table with whoever comes, or sit down by somebody who rests or drinks on the couch."""
    label = "chatting"
    couch = [r for r in me.others(RESTING) + me.others(DRINKING) if not r.seat and r.place == "living room"]
    if not couch:
        yield from me.begins(label)
        yield from _meet(me, label, CHAT, f"{me.name} sits down at the table to talk.", 25, 70)
        return
    yield from me.goes("living room")
    yield from me.begins(label)
    if couch[0].label in (RESTING, DRINKING):
        couch[0].label = label
    yield from _stays(me, COUCH, 25, 60, f"{me.name} talks with {couch[0].name} on the couch.")


def board_game(me: Resident) -> Script:
    """Fetch a game from the shelf, play it at the table, put it back."""
    label = "playing board games"
    yield from me.goes("living room")
    yield from me.begins(label)
    _moves(me, BOOKSHELF, f"{me.name} takes a board game from the bookshelf.")
    yield me.takes(4, 10)
    yield from _meet(me, label, GAME, f"After fetching a board game, {me.name} sits down at the table.", 40, 90)
    yield from me.goes("living room")
    _moves(me, BOOKSHELF, f"{me.name} puts the board game back.")
    yield me.takes(2, 6)


def computer(me: Resident) -> Script:
    """Fetch the laptop from the bedroom to the table and bring it back, or stay at the desk there."""
    if me.usually("desk", 0.15):
        yield from bedroom(me, "using pc", 60, 140)
        return
    room = BEDROOMS[me.name]
    yield from me.goes(room)
    yield from me.begins("using pc")
    yield from me.uses(f"{room} door", 1, 3, f"{me.name} fetches the laptop from {room}.")
    yield from _sits_down(me, f"{me.name} works on the laptop.")
    yield from _remains(me, 50, 110)
    yield from _stands_up(me)
    if me.usually("laptop back", 0.5):
        yield from me.goes(room)
        yield from me.uses(f"{room} door", 1, 3, f"{me.name} brings the laptop back to {room}.")


def cleaning(me: Resident) -> Script:
    """Through the rooms with a cloth or the vacuum cleaner: one sensor after the other, quickly."""
    yield from me.begins("cleaning appartment")
    places = {COUCH: "living room", BOOKSHELF: "living room", COUNTER: "kitchen", KITCHEN_SINK: "kitchen"}
    places |= {WASHBASIN: "bathroom", BATHROOM: "bathroom", CHAIRS[0]: "dining room", CHAIRS[1]: "dining room"}
    for sensor in me.order("clean", list(places))[: me.rng.randint(4, 7)]:
        yield from me.goes(places[sensor])
        if sensor not in CHAIRS:
            _moves(me, sensor, f"{me.name} cleans there.")
            yield me.takes(5, 12)
        elif sensor not in me.household.active:
            yield from me.uses(sensor, 2, 5, f"{me.name} moves the chair to clean under it.")


# In and out


def out(me: Resident) -> Script:
    """Take the keys from the shelf and go; come back after a while and put them down."""
    yield from leave(me)
    yield me.takes(60, 260)
    yield from come(me)


def leave(me: Resident) -> Script:
    """Keys first, then the door."""
    yield from me.begins("getting out of the apartment")
    if me.usually("jacket", 0.4):
        yield from me.goes(BEDROOMS[me.name])
        yield from me.uses(f"{BEDROOMS[me.name]} door", 1, 3, f"{me.name} fetches a jacket.")
    if me.usually("keys", 0.7):
        yield from me.goes("living room")
        _moves(me, BOOKSHELF, f"{me.name} takes the keys from the shelf.")
        yield me.takes(3, 8)
    yield from me.goes("entrance")
    yield from me.uses(MAIN_DOOR, 2, 6, f"{me.name} leaves the apartment.", f"{me.name} closes the main door.")
    yield from me.goes("out", 0.5, 1)


def come(me: Resident) -> Script:
    """The door first, then the keys."""
    yield from me.goes("entrance", 0.5, 1)
    yield from me.begins("coming into the apartment")
    yield from me.uses(MAIN_DOOR, 2, 6, f"{me.name} comes home.", f"{me.name} closes the main door.")
    if me.usually("keys", 0.7):
        yield from me.goes("living room")
        _moves(me, BOOKSHELF, f"{me.name} puts the keys on the shelf.")
        yield me.takes(3, 8)
    if me.usually("jacket", 0.4):
        yield from me.goes(BEDROOMS[me.name])
        yield from me.uses(f"{BEDROOMS[me.name]} door", 1, 3, f"{me.name} puts the jacket away.")


def anything_else(me: Resident) -> Script:
    """What no label is for."""
    yield from me.begins(OTHERS)
    what = me.rng.choice((HOOD, COUCH, BOOKSHELF, COUNTER))
    yield from me.goes("kitchen" if what in (HOOD, COUNTER) else "living room")
    if what == HOOD and HOOD not in me.household.active:
        yield from me.uses(HOOD, 4, 10, f"{me.name} tries the light of the range hood.")
    elif what != HOOD:
        _moves(me, what, f"{me.name} looks for something.")
    yield me.takes(5, 15)


LEISURE: dict[Callable, float] = {
    television: 2.5,
    video_games: 2,
    reading: 2,
    resting: 2.5,
    chatting: 2.5,
    board_game: 1.5,
    computer: 2,
    cleaning: 1.5,
    out: 2,
    drinks: 2.5,
    drinking: 1,
    grabbing: 2,
    fruits: 2,
    bedroom: 1.2,
    toilet: 1.5,
    washing: 0.7,
    shower: 0.5,
    dishes: 0.4,
    anything_else: 1.5,
}


def _leisure(me: Resident, done: list[Callable]) -> Script:
    """What they feel like, by habit; not the same as just before."""
    if GAME in me.household.facts and me.rng.random() < 0.8:
        yield from _joins(me, "playing board games", GAME, f"{me.name} joins the board game.")
        return
    if CHAT in me.household.facts and me.rng.random() < 0.8:
        yield from _joins(me, "chatting", CHAT, f"{me.name} sits down at the table, too, and talks.")
        return
    choices = [script for script in LEISURE if script not in done[-3:]]
    weights = [LEISURE[script] * (0.4 + 1.2 * me.habit(script.__name__)) for script in choices]
    choice = me.rng.choices(choices, weights)[0]
    done.append(choice)
    yield from choice(me)
    yield me.takes(1, 8)


def _meal(me: Resident, role: int, meal: str, done: list[Callable]) -> Script:
    """Prepare it (role 0, at times role 1 too), wait for it, eat it, clear up."""
    home = me.household
    heat = [STOVE] if me.usually(f"stove for {meal}", 0.85 if meal == "dinner" else 0.35) else []
    heat += [MICROWAVE] if me.usually(f"microwave for {meal}", 0.4) else []
    heat += [COFFEE if me.usually("tea", 0.5) else KETTLE] if meal == "breakfast" and me.usually("hot drink") else []
    if role == 0 or (role == 1 and me.rng.random() < 0.35):
        yield from _prepare(me, meal, heat)
    else:
        while "meal ready" not in home.facts:
            yield from _leisure(me, done)
    if role < 2 and me.usually("tableware", 0.6):
        yield from tableware(me)
    yield from _eat(me, meal)
    if role == 0 or me.rng.random() < 0.3:
        yield from clearing(me)
    if role == 1 or me.rng.random() < 0.2:
        yield from dishes(me)


def day(me: Resident, role: int, period: str) -> Script:
    """Get up or come home, the meal of that time of the day, and what they like until the recording stops."""
    done: list[Callable] = []
    if period == "morning" and me.place.startswith("bedroom"):
        yield from bedroom(me, low=1, high=30)
        for script in me.order("get up", ("toilet", "washing", "shower"))[: me.rng.randint(1, 2)]:
            yield from {"toilet": toilet, "washing": washing, "shower": shower}[script](me)
    elif me.place == "out":
        yield from come(me)
    if period in ("morning", "evening"):
        yield from _meal(me, role, {"morning": "breakfast", "evening": "dinner"}[period], done)
        if period == "morning" and me.rng.random() < 0.3:
            yield from out(me)
    while True:
        yield from _leisure(me, done)
