"""Types for the results of preflight checks, which check_login.py and check_node.py write and preflight.py prints."""

from dataclasses import dataclass, field
from typing import TypedDict


@dataclass
class Findings:
    """The results of the checks on one machine.

    `place`: the machine, in words. `facts`: a text for each check that found no problem. `problems`: a text for each
    problem, with its remedy. `skipped`: a text for each check that must wait until a model is fetched.
    """

    place: str
    facts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


class FindingsRecord(TypedDict):
    """`Findings` as a JSON object."""

    place: str
    facts: list[str]
    problems: list[str]
    skipped: list[str]
