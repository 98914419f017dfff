"""The findings of preflight checks, as the programs of the checks write them and `preflight` prints them."""

from dataclasses import dataclass, field
from typing import TypedDict


@dataclass
class Findings:
    """The results of the checks at one place: facts, and problems with their remedy."""

    place: str
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class FindingsRecord(TypedDict):
    """`Findings` as JSON."""

    place: str
    facts: list[str]
    problems: list[str]
