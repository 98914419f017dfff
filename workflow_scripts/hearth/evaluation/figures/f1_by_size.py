"""Figure: weighted F1 by model size."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT, INK, TEACHER_MARKER
from hearth.evaluation.rendering import magnitude
from hearth.evaluation.score_document import Score, knows_home, select_paper_scores

# Distance in points (1/72 inch) from a base model to its students, and between the students of different homes.
STEP = 9


def draw(scores: Sequence[Score]) -> Figure:
    """Draw weighted F1 over parameters, one panel per dataset: base models as a line, students beside their base."""
    scores = [score for score in select_paper_scores(scores) if score["parameters"]]
    homes = list(dict.fromkeys(score["train_dataset"] for score in scores if score["train_dataset"]))
    teachers = {score["teacher"] for score in scores if score["teacher"]}
    colours = drawing.assign_colours(homes)
    figure = drawing.panel_figure(scores, panel_height=3.6)
    for axes, panel_scores in drawing.titled_panels(figure, scores):
        bases = drawing.base_scores(panel_scores)
        _plot(axes, bases, linestyle="-", marker="o", color=INK, markersize=5)
        for base in bases:
            drawing.draw_interval(axes, _size(base), drawing.weighted_f1_interval(base), INK)
        _plot(axes, [base for base in bases if base["recogniser"] in teachers], **TEACHER_MARKER)
        for student in (score for score in panel_scores if score["kind"] == "student"):
            _draw_student(axes, student, bases, homes, colours[student["train_dataset"]])
        _label_sizes(axes, panel_scores)
        drawing.style_share_axis(axes, "weighted F1")
        axes.set_xlabel("parameters (log scale)")
    legend = [Line2D([], [], color=INK, marker="o", markersize=5, label="base models, zero-shot")]
    if teachers:
        legend.append(Line2D([], [], label="teacher", **TEACHER_MARKER))
    for home in homes:
        label = f"student trained on {drawing.shorten(home)}"
        legend.append(Line2D([], [], label=label, **drawing.student_marker(colours[home], filled=True)))
    if any(score["train_datasets"] and not knows_home(score) for score in scores):
        hollow = drawing.student_marker(FAINT, filled=False)
        legend.append(Line2D([], [], label="hollow: tested on another home", **hollow))
    drawing.add_legend(figure, legend)
    return figure


def _size(score: Score) -> int:
    assert score["parameters"], "scores of unknown size are filtered out"
    return score["parameters"]


def _plot(axes: Axes, bases: Sequence[Score], **style: Any) -> None:
    axes.plot([_size(base) for base in bases], [drawing.weighted_f1(base) for base in bases], **style)


def _draw_student(axes: Axes, student: Score, bases: Sequence[Score], homes: Sequence[str], colour: str) -> None:
    """Draw a student's marker to the right of its base's; on a home that it learned from a line joins the two."""
    home, dataset = student["train_dataset"], student["dataset"]
    own_home_first = sorted(homes, key=lambda name: name != dataset)
    points = STEP * (1 + own_home_first.index(home))
    moved = axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    position = (_size(student), drawing.weighted_f1(student))
    drawing.draw_interval(axes, position[0], drawing.weighted_f1_interval(student), colour, transform=moved)
    axes.plot(*position, **drawing.student_marker(colour, filled=knows_home(student)), transform=moved, zorder=3)
    for base in bases:
        if knows_home(student) and base["recogniser"] == student["base"]:
            line = {"arrowstyle": "-", "color": colour, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
            start = (_size(base), drawing.weighted_f1(base))
            axes.annotate("", xy=position, xycoords=moved, xytext=start, textcoords="data", arrowprops=line)


def _label_sizes(axes: Axes, scores: Sequence[Score]) -> None:
    """Write the models of each size under the axis, where there is more space than beside the points."""
    models: dict[int, dict[str, None]] = {}
    for score in sorted(scores, key=_size):
        models.setdefault(_size(score), {})[score["base"] or score["recogniser"]] = None
    axes.set_xscale("log")
    axes.minorticks_off()
    labels = [f"{drawing.shorten(', '.join(names))} · {magnitude(size)}" for size, names in models.items()]
    axes.set_xticks(list(models), labels=labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.margins(x=0.15)
