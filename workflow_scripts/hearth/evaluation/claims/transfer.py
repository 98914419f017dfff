"""The claim that transfer between homes is asymmetric."""

from collections.abc import Sequence

from hearth.evaluation.claims.measures import (
    F1,
    Estimate,
    base_scores,
    format_difference,
    format_student_f1,
    measure_f1,
    smallest_student_base,
    student_scores,
)
from hearth.evaluation.claims.verdicts import Claim, Condition, Finding, NotTestableError, conclude
from hearth.evaluation.rendering import decimals
from hearth.evaluation.score_document import Score

# Difference between the retained shares of the two directions that makes a transfer asymmetric.
ASYMMETRY = 0.05
_SHARE = decimals(2)


def transfer_is_asymmetric(scores: Sequence[Score], one: str, other: str) -> Finding:
    """Decide whether a student of the richer home (more labels) serves the poorer home better than the reverse."""
    base = smallest_student_base(scores)
    labels = {score["dataset"]: score["provenance"]["home"]["labels"] for score in scores}
    if labels[one] == labels[other]:
        raise NotTestableError(f"both homes have {labels[one]} labels, so neither is the richer")
    poor, rich = sorted((one, other), key=labels.__getitem__)
    on_poor, poor_words = _retained_share(scores, base, rich, poor)
    on_rich, rich_words = _retained_share(scores, base, poor, rich)
    difference = (on_poor - on_rich).rounded()
    if difference.value >= ASYMMETRY:
        outcome = "asymmetric, the student of the richer home serves both"
    elif difference.value <= -ASYMMETRY:
        outcome = "asymmetric in the opposite direction"
    else:
        outcome = f"no asymmetry of {ASYMMETRY}"
    return conclude(
        f"on {poor} ({labels[poor]} labels) {poor_words}; on {rich} ({labels[rich]} labels) {rich_words};"
        f" difference {format_difference(difference)}: {outcome}",
        Condition(difference - ASYMMETRY),
    )


def _retained_share(scores: Sequence[Score], base: str, trained_on: str, dataset: str) -> tuple[Estimate, str]:
    """Return a pair: F1 of another home's student divided by F1 of the home's own student, and this share in words."""
    foreign, own = student_scores(scores, base, trained_on, dataset), student_scores(scores, base, dataset, dataset)
    if not measure_f1(own).value:
        raise NotTestableError(
            f"the student trained on {dataset} has weighted F1 0 there, so no share of it can be retained"
        )
    share = measure_f1(foreign) / measure_f1(own)
    untrained = [score for score in base_scores(scores, dataset) if score["recogniser"] == base]
    zero_shot = f"; {base} zero-shot {F1(measure_f1(untrained).value)}" if untrained else ""
    return share, (
        f"the student of {trained_on} retains {_SHARE(share.value)} of the weighted F1 of {dataset}'s own student"
        f" ({format_student_f1(foreign)} of {format_student_f1(own)}{zero_shot})"
    )


CLAIM = Claim(
    "Transfer between homes is asymmetric",
    "the share that a student retains on another home is its weighted F1 there divided by that of the home's own"
    " student, both of the smallest base model; held if the student of the richer home (more labels) retains at least"
    f" {ASYMMETRY} more on the poorer home than the reverse",
    "transfer from MuRAL to MARBLE works well, from MARBLE to MuRAL it does not; we know no figures for"
    " this, so the threshold for asymmetric is assumed",
    transfer_is_asymmetric,
    homes=2,
)
