"""Find the scores of a run: (recogniser, dataset) pairs that the tables and figures of a checked config select."""

from collections.abc import Collection, Iterator, Sequence
from itertools import product

from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation.figures.names import ScoreFigure
from hearth.evaluation.forgetting_curves import Training, find_curves, without_settings
from hearth.evaluation.learned_homes import homes_learned_from
from hearth.workflow.config_types import Config
from hearth.workflow.dataset_sets import default_datasets
from hearth.workflow.recognisers import Recogniser, groups, recognisers
from hearth.workflow.students import Student


def table_pairs(config: Config, table: str) -> list[tuple[str, str]]:
    """Return the (recogniser, dataset) pairs of a table in the order of its selection, each once.

    Of a group, a table without means over seeds selects the first seed of sampling only.
    """
    known, members = recognisers(config), groups(config)
    spec = config["tables"][table]
    pairs: list[tuple[str, str]] = []
    for part in spec["select"]:
        selected = part["recognisers"]
        for name in members[selected] if isinstance(selected, str) else selected:
            if spec["rows"] in ("labels", "parts") and isinstance(selected, str) and known[name].samples_again:
                continue
            pairs += [(name, dataset) for dataset in _selected_datasets(config, known[name].student, part["datasets"])]
    return list(dict.fromkeys(pairs))


def _selected_datasets(config: Config, student: Student | None, selected: str | list[str]) -> list[str]:
    if isinstance(selected, list):
        return selected
    # Only a student has learned from a dataset; for every other recogniser, `others` selects all datasets.
    learned = student.datasets if student else ()
    if selected == "trained_on":
        return [*learned]
    return [dataset for dataset in default_datasets(config) if selected == "all" or dataset not in learned]


def compared_pairs(config: Config, table: str) -> list[list[str]]:
    """Return the pairs of recognisers whose difference in score a table tests.

    A pair of groups gives one pair for each position in the groups; where seeds share a row, the first seed of sampling
    stands for the row. Raises ValueError for groups of different sizes, and for a pair that the table shows on no
    common dataset.
    """
    known, shown = recognisers(config), set(table_pairs(config, table))
    per_row = config["tables"][table]["seeds"] == "mean"
    members = {
        group: [name for name in names if not (per_row and known[name].samples_again)]
        for group, names in groups(config).items()
    }
    pairs: list[list[str]] = []
    for pair in config["tables"][table]["compare"]:
        first, second = (members.get(name, [name]) for name in pair)
        if len(first) != len(second):
            raise ValueError(
                f"{pair[0]} has {len(first)} recognisers and {pair[1]} has {len(second)}, so they cannot be compared "
                "member by member; name recognisers"
            )
        pairs += [list(names) for names in zip(first, second, strict=True)]
    for one, other in pairs:
        if not any({(one, dataset), (other, dataset)} <= shown for dataset in config["datasets"]):
            raise ValueError(f"the table selects {one} and {other} on no dataset in common; select both")
    return pairs


def selected_pairs(config: Config) -> list[tuple[str, str]]:
    """Return the (recogniser, dataset) pairs that the tables of the target `all` select, each once."""
    tables = [table for table, spec in config["tables"].items() if spec["all"]]
    return list(dict.fromkeys(pair for table in tables for pair in table_pairs(config, table)))


def answered_pairs(config: Config, table: str) -> list[tuple[str, str]]:
    """Return the (recogniser, dataset) pairs of all answers that a table reads or scores, each once.

    A table of gains also reads the answers of its students' teachers to its datasets.
    """
    known, pairs = recognisers(config), table_pairs(config, table)
    if config["tables"][table]["rows"] != "gains":
        return pairs
    teachers = [student.teacher for name, _ in pairs if (student := known[name].student) and student.teacher]
    datasets = dict.fromkeys(dataset for _, dataset in pairs)
    return list(dict.fromkeys([*pairs, *product(dict.fromkeys(teachers), datasets)]))


def selected_figures(config: Config, unsized: Collection[str] = ()) -> list[ScoreFigure]:
    """Return the names of the figures for which the run has scores.

    `unsized` names the models with an unknown number of parameters.
    """
    known = recognisers(config)
    # Figures are of native labels, in which transfer baselines do not answer.
    shown = [(known[name], dataset) for name, dataset in selected_pairs(config) if not known[name].learns_from]
    # The scores that the paper is about: language models of known size and students of its recipe, without a variant.
    paper = [
        (one, dataset)
        for one, dataset in shown
        if one.base
        and one.base not in unsized
        and not one.variant
        and (one.student is None or one.student.recipe == PAPER_RECIPE)
    ]
    drawn: dict[ScoreFigure, list[object]] = {
        "f1_by_size": [*paper],
        "f1_by_budget": [one for one, _ in paper if config["metrics"]["token_budgets"] and not one.student],
        "failures": [*shown],
        "confusion": [one for one, _ in paper if not one.student],
        "transfer": [one for one, dataset in paper if one.student and dataset not in one.student.datasets],
        "held_out_homes": _of_homes_left_out(paper),
        "forgetting": [*find_curves(_trainings(shown))],
        "learning_curve": [one for one, dataset in shown if _is_on_learning_curve(one, dataset)],
        "calibration": [
            one for one, _ in shown if one.samples or (one.decoding and one.decoding["confidence"] != "none")
        ],
        "recipes_by_tokens": _of_several_recipes(shown),
    }
    return [name for name, scores in drawn.items() if scores]


def _of_homes_left_out(paper: Sequence[tuple[Recogniser, str]]) -> list[object]:
    """Return the students that the figure of homes left out shows; none if no student learned from several homes."""
    students = [(one.student, dataset) for one, dataset in paper if one.student]
    homes = {dataset for _, dataset in students}
    if all(len(student.datasets) == 1 for student, _ in students):
        return []
    return [
        student
        for student, dataset in students
        if homes_learned_from(dataset, student.datasets, student.trained_on, homes)
    ]


def _of_several_recipes(shown: Sequence[tuple[Recogniser, str]]) -> list[object]:
    """Return the students on a home that they learned from; none if all have one recipe."""
    students = [one.student for one, dataset in shown if one.student and dataset in one.student.datasets]
    return [*students] if len({student.recipe for student in students}) > 1 else []


def _trainings(shown: Sequence[tuple[Recogniser, str]]) -> Iterator[Training]:
    """Yield the trainings of students on datasets that they did not learn from and on which their bases are shown."""
    pairs = {(one.name, dataset) for one, dataset in shown}
    for one, dataset in shown:
        student = one.student if one.is_asked_as_base and not one.samples_again else None
        if student and dataset not in student.datasets and (student.base, dataset) in pairs:
            yield Training(
                base=student.base,
                recipe=student.recipe,
                teacher=student.teacher,
                rest=without_settings(one.variant),
                balance=student.balance,
                learning_rate=student.learning_rate,
                rank=student.rank,
                replay=student.replay,
                n_homes=len(student.datasets),
                trained_on=student.trained_on,
                dataset=dataset,
            )


def _is_on_learning_curve(recogniser: Recogniser, dataset: str) -> bool:
    """Return whether the score is on the learning curve.

    The recogniser must be a student of the paper's recipe on this dataset, whose training differs from that of the main
    students only in the number of traces.
    """
    student = recogniser.student
    return bool(
        student
        and student.recipe == PAPER_RECIPE
        and student.datasets == (dataset,)
        and isinstance(student.max_examples, int)
        and recogniser.variant == f"n{student.max_examples}"
    )
