"""What an F1 costs: tokens, seconds and energy a window."""

from collections.abc import Callable
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import COLOURS, FAINT, INK
from hearth.evaluation.table_rows import Row, build_rows

# How recognisers of a kind look.
LOOKS = {
    "base": {"marker": "o", "color": INK},
    "student": {"marker": "D", "color": COLOURS[0]},
    "baseline": {"marker": "s", "color": FAINT},
}


def cost_f1(scores: list[dict], costs: list[dict]) -> Figure:
    """Weighted F1 over what a window takes: tokens written, seconds, and energy where a meter told; a row a dataset.

    `costs` are the rows of the cost table. Seconds differ from run to run, so this figure does too.
    """
    asked = [cost for cost in costs if cost["work"] == "prediction" and cost["split"] == "test" and cost["windows"]]
    spent = {
        words: {
            (cost["recogniser"], cost["dataset"]): cost[column] / cost["windows"] for cost in asked if cost.get(column)
        }
        for words, column in (("seconds", "seconds"), ("joules", "energy_joules"))
    }
    if not spent["joules"]:
        del spent["joules"]
    rows = build_rows([score for score in scores if score["train_dataset"] in ("", score["dataset"])], "mean")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(row.name for row in rows), start=1)}
    kinds = {row.name: row.scores[0]["kind"] for row in rows}
    tested = drawing.datasets([row.scores[0] for row in rows])
    key = 0.17 * -(-len(numbers) // 3)
    width = 1.1 * drawing.PANEL_WIDTH * (1 + len(spent))
    figure = Figure(figsize=(width, 3.6 * len(tested) + 0.8 + key), layout="constrained")
    drawing.warn(figure, scores)
    grid = figure.subplots(len(tested), 1 + len(spent), squeeze=False, sharey="row")
    for panels, dataset in zip(grid, tested, strict=True):
        here = [row for row in rows if row.dataset == dataset]
        _panel(panels[0], here, numbers, lambda score: score["tokens"]["completion"] / score["n_windows"])
        for axes, each in zip(panels[1:], spent.values(), strict=True):
            _panel(axes, here, numbers, lambda score, each=each: each.get((score["recogniser"], score["dataset"])))
        for axes, words in zip(panels, ("tokens written", *spent), strict=True):
            axes.set_title(drawing.title([here[0].scores[0]]))
            axes.set_xlabel(f"{words} a window (log scale)")
    handles = [
        Line2D([], [], linestyle="", label=f"{number} {drawing.short(name)}", **LOOKS[kinds[name]])
        for name, number in numbers.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7, markerscale=0.7)
    return figure


def _panel(axes: Axes, rows: list[Row], numbers: dict[str, int], cost: Callable[[dict], float | None]) -> None:
    """A numbered point a recogniser that has a cost; one of no language model writes no tokens."""
    drawing.share_axis(axes, "weighted F1")
    spent = {row.name: [cost(score) for score in row.scores] for row in rows}
    rows = [row for row in rows if all(spent[row.name])]
    for row in rows:
        look = LOOKS[row.scores[0]["kind"]]
        place = fmean(spent[row.name]), row.mean("weighted_f1")
        drawing.whisker(axes, place[0], row.interval("weighted_f1"), look["color"])
        axes.plot(*place, linestyle="", markersize=5, **look)
        # A student has often the cost of its base, and then stands right above or below it.
        side = {"xytext": (-5, 2), "ha": "right"} if row.scores[0]["kind"] == "student" else {"xytext": (5, 2)}
        text = {"textcoords": "offset points", "fontsize": 7, "color": look["color"]}
        axes.annotate(str(numbers[row.name]), place, **side, **text)
    if rows:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
        # Without mathtext a power of ten would be shown as its source.
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.margins(x=0.15)
