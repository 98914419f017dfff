"""Recognise the parts of an answer: the ids of events, the names of keys, and the labels in any spelling."""

import re
import unicodedata
from collections.abc import Collection, Mapping

from hearth.homes.home import normalise_label

# An event's number and its label; None for a text that is no label, or for several labels.
Pair = tuple[int, str | None]

# Names of keys and columns, as `normalise_label` writes them; an earlier one counts more than a later one beside it.
_ID_NAMES = (
    *("id", "#", "event id", "eventid", "event number", "event no", "ids", "event ids"),
    *("number", "no", "nr", "index", "idx", "event", "events", "事件"),
)
_LABEL_NAMES = (
    *("activity", "label", "activity label", "activitylabel", "activity name", "predicted activity", "predicted label"),
    *("prediction", "adl", "活动", "answer", "class", "category", "action"),
)
ID_KEYS = {name: rank for rank, name in enumerate(_ID_NAMES)}
LABEL_KEYS = {name: rank for rank, name in enumerate(_LABEL_NAMES)}
REASON_KEYS = frozenset(
    {"reasoning", "reason", "why", "thought", "thoughts", "explanation", "analysis", "rationale", "evidence"}
    | {"comment", "comments", "note", "notes", "remark", "remarks", "justification", "alternative", "alternatives"}
)

ID_PREFIX = r"(?:activity of event|event|evt|ev|e|id|no|nr|number|item|事件)"
_NUMBER = re.compile(rf"(?:{ID_PREFIX}[\s_.:#-]*|#\s*)?(\d{{1,9}})(?:\.0*)?", re.IGNORECASE)
# Several ids in one place: a list with ranges.
_NUMBERS = re.compile(
    r"(?:events?|ids?)?\s*+((?:\d{1,4}+(?!\d)(?:\s?(?:-|–|—|to|through)\s?\d{1,4}+(?!\d))?+(?:\s?(?:,|and|&)\s?){0,2}+)++)",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d+)(?:\s?(?:-|–|—|to|through)\s?(\d+))?", re.IGNORECASE)
_LONGEST_RANGE = 1000
_BOUNDARY = re.compile(r"""->|=>|:(?!\d)|[,;=|()\[\]{}"“”*`→，；：（）\t]|(?<=\s)[-–—](?=\s)""")
_REMARK = re.compile(r"([^()]*)(\(.*\))\W*", re.DOTALL)


def event_number(text: str) -> int | None:
    """Return the number of an id such as `1`, `event_1`, `Event 1` or `#1`; None if it is none."""
    numbers = event_numbers(text)
    return numbers[0] if len(numbers) == 1 else None


def event_numbers(text: str) -> list[int]:
    """Return the numbers of an id, or of several such as `1-3`, `events 1, 2 and 4`; [] if it is none."""
    text = unicodedata.normalize("NFKC", text[:200]).strip(" *`\"'()[].:\t")
    if match := _NUMBER.fullmatch(text):
        return [int(match[1])]
    match = _NUMBERS.fullmatch(text)
    numbers: list[int] = []
    for first, last in _RANGE.findall(match[1]) if match else ():
        if not last:
            numbers.append(int(first))
        elif 0 < int(last) - int(first) <= _LONGEST_RANGE:
            numbers += range(int(first), int(last) + 1)
        else:
            return []
    return numbers


class Labels:
    """The labels of a home, and every spelling that is read as one of them."""

    def __init__(self, labels: Collection[str], aliases: Mapping[str, str]) -> None:
        self._exact = {label: label for label in labels}
        self._plain: dict[str, str | None] = {}
        for label in labels:
            plain = normalise_label(label)
            self._plain[plain] = None if plain in self._plain else label
        for spelling, label in aliases.items():
            self._plain.setdefault(normalise_label(spelling), label)
        texts = [*labels, *aliases]
        self._most_pieces = max((len(_BOUNDARY.split(text)) for text in texts), default=1)
        self._longest = 2 * max(map(len, texts), default=0) + 20

    def find(self, text: str) -> str | None:
        """Return the label that `text` is, with or without a remark in brackets after it; None if it is none."""
        found = self._named(text)
        if found is None and (remark := _REMARK.fullmatch(text)):
            found = self._named(remark[1])
            if found is not None and self._mentions(remark[2]) - {found}:
                return None
        return found

    def in_order(self, text: str) -> str | None:
        """Return the label that `text` is, as `find`; None with a number beside it, which may be an event's."""
        return None if re.search(r"[0-9]", text) and self._named(text) is None else self.find(text)

    def in_line(self, text: str) -> str | None:
        """Return the only label in a line, alone or set off by a comma, an arrow or the like; None for none or more."""
        if (whole := self.find(text)) is not None:
            return whole
        pieces = [piece.strip() for piece in _BOUNDARY.split(text)]
        if any(piece.isdigit() for piece in pieces):  # Either number may be the event's.
            return None
        found: set[str] = set()
        position = 0
        while position < len(pieces):
            for count in range(min(self._most_pieces, len(pieces) - position), 0, -1):
                label = self._named(" ".join(pieces[position : position + count]))
                if label is not None:
                    found.add(label)
                    position += count
                    break
            else:  # A doubt such as "or watching TV" is as good as a second label.
                found |= self._mentions(pieces[position])
                position += 1
        return found.pop() if len(found) == 1 else None

    def _named(self, text: str) -> str | None:
        """Return the label that the whole of `text` is; None if it is none."""
        if len(text) > self._longest:
            text = text.strip()
            if len(text) > self._longest:
                return None
        return self._exact.get(text) or self._plain.get(normalise_label(text))

    def _mentions(self, text: str) -> set[str]:
        """Return the labels that stand anywhere in `text`, also with a number beside them."""
        words = f" {' '.join(re.sub('[0-9]', ' ', normalise_label(text)).split())} "
        return {label for plain, label in self._plain.items() if label and f" {plain} " in words}
