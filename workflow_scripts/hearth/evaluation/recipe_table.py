"""The table of recipes: students of each recipe beside those of the paper's, and what their learning cost."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation import statistics
from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_table import TINY
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.recipe_comparison import METRIC, RecipeRow, compare_recipes, judge, mean_interval
from hearth.evaluation.recipe_hours import HOURS_NOTE, WorkHours, hours_columns
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import Interval, Score
from hearth.evaluation.table_rows import Record, add_adjusted_p, difference_columns

_F1, _BOUND, _P, _TOKENS, _HOURS = decimals(3), decimals(2), decimals(4), decimals(1), "{:.3g}".format
_DIFFERENCE = _DIFFERENCE_BOUND = decimals(3, sign="+")
_COLUMNS = {
    "recipe": Column("Recipe", number=False),
    "base": Column("Base", number=False),
    "train_dataset": Column("Trained on", number=False),
    "dataset": Column("Tested on", number=False),
    "n_windows": Column("Windows learned from"),
    "steps": Column("Optimiser steps"),
    "n_seeds": Column("Seeds"),
    METRIC: Column("Weighted F1", _F1),
    "difference": Column(f"Minus {PAPER_RECIPE}", _DIFFERENCE),
    "difference_p": Column("p", _P),
    "difference_p_holm": Column("p (Holm)", _P),
    "missing_rate": Column("Missing events", _F1),
    "ece": Column("ECE", _F1),
    "answer_tokens": Column("Answer tokens per window", _TOKENS),
    "teacher_tokens": Column("Teacher tokens per window learned from", _TOKENS),
    "training_hours": Column("Training (h)", _HOURS),
    "text_hours": Column("Text (h)", _HOURS),
}
_MEAN_COLUMNS = {
    "recipe": Column("Recipe", number=False),
    "base": Column("Base", number=False),
    "n_homes": Column("Homes"),
    METRIC: Column("Weighted F1, mean", _F1),
    "difference": Column(f"Minus {PAPER_RECIPE}, mean", _DIFFERENCE),
    "verdict": Column("Verdict", number=False),
}
# Of fewer training seeds, a verdict is called doubtful.
FEWEST_SEEDS = 3
NOTES: list[Note] = [
    (
        "Recipes",
        [
            f"minus {PAPER_RECIPE}: weighted F1 minus that of the paper's recipe, {PAPER_RECIPE}, on the same windows,"
            " of students of the same base and home; for a model that learned nothing (recipe none), of the students of"
            " the home that it is tested on",
            "p: paired permutation tests over tested groups; Holm: corrected for the number of tests in this table;"
            " seeds are swapped together, so p speaks of these students; the interval of a mean over seeds"
            " speaks of other seeds too",
            "missing events: events without an answer that can be read; ECE: expected calibration error, where answers"
            " have confidences",
            "answer tokens: reasoning included; teacher tokens: everything that the teacher wrote for the windows, all"
            " samples counted, and 0 without a teacher",
            "means: each home counts once; their intervals resample groups within these homes and say nothing about"
            " others",
        ],
    )
]


def recipe_table(
    title: str,
    caption: str,
    scores: Sequence[Score],
    commit: str,
    hours: Mapping[str, WorkHours] | None = None,
) -> Table:
    """Build the table of recipes, with the means over homes below it.

    `hours` has the measured hours of work behind each student, by its name. Without it, as in the report, the table has
    no columns of hours. Raises ValueError if no student of the paper's recipe is among the scores.
    """
    simulated = simulated_datasets(scores)
    rows = compare_recipes(scores)
    records = [_record(row, hours) for row in rows]
    add_adjusted_p(records)
    shown = {name: one for name, one in _COLUMNS.items() if any(record[name] is not None for record in records)}
    if all(record["train_dataset"] in (None, record["dataset"]) for record in records):
        shown.pop("train_dataset", None)
    means = _means(rows)
    notes: list[Note] = [*NOTES, ("Verdicts", _verdicts(rows, means, simulated)), ("Budgets", _budgets(rows))]
    measured = [(HOURS_NOTE[0], [*HOURS_NOTE[1], *_devices(hours)])] if hours else []
    return Table(
        title=title,
        caption=caption,
        columns=list(shown.values()),
        cells=[
            [_cell(record, row, *column, simulated) for column in shown.items()]
            for record, row in zip(records, rows, strict=True)
        ],
        records=records,
        notes=[*notes, *measured, *short_notes(scores)],
        below=_mean_table(means, rows) if means else None,
        grounds=[*notes, *measured, *table_notes(scores, commit)],
    )


def _record(one: RecipeRow, hours: Mapping[str, WorkHours] | None) -> Record:
    row, score = one.row, one.score
    value, deviation = statistics.mean_and_deviation(row.values(METRIC))
    low, high = row.interval(METRIC) or (None, None)
    windows, steps = one.budgets[0] if one.budgets else (None, None)
    record: Record = {
        "recogniser": row.name,
        "recipe": one.recipe,
        "base": one.base or None,
        "train_dataset": score["train_dataset"] or None,
        "dataset": row.dataset,
        "n_groups": row.groups,
        "n_events": score["n_events"],
        "n_windows": windows,
        "steps": steps,
        "n_seeds": len(row.scores) if score["kind"] == "student" else None,
        METRIC: value,
        f"{METRIC}_low": low,
        f"{METRIC}_high": high,
        f"{METRIC}_sd": deviation,
        **dict.fromkeys(("difference", "difference_low", "difference_high", "difference_p")),
        **(difference_columns("difference", row, one.paper, METRIC) if one.paper else {}),
        "difference_p_holm": None,
        "verdict": judge(one.interval) if one.paper else None,
        "missing_rate": row.mean("missing_rate"),
        "ece": one.ece,
        "answer_tokens": one.answer_tokens,
        "teacher_tokens": one.teacher_tokens if score["kind"] == "student" else None,
    }
    return record | hours_columns([one["recogniser"] for one in row.scores], hours)


def _cell(record: Record, row: RecipeRow, name: str, column: Column, simulated: Sequence[str]) -> str:
    text = cell_text(column, record[name])
    if name == "base" and text and row.score["provenance"]["stand_in"]:
        return f"{text}{TINY}"
    if name in ("dataset", "train_dataset"):
        return dataset_name(text, simulated)
    if name == METRIC and record[f"{METRIC}_sd"] is not None:
        text = f"{text} ± {_F1(record[f'{METRIC}_sd'])}"
    low = record.get(f"{name}_low")
    bound = _DIFFERENCE_BOUND if name == "difference" else _BOUND
    return with_interval(text, None if low is None else (low, record[f"{name}_high"]), bound)


def _means(rows: Sequence[RecipeRow]) -> list[Record]:
    """Return the record of each recipe that was compared with the paper's on several homes that it learned from."""
    by_recipe: dict[tuple[str, str], list[RecipeRow]] = {}
    for row in rows:
        if row.paper and (row.score["kind"] != "student" or row.row.dataset in row.score["train_datasets"]):
            by_recipe.setdefault((row.recipe, row.base), []).append(row)
    records = []
    for (recipe, base), found in by_recipe.items():
        homes = {row.row.dataset for row in found}
        if len(homes) < 2 or len(found) != len(homes):  # of students of several sets on one home, no mean is shown
            continue
        interval = mean_interval(found)
        low, high = interval or (None, None)
        records.append(
            {
                "recipe": recipe,
                "base": base,
                "n_homes": len(homes),
                METRIC: fmean(row.row.mean(METRIC) for row in found),
                "difference": fmean(row.difference for row in found if row.difference is not None),
                "difference_low": low,
                "difference_high": high,
                "verdict": judge(interval),
            }
        )
    return records


def _mean_table(records: list[Record], rows: Sequence[RecipeRow]) -> Table:
    tiny = {row.base for row in rows if row.score["provenance"]["stand_in"]}

    def cell(record: Record, name: str, column: Column) -> str:
        if name == "base" and record[name] in tiny:
            return f"{record[name]}{TINY}"
        low = record.get(f"{name}_low")
        interval = None if low is None else (low, record[f"{name}_high"])
        return with_interval(cell_text(column, record[name]), interval, _DIFFERENCE_BOUND)

    cells = [[cell(record, *column) for column in _MEAN_COLUMNS.items()] for record in records]
    return Table("Means over homes", "", list(_MEAN_COLUMNS.values()), cells, records, [])


def _verdicts(rows: Sequence[RecipeRow], means: Sequence[Record], simulated: Sequence[str]) -> list[str]:
    """Return a sentence for each recipe and home, and for the mean of each recipe over homes."""

    def sentence(subject: str, difference: float, interval: Interval | None) -> str:
        return f"{subject}: {judge(interval)}, {with_interval(_DIFFERENCE(difference), interval, _DIFFERENCE_BOUND)}"

    bases = {row.base for row in rows if row.score["kind"] == "student"}

    def subject(recipe: str, base: str, place: str) -> str:
        return f"{recipe}{f' ({base})' if len(bases) > 1 else ''} {place}"

    learned = {row.recipe for row in rows if row.score["kind"] == "student"}
    sentences = [
        sentence(
            subject(row.recipe, row.base, f"on {dataset_name(row.row.dataset, simulated)}"),
            row.difference,
            row.interval,
        )
        for row in rows
        if row.difference is not None and row.score["kind"] == "student"
    ]
    for record in means:
        if record["recipe"] in learned:
            interval = (
                None if record["difference_low"] is None else [record["difference_low"], record["difference_high"]]
            )
            place = f"over {record['n_homes']} homes"
            sentences.append(sentence(subject(record["recipe"], record["base"], place), record["difference"], interval))
    rule = (
        f"a recipe helps where the interval of its difference to {PAPER_RECIPE} lies above zero, and costs where below;"
        " intervals are not corrected for the number of recipes, p (Holm) is"
    )
    few = [row for row in rows if row.score["kind"] == "student" and len(row.row.scores) < FEWEST_SEEDS]
    doubt = (
        [f"some students have fewer than {FEWEST_SEEDS} training seeds: their verdicts may be those of a seed"]
        if few
        else []
    )
    return [rule, *doubt, *sentences]


def _budgets(rows: Sequence[RecipeRow]) -> list[str]:
    """Return a sentence for each recipe with other numbers of windows or optimiser steps than the paper's."""
    unequal = []
    for row in rows:
        paper = RecipeRow(row.paper, None).budgets if row.paper else []
        if paper and row.budgets and row.budgets != paper:
            unequal.append(
                f"not at an equal budget: {row.recipe} on {row.row.dataset}: {_budget_text(row.budgets)};"
                f" {PAPER_RECIPE}: {_budget_text(paper)}"
            )
    return unequal or [
        "all students of a home learned from equally many windows in equally many optimiser steps; of several folds,"
        " in the first"
    ]


def _budget_text(budgets: Sequence[tuple[int, int | None]]) -> str:
    return " or ".join(
        f"{windows} windows, {'unknown' if steps is None else steps} optimiser steps" for windows, steps in budgets
    )


def _devices(hours: Mapping[str, WorkHours]) -> list[str]:
    devices = dict.fromkeys(device for work in hours.values() for device in work.devices)
    return [f"devices: {', '.join(devices)}"] if devices else []
