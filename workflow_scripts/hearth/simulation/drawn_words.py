"""Words of drawn homes: rooms, sensors, states and labels, each with the choices among which a home draws.

Each choice is a home's own: two homes call the same thing by different words, or divide the same day into other labels.
"""

from typing import NamedTuple

# From a place to its names. A home without an optional place uses the room in which `STAND_INS` puts its things.
ROOMS = {
    "kitchen": ("kitchen", "kitchenette"),
    "dining": ("dining room", "dining area"),
    "living": ("living room", "lounge"),
    "bedroom": ("bedroom", "sleeping room"),
    "bathroom": ("bathroom", "washroom"),
    "office": ("office", "study"),
    "hall": ("hall", "entrance"),
}
STAND_INS = {"dining": "kitchen", "office": "living", "hall": "living"}


class Kind(NamedTuple):
    """A kind of sensor: its names, and the choices for its active and inactive state, in raw files and in prompts."""

    names: tuple[str, ...]
    spellings: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str], ...]


SWITCHED = (("ON", "OFF"), ("on", "off"), ("1", "0"))
KINDS = {
    "contact": Kind(
        ("contact sensor", "magnetic switch"),
        (("OPEN", "CLOSE"), ("open", "closed"), ("OPENED", "CLOSED"), *SWITCHED),
        (("opened", "closed"), ("open", "shut"), ("OPENED", "CLOSED")),
    ),
    "motion": Kind(
        ("motion sensor", "infrared sensor"), (("MOTION", "CLEAR"), *SWITCHED), (("active", "still"), ("ON", "OFF"))
    ),
    "pressure": Kind(
        ("pressure mat", "pressure sensor"),
        (("PRESSED", "FREE"), *SWITCHED),
        (("occupied", "left"), ("in use", "free")),
    ),
    "power": Kind(("smart plug", "wattmeter"), SWITCHED, (("turned ON", "turned OFF"), ("on", "off"))),
    "water": Kind(("water flow meter", "float switch"), SWITCHED, (("running", "stopped"), ("ON", "OFF"))),
    "light": Kind(("light switch", "lamp relay"), SWITCHED, (("turned ON", "turned OFF"), ("on", "off"))),
    "phone": Kind(("smartphone", "telephone"), SWITCHED, (("started", "ended"),)),
}


class Item(NamedTuple):
    """A thing that can have a sensor: its place, the sensor's kind, and its names."""

    place: str
    kind: str
    names: tuple[str, ...]


# The place "" stands for none: the thing is carried about.
ITEMS = {
    "kitchen motion": Item("kitchen", "motion", ("motion", "movement")),
    "fridge": Item("kitchen", "contact", ("fridge", "refrigerator", "fridge door")),
    "cupboard": Item("kitchen", "contact", ("cupboard", "pantry", "larder")),
    "drawer": Item("kitchen", "contact", ("cutlery drawer", "drawer")),
    "stove": Item("kitchen", "power", ("stove", "cooker", "induction stove")),
    "microwave": Item("kitchen", "power", ("microwave", "oven")),
    "kettle": Item("kitchen", "power", ("kettle", "coffee machine")),
    "sink": Item("kitchen", "water", ("sink", "tap")),
    "dishwasher": Item("kitchen", "contact", ("dishwasher",)),
    "medicines": Item("kitchen", "contact", ("medicines cabinet", "first-aid box")),
    "dining motion": Item("dining", "motion", ("table motion", "table")),
    "chair 1": Item("dining", "pressure", ("chair 1",)),
    "chair 2": Item("dining", "pressure", ("chair 2",)),
    "chair 3": Item("dining", "pressure", ("chair 3",)),
    "living motion": Item("living", "motion", ("motion", "movement")),
    "couch": Item("living", "pressure", ("couch", "sofa")),
    "armchair": Item("living", "pressure", ("armchair", "chair")),
    "television": Item("living", "power", ("television", "TV")),
    "bookshelf": Item("living", "contact", ("bookshelf", "book cabinet")),
    "reading lamp": Item("living", "light", ("lamp", "reading lamp")),
    "phone": Item("", "phone", ("phone call", "mobile call")),
    "bedroom motion": Item("bedroom", "motion", ("motion", "movement")),
    "bed": Item("bedroom", "pressure", ("bed", "mattress")),
    "bedside lamp": Item("bedroom", "light", ("bedside lamp", "lamp")),
    "wardrobe": Item("bedroom", "contact", ("wardrobe", "closet")),
    "bedroom door": Item("bedroom", "contact", ("door", "room door")),
    "bathroom motion": Item("bathroom", "motion", ("motion", "movement")),
    "bathroom door": Item("bathroom", "contact", ("door", "room door")),
    "toilet": Item("bathroom", "water", ("toilet", "WC")),
    "basin": Item("bathroom", "water", ("basin", "washbasin")),
    "shower": Item("bathroom", "water", ("shower", "bathtub")),
    "mirror cabinet": Item("bathroom", "contact", ("mirror cabinet", "cabinet")),
    "washing machine": Item("bathroom", "power", ("washing machine", "washer")),
    "office motion": Item("office", "motion", ("desk motion", "desk")),
    "desk chair": Item("office", "pressure", ("desk chair", "office chair")),
    "computer": Item("office", "power", ("computer", "PC")),
    "hall motion": Item("hall", "motion", ("motion", "movement")),
    "front door": Item("hall", "contact", ("front door", "main door")),
    "vacuum cleaner": Item("hall", "power", ("vacuum cleaner", "vacuum")),
}

# From a common label to its activities, each with the names of a label of its own.
ACTIVITIES: dict[str, dict[str, tuple[str, ...]]] = {
    "sleeping": {"sleep": ("sleeping", "in bed")},
    "toileting": {"use the toilet": ("toileting", "using toilet")},
    "hygiene": {
        "wash": ("washing", "personal washing"),
        "brush teeth": ("brushing teeth", "dental care"),
        "shower": ("taking shower", "bathing"),
    },
    "dressing": {"dress": ("dressing", "changing clothes")},
    "cooking": {
        "prepare breakfast": ("preparing breakfast", "making breakfast"),
        "prepare lunch": ("preparing lunch", "making lunch"),
        "prepare dinner": ("preparing dinner", "making dinner"),
        "prepare a drink": ("preparing drinks", "making coffee"),
    },
    "eating": {
        "have breakfast": ("having breakfast", "breakfast"),
        "have lunch": ("having lunch", "lunch"),
        "have dinner": ("having dinner", "dinner"),
        "have a snack": ("having a snack", "snack"),
    },
    "dishes": {
        "set the table": ("setting table", "laying the table"),
        "wash dishes": ("washing dishes", "wash up"),
    },
    "housework": {"clean": ("cleaning", "vacuuming"), "do laundry": ("doing laundry", "laundry")},
    "medication": {"take medicines": ("taking medicines", "medication")},
    "relaxing": {
        "watch television": ("watching TV", "television"),
        "read": ("reading", "reading books"),
        "rest": ("resting", "on the couch"),
    },
    "working": {"work": ("working", "using pc", "computer work")},
    "communicating": {"phone": ("phone call", "talking on the phone")},
    "leaving": {"leave": ("leaving home", "going out")},
    "entering": {"come home": ("entering home", "coming home")},
    "other": {"pause": ("transition", "other", "nothing else")},
}
# Names of one label for all activities of a common label.
MERGED = {
    "hygiene": ("personal hygiene", "bathroom activity"),
    "cooking": ("cooking", "meal preparation"),
    "eating": ("eating", "having a meal"),
    "dishes": ("doing dishes", "table and dishes"),
    "housework": ("housework", "household chores"),
    "relaxing": ("relaxing", "leisure"),
}
PAUSE = "pause"  # the activity between two others
