"""Find the role of each column of a table: by the words of its name and by its cells."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pandas as pd

from hearth.data.sources.time_formats import FEWEST_VALID, count_matches, weigh_formats

# By role: words that the name of its column holds, without accents, the likeliest first.
ROLE_WORDS = {
    "time": (
        "timestamp",
        "datetime",
        "time",
        "ts",
        "changed",
        "updated",
        "recorded",
        "when",
        "date",
        "clock",
        "zeit",
        "uhrzeit",
        "zeitpunkt",
        "zeitstempel",
        "datum",
    ),
    "begin": ("start", "begin", "beginning", "from", "started", "beginn", "anfang", "von", "ab", "startzeit"),
    "end": ("end", "stop", "finish", "until", "to", "ended", "ende", "bis", "endzeit"),
    "sensor": (
        "sensor",
        "device",
        "entity",
        "object",
        "item",
        "itemname",
        "sensorid",
        "deviceid",
        "topic",
        "tag",
        "name",
        "measurement",
        "gerat",
        "geraet",
        "melder",
        "sensorname",
    ),
    "place": ("place", "location", "room", "area", "detail", "thing", "position", "ort", "raum", "zimmer"),
    "state": (
        "state",
        "status",
        "value",
        "val",
        "action",
        "message",
        "reading",
        "event",
        "zustand",
        "wert",
        "messwert",
        "meldung",
        "ereignis",
    ),
    "activity": (
        "activity",
        "activities",
        "label",
        "labels",
        "act",
        "task",
        "adl",
        "annotation",
        "aktivitat",
        "aktivitaet",
        "tatigkeit",
        "taetigkeit",
    ),
    "resident": (
        "resident",
        "person",
        "subject",
        "user",
        "who",
        "habitant",
        "occupant",
        "inhabitant",
        "people",
        "bewohner",
        "bewohnerin",
    ),
    "session": ("session", "episode", "sitzung"),
}
# Words of columns that describe a sensor, but do not name it.
_KINDS = ("type", "kind", "class", "unit", "battery", "category", "domain", "model", "typ", "einheit", "batterie")
STATE_WORDS = {
    **{"on": "turned ON", "off": "turned OFF", "open": "opened", "opened": "opened", "close": "closed"},
    **{"closed": "closed", "1": "detected", "0": "ended", "true": "detected", "false": "ended"},
    **{"present": "present", "absent": "absent", "detected": "detected", "clear": "cleared", "home": "home"},
    **{"not_home": "away", "locked": "locked", "unlocked": "unlocked", "motion": "detected", "start": "started"},
    **{"end": "ended", "movement": "detected", "pressure": "pressed"},
    **{"ein": "turned ON", "an": "turned ON", "aus": "turned OFF", "auf": "opened", "zu": "closed"},
    **{"offen": "opened", "geschlossen": "closed"},
}
# Cells that stand for the absence of a state.
NO_STATES = {"unavailable", "unknown", "undef", "null", "none", "nan"}
_MOSTLY = 0.95  # share of the filled cells of a column of two states that have one of them
_MEASURED = re.compile(r"-?\d+[.,]\d+")
_FEWEST_WIDE = 3  # columns of two states that make a table with a column for each sensor
_MOST_LABELS = 100
FEWEST_NAMED = 0.5  # share of rows that are times in a column whose name says that it holds times


@dataclass
class Roles:
    """The columns of a table by role, and what to say about them.

    `columns` maps a role of `recording.columns` to its columns. `sensors` are the columns of a table with a column for
    each sensor. `ignored_sensors` are patterns of sensors to leave out. `said` are decisions, and `open` are choices
    that the data do not decide.
    """

    columns: dict[str, list[str]] = field(default_factory=dict)
    sensors: list[str] = field(default_factory=list)
    ignored_sensors: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    unread_times: dict[str, str] = field(default_factory=dict)

    def label_candidates(self, cells: pd.DataFrame) -> list[str]:
        """Return the columns without a role whose texts, such as activities, are few and stay for some rows."""
        found = []
        for name in self.unused(map(str, cells.columns)):
            filled = cells[name][cells[name] != ""]
            changes = int((filled != filled.shift()).sum())
            is_text = bool(filled.str.contains(r"[^\W\d_]").all())
            if is_text and 2 <= filled.nunique() <= _MOST_LABELS and filled.nunique() < changes <= len(filled) / 2:
                found.append(name)
        return found

    def unused(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that have no role."""
        used = {name for columns in self.columns.values() for name in columns} | set(self.sensors)
        return [name for name in names if name not in used]


def find_roles(cells: pd.DataFrame, *, named: bool) -> Roles:
    """Return the roles of the columns of `cells`, all text; `named` says whether the file itself names them."""
    return _RoleFinder(cells, named).find()


def words_of(name: str) -> list[str]:
    """Return the words of a column's name in lower case without accents: EndTime and end_time are both end, time."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_A-Za-z]+", plain)]


class _RoleFinder:
    def __init__(self, cells: pd.DataFrame, named: bool):
        self._cells, self._named = cells, named
        self._roles = Roles()
        self._free = [str(name) for name in cells.columns]
        self._values = {name: cells[name].value_counts() for name in self._free}
        self._weighed = {name: self._is_time(name) for name in self._free}

    def find(self) -> Roles:
        self._find_times()
        if self._named:
            sensors = self._matching("sensor")
            for role in ("activity", "resident", "session"):
                matching = self._matching(role)
                self._take(role, [name for name in matching if name not in sensors or not self._is_binary(name)])
        if binary := self._wide_columns():
            self._find_wide(binary)
            return self._roles
        self._find_state()
        self._find_sensor()
        if not self._named:
            self._find_labels_by_cells()
        if len(self._roles.columns.get("activity", [])) > 1:
            self._roles.open.append(
                f"activities: {', '.join(self._roles.columns['activity'])} each give an activity, and any of them is "
                "accepted (several: any); leave columns out, or write several: first"
            )
        return self._roles

    def _take(self, role: str, names: Sequence[str]) -> None:
        if names:
            self._roles.columns[role] = list(names)
            self._free = [name for name in self._free if name not in names]

    def _matching(self, role: str) -> list[str]:
        """Return the free columns whose name has a word of the role, the likeliest first."""
        usual = ROLE_WORDS[role]
        ranked = []
        for name in self._free:
            words = words_of(name)
            ranks = [usual.index(word) for word in {*words, "".join(words)} if word in usual]
            if ranks and not (role in ("sensor", "state", "place") and set(words) & set(_KINDS)):
                ranked.append((min(ranks), len(words), self._free.index(name), name))
        if role in ("activity", "resident", "state", "sensor", "session"):
            ranked = [entry for entry in ranked if not self._weighed[entry[3]]]
        return [name for *_, name in sorted(ranked)]

    def _is_time(self, name: str) -> bool:
        """Return whether nearly all cells of a column are times with a date and a clock, or a count since 1970.

        Of a column whose name says so, most cells are enough: damaged ones are then reported by line.
        """
        counts = self._values[name]
        is_named = self._named and any(set(words_of(name)) & set(ROLE_WORDS[role]) for role in ("time", "begin", "end"))
        fewest = FEWEST_NAMED if is_named else FEWEST_VALID
        if not len(counts) or count_matches(self._cells[name], "date") >= fewest:
            return False
        sample = pd.Series(counts.index[:1000], dtype=str)
        return weigh_formats(sample, fewest) is not None

    def _find_times(self) -> None:
        full = [name for name in self._free if self._weighed[name]]
        alone = {
            part: [name for name in self._free if count_matches(self._cells[name], part) >= FEWEST_VALID]
            for part in ("date", "clock")
        }
        if len(full) >= 2 and (pair := self._period(full)):
            self._take("begin", pair[:1])
            self._take("end", pair[1:])
        elif full:
            usual = [name for name in self._matching("time") if name in full] if self._named else full
            self._take("time", (usual or full)[:1])
        elif len(alone["date"]) == 1 and len(alone["clock"]) == 2:
            begin, end = alone["clock"]
            self._take("begin", [*alone["date"], begin])
            self._take("end", [*alone["date"], end])
        elif len(alone["date"]) == 2 and len(alone["clock"]) == 2:
            self._take("begin", [alone["date"][0], alone["clock"][0]])
            self._take("end", [alone["date"][1], alone["clock"][1]])
        elif alone["date"] and alone["clock"]:
            self._take("time", [alone["date"][0], alone["clock"][0]])
            self._roles.said.append(
                f"date and time of day are in two columns, {', '.join(self._roles.columns['time'])}"
            )
        else:
            named = [*self._matching("time"), *self._matching("begin")][:1] if self._named else []
            self._roles.unread_times = {name: next((text for text in self._cells[name] if text), "") for name in named}

    def _period(self, full: list[str]) -> list[str]:
        """Return the columns of begin and end, if two of the columns of times are these."""
        begins = [name for name in full if set(words_of(name)) & set(ROLE_WORDS["begin"])]
        ends = [name for name in full if set(words_of(name)) & set(ROLE_WORDS["end"])]
        if not self._named and len(full) == 2:
            return full
        if begins and ends and begins[0] != ends[0]:
            return [begins[0], ends[0]]
        is_known = any(set(words_of(name)) & set(ROLE_WORDS["time"]) for name in full)
        return full if len(full) == 2 and not is_known and self._are_periods(*full) else []

    def _are_periods(self, first: str, second: str) -> bool:
        """Return whether nearly no time in the column `second` is before that in `first`, and some are after it."""
        begin, end = (weigh_formats(self._cells[name]) for name in (first, second))
        if begin is None or end is None:
            return False
        later = end.best.milliseconds - begin.best.milliseconds
        return bool((later >= 0).mean() >= FEWEST_VALID and (later > 0).any())

    def _wide_columns(self) -> list[str]:
        """Return the columns of two states if each seems a sensor, and none of a table with a column of sensors."""
        binary = [name for name in self._free if self._is_binary(name)]
        named, states = (self._matching(role) if self._named else [] for role in ("sensor", "state"))
        ids = [name for name in named if name not in binary and not self._is_measured(name)]
        called = sum(name in named and name not in states for name in binary)
        if ids or (called == 1 and states):
            return binary if called >= _FEWEST_WIDE else []
        return binary if called > 1 or len(binary) >= _FEWEST_WIDE else []

    def _is_binary(self, name: str) -> bool:
        """Return whether nearly all filled cells have one of two states; cells without an answer do not count."""
        counts: Counter[str] = Counter()
        for value, count in self._values[name].items():
            counts[str(value).lower()] += count
        filled = {state: count for state, count in counts.items() if state and state not in NO_STATES}
        known = sorted((count for state, count in filled.items() if state in STATE_WORDS), reverse=True)
        return bool(known) and sum(known[:2]) >= _MOSTLY * sum(filled.values())

    def _is_measured(self, name: str) -> bool:
        return any(_MEASURED.fullmatch(str(value)) for value in self._values[name].index)

    def _find_wide(self, binary: list[str]) -> None:
        """Take a table with a column for each sensor; columns of several states after the sensors are activities."""
        others = [name for name in self._free if name not in binary]
        self._roles.sensors = binary
        self._free = others
        if "activity" not in self._roles.columns:
            self._take("activity", [name for name in others if 1 <= len(self._values[name]) <= _MOST_LABELS])
        if len(self._roles.columns.get("activity", [])) > 1:
            self._roles.open.append(
                f"activities: {', '.join(self._roles.columns['activity'])} each give an activity, as of two residents, "
                "and any of them is accepted (several: any); leave columns out, or write several: first"
            )

    def _find_state(self) -> None:
        matching = self._matching("state") if self._named else []
        if not matching:
            matching = sorted(
                (name for name in self._free if self._share_of_states(name) > 0.5),
                key=lambda name: -self._share_of_states(name),
            )
        if not matching:
            return
        if "begin" in self._roles.columns:
            if len(self._values[matching[0]]) < 2:
                self._roles.said.append(
                    f"each row is a period, which gives an event ON and an event OFF; column {matching[0]} is always "
                    f"{self._values[matching[0]].index[0]!r} and is not used"
                )
                self._free.remove(matching[0])
                return
            [end] = self._roles.columns.pop("end")[:1]
            self._roles.columns["time"] = self._roles.columns.pop("begin")
            self._free.append(end)
            self._roles.open.append(
                f"rows have a state ({matching[0]}) and two times: the event is at {self._roles.columns['time'][0]}, "
                f"and {end} is not used; for periods name columns begin and end instead of time and state"
            )
        self._take("state", matching[:1])

    def _share_of_states(self, name: str) -> float:
        counts = self._values[name]
        known = sum(count for value, count in counts.items() if str(value).lower() in STATE_WORDS)
        return known / max(counts.sum(), 1)

    def _find_sensor(self) -> None:
        """Take the column of sensors, or those that only together tell sensors apart."""
        named = self._matching("sensor") if self._named else []
        places = self._matching("place") if self._named else []
        kinds = [name for name in self._free if words_of(name)[-1:] == ["type"]] if self._named else []
        if not self._named:
            state = self._roles.columns.get("state", [""])[0]
            before = list(self._cells.columns).index(state) if state else len(self._cells.columns)
            places = [name for name in self._free if list(self._cells.columns).index(name) < before]
        chosen = named[:1] or places or kinds[:1]
        for name in [*places, *([] if named else kinds)]:
            if name not in chosen and not self._determines(chosen, name):
                chosen = [*chosen, name]
        if len(chosen) > 1 and not named and (ids := [name for name in chosen if self._is_id(name, chosen)]):
            chosen = ids[:1]
        if len(chosen) > 1:
            chosen = sorted(chosen, key=list(self._cells.columns).index)
            self._roles.open.append(
                f"sensors: {', '.join(chosen)} are joined to its id; leave out those that tell no sensors apart"
            )
        self._take("sensor", chosen)

    def _is_id(self, name: str, others: list[str]) -> bool:
        """Return whether a column numbers things, as in M003, and tells its row's cells in the columns `others`."""
        numbered = all(re.search(r"\d", str(value)) for value in self._values[name].index)
        return numbered and all(self._determines([name], other) for other in others)

    def _determines(self, names: list[str], other: str) -> bool:
        """Return whether rows that are equal in the columns `names` are equal in `other` too."""
        if names == [other]:
            return True
        return not bool((self._cells.groupby(names)[other].nunique() > 1).any())

    def _find_labels_by_cells(self) -> None:
        state = self._roles.columns.get("state", [""])[0]
        after = list(self._cells.columns)
        after = after[after.index(state) + 1 :] if state else after
        labels = [name for name in after if name in self._free and 1 <= len(self._values[name]) <= _MOST_LABELS]
        varied = [name for name in labels if len(self._values[name]) > 1]
        self._take("activity", varied[-1:])
