"""Find the students of a config whose folds do not fit those of a dataset that they answer or are compared with."""

from collections.abc import Iterator

from hearth.common.schemas import Problem
from hearth.workflow.config_types import Config
from hearth.workflow.recognisers import recognisers
from hearth.workflow.selection import table_pairs
from hearth.workflow.students import Student, fold_numbers, sized_datasets, student_folds, student_groups


def fold_problems(config: Config) -> Iterator[Problem]:
    """Yield (path, message) for every dataset with other folds than a student that it teaches, limits or tests.

    A student of fold k learns from the windows of `train<k>` of all of its datasets and answers fold k of every
    dataset; one of datasets with one fold answers all windows of the others.
    """
    known = recognisers(config)
    places: dict[tuple[str, int], str] = {}

    def add_learned(student: Student) -> None:
        folds = len(student_folds(config, student))
        for other in _joined_datasets(config, student):
            places.setdefault((other, folds), f"{student.name} learns from it, or from as many windows, and is trained")

    for table in config["tables"]:
        for name, dataset in table_pairs(config, table):
            if student := known[name].student:
                add_learned(student)
                if (folds := len(student_folds(config, student))) > 1:
                    places.setdefault((dataset, folds), f"table {table!r} tests {name} there, which is trained")
    for student in student_groups(config)["students"]:  # a run trains them, shown in a table or not
        add_learned(student)
    for (dataset, folds), reason in places.items():
        if (own := len(fold_numbers(config, dataset))) != folds:
            yield ["datasets", dataset, "split", "folds"], f"{own}, but {reason} in {folds}; use equal numbers"


def _joined_datasets(config: Config, student: Student) -> list[str]:
    """Return the datasets that decide the examples of a student in each of its folds."""
    return [*student.datasets, *student.replay_on, *sized_datasets(config, student)]
