"""Find ids and labels in the lists and objects of an answer, however far from JSON they are."""

import re
from collections.abc import Iterable, Iterator, Sequence

from hearth.homes.home import normalise_label
from hearth.prompting.answer_labels import ID_KEYS, LABEL_KEYS, REASON_KEYS, Labels, Pair, event_number
from hearth.prompting.tolerant_json import EscapedTextError, Group, Scalar, read_groups

# JSON inside a JSON string, inside another one: no model goes deeper.
_MAX_NESTING = 3
_IDS_KEYS = ID_KEYS | {"ids", "events", "event ids"}


def document_pairs(text: str, size: int, labels: Labels, nesting: int = 0) -> list[Pair]:
    """Return the pairs of all lists and objects in `text`; those inside strings only if there are no others."""
    try:
        groups = read_groups(text)
    except EscapedTextError:
        if nesting == _MAX_NESTING:
            return []
        return document_pairs(re.sub(r"\\([\"'\\/n])", _unescape, text), size, labels, nesting + 1)
    pairs: list[Pair] = []
    for group in groups:
        pairs += group_pairs(group, labels)
    if pairs:
        return pairs
    inner = list(_all_groups(groups))
    in_order = list(range(1, size + 1))
    if all(_numbers(group) in ([], in_order) for group in inner if len(group.entries) == size):
        for group in inner:
            pairs += _ordered_pairs(group, size, labels)
    if pairs or nesting == _MAX_NESTING:
        return pairs
    for group in inner:
        for key, value in group.entries:
            if isinstance(value, Scalar) and value.complete and not (key and normalise_label(key) in REASON_KEYS):
                inside = value.text.strip()
                if inside[:1] in ("[", "{") or inside[:3] == "```":
                    pairs += document_pairs(inside, size, labels, nesting + 1)
    return pairs


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _all_groups(groups: Iterable[Group]) -> Iterator[Group]:
    for group in groups:
        yield group
        yield from _all_groups(value for _, value in group.entries if isinstance(value, Group))


def group_pairs(group: Group, labels: Labels, number: int | None = None) -> list[Pair]:
    """Return the pairs of a list or an object and of all inside it. `number` is the id that it stands below."""
    pairs: list[Pair] = []
    record = _Record(labels, number)
    for key, value in group.entries:
        name = "" if key is None else normalise_label(key)
        if name in ID_KEYS and isinstance(value, Scalar):
            pairs += record.add_numbers([event_number(value.text)])
        elif name in LABEL_KEYS and (isinstance(value, Scalar) or _only_scalar(value)):
            pairs += record.add_label(name, value if isinstance(value, Scalar) else _only_scalar(value))
        elif name and (below := event_number(key or "")) is not None:
            if isinstance(value, Group):
                pairs += group_pairs(value, labels, below)
            elif value.complete:
                pairs.append((below, labels.find(value.text)))
        elif isinstance(value, Group) and name not in REASON_KEYS:
            numbers = _numbers(value)
            if numbers and name in _IDS_KEYS:
                pairs += record.add_numbers(numbers)
            elif numbers and (label := labels.find(key or "")) is not None:
                pairs += [(below, label) for below in numbers]
            else:
                pairs += group_pairs(value, labels)
    pairs += record.end()
    return pairs or _row_pair([value for key, value in group.entries if key is None], labels)


class _Record:
    """Collects the ids and the labels of one event, or of several with one label."""

    def __init__(self, labels: Labels, number: int | None) -> None:
        self._labels = labels
        self._below = number
        self._numbers: Sequence[int | None] = []
        self._found: dict[str, list[Scalar]] = {}
        self._label_first = False

    def add_numbers(self, numbers: Sequence[int | None]) -> list[Pair]:
        """Add the ids, None for one that is no number; others before them end their event, whose pairs are returned."""
        pairs = self.end() if self._numbers else []
        self._numbers = numbers
        return pairs

    def add_label(self, name: str, scalar: Scalar | None) -> list[Pair]:
        """Add the label under a key; a second one, where labels precede ids, ends this event."""
        pairs = self.end() if self._label_first and self._numbers else []
        self._label_first = self._label_first or not self._numbers
        if scalar is not None:
            self._found.setdefault(name, []).append(scalar)
        return pairs

    def end(self) -> list[Pair]:
        """Return the pairs of the event, if it has an id and a label, and begin another one."""
        numbers = self._numbers or [self._below]
        found = self._found.get("activity") or [scalar for scalars in self._found.values() for scalar in scalars]
        self._numbers, self._found, self._label_first = [], {}, False
        if not any(scalar.complete for scalar in found):
            return []
        read = {self._labels.find(scalar.text) for scalar in found}
        label = read.pop() if len(read) == 1 else None
        return [(number, label) for number in numbers if number is not None]


def _numbers(group: Group) -> list[int]:
    """Return the numbers of a list of ids; [] if anything else is in it."""
    texts = [value.text for key, value in group.entries if key is None and isinstance(value, Scalar)]
    numbers = [number for text in texts if (number := event_number(text)) is not None]
    return numbers if len(numbers) == len(group.entries) else []


def _only_scalar(group: Group) -> Scalar | None:
    value = group.entries[0][1] if len(group.entries) == 1 and group.entries[0][0] is None else None
    return value if isinstance(value, Scalar) else None


def _row_pair(values: list[Scalar | Group], labels: Labels) -> list[Pair]:
    """Return the pair of a row such as [1, "COOKING"]: an id first, and one label among the others."""
    scalars = [value for value in values if isinstance(value, Scalar)]
    if not 2 <= len(scalars) == len(values) <= 20:
        return []
    number = event_number(scalars[0].text)
    found = {label for scalar in scalars[1:] if scalar.complete and (label := labels.find(scalar.text)) is not None}
    return [(number, found.pop())] if number is not None and len(found) == 1 else []


def _ordered_pairs(group: Group, size: int, labels: Labels) -> list[Pair]:
    """Return the pairs of a list that has one label for each event, in order, and no ids."""
    if len(group.entries) != size:
        return []
    texts: list[str | None] = []
    for key, value in group.entries:
        if isinstance(value, Group) and key is None:
            found = [inner for name, inner in value.entries if name and normalise_label(name) in LABEL_KEYS]
            value = found[0] if len(found) == 1 else value
        if key is not None or not isinstance(value, Scalar) or not value.complete:
            return []
        texts.append(labels.find(value.text))
    return list(enumerate(texts, start=1)) if any(texts) else []
