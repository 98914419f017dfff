"""Words of drawn homes: rooms, sensors, states and labels, each in the dialects among which a home draws.

A home has one of `DIALECTS` for its rooms, things and states, and one of `LABEL_DIALECTS` for its labels: two homes
call the same thing by different words, or divide the same day into other labels. A tuple has a name for each dialect.
"""

from typing import NamedTuple

DIALECTS = 3
LABEL_DIALECTS = 2

# From a place to its names. A home without an optional place uses the room in which `STAND_INS` puts its things.
ROOMS = {
    "kitchen": ("kitchen", "kitchen", "kitchenette"),
    "dining": ("dining room", "dining room", "dining area"),
    "living": ("living room", "living room", "lounge"),
    "bedroom": ("bedroom", "bedroom", "sleeping room"),
    "bathroom": ("bathroom", "bathroom", "washroom"),
    "office": ("office", "office", "study"),
    "hall": ("hall", "entrance", "hallway"),
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
        ("motion sensor", "infrared sensor"),
        (("MOTION", "CLEAR"), *SWITCHED),
        (("active", "still"), ("turned ON", "turned OFF"), ("ON", "OFF")),
    ),
    "pressure": Kind(
        ("pressure mat", "pressure sensor"),
        (("PRESSED", "FREE"), *SWITCHED),
        (("occupied", "left"), ("in use", "free"), ("ON", "OFF")),
    ),
    "power": Kind(("smart plug", "wattmeter"), SWITCHED, (("turned ON", "turned OFF"), ("on", "off"), ("ON", "OFF"))),
    "water": Kind(
        ("water flow meter", "float switch"), SWITCHED, (("running", "stopped"), ("on", "off"), ("ON", "OFF"))
    ),
    "light": Kind(
        ("light switch", "lamp relay"), SWITCHED, (("turned ON", "turned OFF"), ("on", "off"), ("ON", "OFF"))
    ),
    "phone": Kind(("smartphone", "telephone"), SWITCHED, (("started", "ended"), ("begins", "ends"), ("ON", "OFF"))),
}


class Item(NamedTuple):
    """A thing that can have a sensor: its place, the sensor's kind, and its names."""

    place: str
    kind: str
    names: tuple[str, ...]


# The place "" stands for none: the thing is carried about.
ITEMS = {
    "kitchen motion": Item("kitchen", "motion", ("motion", "movement", "motion")),
    "fridge": Item("kitchen", "contact", ("fridge", "refrigerator", "fridge door")),
    "cupboard": Item("kitchen", "contact", ("pantry", "larder", "cupboard")),
    "drawer": Item("kitchen", "contact", ("cutlery drawer", "drawer", "cutlery drawer")),
    "stove": Item("kitchen", "power", ("stove", "cooker", "induction stove")),
    "microwave": Item("kitchen", "power", ("microwave", "oven", "microwave")),
    "kettle": Item("kitchen", "power", ("kettle", "water boiler", "coffee machine")),
    "sink": Item("kitchen", "water", ("sink", "basin", "tap")),
    "dishwasher": Item("kitchen", "contact", ("dishwasher", "dishwasher", "dish washer")),
    "medicines": Item("kitchen", "contact", ("medicines cabinet", "first-aid box", "medicines cabinet")),
    "dining motion": Item("dining", "motion", ("motion", "movement", "table motion")),
    "chair 1": Item("dining", "pressure", ("chair 1", "seat_1", "chair_1")),
    "chair 2": Item("dining", "pressure", ("chair 2", "seat_2", "chair_2")),
    "chair 3": Item("dining", "pressure", ("chair 3", "seat_3", "chair_3")),
    "living motion": Item("living", "motion", ("motion", "movement", "motion")),
    "couch": Item("living", "pressure", ("couch", "sofa", "couch")),
    "armchair": Item("living", "pressure", ("armchair", "easy chair", "armchair")),
    "television": Item("living", "power", ("television", "TV set", "TV")),
    "bookshelf": Item("living", "contact", ("bookshelf", "shelf", "book cabinet")),
    "reading lamp": Item("living", "light", ("lamp", "reading lamp", "lamp")),
    "phone": Item("", "phone", ("phone call", "mobile call", "telephone")),
    "bedroom motion": Item("bedroom", "motion", ("motion", "movement", "motion")),
    "bed": Item("bedroom", "pressure", ("bed", "mattress", "bed")),
    "bedside lamp": Item("bedroom", "light", ("lamp", "bedside lamp", "bedside lamp")),
    "wardrobe": Item("bedroom", "contact", ("wardrobe", "closet", "wardrobe door")),
    "bedroom door": Item("bedroom", "contact", ("door", "entry", "door")),
    "bathroom motion": Item("bathroom", "motion", ("motion", "movement", "motion")),
    "bathroom door": Item("bathroom", "contact", ("door", "entry", "door")),
    "toilet": Item("bathroom", "water", ("toilet", "WC", "toilet flush")),
    "basin": Item("bathroom", "water", ("sink", "washbasin", "basin")),
    "shower": Item("bathroom", "water", ("shower", "bathtub", "shower")),
    "mirror cabinet": Item("bathroom", "contact", ("cabinet", "mirror cabinet", "cabinet")),
    "washing machine": Item("bathroom", "power", ("washing machine", "washer", "washing machine")),
    "office motion": Item("office", "motion", ("desk motion", "desk movement", "desk motion")),
    "desk chair": Item("office", "pressure", ("chair", "desk chair", "office chair")),
    "computer": Item("office", "power", ("computer", "PC", "computer")),
    "hall motion": Item("hall", "motion", ("hall motion", "hall movement", "motion")),
    "front door": Item("hall", "contact", ("front door", "main door", "front door")),
    "vacuum cleaner": Item("hall", "power", ("vacuum cleaner", "vacuum", "vacuum cleaner")),
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
    "working": {"work": ("working", "using pc")},
    "communicating": {"phone": ("phone call", "talking on the phone")},
    "leaving": {"leave": ("leaving home", "going out")},
    "entering": {"come home": ("entering home", "coming home")},
    "other": {"pause": ("transition", "other")},
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
