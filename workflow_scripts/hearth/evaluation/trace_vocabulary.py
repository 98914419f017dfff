"""Find the names of a home's rooms, sensors and labels in free text."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, get_args

from hearth.homes.home import Home

NameKind = Literal["room", "sensor", "label"]

# Characters that may stand between "event" (or the start of a line or table cell) and the number of an event.
_BEFORE_NUMBER = r"[ *\"'`(\[#:=-]{0,6}+"
# Characters and words that may stand between the number of an event and its label.
_BEFORE_LABEL = (
    r"[ *\"'`)\]]{0,4}+(?:\||:|->|=>|=|→|–|—|-|\bis\b|\bwas\b|, ?[\"']?(?:activity|label)[\"']? ?[:=])[ *\"'`]{0,4}+"
)


class Vocabulary:
    """The names of a home's rooms, sensors and labels, in normalised spelling.

    The longest name that matches wins: a room inside the name of a sensor is not a mention of the room. The home's
    rules count as names too, so that names inside a rule that the text quotes are not mentions.
    """

    def __init__(self, home: Home) -> None:
        self.labels = set(home.labels)
        kinds: dict[str, NameKind | Literal["rule"]] = {}
        for sensor in home.sensors.values():
            kinds[normalise(sensor.words)] = kinds[normalise(f"{sensor.room} {sensor.words}")] = "sensor"
        for room in home.rooms:
            kinds[normalise(room)] = "room"
        for rule in home.rules:
            kinds[normalise(rule.rstrip(". "))] = "rule"
        for label in home.labels:
            kinds[normalise(label)] = "label"
        self._kinds = kinds
        self._names = re.compile(whole_words(kinds))
        labels = whole_words(map(normalise, home.labels))
        self._event_labels = re.compile(
            rf"(?:^|\||\bevents?\b|\bids?\b){_BEFORE_NUMBER}(?P<event>\d{{1,3}}){_BEFORE_LABEL}(?P<label>{labels})"
            r"(?! ?(?:or\b|\?|/))",
            re.MULTILINE,
        )

    def mentions(self, text: str) -> dict[NameKind, set[str]]:
        """Return a dict from each kind to the normalised names of that kind that a text mentions."""
        names = set(self._names.findall(normalise(text)))
        return {kind: {name for name in names if self._kinds[name] == kind} for kind in get_args(NameKind)}

    def event_labels(self, text: str) -> dict[int, str]:
        """Return a dict from event number to the normalised label that a text states for it (its last statement)."""
        lines = "\n".join(map(normalise, text.splitlines()))
        return {int(match["event"]): match["label"] for match in self._event_labels.finditer(lines)}


@lru_cache(maxsize=1024)  # the labels of a home are normalised for every trace
def normalise(text: str) -> str:
    """Return a text in lower case, with each run of spaces and underscores as one space."""
    return re.sub(r"[\s_]+", " ", text).strip().casefold()


def whole_words(names: Iterable[str]) -> str:
    """Return a regular expression that matches any of the names as whole words, longest name first."""
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"


@lru_cache(maxsize=1024)
def whole_word(name: str) -> re.Pattern[str]:
    """Return the compiled expression of `whole_words` for one name."""
    return re.compile(whole_words([name]))
