"""The claims that a student of other homes keeps up with its untrained base on a home that it has not seen."""

from collections.abc import Sequence

from hearth.evaluation.bootstrap import FEWEST_GROUPS
from hearth.evaluation.claims.estimates import Estimate, mean_over_homes
from hearth.evaluation.claims.measures import (
    CLOSE,
    format_difference,
    format_f1,
    measure_f1,
    model_scores,
    smallest_student_base,
    tested_homes,
)
from hearth.evaluation.claims.transfer import SEEDS, training
from hearth.evaluation.claims.verdicts import ALL_HOMES, HELD, NOT_HELD, Claim, Condition, Finding, NotTestableError
from hearth.evaluation.score_document import Score

ABOVE, BELOW = "above it beyond chance", "below it beyond chance"


def left_out_homes(scores: Sequence[Score]) -> list[str] | None:
    """Return the homes on which a student of several other homes was tested, None if there is none."""
    return tested_homes([score for score in scores if _learned_elsewhere(score)]) or None


def several_left_out_homes(scores: Sequence[Score]) -> list[str] | None:
    """Return the same homes if they are several, otherwise None."""
    homes = left_out_homes(scores)
    return homes if homes and len(homes) > 1 else None


def keeps_up_with_base(scores: Sequence[Score], dataset: str) -> Finding:
    """Decide whether the student of other homes is at most `CLOSE` below its base (a test of non-inferiority)."""
    base = _smallest_base(scores)
    students, untrained = _students(scores, base, dataset), model_scores(scores, base, dataset)
    difference = _difference(scores, base, dataset)
    homes = len(students[0]["train_datasets"])
    because = (
        f"weighted F1 of the student of {base} of {homes} other homes {format_f1(students)}, of the untrained base"
        f" {format_f1(untrained)}; it is {_compared(difference)}"
    )
    return Finding(difference, "F1 above the untrained base", (Condition(difference + CLOSE),), because)


def keeps_up_over_homes(scores: Sequence[Score], *homes: str) -> Finding:
    """Decide the same for the mean over homes, in resamples of homes: a statement about other homes."""
    base = _smallest_base(scores)
    differences = {home: _difference(scores, base, home) for home in homes}
    mean = mean_over_homes([one.value for one in differences.values()])
    sides = [_compared(one) for one in differences.values()]
    learned = sorted({len(_students(scores, base, home)[0]["train_datasets"]) for home in homes})
    sizes = " to ".join(map(str, dict.fromkeys((learned[0], learned[-1]))))
    because = (
        f"{len(homes)} homes, each left out of the training of a student of {base} of {sizes} other homes:"
        f" {sides.count(ABOVE)} students are {ABOVE}, {sides.count(BELOW)} {BELOW}; mean difference"
        f" {format_difference(mean)}; intervals resample homes"
    )
    return Finding(mean, "F1 above the untrained base, mean over homes", (Condition(mean + CLOSE),), because)


def _compared(difference: Estimate) -> str:
    return {HELD: ABOVE, NOT_HELD: BELOW}.get(Condition(difference).verdict, "neither above nor below it beyond chance")


def _difference(scores: Sequence[Score], base: str, dataset: str) -> Estimate:
    students = _students(scores, base, dataset)
    return (measure_f1(students) - measure_f1(model_scores(scores, base, dataset))).rounded()


def _students(scores: Sequence[Score], base: str, dataset: str) -> list[Score]:
    """Return the scores of the base's student of most other homes; raise NotTestableError below `SEEDS` seeds."""
    found = [
        score for score in scores if _learned_elsewhere(score) and (score["base"], score["dataset"]) == (base, dataset)
    ]
    if not found:
        raise NotTestableError(f"there is no score on {dataset} of a student of {base} of several other homes")
    largest = max(found, key=lambda score: len(score["train_datasets"]))["train_dataset"]
    students = [score for score in found if score["train_dataset"] == largest]
    if (seeds := len({training(score)["settings"]["seed"] for score in students})) < SEEDS:
        raise NotTestableError(f"this needs {SEEDS} training seeds, and there are {seeds} (`seeds` of the students)")
    return students


def _smallest_base(scores: Sequence[Score]) -> str:
    return smallest_student_base([score for score in scores if _learned_elsewhere(score)])


def _learned_elsewhere(score: Score) -> bool:
    """Whether a score is that of a student of several homes on a home that is none of them."""
    learned = score["train_datasets"]
    return score["kind"] == "student" and len(learned) > 1 and score["dataset"] not in learned


CLAIMS = (
    Claim(
        "A student of other homes keeps up with its base on a home left out",
        f"held if weighted F1 of the student of the smallest base model, trained on the most other homes, is at most"
        f" {CLOSE} below that of the untrained base; this needs {SEEDS} training seeds",
        "no claim of the paper, whose students learn in one home; the margin is the one that the paper calls close",
        keeps_up_with_base,
        datasets=left_out_homes,
    ),
    Claim(
        "A student of other homes keeps up with its base, over all homes left out",
        f"held if the mean over homes of the same difference is at least -{CLOSE}; intervals resample homes, so they"
        f" need {FEWEST_GROUPS} of them",
        "no claim of the paper",
        keeps_up_over_homes,
        homes=ALL_HOMES,
        datasets=several_left_out_homes,
    ),
)
