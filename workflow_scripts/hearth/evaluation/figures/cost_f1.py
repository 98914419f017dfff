"""Figure: weighted F1 against tokens, seconds and energy per window."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from hearth.data.folds import ALL
from hearth.evaluation.costs import CostRow
from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import COLOURS, FAINT, INK, Style
from hearth.evaluation.score_document import Kind, Score, knows_home
from hearth.evaluation.table_rows import Row, build_rows

MARKERS: dict[Kind, Style] = {
    "base": {"marker": "o", "color": INK},
    "student": {"marker": "D", "color": COLOURS[0]},
    "baseline": {"marker": "s", "color": FAINT},
}
_MOST_TICKS = 7
_LEAST_RANGE = 8  # the highest cost that an axis shows, divided by the lowest
# Cost per window (seconds or joules), by (recogniser, dataset).
WindowCosts = Mapping[tuple[str, str], float]


def draw(scores: Sequence[Score], costs: Sequence[CostRow]) -> Figure:
    """Draw weighted F1 over tokens, seconds and, if measured, energy per window; one row per dataset.

    Seconds differ from run to run, so this figure differs too.
    """
    measured = {"seconds": _window_costs(costs, "seconds"), "joules": _window_costs(costs, "energy_joules")}
    if not measured["joules"]:
        del measured["joules"]
    rows = build_rows([score for score in scores if not score["train_datasets"] or knows_home(score)], "mean")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(row.name for row in rows), start=1)}
    kinds = {row.name: row.scores[0]["kind"] for row in rows}
    datasets = drawing.dataset_names([row.scores[0] for row in rows])
    legend_height = 0.17 * -(-len(numbers) // 3)
    width = 1.1 * drawing.PANEL_WIDTH * (1 + len(measured))
    figure = Figure(figsize=(width, 3.6 * len(datasets) + 0.8 + legend_height), layout="constrained")
    drawing.add_warnings(figure, scores)
    grid = figure.subplots(len(datasets), 1 + len(measured), squeeze=False, sharey="row")
    for panels, dataset in zip(grid, datasets, strict=True):
        tested = [row for row in rows if row.dataset == dataset]
        _draw_panel(panels[0], tested, numbers, _tokens_per_window)
        for axes, window_costs in zip(panels[1:], measured.values(), strict=True):
            _draw_panel(axes, tested, numbers, _lookup(window_costs))
        for axes, unit in zip(panels, ("completion tokens", *measured), strict=True):
            axes.set_title(drawing.panel_title(tested[0].scores[0]))
            axes.set_xlabel(f"{unit} per window (log scale)")
    handles = [
        Line2D([], [], linestyle="", label=f"{number} {drawing.shorten(name)}", **MARKERS[kinds[name]])
        for name, number in numbers.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7, markerscale=0.7)
    return figure


def _window_costs(
    costs: Sequence[CostRow], column: Literal["seconds", "energy_joules"]
) -> dict[tuple[str, str], float]:
    """Return a dict from (recogniser, dataset) to a column of the cost table divided by the number of tested windows.

    Recognisers without a measurement are left out.
    """
    predictions = [cost for cost in costs if cost["work"] == "prediction" and cost["split"] in ("test", ALL)]
    return {
        (cost["recogniser"], cost["dataset"] or ""): amount / windows
        for cost in predictions
        if (windows := cost["windows"]) and (amount := cost[column])
    }


def _tokens_per_window(score: Score) -> float | None:
    """Return the completion tokens per window, None if they are unknown; a baseline writes none."""
    tokens = score["tokens"]["completion"]
    return None if tokens is None else tokens / score["n_windows"]


def _lookup(window_costs: WindowCosts) -> Callable[[Score], float | None]:
    return lambda score: window_costs.get((score["recogniser"], score["dataset"]))


def _draw_panel(
    axes: Axes, rows: Sequence[Row], numbers: Mapping[str, int], cost: Callable[[Score], float | None]
) -> None:
    """Draw a numbered point for each recogniser that has a cost above 0."""
    drawing.style_share_axis(axes, "weighted F1")
    drawn = False
    for row in rows:
        costs = [value for score in row.scores if (value := cost(score))]
        if len(costs) < len(row.scores):
            continue
        drawn = True
        kind = row.scores[0]["kind"]
        position = fmean(costs), row.mean("weighted_f1")
        drawing.draw_interval(axes, position[0], row.interval("weighted_f1"), MARKERS[kind]["color"])
        axes.plot(*position, linestyle="", markersize=5, **MARKERS[kind])
        # A student often costs as much as its base. One point is then right above the other, so write their numbers
        # on different sides.
        side: Style = {"xytext": (-5, 2), "ha": "right"} if kind == "student" else {"xytext": (5, 2)}
        text: Style = {"textcoords": "offset points", "fontsize": 7, "color": MARKERS[kind]["color"]}
        axes.annotate(str(numbers[row.name]), position, **side, **text)
    if drawn:
        axes.set_xscale("log")
        axes.margins(x=0.15)
        low, high = axes.get_xlim()
        # A narrower range would show costs that hardly differ as far apart.
        margin = max(1.0, math.sqrt(_LEAST_RANGE * low / high))
        axes.set_xlim(low / margin, high * margin)
        axes.xaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_xlim())))
        # With mathtext off, a power of ten would be shown as its source.
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.minorticks_off()


def log_ticks(low: float, high: float) -> list[float]:
    """Return at most seven round numbers from `low` to `high`, for a logarithmic axis."""
    powers = [10.0**exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [power * factor for power in powers for factor in factors if low <= power * factor <= high]
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return ticks[:: math.ceil(len(ticks) / _MOST_TICKS)]
