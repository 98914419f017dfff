"""Figure: weighted F1 on each home by the homes that a recogniser learned from: none, this one, the others, all."""

from collections.abc import Sequence
from typing import get_args

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import COLOURS, GRID, PANELS_PER_ROW, Style
from hearth.evaluation.held_out_homes import (
    HEADINGS,
    MEAN,
    METRICS,
    Family,
    build_families,
    home_interval,
)
from hearth.evaluation.learned_homes import LearnedFrom
from hearth.evaluation.score_document import Interval, Score, select_paper_scores
from hearth.evaluation.table_rows import build_rows

PANEL_WIDTH, LINE_HEIGHT = 5.2, 0.42  # inches
# Distance between the markers of a home, in lines.
STEP = 0.16
MARKERS: dict[LearnedFrom, Style] = {
    "none": {"marker": "o", "color": COLOURS[1], "markerfacecolor": "white"},
    "own": {"marker": "D", "color": COLOURS[0]},
    "others": {"marker": "s", "color": COLOURS[2]},
    "all": {"marker": "^", "color": COLOURS[3]},
}


def draw(scores: Sequence[Score]) -> Figure:
    """Draw one panel per base with its students, one line per home. Raises ValueError if there is no student."""
    paper = select_paper_scores(scores)
    # A home on which only bases were tested, for another table, would leave the others without their mean.
    taught = {score["dataset"] for score in paper if score["kind"] == "student"}
    selected = [score for score in paper if score["dataset"] in taught]
    families = [one for one in build_families(build_rows(selected, "mean")) if _has_student(one)]
    if not families:
        raise ValueError("held_out_homes: no student was tested, nothing to show")
    lines = max(len(family.rows) for family in families) + 1
    columns = min(len(families), PANELS_PER_ROW)
    rows = -(-len(families) // columns)
    size = (PANEL_WIDTH * max(columns, 1.3), rows * (LINE_HEIGHT * lines + 0.9) + 1)
    figure = Figure(figsize=size, layout="constrained")
    drawing.add_warnings(figure, selected)
    panels: list[Axes] = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    simulated = {name for score in selected for name in score["provenance"]["simulated"]}
    for axes, family in zip(panels, families, strict=False):
        _draw_family(axes, family, simulated)
    for unused in panels[len(families) :]:
        figure.delaxes(unused)
    shown = [one for one in get_args(LearnedFrom) if any(one in found for of in families for found in of.rows.values())]
    handles = [Line2D([], [], linestyle="", markersize=5.5, label=HEADINGS[one], **MARKERS[one]) for one in shown]
    drawing.add_legend(figure, handles)
    return figure


def _has_student(family: Family) -> bool:
    return any(learned != "none" for found in family.rows.values() for learned in found)


def _draw_family(axes: Axes, family: Family, simulated: set[str]) -> None:
    names = [drawing.shorten(name) + (" (simulated home)" if name in simulated else "") for name in family.rows]
    several = len(family.rows) > 1
    for line, found in enumerate(family.rows.values()):
        for learned, row in found.items():
            _draw_marker(axes, line, learned, row.mean(METRICS[0]), row.interval(METRICS[0]))
    if several:
        axes.axhline(len(names) - 0.5, color=GRID)
        for learned in get_args(LearnedFrom):
            if values := family.values(learned, METRICS[0]):
                interval = home_interval(values, within_one=True)
                _draw_marker(axes, len(names), learned, sum(values) / len(values), interval)
    lines = [*names, MEAN] if several else names
    axes.set_yticks(range(len(lines)), labels=lines)
    axes.set(xlim=(0, 1), ylim=(len(lines) - 0.5, -0.5), xlabel="weighted F1", title=drawing.shorten(family.name))
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)


def _draw_marker(axes: Axes, line: int, learned: LearnedFrom, value: float, interval: Interval | None) -> None:
    place = line + STEP * (get_args(LearnedFrom).index(learned) - 1.5)
    style = MARKERS[learned]
    if interval:
        axes.plot(interval, [place, place], "-", color=style["color"], linewidth=0.8)
    axes.plot(value, place, linestyle="", markersize=5.5, **style)
