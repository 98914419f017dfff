"""The claim that transfer between homes is asymmetric, for every pair of homes and over all of them."""

import re
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from hearth.evaluation.bootstrap import FEWEST_GROUPS
from hearth.evaluation.claims.estimates import Estimate, mean_over_pairs
from hearth.evaluation.claims.measures import (
    base_models,
    format_difference,
    format_f1,
    measure_f1,
    model_scores,
    smallest_student_base,
    student_scores,
    tested_homes,
)
from hearth.evaluation.claims.verdicts import ALL_HOMES, HELD, Claim, Condition, Finding, NotTestableError
from hearth.evaluation.provenance import StudentProvenance
from hearth.evaluation.rendering import decimals
from hearth.evaluation.score_document import Score, select_paper_scores
from hearth.evaluation.table_rows import variant_without_seed

# Difference between the retained shares of the two directions that makes a transfer asymmetric.
ASYMMETRY = 0.05
# Number of homes from which the pairs of homes are also decided together.
SEVERAL_HOMES = 3
# Number of training seeds, and the largest relative difference in training examples, of students that are compared.
SEEDS, SIZE_TOLERANCE = 3, 0.05
_SHARE = decimals(2)


def select_scores(scores: Sequence[Score]) -> list[Score]:
    """Return the paper's scores, and those of its students whose number of training examples is limited.

    The latter are variants, because the paper sets no limit; only they may have training sets of equal size.
    """
    return [score for score in scores if select_paper_scores([score | {"variant": _variant_beside_limit(score)}])]


def paired_homes(scores: Sequence[Score]) -> list[str]:
    """Return the homes of `taught_homes` or, if these are no pair, all tested homes, to say what is missing."""
    taught = taught_homes(scores)
    return taught if len(taught) > 1 else tested_homes(scores)


def several_taught_homes(scores: Sequence[Score]) -> list[str] | None:
    """Return the homes of `taught_homes` if they are several, otherwise None."""
    homes = taught_homes(scores)
    return homes if len(homes) >= SEVERAL_HOMES else None


def taught_homes(scores: Sequence[Score]) -> list[str]:
    """Return the tested homes that have a student of their own, between which students transfer."""
    students = [score for score in select_scores(scores) if score["kind"] == "student"]
    taught = {score["train_dataset"] for score in students}
    return [home for home in tested_homes(scores) if home in taught]


def transfer_is_asymmetric(scores: Sequence[Score], one: str, other: str) -> Finding:
    """Decide whether a student of the richer home (more labels) serves the poorer home better than the reverse.

    It must also be at least as good there as the untrained base model: where no student is of use, a comparison of two
    shares says nothing about transfer.
    """
    base = smallest_student_base(scores)
    labels = {score["dataset"]: score["provenance"]["home"]["labels"] for score in scores}
    if labels[one] == labels[other]:
        raise NotTestableError(f"both homes have {labels[one]} labels, so neither is the richer")
    poor, rich = sorted((one, other), key=labels.__getitem__)
    students = _equal_students(scores, base, poor, rich)
    on_poor, poor_words = _retained_share(students, base, rich, poor)
    on_rich, rich_words = _retained_share(students, base, poor, rich)
    difference = (on_poor - on_rich).rounded()
    untrained = model_scores(scores, base, poor)
    floor = (measure_f1(student_scores(students, base, rich, poor)) - measure_f1(untrained)).rounded()
    because = (
        f"on {poor} ({labels[poor]} labels) {poor_words}, {format_difference(floor)} F1 against the untrained {base}"
        f" {format_f1(untrained)}; on {rich} ({labels[rich]} labels) {rich_words}{_untrained(scores, base, rich)}"
    )
    conditions = (
        Condition(difference - ASYMMETRY),
        Condition(floor, f"F1 of the student of {rich} on {poor} above the untrained {base}"),
    )
    return Finding(difference, "of the own student's F1", conditions, because)


def transfer_is_asymmetric_over_homes(scores: Sequence[Score], *homes: str) -> Finding:
    """Decide the same for the mean over all pairs of homes, in resamples of homes: a statement about other homes.

    All students have training sets of one size. The words count the pairs in which the two directions differ.
    """
    base = smallest_student_base(scores)
    labels = {score["dataset"]: score["provenance"]["home"]["labels"] for score in scores}
    pairs = [sorted(pair, key=labels.__getitem__) for pair in combinations(homes, 2)]
    ordered = [(poor, rich) for poor, rich in pairs if labels[poor] != labels[rich]]
    if not ordered:
        raise NotTestableError("all homes have equally many labels, so none is the richer")
    students = _equal_students(scores, base, *homes)
    f1 = {
        (trained_on, home): measure_f1(student_scores(students, base, trained_on, home))
        for trained_on in homes
        for home in homes
    }
    untrained = {home: measure_f1(model_scores(scores, base, home)) for home in homes}
    if useless := [home for home in homes if not f1[home, home].value]:
        raise NotTestableError(
            f"the student trained on {useless[0]} has weighted F1 0 there, so no share of it can be retained"
        )
    differences = {
        (poor, rich): (f1[rich, poor] / f1[poor, poor] - f1[poor, rich] / f1[rich, rich]).rounded()
        for poor, rich in ordered
    }
    floors = {(poor, rich): (f1[rich, poor] - untrained[poor]).rounded() for poor, rich in ordered}
    effect = mean_over_pairs({pair: one.value for pair, one in differences.items()}, homes)
    floor = mean_over_pairs({pair: one.value for pair, one in floors.items()}, homes)
    towards_poor = sum(Condition(one - ASYMMETRY).verdict == HELD for one in differences.values())
    towards_rich = sum(Condition(-1 * one - ASYMMETRY).verdict == HELD for one in differences.values())
    kept = fmean(f1[rich, poor].value / f1[poor, poor].value for poor, rich in ordered)
    kept_by_rich = fmean(f1[poor, rich].value / f1[rich, rich].value for poor, rich in ordered)
    because = (
        f"{len(ordered)} pairs of {len(homes)} homes, students of {base} of equal size: on the poorer home the student"
        f" of the richer retains {_SHARE(kept)} of the own student's F1 on average, on the richer that of the poorer"
        f" {_SHARE(kept_by_rich)}; beyond chance the first is at least {ASYMMETRY} above the second in {towards_poor}"
        f" pairs, the second above the first in {towards_rich}; on the poorer home {format_difference(floor)} F1"
        " against the untrained base; intervals resample homes"
    )
    conditions = (
        Condition(effect - ASYMMETRY),
        Condition(floor, "F1 of the richer home's student on the poorer above the untrained base"),
    )
    return Finding(effect, "of the own student's F1, mean over pairs", conditions, because)


def _equal_students(scores: Sequence[Score], base: str, *homes: str) -> list[Score]:
    """Return the scores of students whose training sets on all homes are equally large, the largest such sets.

    Raises NotTestableError if there are none, or if some home's students have fewer than `SEEDS` training seeds.
    """
    trained = [score for score in scores if score["kind"] == "student"]
    found: dict[int, list[Score]] = {}
    problem = NotTestableError("there is no student")
    for variant in dict.fromkeys(map(variant_without_seed, trained)):
        students = [score for score in trained if variant_without_seed(score) == variant]
        try:
            found[_equal_size(students, base, homes)] = students
        except NotTestableError as error:
            problem = error
    if not found:
        raise problem
    return found[max(found)]


def _equal_size(students: Sequence[Score], base: str, homes: Sequence[str]) -> int:
    """Return the number of examples that the students of each home learned from; raise NotTestableError as above."""
    groups = [student_scores(students, base, trained_on, dataset) for trained_on in homes for dataset in homes]
    sizes = [training(score)["examples"]["used"] for group in groups for score in group]
    seeds = min(len({training(score)["settings"]["seed"] for score in group}) for group in groups)
    if max(sizes) > (1 + SIZE_TOLERANCE) * min(sizes):
        raise NotTestableError(
            f"this needs training sets of equal size; there are {min(sizes)} and {max(sizes)} examples (a group of"
            " students with `max_examples: [smallest]` has equal ones)"
        )
    if seeds < SEEDS:
        raise NotTestableError(f"this needs {SEEDS} training seeds, and there are {seeds} (`seeds` of the students)")
    return int(min(sizes))


def training(score: Score) -> StudentProvenance:
    """Return the training of a student's score."""
    student = score["provenance"]["student"]
    assert student, "a student has a training log"
    return student


def _variant_beside_limit(score: Score) -> str:
    """Return the variant of a recogniser without its seed of sampling and, of a student, its limit of examples."""
    variant = variant_without_seed(score)
    return re.sub(r"^n([0-9]+|smallest)$", "", variant) if score["kind"] == "student" else variant


def _retained_share(students: Sequence[Score], base: str, trained_on: str, dataset: str) -> tuple[Estimate, str]:
    """Return a pair: F1 of another home's student divided by F1 of the home's own student, and this share in words."""
    foreign, own = student_scores(students, base, trained_on, dataset), student_scores(students, base, dataset, dataset)
    if not (own_f1 := measure_f1(own)).value:
        raise NotTestableError(
            f"the student trained on {dataset} has weighted F1 0 there, so no share of it can be retained"
        )
    share = measure_f1(foreign) / own_f1
    return share, (
        f"the student of {trained_on} retains {_SHARE(share.value)} of the weighted F1 of {dataset}'s own student"
        f" ({format_f1(foreign)} of {format_f1(own)})"
    )


def _untrained(scores: Sequence[Score], base: str, dataset: str) -> str:
    own = [model for model in base_models(scores, dataset) if model.name == base]
    return f"; untrained {base} {format_f1(own[0].scores)}" if own else ""


CLAIMS = (
    Claim(
        "Transfer between homes is asymmetric",
        "the share that a student retains on another home is its weighted F1 there divided by that of the home's own"
        " student, both of the smallest base model; held if the student of the richer home (more labels) retains at"
        f" least {ASYMMETRY} more on the poorer home than the reverse, and is there at least as good as the untrained"
        f" base; this needs {SEEDS} training seeds and training sets of equal size",
        "transfer from MuRAL to MARBLE works well, from MARBLE to MuRAL it does not; we know no figures for"
        " this, so the threshold for asymmetric is assumed",
        transfer_is_asymmetric,
        homes=2,
        select=select_scores,
        datasets=paired_homes,
    ),
    Claim(
        "Transfer between homes is asymmetric, over all pairs of homes",
        "the same for means over all pairs of homes with unequal numbers of labels, among students of one size; held if"
        f" the mean difference of the retained shares is at least {ASYMMETRY}, and the student of the richer home is on"
        " average at least as good on the poorer as the untrained base; intervals resample homes, so they need"
        f" {FEWEST_GROUPS} of them",
        "transfer from MuRAL to MARBLE works well, from MARBLE to MuRAL it does not: two homes, from which nothing"
        " follows for others",
        transfer_is_asymmetric_over_homes,
        homes=ALL_HOMES,
        select=select_scores,
        datasets=several_taught_homes,
    ),
)
