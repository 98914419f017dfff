"""Figure: confusion matrices of a base model, its student and their teacher."""

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
from hearth.evaluation.score_document import Confusion, Score, knows_home, select_paper_scores

WIDTH = 10.5  # inches, at least
MAX_LABEL_WIDTH = 34  # characters
MAX_COLUMN_LABEL_WIDTH = 24  # characters
COLUMN_WIDTH = 0.11  # inches, at least: the height of a rotated label
CELL_SIZE = 0.155  # inches
COLOUR_MAP = colormaps["Blues"]
# Use few steps of colour, so that a reader can tell them apart and find them on the colour bar.
STEPS = BoundaryNorm([0, 0.05, 0.2, 0.4, 0.6, 0.8, 1], COLOUR_MAP.N)

# (role, score) of the recognisers of one dataset.
Compared = list[tuple[str, Score]]


def draw(scores: Sequence[Score]) -> Figure:
    """Draw one row of matrices per dataset: the smallest base model with a student, that student, their teacher.

    A matrix has one row per recorded activity, whose shares sum to 1, and one column per predicted activity.
    Raises ValueError without scores of base models.
    """
    compared = {name: roles for name in drawing.dataset_names(scores) if (roles := _compared(scores, name))}
    if not compared:
        raise ValueError("confusion: no score of a base model, nothing to show")
    labels = {dataset: _used_labels([score for _, score in roles]) for dataset, roles in compared.items()}
    heights = [1.1 + _column_labels_height(names) + CELL_SIZE * len(names) for names in labels.values()]
    widths = [3 + COLUMN_WIDTH * len(roles) * (1 + len(labels[name])) for name, roles in compared.items()]
    figure = Figure(figsize=(max(WIDTH, *widths), sum(heights) + 0.9), layout="constrained")
    drawing.add_warnings(figure, [score for roles in compared.values() for _, score in roles])
    parts = np.atleast_1d(figure.subfigures(len(compared), 1, height_ratios=heights))
    for part, (dataset, roles) in zip(parts, compared.items(), strict=True):
        _draw_row(part, roles, labels[dataset])
    bar = figure.colorbar(
        ScalarMappable(STEPS, COLOUR_MAP), ax=parts[-1].axes, location="bottom", aspect=60, shrink=0.6
    )
    bar.set_label("share of the events of an activity")
    return figure


def _column_labels(labels: Sequence[str]) -> list[str]:
    return [*(drawing.shorten(label, MAX_COLUMN_LABEL_WIDTH) for label in labels), "none"]


def _column_labels_height(labels: Sequence[str]) -> float:
    """Return the height in inches of the rotated labels below a matrix."""
    return 0.05 * max(map(len, _column_labels(labels)))


def _compared(scores: Sequence[Score], dataset: str) -> Compared:
    """Return the recognisers to compare on a dataset; without students, the smallest and the largest base model."""
    tested = [score for score in select_paper_scores(scores) if score["dataset"] == dataset]
    bases = drawing.base_scores(tested)
    students = sorted(
        filter(knows_home, drawing.student_scores(tested)), key=lambda score: len(score["train_datasets"])
    )
    if not students:
        ends = bases if len(bases) < 2 else [bases[0], bases[-1]]
        return list(zip(("smallest model", "largest model"), ends, strict=False))
    student, models = students[0], {score["recogniser"]: score for score in bases}
    roles = {"base": models.get(student["base"]), "student": student, "teacher": models.get(student["teacher"])}
    return [(role, score) for role, score in roles.items() if score]


def _used_labels(scores: Sequence[Score]) -> list[str]:
    """Return the labels that some test event has or that one of the recognisers predicted."""
    parts = [score["strict"]["confusion"] for score in scores]
    counts = np.sum([np.array(part["counts"]) for part in parts], axis=0)
    used = counts.sum(axis=1) + counts.sum(axis=0)[:-1] > 0
    return [label for label, is_used in zip(parts[0]["labels"], used, strict=True) if is_used]


def _draw_row(part: SubFigure, roles: Compared, labels: Sequence[str]) -> None:
    first = roles[0][1]
    part.suptitle(" · ".join(drawing.panel_title(first).split("\n")), fontsize=10, fontweight="bold")
    row: Sequence[Axes] = list(part.subplots(1, len(roles), sharey=True, squeeze=False)[0])
    for axes, (role, score) in zip(row, roles, strict=True):
        _draw_matrix(axes, score["strict"]["confusion"], labels)
        axes.set_title(f"{role}: {drawing.shorten(score['recogniser'], MAX_LABEL_WIDTH)}", fontsize=8)
    per_class = first["strict"]["per_class"]
    names = [f"{drawing.shorten(label, MAX_LABEL_WIDTH)} ({per_class[label]['support']})" for label in labels]
    row[0].set_yticks(range(1, len(labels) + 1), labels=names, fontsize=7)


def _draw_matrix(axes: Axes, confusion: Confusion, labels: Sequence[str]) -> None:
    position = {label: number for number, label in enumerate(labels, start=1)}
    position[confusion["columns"][-1]] = unread = len(labels) + 1
    boxes, shares = [], []
    for label, counts in zip(confusion["labels"], confusion["counts"], strict=True):
        if label not in position:
            continue
        if not sum(counts):
            axes.axhspan(position[label] - 0.5, position[label] + 0.5, color="#F4F4F4", zorder=0)
        for column, count in zip(confusion["columns"], counts, strict=True):
            if count:
                boxes.append(Rectangle((position[column] - 0.5, position[label] - 0.5), 1, 1))
                shares.append(count / sum(counts))
    axes.add_collection(PatchCollection(boxes, array=shares, cmap=COLOUR_MAP, norm=STEPS, linewidth=0))
    for number in position.values():
        axes.axvline(number + 0.5, color=GRID, linewidth=0.4)
        axes.axhline(number + 0.5, color=GRID, linewidth=0.4)
    axes.axvline(unread - 0.5, color=FAINT, linewidth=0.8)
    axes.set(xlim=(0.5, unread + 0.5), ylim=(len(labels) + 0.5, 0.5))
    axes.set_xticks(range(1, unread + 1), labels=_column_labels(labels), fontsize=6, rotation=90)
    axes.tick_params(length=0)
