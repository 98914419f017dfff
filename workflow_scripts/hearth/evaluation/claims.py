"""The paper's four claims, each decided home by home from scores alone.

The paper argues from its tables and gives no thresholds: those below are ours, and the table of claims says so.
Students of one base, recipe and dataset that differ in their training seed count as one, by their mean.

A number here is its value and, behind it, what it is on every resample of the sessions: an array of 1 + RESAMPLES. So
an interval comes out of the arithmetic of a claim, whatever that is. The value alone gives the verdict; the interval
of each difference that decides says whether chance could have turned it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from statistics import fmean

import numpy as np

from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation import provenance
from hearth.evaluation.notes import dataset_name, table_notes
from hearth.evaluation.rendering import Column, Table, bracketed, decimals, magnitude
from hearth.evaluation.scores import select_paper_scores
from hearth.evaluation.statistics import CONFIDENCE, TINY, interval, spread
from hearth.evaluation.table_rows import Row
from hearth.evaluation.tables import check_scores

HELD, NOT_HELD, NOT_TESTABLE = "held", "not held", "not testable here"
# Whether the intervals exclude the opposite verdict; none is said where there are no intervals.
SURE = {True: "beyond chance", False: "within chance", None: ""}
# What is said in place of "beyond chance" where a test set is tiny, since the intervals of so few sessions are rough.
TOO_FEW = "too few sessions"

# Weighted F1 that the largest base model must have over the smallest, for F1 to grow with size.
GROWTH = 0.15
# Sizes below which nothing can be said of a curve.
SIZES = 3
# Share of the teacher's lead over the base that a student must make up, to come close to the teacher.
CLOSE = 0.5
# What the retained shares of the two directions must differ by, for a transfer to be asymmetric.
ASYMMETRY = 0.05

_F1, _GAIN, _RATE, _CHANGE = decimals(3), decimals(3, sign="+"), decimals(4), decimals(4, sign="+")
_BOUND, _RATE_BOUND = decimals(2, sign="+"), decimals(3, sign="+")
# Equal numbers of different sums differ in their last bits; what is compared is rounded to this many decimals.
_PLACES = 9


class NotTestableError(ValueError):
    """The scores at hand do not decide a claim; the message says what is missing."""


@dataclass(frozen=True)
class Finding:
    """What became of a claim: whether it holds, the numbers that decide it, in words, and whether that is sure.

    `sure` is None where a number that decides has no interval.
    """

    holds: bool
    because: str
    sure: bool | None


@dataclass(frozen=True)
class Claim:
    """A claim, in words how it is decided and what the paper says, and what decides it for so many `homes` at a time.

    The function is given all scores and the homes' datasets; it raises NotTestableError where they do not decide.
    """

    name: str
    rule: str
    paper: str
    decide: Callable[..., Finding]
    homes: int = 1


def grows_and_flattens(scores: list[dict], dataset: str) -> Finding:
    """Whether F1 grows from the smallest base model to the largest, and less per doubling in the upper half."""
    points = _by_size(scores, dataset)
    if len(points) < SIZES:
        raise NotTestableError(f"it takes base models of {SIZES} sizes, the scores are of {len(points)}")
    growth = _rounded(points[-1].f1 - points[0].f1)
    # The halves share the middle size, or where there is none the step in the middle, so that no size is left out.
    half = len(points) // 2 + 1
    lower, upper = _per_doubling(points[:half]), _per_doubling(points[-half:])
    grows, flattens = _Condition(growth - GROWTH), _Condition(lower - upper, beyond=True)
    return _finding(
        f"weighted F1 from {_F1(points[0].f1[0])} ({points[0]}) to {_F1(points[-1].f1[0])} ({points[-1]}):"
        f" {_difference(growth)}, {_reached(grows.met)} {GROWTH}; per doubling of parameters {_GAIN(lower[0])} over the"
        f" lower half of the sizes, {_GAIN(upper[0])} over the upper, {_difference(lower - upper)} between them:"
        f" {'flattens' if flattens.met else 'does not flatten'}",
        grows,
        flattens,
    )


def comes_close(scores: list[dict], dataset: str) -> Finding:
    """Whether the smallest student makes up half of what its teacher is ahead of its base."""
    base = _student_base(scores)
    students = _students(scores, base, dataset, dataset)
    teacher = students[0]["teacher"]
    if not teacher:
        raise NotTestableError(f"the students of {base} have no teacher: their recipe is {students[0]['recipe']}")
    low, high = _zero_shot(scores, base, dataset), _zero_shot(scores, teacher, dataset)
    lead = _rounded(high - low)
    if lead[0] <= 0:
        raise NotTestableError(
            f"weighted F1 of the teacher {teacher} {_F1(high[0])} is not above that of the base {base} {_F1(low[0])}:"
            " there is nothing to come close to"
        )
    gain = _rounded(_f1(students) - low)
    # A difference, not a share of the lead, which has no bounds where the lead may be none.
    close = _Condition(gain - CLOSE * lead)
    return _finding(
        f"weighted F1 of the base {base} {_F1(low[0])}, of its student {_mean_f1(students)}, of the teacher {teacher}"
        f" {_F1(high[0])}: the student gains {_difference(gain)} of the teacher's lead of {_difference(lead)},"
        f" {_reached(close.met)} {CLOSE} of it (by {_difference(close.margin)}); against"
        f" the teacher {_difference(gain - lead)}",
        close,
    )


def failures_fall(scores: list[dict], dataset: str) -> Finding:
    """Whether the smallest base model fails more often than the largest, and than its own student."""
    bases = _bases(scores, dataset)
    if len({base["parameters"] for base in bases}) < 2:
        raise NotTestableError("it takes base models of 2 sizes")
    small, large = bases[0]["recogniser"], bases[-1]["recogniser"]
    rate, of_large = _failures(bases[:1]), _failures(bases[-1:])
    students = _students(scores, small, dataset, dataset)
    of_students = _failures(students)
    if not rate[0] and not of_large[0] and not of_students[0]:
        raise NotTestableError(f"neither {small}, {large} nor the student of {small} leaves an event without an answer")
    by_size, by_distillation = _Condition(rate - of_large, beyond=True), _Condition(rate - of_students, beyond=True)
    change = partial(_difference, show=_CHANGE, bound=_RATE_BOUND)
    return _finding(
        f"events left without an answer: {_RATE(rate[0])} by {small}; {_RATE(of_large[0])} by {large},"
        f" {change(of_large - rate)}; {_RATE(of_students[0])}{_seeds(students)} by the student of {small},"
        f" {change(of_students - rate)}: {_falls(by_size.met)} with size, {_falls(by_distillation.met)} with"
        " distillation",
        by_size,
        by_distillation,
    )


def transfer_is_asymmetric(scores: list[dict], one: str, other: str) -> Finding:
    """Whether a student of the richer home, the one of more labels, serves the poorer better than the reverse."""
    base = _student_base(scores)
    labels = {score["dataset"]: score["provenance"]["home"]["labels"] for score in scores}
    if labels[one] == labels[other]:
        raise NotTestableError(f"both homes have {labels[one]} labels: neither is the richer")
    poor, rich = sorted((one, other), key=labels.__getitem__)
    to_poor, said_of_poor = _retained(scores, base, rich, poor)
    to_rich, said_of_rich = _retained(scores, base, poor, rich)
    difference = _rounded(to_poor - to_rich)
    if difference[0] >= ASYMMETRY:
        outcome = "asymmetric, the richer home's student being the one that serves both"
    elif difference[0] <= -ASYMMETRY:
        outcome = "asymmetric the other way round"
    else:
        outcome = f"no asymmetry of {ASYMMETRY}"
    return _finding(
        f"on {poor} ({labels[poor]} labels) {said_of_poor}; on {rich} ({labels[rich]} labels) {said_of_rich};"
        f" difference {_difference(difference)}: {outcome}",
        _Condition(difference - ASYMMETRY),
    )


CLAIMS = (
    Claim(
        "F1 grows with size and flattens",
        f"held when, zero-shot, the largest base model's weighted F1 is at least {GROWTH} above the smallest's, and F1"
        " gains less per doubling of parameters over the upper half of the sizes than over the lower;"
        f" it takes {SIZES} sizes",
        "a steady gain with size that levels off from about 8B to 14B; no F1 of a size is known, so what counts as"
        " growing and as flattening is assumed",
        grows_and_flattens,
    ),
    Claim(
        "A distilled small student comes close to its teacher",
        f"held when the student of the smallest base, trained on that home, gains at least {CLOSE} of the teacher's"
        " lead over that base in weighted F1; not testable where the teacher has no lead",
        "the student of 0.6B is within 3 to 5 % F1 of its teacher of 32B; the average of F1, and whether these are"
        " points, are not known, so what counts as close is assumed",
        comes_close,
    ),
    Claim(
        "Failures fall with size and with distillation",
        "held when the smallest base model leaves a larger share of events without an answer, because it was malformed,"
        " unclosed, cut off or missed the event (missing events, strictly parsed), than the largest, and a larger one"
        " than its own student trained on that home; not testable where none of the three leaves any",
        "malformed answers and missed events are a weakness of small models that distillation reduces; no figure is"
        " known, so any fall counts: assumed",
        failures_fall,
    ),
    Claim(
        "Transfer between homes is asymmetric",
        "a student retains on another home its weighted F1 there divided by that of the home's own student of the same"
        " base, the smallest; held when a student of the richer home, the one of more labels, retains on the poorer at"
        f" least {ASYMMETRY} more than the reverse",
        "from MuRAL to MARBLE works well, from MARBLE to MuRAL does not; no figure is known, so what counts as"
        " asymmetric is assumed",
        transfer_is_asymmetric,
        homes=2,
    ),
)
COLUMNS = {
    "claim": Column("Claim", number=False, width=0.12),
    "dataset": Column("Dataset", number=False, width=0.1),
    "verdict": Column("Verdict", number=False),
    "sure": Column("Chance", number=False),
    "because": Column("What decides it", number=False, width=0.3),
    "paper": Column("What the paper says", number=False, width=0.15),
}
_SURE_NOTE = (
    "Chance",
    [
        f"{SURE[True]}: the {100 * CONFIDENCE:.0f} % intervals of the differences that decide hold nothing that gives"
        f" the opposite verdict; {SURE[False]}: one of them does, so other sessions could have turned it; empty: no"
        " interval",
        f"{TOO_FEW}: a test set has less than {TINY} sessions, and its intervals are too rough to say the first",
        "each verdict is looked at by itself: with several homes and claims some are beyond chance by chance",
    ],
)


def build(scores: list[dict], commit: str) -> Table:
    """The table of claims: a row a claim and home, or pair of homes."""
    check_scores(scores)
    scores = select_paper_scores(scores)
    simulated = provenance.simulated_datasets(scores)
    found = [row for claim in CLAIMS for row in _rows(claim, scores)]
    records = [row | {"dataset": ", ".join(row["dataset"])} for row in found]
    shown = [row | {"dataset": ", ".join(dataset_name(name, simulated) for name in row["dataset"])} for row in found]
    rules = [f"{claim.name}: {claim.rule}" for claim in CLAIMS]
    return Table(
        title="The paper's claims",
        caption="Each is decided by the scores of this run, home by home.",
        columns=list(COLUMNS.values()),
        cells=[[row[name] for name in COLUMNS] for row in shown],
        records=records,
        notes=[
            ("How claims are decided (the thresholds are ours: the paper gives none)", rules),
            _SURE_NOTE,
            ("The paper", ["its figures are known from summaries of it, its tables were not at hand"]),
            *table_notes(scores, commit),
        ],
    )


def _rows(claim: Claim, scores: list[dict]) -> list[dict]:
    """A row for every choice of as many homes as the claim is about; one that says so where there are too few."""
    datasets = tuple(dict.fromkeys(score["dataset"] for score in scores))
    rows = []
    for chosen in list(combinations(datasets, claim.homes)) or [datasets]:
        try:
            if len(chosen) < claim.homes:
                raise NotTestableError(f"it takes {claim.homes} homes, the scores are of {len(chosen)}")
            found = claim.decide(scores, *chosen)
            sessions = min(score["n_sessions"] for score in scores if score["dataset"] in chosen)
            sure = TOO_FEW if found.sure and sessions < TINY else SURE[found.sure]
            decided = {"verdict": HELD if found.holds else NOT_HELD, "sure": sure, "because": found.because}
        except NotTestableError as reason:
            decided = {"verdict": NOT_TESTABLE, "sure": "", "because": str(reason)}
        rows.append({"claim": claim.name, "dataset": chosen, **decided, "paper": claim.paper})
    return rows


@dataclass(frozen=True)
class _Condition:
    """What a verdict hangs on: that the value of `margin` is at least 0, or beyond it."""

    margin: np.ndarray
    beyond: bool = False

    @property
    def met(self) -> bool:
        return bool(self._holds(_rounded(self.margin)[0]))

    @property
    def sure(self) -> bool | None:
        bounds = interval(self.margin[1:])
        if bounds is None:
            return None
        # Whatever lies between the bounds gives the same answer as the value.
        return all(bool(self._holds(bound)) == self.met for bound in bounds)

    def _holds(self, value: float) -> bool:
        return value > 0 if self.beyond else value >= 0


def _finding(because: str, *conditions: _Condition) -> Finding:
    """A claim holds when all conditions are met; it takes one that is surely not, to be sure that it does not hold."""
    holds = all(condition.met for condition in conditions)
    sure = [condition.sure for condition in conditions if condition.met == holds]
    if not holds and True in sure:
        return Finding(holds, because, True)
    return Finding(holds, because, None if None in sure else all(sure))


@dataclass(frozen=True)
class _Size:
    """The base models of one size and their mean F1."""

    parameters: int
    names: tuple[str, ...]
    f1: np.ndarray

    def __str__(self) -> str:
        return f"{', '.join(self.names)}, {magnitude(self.parameters)}"


def _by_size(scores: list[dict], dataset: str) -> list[_Size]:
    bases = _bases(scores, dataset)
    sizes = dict.fromkeys(base["parameters"] for base in bases)
    alike = {size: [base for base in bases if base["parameters"] == size] for size in sizes}
    return [_Size(size, tuple(model["recogniser"] for model in models), _f1(models)) for size, models in alike.items()]


def _per_doubling(points: Sequence[_Size]) -> np.ndarray:
    first, last = points[0], points[-1]
    return _rounded((last.f1 - first.f1) / math.log2(last.parameters / first.parameters))


def _retained(scores: list[dict], base: str, trained_on: str, dataset: str) -> tuple[np.ndarray, str]:
    """The share of a home's own student's F1 that another home's student has there, and the numbers in words."""
    came, own = _students(scores, base, trained_on, dataset), _students(scores, base, dataset, dataset)
    if not _f1(own)[0]:
        raise NotTestableError(
            f"the student trained on {dataset} has weighted F1 0 there: no share of it can be retained"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = _f1(came) / _f1(own)
    untrained = [score for score in _bases(scores, dataset) if score["recogniser"] == base]
    without = f"; {base} zero-shot {_F1(_f1(untrained)[0])}" if untrained else ""
    return share, (
        f"the student of {trained_on} retains {decimals(2)(share[0])} of the weighted F1 of {dataset}'s own"
        f" ({_mean_f1(came)} of {_mean_f1(own)}{without})"
    )


def _bases(scores: list[dict], dataset: str) -> list[dict]:
    """The scores of base models on a dataset, smallest first."""
    found = [score for score in scores if score["kind"] == "base" and score["dataset"] == dataset]
    found = [score for score in found if score["parameters"]]  # a server does not say its model's
    return sorted(found, key=lambda score: (score["parameters"], score["recogniser"]))


def _student_base(scores: list[dict]) -> str:
    """The smallest base model that has students."""
    students = [score for score in scores if score["kind"] == "student"]
    if not students:
        raise NotTestableError(f"there is no student of recipe {PAPER_RECIPE} among the scores")
    return min(students, key=lambda score: (score["parameters"], score["base"]))["base"]


def _zero_shot(scores: list[dict], name: str, dataset: str) -> np.ndarray:
    """The weighted F1 of a base model on a dataset."""
    found = [score for score in _bases(scores, dataset) if score["recogniser"] == name]
    if not found:
        raise NotTestableError(f"there is no score of {name} on {dataset}")
    return _f1(found)


def _students(scores: list[dict], base: str, trained_on: str, dataset: str) -> list[dict]:
    """The scores on `dataset` of the base's students of all seeds that learned on `trained_on`."""
    wanted = {"kind": "student", "base": base, "train_dataset": trained_on, "dataset": dataset}
    found = [score for score in scores if wanted.items() <= score.items()]
    if not found:
        raise NotTestableError(
            f"there is no score on {dataset} of a student of {base} that was trained on {trained_on}"
        )
    return found


def _f1(scores: list[dict]) -> np.ndarray:
    return _measured(scores, "weighted_f1")


def _failures(scores: list[dict]) -> np.ndarray:
    """The share of events that no answer was read for.

    `metrics.tallies` counts all events of windows that could not be read as missing, beside those that were left out.
    """
    return _rounded(_measured(scores, "missing_rate"))


def _measured(scores: list[dict], metric: str) -> np.ndarray:
    """The mean of a metric over scores on one dataset, and behind it the mean on every resample of its sessions."""
    row = Row("", tuple(scores))
    return np.concatenate([[fmean(row.values(metric))], row.resampled["strict"][metric]])


def _rounded(value: np.ndarray) -> np.ndarray:
    return np.round(value, _PLACES)


def _difference(
    number: np.ndarray, show: Callable[[float], str] = _GAIN, bound: Callable[[float], str] = _BOUND
) -> str:
    return bracketed(show(number[0]), interval(number[1:]), bound)


def _mean_f1(students: list[dict]) -> str:
    return _F1(_f1(students)[0]) + _seeds(students, "weighted_f1")


def _seeds(students: list[dict], metric: str = "missing_rate") -> str:
    if len(students) == 1:
        return ""
    _, sd = spread(Row("", tuple(students)).values(metric))
    return f" (mean of {len(students)} seeds, ± {_F1(sd)})"


def _reached(reached: bool) -> str:
    return "at least" if reached else "less than"


def _falls(falls: bool) -> str:
    return "falls" if falls else "does not fall"
