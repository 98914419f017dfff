"""Figure: weighted F1 of students' forms and of baselines against seconds of a window and size on disk."""

from collections.abc import Collection, Sequence
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from hearth.evaluation.deployment import ADAPTER, DeploymentRow
from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.cost_f1 import log_ticks
from hearth.evaluation.figures.names import FORMATS, Format
from hearth.evaluation.notes import dataset_name, name_stand_ins

TITLE = "Weighted F1 against seconds a window and size on disk"
_AXES: dict[Literal["seconds", "bytes"], tuple[str, float]] = {
    "seconds": ("seconds a window, prefix cached, {threads} (log scale)", 1.0),
    "bytes": ("MB on disk (log scale)", 1e6),
}
# Markers by the answer to: asked for reasoning?
_MARKERS = {"yes": "D", "no": "o", "": "s"}


def draw(rows: Sequence[DeploymentRow], simulated: Collection[str], tiny: Sequence[str]) -> Figure:
    """Draw the rows of the fewest threads, one row of panels for each dataset; rows without F1 are left out.

    Raises ValueError if there is none to draw.
    """
    timed = [row for row in rows if row["form"] != ADAPTER and row["weighted_f1"] is not None and row["threads"]]
    fewest = min((row["threads"] or 0 for row in timed), default=0)
    shown = [row for row in timed if row["threads"] == fewest]
    if not shown:
        raise ValueError("the figure of deployment needs a row with F1 and seconds")
    colours = drawing.assign_colours(list(dict.fromkeys(row["form"] for row in shown if row["form"])))
    colours[""] = drawing.FAINT
    names = dict.fromkeys(_name(row) for row in shown)
    numbers = {name: number for number, name in enumerate(names, start=1)}
    datasets = list(dict.fromkeys(row["dataset"] for row in shown))
    legend_height = 0.17 * -(-(len(numbers) + len(colours) + 2) // 3)
    size = (2 * 1.2 * drawing.PANEL_WIDTH, 3.4 * len(datasets) + 0.8 + legend_height)
    figure = Figure(figsize=size, layout="constrained")
    if warnings := name_stand_ins([name for name in datasets if name in simulated], tiny):
        figure.suptitle("\n".join(warnings), color=drawing.WARNING, fontsize=9, wrap=True)
    grid = figure.subplots(len(datasets), len(_AXES), squeeze=False, sharey="row")
    for panels, dataset in zip(grid, datasets, strict=True):
        for axes, cost in zip(panels, _AXES, strict=True):
            _draw_panel(axes, [row for row in shown if row["dataset"] == dataset], cost, colours, numbers)
            threads = "one thread" if fewest == 1 else f"{fewest} threads"
            axes.set_xlabel(_AXES[cost][0].format(threads=threads))
            axes.set_title(drawing.shorten(dataset_name(dataset, simulated)))
    handles = [Line2D([], [], linestyle="", label=f"{number} {name}") for name, number in numbers.items()]
    handles += [
        Line2D([], [], linestyle="", marker="D", color=colour, label=form) for form, colour in colours.items() if form
    ]
    handles += [
        Line2D([], [], linestyle="", marker=_MARKERS[answer], color=drawing.INK, markerfacecolor="none", label=label)
        for answer, label in (("yes", "with reasoning"), ("no", "without reasoning"), ("", "baseline"))
        if any(row["reasoning"] == answer for row in shown)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7, markerscale=0.7)
    return figure


def render(rows: Sequence[DeploymentRow], simulated: Collection[str], tiny: Sequence[str]) -> dict[Format, bytes]:
    """Return the bytes of the figure's files, by format. Raises ValueError if there is nothing to draw."""
    with mpl.rc_context():
        drawing.apply_style()
        figure = draw(rows, simulated, tiny)
        return {file_format: drawing.figure_bytes(figure, file_format, TITLE) for file_format in FORMATS}


def _name(row: DeploymentRow) -> str:
    return drawing.shorten(row["recogniser"].removesuffix(f"_{row['dataset']}"))


def _draw_panel(
    axes: Axes,
    rows: Sequence[DeploymentRow],
    cost: Literal["seconds", "bytes"],
    colours: dict[str, str],
    numbers: dict[str, int],
) -> None:
    drawing.style_share_axis(axes, "weighted F1")
    unit = _AXES[cost][1]
    for row in rows:
        value, score = row[cost], row["weighted_f1"]
        if not value or score is None:
            continue
        position, colour = (value / unit, score), colours[row["form"]]
        low, high = row["weighted_f1_low"], row["weighted_f1_high"]
        drawing.draw_interval(axes, position[0], None if low is None or high is None else [low, high], colour)
        axes.plot(*position, linestyle="", marker=_MARKERS[row["reasoning"]], markersize=5, color=colour)
        axes.annotate(
            str(numbers[_name(row)]), position, xytext=(5, 2), textcoords="offset points", fontsize=7, color=colour
        )
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_xlim())))
    # With mathtext off, a power of ten would be shown as its source.
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.minorticks_off()
