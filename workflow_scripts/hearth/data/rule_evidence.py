"""Count the recorded events that a home's rules name, and warn of rules that a few events could have taught."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from hearth.homes.home import Home

FEW_EVENTS = 3


@dataclass(frozen=True)
class RuleEvidence:
    """A rule, its origin ('' if unstated), the descriptions of events and the labels that it names.

    `events` is the number of events with one of the descriptions and, if the rule names labels, one of these. It is
    None if the rule names no sensor.
    """

    rule: str
    origin: str
    descriptions: tuple[str, ...]
    labels: tuple[str, ...]
    events: int | None


def count_rule_events(events: pd.DataFrame, home: Home) -> list[RuleEvidence]:
    """Return the evidence of each of the home's rules in the event table.

    A rule names the sensors whose words it holds, in singular or plural and without a final number: "chairs" stands for
    chair_1 and chair_2. If it also holds words of a state of such a sensor, it names that state alone. It names the
    labels that it holds.
    """
    counts = events.groupby(["description", "activity"], observed=True).size()
    evidence = []
    for rule, origin in zip(home.rules, home.rule_origins or [""] * len(home.rules), strict=True):
        descriptions = tuple(dict.fromkeys(_named_descriptions(rule, home)))
        found = _find_names(rule, [label.casefold() for label in home.labels])
        labels = tuple(label for label in home.labels if label.casefold() in found)
        number = sum(
            int(counts.get((description, label), 0)) for description in descriptions for label in labels or home.labels
        )
        evidence.append(RuleEvidence(rule, origin, descriptions, labels, number if descriptions else None))
    return evidence


def rule_warnings(evidence: Iterable[RuleEvidence]) -> list[str]:
    """Return a warning for each rule from the data, or of unstated origin, that names `FEW_EVENTS` events or fewer."""
    return [
        f"the rule {each.rule!r} names {', '.join(each.descriptions)}{' and ' if each.labels else ''}"
        f"{', '.join(each.labels)}, of which the data hold {each.events} event(s): models may be tested on what it was "
        "read off; drop it, or state its `origin` if it is documentation or common sense"
        for each in evidence
        if each.origin in ("", "data") and each.events is not None and each.events <= FEW_EVENTS
    ]


def _named_descriptions(rule: str, home: Home) -> Iterator[str]:
    nouns = {name: _noun(sensor.words) for name, sensor in home.sensors.items()}
    found = _find_names(rule, nouns.values())
    for name, sensor in home.sensors.items():
        if nouns[name] in found:
            states = list(sensor.states.values())
            named = _find_names(rule, [state.casefold() for state in states])
            yield from map(sensor.describe, [state for state in states if state.casefold() in named] or states)


def _find_names(rule: str, names: Iterable[str]) -> set[str]:
    """Return those of `names`, which are in lower case, that a rule holds as whole words in singular or plural.

    Where several match, the longest wins: "food cabinet door" is no "cabinet door".
    """
    longest_first = sorted(set(names), key=len, reverse=True)
    return set(re.findall(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?:e?s)?(?!\w)", rule.casefold()))


def _noun(words: str) -> str:
    """Return the words of a sensor in lower case, without a final number."""
    return re.sub(r"[\s_]*\d+$", "", words).casefold() or words.casefold()
