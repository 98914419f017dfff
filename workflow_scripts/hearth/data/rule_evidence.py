"""Count the recorded events that a home's rules name, and warn of rules that a few events could have taught."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from hearth.homes.home import Home

FEW_EVENTS = 3


@dataclass(frozen=True)
class RuleEvidence:
    """A rule, its origin ('' if unstated), the descriptions of events that it names, and the number of such events.

    `events` is None if the rule names no sensor.
    """

    rule: str
    origin: str
    descriptions: tuple[str, ...]
    events: int | None


def count_rule_events(events: pd.DataFrame, home: Home) -> list[RuleEvidence]:
    """Return the evidence of each of the home's rules in the event table.

    A rule names the sensors whose words it holds, in singular or plural and without a final number: "chairs" stands for
    chair_1 and chair_2. If it also holds words of a state of such a sensor, it names that state alone.
    """
    counts = events["description"].value_counts()
    evidence = []
    for rule, origin in zip(home.rules, home.rule_origins or [""] * len(home.rules), strict=True):
        named = tuple(dict.fromkeys(_named_descriptions(rule, home)))
        number = sum(int(counts.get(description, 0)) for description in named) if named else None
        evidence.append(RuleEvidence(rule, origin, named, number))
    return evidence


def rule_warnings(evidence: Iterable[RuleEvidence]) -> list[str]:
    """Return a warning for each rule from the data, or of unstated origin, that names `FEW_EVENTS` events or fewer."""
    return [
        f"the rule {each.rule!r} names {', '.join(each.descriptions)}, of which the data hold {each.events} events: "
        "models may be tested on what it was read off; drop it, or state its `origin` if it is documentation or common "
        "sense"
        for each in evidence
        if each.origin in ("", "data") and each.events is not None and each.events <= FEW_EVENTS
    ]


def _named_descriptions(rule: str, home: Home) -> Iterator[str]:
    text = rule.casefold()
    nouns = {name: _noun(sensor.words) for name, sensor in home.sensors.items()}
    # Longest first, so that "food cabinet door" is not taken for "cabinet door" too.
    longest_first = sorted(set(nouns.values()), key=len, reverse=True)
    pattern = rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?:e?s)?(?!\w)"
    found = set(re.findall(pattern, text))
    for name, sensor in home.sensors.items():
        if nouns[name] in found:
            words = list(sensor.states.values())
            named = [state for state in words if re.search(rf"(?<!\w){re.escape(state.casefold())}(?!\w)", text)]
            yield from map(sensor.describe, named or words)


def _noun(words: str) -> str:
    """Return the words of a sensor in lower case, without a final number."""
    return re.sub(r"[\s_]*\d+$", "", words).casefold() or words.casefold()
