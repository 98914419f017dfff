"""Compare the work of a run with that of one fold, of one seed of sampling and of one seed of training."""

import re
from collections.abc import Mapping

from hearth.data.folds import ALL
from hearth.workflow.planned_work import Load, PlannedWork


def compare_with_plain_split(work: PlannedWork, loads: Mapping[tuple[str, str, str], Load]) -> str:
    """Return a sentence about the trainings and tested windows that a plain split would save; "" with one fold.

    With a plain split every recogniser is asked about its share of tested windows, a teacher about all windows, and a
    student of on-policy distillation, for text of its own, about all others. A training has about as many windows as
    one of a fold's.
    """
    folds = work["split"]["folds"]
    if folds == 1:
        return ""
    taught = {(recogniser, dataset) for recogniser, dataset, _ in work["taught"]}
    windows: dict[tuple[str, str], int] = {}
    others: dict[tuple[str, str], int] = {}
    for (recogniser, dataset, split), load in loads.items():
        counted = windows if split == ALL or split.startswith("test") else others
        counted[recogniser, dataset] = counted.get((recogniser, dataset), 0) + load.windows
    share = work["split"]["test_fraction"]
    plain = sum(count if pair in taught else round(share * count) for pair, count in windows.items())
    # Those asked about the train splits alone: every window is in the train splits of all folds but one.
    plain += sum(round((1 - share) * count / (folds - 1)) for pair, count in others.items() if pair not in windows)
    asked, students = sum(load.windows for load in loads.values()), {one["student"] for one in work["trainings"]}
    return (
        f"{folds} folds: every window is tested. Trainings, one for each student and fold: {len(work['trainings'])}; "
        f"windows recognised: {asked}.\n"
        f"A plain split, `split: {{folds: 1}}`, tests {100 * share:g} % of the groups. Trainings: {len(students)}; "
        f"windows recognised: about {plain}."
    )


def compare_with_one_seed(work: PlannedWork, loads: Mapping[tuple[str, str, str], Load]) -> list[str]:
    """Return a sentence about the work of further seeds of sampling, and one about seeds of training.

    The list lacks a sentence for what has one seed.
    """
    sentences = []
    asked = sum(load.windows for load in loads.values())
    first = sum(load.windows for (name, _, _), load in loads.items() if not re.search(r"_decode\d+$", name))
    if first < asked:
        sentences.append(
            f"Seeds of sampling (`decoding.seeds`, `self_consistency`, `teacher_samples`): of {asked} windows "
            f"recognised, {first} are of a first seed."
        )
    trainings = len(work["trainings"])
    alike = len({(re.sub(r"_seed\d+$", "", one["student"]), one["fold"]) for one in work["trainings"]})
    if alike < trainings:
        sentences.append(f"Seeds of training (`students.seeds`): trainings: {trainings}; with one seed: {alike}.")
    return sentences
