"""Find ids and labels in the lists and objects of an answer, however far from JSON they are."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from hearth.homes.home import normalise_label
from hearth.prompting.answer_labels import ID_KEYS, LABEL_KEYS, REASON_KEYS, Labels, Pair, event_number, event_numbers
from hearth.prompting.tolerant_json import EscapedTextError, Group, Scalar, read_groups

# JSON inside a JSON string, inside another one: no model goes deeper.
_MAX_NESTING = 3


def document_pairs(text: str, size: int, labels: Labels, *, ordered: bool = False, nesting: int = 0) -> list[Pair]:
    """Return the pairs of all lists and objects in `text`; those inside strings only if there are no others.

    If `ordered`, they are those of lists that have one label for each event, and no ids.
    """
    try:
        groups = read_groups(text)
    except EscapedTextError:
        groups, text = [], re.sub(r"\\([\"'\\/n])", _unescape, text)
        inside = [text]
    else:
        inner = list(_all_groups(groups))
        inside = [text.replace("''", '"')] if "''" in text else [*_documents_in_strings(inner)]
        if ordered:
            pairs = _ordered_pairs(inner, size, labels)
        else:
            pairs = [pair for group in groups for pair in group_pairs(group, labels)]
        if pairs:
            return pairs
    if nesting == _MAX_NESTING:
        return []
    return [
        pair for each in inside for pair in document_pairs(each, size, labels, ordered=ordered, nesting=nesting + 1)
    ]


def _documents_in_strings(groups: Iterable[Group]) -> Iterator[str]:
    """Yield the strings that may hold a list or an object, but not those that hold a reason."""
    for group in groups:
        for key, value in group.entries:
            if isinstance(value, Scalar) and value.complete and not (key and normalise_label(key) in REASON_KEYS):
                inside = value.text.strip()
                if inside[:1] in ("[", "{") or inside[:3] == "```":
                    yield inside


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _all_groups(groups: Iterable[Group]) -> Iterator[Group]:
    for group in groups:
        yield group
        yield from _all_groups(value for _, value in group.entries if isinstance(value, Group))


def group_pairs(group: Group, labels: Labels, below: Sequence[int] = ()) -> list[Pair]:
    """Return the pairs of a list or an object and of all inside it. `below` are the ids that it stands below."""
    pairs: list[Pair] = []
    parts: list[_Ids | _Label] = []
    for key, value in group.entries:
        name = "" if key is None else normalise_label(key)
        if name in ID_KEYS and isinstance(value, Scalar):
            numbers = event_numbers(value.text)
            parts.append(_Ids(name, tuple(numbers) or (None,)))
        elif name in LABEL_KEYS and isinstance(value, Scalar):
            parts.append(_Label(name, value))
        elif name and (numbers := event_numbers(key or "")):
            if isinstance(value, Group):
                pairs += group_pairs(value, labels, numbers)
            elif value.complete:
                pairs += [(number, labels.find(value.text)) for number in numbers]
        elif isinstance(value, Group) and name not in REASON_KEYS:
            numbers = _numbers(value)
            if numbers and name in ID_KEYS:
                parts.append(_Ids(name, tuple(numbers), listed=True))
            elif numbers and (label := labels.find(key or "")) is not None:
                pairs += [(number, label) for number in numbers]
            elif name in LABEL_KEYS and (only := _only_scalar(value)):
                parts.append(_Label(name, only, listed=True))
            else:
                pairs += group_pairs(value, labels)
    loose = [value for key, value in group.entries if key is None]
    if any(isinstance(part, _Ids) and part.listed for part in parts) and loose:
        return pairs  # They may be the other labels of these ids.
    pairs += _records(parts, below, labels)
    return pairs or (_row_pair(loose, labels) if group.closed else [])


class _Ids(NamedTuple):
    """The value of a key for ids: the event, or several with one label; None for a text that is no number."""

    name: str
    numbers: tuple[int | None, ...]
    listed: bool = False


class _Label(NamedTuple):
    """The value of a key for a label."""

    name: str
    scalar: Scalar
    listed: bool = False


def _records(parts: Sequence[_Ids | _Label], below: Sequence[int], labels: Labels) -> list[Pair]:
    """Return the pairs of the ids and labels of one list or object. `below` are the ids that it stands below.

    Several events in one of them are told apart only if ids and labels take turns: one that is lost would shift the
    labels of all others.
    """
    id_name = min((part.name for part in parts if part.name in ID_KEYS), key=lambda name: ID_KEYS[name], default="")
    name = min((part.name for part in parts if part.name in LABEL_KEYS), key=lambda name: LABEL_KEYS[name], default="")
    parts = [part for part in parts if part.name in (id_name, name)]
    ids = [part for part in parts if isinstance(part, _Ids)]
    found = [part for part in parts if isinstance(part, _Label)]
    if len(ids) < 2:
        return _record(found, ids[0] if ids else _Ids("id", tuple(below)), labels)
    kinds = [isinstance(part, _Ids) for part in parts]
    if kinds not in ([True, False] * len(ids), [False, True] * len(ids)):
        return []
    return [pair for each, label in zip(ids, found, strict=True) for pair in _record([label], each, labels)]


def _record(found: Sequence[_Label], ids: _Ids, labels: Labels) -> list[Pair]:
    """Return the pairs of one record: its ids, each with the label that all of `found` name."""
    if not any(part.scalar.complete for part in found) or (ids.listed and any(part.listed for part in found)):
        return []
    read = {labels.find(part.scalar.text) if part.scalar.complete else None for part in found}
    label = read.pop() if len(read) == 1 else None
    return [(number, label) for number in ids.numbers if number is not None]


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
    number, *others = (event_number(scalar.text) for scalar in scalars)
    if any(other is not None for other in others):
        return []
    found = {label for scalar in scalars[1:] if scalar.complete and (label := labels.find(scalar.text)) is not None}
    return [(number, found.pop())] if number is not None and len(found) == 1 else []


def _ordered_pairs(groups: list[Group], size: int, labels: Labels) -> list[Pair]:
    """Return the pairs of all lists that have one label for each event, if no list has the ids in another order."""
    groups = [group for group in groups if len(group.entries) == size]
    if any(_numbers(group) not in ([], list(range(1, size + 1))) for group in groups):
        return []
    lists = (group for group in groups if group.opening == "[" and group.closed)
    return [pair for group in lists for pair in enumerate(_listed_labels(group, labels), start=1)]


def _listed_labels(group: Group, labels: Labels) -> list[str | None]:
    """Return the labels of a list of texts, or of objects with one label each; [] if it has none, or anything else."""
    found: list[str | None] = []
    for key, value in group.entries:
        if isinstance(value, Group) and key is None:
            below = [inner for name, inner in value.entries if name and normalise_label(name) in LABEL_KEYS]
            value = below[0] if len(below) == 1 else value
        if key is not None or not isinstance(value, Scalar) or not value.complete:
            return []
        found.append(labels.in_order(value.text))
    return found if any(found) else []
