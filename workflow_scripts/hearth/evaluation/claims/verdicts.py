"""Claims, the conditions that decide them, and findings with their certainty."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hearth.evaluation.score_document import Interval

HELD, NOT_HELD, NOT_TESTABLE = "held", "not held", "not testable here"


class NotTestableError(ValueError):
    """The scores do not decide a claim; the message says what is missing."""


class Margin(Protocol):
    """A number with an interval, see `measures.Estimate`."""

    @property
    def value(self) -> float:
        """The number itself, without its interval."""

    @property
    def interval(self) -> Interval | None:
        """The interval of the number, None if it is undefined."""

    def rounded(self) -> "Margin":
        """Return the number and its interval, rounded."""


@dataclass(frozen=True)
class Finding:
    """The outcome of a claim: whether it holds, the deciding numbers in words, and whether the outcome is certain.

    It is certain if no value inside the intervals gives the opposite outcome; `certain` is None if a deciding number
    has no interval.
    """

    holds: bool
    because: str
    certain: bool | None


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: its rule in words, what the paper says, and the function that decides it.

    `decide` takes all scores and as many datasets as `homes` says. It raises NotTestableError if the scores do not
    decide the claim.
    """

    name: str
    rule: str
    paper: str
    decide: Callable[..., Finding]
    homes: int = 1


@dataclass(frozen=True)
class Condition:
    """A condition of a claim: the margin must be at least 0, or above 0 if `strictly`."""

    margin: Margin
    strictly: bool = False

    @property
    def met(self) -> bool:
        """Whether the value of the margin meets the condition."""
        return self._holds(self.margin.rounded().value)

    @property
    def certain(self) -> bool | None:
        """Whether every value inside the interval gives the same answer; None without an interval."""
        interval = self.margin.interval
        return None if interval is None else all(self._holds(bound) == self.met for bound in interval)

    def _holds(self, value: float) -> bool:
        return value > 0 if self.strictly else value >= 0


def conclude(because: str, *conditions: Condition) -> Finding:
    """Return the finding of a claim that holds if all conditions are met.

    One condition that certainly fails is enough to reject the claim with certainty.
    """
    holds = all(condition.met for condition in conditions)
    certain = [condition.certain for condition in conditions if condition.met == holds]
    if not holds and True in certain:
        return Finding(holds, because, True)
    return Finding(holds, because, None if None in certain else all(certain))
