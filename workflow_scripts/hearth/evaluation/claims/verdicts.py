"""Claims, the conditions that decide them, and findings with one of three verdicts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hearth.evaluation.bootstrap import CONFIDENCE
from hearth.evaluation.claims.estimates import Estimate
from hearth.evaluation.score_document import Score

HELD, NOT_HELD, UNDECIDED, NOT_TESTABLE = "held", "not held", "undecided", "not testable here"
VERDICTS = (HELD, NOT_HELD, UNDECIDED, NOT_TESTABLE)
# Number of homes of a claim about all homes together.
ALL_HOMES = 0


class NotTestableError(ValueError):
    """The scores cannot decide a claim; the message says what is missing."""


@dataclass(frozen=True)
class Condition:
    """A condition of a claim: the true margin is at least 0.

    `name` is that of the margin, with its unit; "" if the margin is the effect of the claim or its distance from a
    threshold. `paired_p` is the two-sided p value of a permutation test of the margin, which must reject as well before
    the interval decides; None if there is no such test.
    """

    margin: Estimate
    name: str = ""
    paired_p: float | None = None

    @property
    def verdict(self) -> str:
        """HELD or NOT_HELD if the whole interval of the margin, and the test if any, say so, otherwise UNDECIDED."""
        interval = self.margin.rounded().interval
        if interval is None:
            return UNDECIDED
        if self.paired_p is not None and self.paired_p >= 1 - CONFIDENCE:
            return UNDECIDED
        low, high = interval
        if low > 0:
            return HELD
        return NOT_HELD if high < 0 else UNDECIDED

    @property
    def p(self) -> float | None:
        """The p value of the hypothesis that the margin is at most 0, the larger one if there are two tests."""
        p = self.margin.p
        return p if p is None or self.paired_p is None else max(p, self.paired_p)


@dataclass(frozen=True)
class Finding:
    """The outcome of a claim: its effect in a unit, the conditions that decide it, and the reason in words."""

    effect: Estimate
    unit: str
    conditions: tuple[Condition, ...]
    because: str

    @property
    def verdict(self) -> str:
        """HELD if every condition is met beyond chance, NOT_HELD if any fails beyond chance, otherwise UNDECIDED."""
        verdicts = {condition.verdict for condition in self.conditions}
        if NOT_HELD in verdicts:
            return NOT_HELD
        return HELD if verdicts == {HELD} else UNDECIDED

    @property
    def p(self) -> float | None:
        """The p value of the hypothesis that the claim is false: the largest of its conditions (intersection-union)."""
        known = [p for condition in self.conditions if (p := condition.p) is not None]
        return max(known) if len(known) == len(self.conditions) else None

    @property
    def weakest(self) -> Condition:
        """The condition that decides: one that is refuted, else one that is not shown, of these that of largest p.

        Of equal p, which has a floor, it is the one of smallest margin.
        """
        order = (HELD, UNDECIDED, NOT_HELD)
        return max(
            self.conditions,
            key=lambda one: (order.index(one.verdict), 1.0 if one.p is None else one.p, -one.margin.value),
        )

    @property
    def groups(self) -> int:
        """The smallest number of tested groups behind a condition."""
        return min(condition.margin.groups for condition in self.conditions)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper: its rule in words, what the paper says, and the function that decides it.

    `decide` takes scores and as many datasets as `homes` says, all for `ALL_HOMES`. It raises NotTestableError if the
    scores cannot decide the claim. `select` gives the scores that it takes, of all scores of a run; None those that the
    paper is about. `datasets` gives the homes that the claim is about, or None if it does not arise in the run; None
    stands for all homes of the scores that the paper is about.
    """

    name: str
    rule: str
    paper: str
    decide: Callable[..., Finding]
    homes: int = 1
    select: Callable[[Sequence[Score]], list[Score]] | None = None
    datasets: Callable[[Sequence[Score]], list[str] | None] | None = None
