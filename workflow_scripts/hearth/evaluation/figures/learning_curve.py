"""Figure: weighted F1 of students by the number of traces that they learned from."""

import re
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT, INK
from hearth.evaluation.score_document import Score
from hearth.evaluation.table_rows import build_rows

# The variant of students that differ from the main students only in their limit of training traces, such as "n100".
_FEWER_TRACES = re.compile(r"n[0-9]+")


def draw(scores: Sequence[Score]) -> Figure:
    """Draw weighted F1 over the number of training traces: one panel per home, one line per base model.

    Raises ValueError if there are no students with a limit of training traces.
    """
    curve = select_scores(scores)
    if not curve:
        raise ValueError(
            "learning_curve: no students with a limit of training traces, nothing to show; declare a group of students"
            " with max_examples"
        )
    models = list(dict.fromkeys(score["base"] for score in curve))
    colours = drawing.assign_colours(models)
    figure = drawing.panel_figure(curve, panel_height=3.4)
    for axes, students in drawing.titled_panels(figure, curve):
        for model in models:
            _draw_curve(axes, [score for score in students if score["base"] == model], colours[model])
        for score in [score for score in scores if score["dataset"] == students[0]["dataset"]]:
            value = drawing.weighted_f1(score)
            if score["recogniser"] in models:
                axes.axhline(value, color=colours[score["recogniser"]], linewidth=0.9, linestyle=":")
            elif score["recogniser"] == students[0]["teacher"]:
                axes.axhline(value, color=INK, linewidth=0.9, linestyle="--")
        drawing.style_share_axis(axes, "weighted F1")
        axes.set_xscale("log")
        axes.minorticks_off()
        counts = sorted({_trace_count(score) for score in students})
        axes.set_xticks(counts, labels=list(map(str, counts)))
        axes.set_xlabel("training traces (log scale)")
    legend = [
        Line2D([], [], color=colours[name], marker="D", label=f"students of {drawing.shorten(name)}") for name in models
    ]
    legend.append(Line2D([], [], color=FAINT, linestyle=":", label="base, zero-shot"))
    drawing.add_legend(figure, [*legend, Line2D([], [], color=INK, linestyle="--", label="teacher")])
    return figure


def select_scores(scores: Sequence[Score]) -> list[Score]:
    """Return the scores on the curve: students of the paper's recipe on their own home, limited and main ones.

    Main students are selected only for a base model and a home that also have students with a limit of traces.
    """
    own = [
        score
        for score in drawing.student_scores(scores)
        if score["recipe"] == PAPER_RECIPE and score["train_dataset"] == score["dataset"]
    ]
    limited = {(score["base"], score["dataset"]) for score in own if _FEWER_TRACES.fullmatch(score["variant"])}
    return [
        score
        for score in own
        if (score["base"], score["dataset"]) in limited
        and (not score["variant"] or _FEWER_TRACES.fullmatch(score["variant"]))
    ]


def _draw_curve(axes: Axes, scores: Sequence[Score], colour: str) -> None:
    points = []
    for count in sorted(set(map(_trace_count, scores))):
        for row in build_rows([score for score in scores if _trace_count(score) == count], "mean"):
            points.append((count, row.mean("weighted_f1")))
            drawing.draw_interval(axes, count, row.interval("weighted_f1"), colour)
    axes.plot([count for count, _ in points], [value for _, value in points], "-D", color=colour, markersize=5)


def _trace_count(score: Score) -> int:
    student = score["provenance"]["student"]
    assert student, "only scores of students are on the curve"
    return student["examples"]["used"]
