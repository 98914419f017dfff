"""Choose the recognisers that the window browser shows side by side."""

from collections.abc import Collection

from hearth.workflow.config_types import Config
from hearth.workflow.recognisers import transfer_baselines
from hearth.workflow.students import student_groups

# Recognisers shown on a home where none of the teacher, a student and its base was tested.
_WITHOUT_ROLES = 3


def browsed_recognisers(config: Config, pairs: Collection[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Return a dict from dataset to {role: recogniser}, of those in `pairs` of (recogniser, dataset).

    Roles are teacher, student (the first main student that learned from the dataset, and from as few others as any) and
    base (of the student, or else the first base of students). A dataset where none of them was tested shows its first
    recognisers as models. Transfer baselines, which do not answer in the labels of the home, are not shown.
    """
    chosen: dict[str, dict[str, str]] = {}
    hidden = {one.name for one in transfer_baselines(config)}
    pairs = [(name, dataset) for name, dataset in pairs if name not in hidden]
    for dataset in dict.fromkeys(dataset for _, dataset in pairs):
        tested = list(dict.fromkeys(name for name, on in pairs if on == dataset))
        own = [one for one in student_groups(config)["students"] if dataset in one.datasets and one.name in tested]
        own.sort(key=lambda student: len(student.datasets))
        bases = [one.base for one in own[:1]] or config["students"]["bases"]
        roles = {"teacher": config["teacher"]}
        roles |= {"student": own[0].name} if own else {}
        roles |= {"base": bases[0]} if bases and bases[0] != config["teacher"] else {}
        shown = {role: name for role, name in roles.items() if name in tested}
        chosen[dataset] = shown or {f"model {n}": name for n, name in enumerate(tested[:_WITHOUT_ROLES], start=1)}
    return chosen
