"""Matrices: which activities are taken for which, and what a student of one home is worth in another."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT, GRID
from hearth.evaluation.rendering import decimals
from hearth.evaluation.score_document import select_paper_scores
from hearth.evaluation.table_rows import Row, build_rows

WIDTH = 10.5  # inches
LABEL_WIDTH = 34  # characters
# A matrix has a column of this width for every label.
CELL = 0.155  # inches
COLOURS = colormaps["Blues"]
# Few steps: they can be told apart, and read off a legend.
STEPS = BoundaryNorm([0, 0.05, 0.2, 0.4, 0.6, 0.8, 1], COLOURS.N)
_F1, _BOUND = decimals(3), decimals(2)


def confusion(scores: list[dict]) -> Figure:
    """What the events of every activity were taken for, a row a dataset: smallest base, its student, their teacher.

    A matrix has a row an activity, of shares that add up to 1, and the columns are the same activities by number.
    """
    compared = {dataset: found for dataset in drawing.datasets(scores) if (found := _compared(scores, dataset))}
    if not compared:
        raise ValueError("confusion: no score of a base model, nothing to show")
    shown = {dataset: _shown_labels([score for _, score in found]) for dataset, found in compared.items()}
    heights = [1.1 + CELL * len(labels) for labels in shown.values()]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.9), layout="constrained")
    drawing.warn(figure, [score for found in compared.values() for _, score in found])
    parts = np.atleast_1d(figure.subfigures(len(compared), 1, height_ratios=heights))
    for part, (dataset, found) in zip(parts, compared.items(), strict=True):
        _confusion_row(part, found, shown[dataset])
    key = figure.colorbar(ScalarMappable(STEPS, COLOURS), ax=parts[-1].axes, location="bottom", aspect=60, shrink=0.6)
    key.set_label("share of the events of an activity")
    return figure


def transfer(scores: list[dict]) -> Figure:
    """Weighted F1 of students by the home they learned from and the home they are tested on, a panel a base model."""
    scores = select_paper_scores(scores)
    learned = drawing.students(scores)
    if not any(score["train_dataset"] != score["dataset"] for score in learned):
        raise ValueError("transfer: no student was tested on a home that it did not learn from, nothing to show")
    models = list(dict.fromkeys(score["base"] for score in learned))
    tested = drawing.datasets(learned)
    size = (1.4 * len(tested) + 2.4, 0.75 * (len(tested) + 1) + 1.2)
    figure = Figure(figsize=(size[0] * len(models), size[1] + 0.7), layout="constrained")
    drawing.warn(figure, scores)
    for axes, model in zip(figure.subplots(1, len(models), squeeze=False)[0], models, strict=True):
        _transfer_panel(axes, model, tested, scores)
    return figure


def _compared(scores: list[dict], dataset: str) -> list[tuple[str, dict]]:
    """(role, score) of what is compared on a dataset; without students, the smallest base model and the largest."""
    here = [score for score in select_paper_scores(scores) if score["dataset"] == dataset]
    models = {score["recogniser"]: score for score in drawing.bases(here)}
    own = [score for score in drawing.students(here) if score["train_dataset"] == dataset]
    if not own:
        ends = list(models.values())
        return list(
            zip(("smallest model", "largest model"), ends if len(ends) < 2 else (ends[0], ends[-1]), strict=False)
        )
    student = own[0]
    found = {
        "base": models.get(student["base"]),
        "student": student,
        "teacher": models.get(student["teacher"]),
    }
    return [(role, score) for role, score in found.items() if score]


def _shown_labels(scores: Sequence[dict]) -> list[str]:
    """The labels that some event of a dataset has, or was given by one of these recognisers."""
    parts = [score["strict"]["confusion"] for score in scores]
    counts = sum(np.array(part["counts"]) for part in parts)
    used = counts.sum(axis=1) + counts.sum(axis=0)[:-1] > 0
    return [label for label, is_used in zip(parts[0]["labels"], used, strict=True) if is_used]


def _confusion_row(part: SubFigure, found: list[tuple[str, dict]], labels: list[str]) -> None:
    part.suptitle(" · ".join(drawing.title([found[0][1]]).split("\n")), fontsize=10, fontweight="bold")
    row = part.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (role, score) in zip(row, found, strict=True):
        _confusion_panel(axes, score["strict"]["confusion"], labels)
        axes.set_title(f"{role}: {drawing.short(score['recogniser'], LABEL_WIDTH)}", fontsize=8)
    numbers = range(1, len(labels) + 1)
    per_class = found[0][1]["strict"]["per_class"]
    names = [
        f"{drawing.short(label, LABEL_WIDTH)} ({per_class[label]['support']}) {number}"
        for number, label in zip(numbers, labels, strict=True)
    ]
    row[0].set_yticks(numbers, labels=names, fontsize=7)


def _confusion_panel(axes: Axes, confusion: dict, labels: list[str]) -> None:
    place = {label: number for number, label in enumerate(labels, start=1)}
    place[confusion["columns"][-1]] = unread = len(labels) + 1
    boxes, shares = [], []
    for label, counts in zip(confusion["labels"], confusion["counts"], strict=True):
        if label not in place:
            continue
        if not sum(counts):
            axes.axhspan(place[label] - 0.5, place[label] + 0.5, color="#F4F4F4", zorder=0)
        for column, count in zip(confusion["columns"], counts, strict=True):
            if count:
                boxes.append(Rectangle((place[column] - 0.5, place[label] - 0.5), 1, 1))
                shares.append(count / sum(counts))
    axes.add_collection(PatchCollection(boxes, array=shares, cmap=COLOURS, norm=STEPS, linewidth=0))
    for number in place.values():
        axes.axvline(number + 0.5, color=GRID, linewidth=0.4)
        axes.axhline(number + 0.5, color=GRID, linewidth=0.4)
    axes.axvline(unread - 0.5, color=FAINT, linewidth=0.8)
    axes.set(xlim=(0.5, unread + 0.5), ylim=(len(labels) + 0.5, 0.5))
    axes.set_xticks(range(1, unread + 1), labels=[*map(str, range(1, unread)), "none"], fontsize=6, rotation=90)
    axes.tick_params(length=0)


def _transfer_panel(axes: Axes, model: str, tested: list[str], scores: list[dict]) -> None:
    learned = [score for score in drawing.students(scores) if score["base"] == model]
    homes = list(dict.fromkeys(score["train_dataset"] for score in learned))
    homes.sort(key=lambda home: tested.index(home) if home in tested else len(tested))
    groups = {
        f"trained on {drawing.short(home, 24)}": [s for s in learned if s["train_dataset"] == home] for home in homes
    }
    groups["not trained"] = [score for score in drawing.bases(scores) if score["recogniser"] == model]
    for line, group in enumerate(groups.values()):
        for column, dataset in enumerate(tested):
            here = [score for score in group if score["dataset"] == dataset]
            # Scores that are left differ in their training seed alone.
            for row in build_rows(here, "mean"):
                _transfer_cell(axes, column, line, row)
            if not here:
                axes.text(column, line, "not tested", ha="center", va="center", color=FAINT)
    axes.axhline(len(homes) - 0.5, color="white", linewidth=4)
    axes.set(xlim=(-0.5, len(tested) - 0.5), ylim=(len(groups) - 0.5, -0.5), title=drawing.short(model, LABEL_WIDTH))
    axes.set_xticks(range(len(tested)), labels=[f"tested on\n{drawing.short(name, 16)}" for name in tested])
    axes.set_yticks(range(len(groups)), labels=list(groups))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _transfer_cell(axes: Axes, column: int, line: int, row: Row) -> None:
    value = row.mean("weighted_f1")
    colour = COLOURS(value)
    axes.add_patch(Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
    bounds = row.interval("weighted_f1")
    seeds = f"\nmean of {len(row.scores)} seeds" if len(row.scores) > 1 else ""
    said = f"\n[{_BOUND(bounds[0])}, {_BOUND(bounds[1])}]" if bounds else ""
    ink = drawing.readable_on(colour[:3])
    axes.text(column, line, f"{_F1(value)}{said}{seeds}", ha="center", va="center", color=ink, fontsize=8)
