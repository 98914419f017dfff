"""Weighted F1 by the size of models."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT, INK, TEACHER
from hearth.evaluation.rendering import magnitude
from hearth.evaluation.score_document import select_paper_scores

# Students stand beside their base, those of each home this many points further right.
STEP = 9


def f1_by_size(scores: list[dict]) -> Figure:
    """Weighted F1 over parameters, a panel a dataset: base models as a line, students beside their base."""
    scores = [score for score in select_paper_scores(scores) if score["parameters"]]
    homes = list(dict.fromkeys(score["train_dataset"] for score in scores if score["train_dataset"]))
    teachers = {score["teacher"] for score in scores if score["teacher"]}
    colours = drawing.colour_of(homes)
    figure = drawing.panelled(scores, panel_height=3.6)
    for axes, here in drawing.panels(figure, scores):
        bases = drawing.bases(here)
        sizes, f1 = [base["parameters"] for base in bases], [drawing.f1(base) for base in bases]
        axes.plot(sizes, f1, "-o", color=INK, markersize=5)
        for base in bases:
            drawing.whisker(axes, base["parameters"], drawing.f1_interval(base), INK)
        taught = [base for base in bases if base["recogniser"] in teachers]
        axes.plot([base["parameters"] for base in taught], [drawing.f1(base) for base in taught], **TEACHER)
        for student in (score for score in here if score["kind"] == "student"):
            _beside_base(axes, student, bases, homes, colours[student["train_dataset"]])
        _mark_sizes(axes, here)
        drawing.share_axis(axes, "weighted F1")
        axes.set_xlabel("parameters (log scale)")
    legend = [Line2D([], [], color=INK, marker="o", markersize=5, label="base models, zero-shot")]
    if teachers:
        legend.append(Line2D([], [], label="teacher", **TEACHER))
    legend += [
        Line2D([], [], label=f"student trained on {drawing.short(home)}", **drawing.student(colours[home], True))
        for home in homes
    ]
    if any(score["train_dataset"] not in ("", score["dataset"]) for score in scores):
        legend.append(Line2D([], [], label="hollow: tested on another home", **drawing.student(FAINT, False)))
    drawing.legend(figure, legend)
    return figure


def _beside_base(axes: Axes, student: dict, bases: list[dict], homes: list[str], colour: str) -> None:
    """A student's marker to the right of its base's, joined to it where it learned on the home it is tested on."""
    home, here = student["train_dataset"], student["dataset"]
    order = sorted(homes, key=lambda name: name != here)
    points = STEP * (1 + order.index(home))
    moved = axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    place = (student["parameters"], drawing.f1(student))
    drawing.whisker(axes, student["parameters"], drawing.f1_interval(student), colour, transform=moved)
    axes.plot(*place, **drawing.student(colour, home == here), transform=moved, zorder=3)
    for base in bases:
        if home == here and base["recogniser"] == student["base"]:
            line = {"arrowstyle": "-", "color": colour, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
            start = (base["parameters"], drawing.f1(base))
            axes.annotate("", xy=place, xycoords=moved, xytext=start, textcoords="data", arrowprops=line)


def _mark_sizes(axes: Axes, here: list[dict]) -> None:
    """The models of each size under the axis, which has room for names where the points have none."""
    names: dict[int, dict[str, None]] = {}
    for score in sorted(here, key=lambda score: score["parameters"]):
        names.setdefault(score["parameters"], {})[score["base"] or score["recogniser"]] = None
    axes.set_xscale("log")
    axes.minorticks_off()
    labels = [f"{drawing.short(', '.join(models))} · {magnitude(size)}" for size, models in names.items()]
    axes.set_xticks(list(names), labels=labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.margins(x=0.15)
