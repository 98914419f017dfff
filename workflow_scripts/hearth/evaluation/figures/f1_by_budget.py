"""Figure: weighted F1, and the share of truncated answers, by the budget of new tokens."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hearth.evaluation.budgets import select_budget_scores
from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import Style
from hearth.evaluation.score_document import Score


def draw(scores: Sequence[Score]) -> Figure:
    """Draw F1 (left) and truncated share (right) over the token budget, one row per dataset, one line per base model.

    Raises ValueError if no score of a base model has budgets.
    """
    chosen = select_budget_scores(scores)
    if not chosen:
        raise ValueError("f1_by_budget: no base model has budgets, nothing to show; set metrics.token_budgets")
    datasets = drawing.dataset_names(chosen)
    names = list(dict.fromkeys(score["recogniser"] for score in chosen))
    styles: dict[str, Style] = {
        name: {"color": colour, "linestyle": "-" if number < len(drawing.COLOURS) else "--"}
        for number, (name, colour) in enumerate(drawing.assign_colours(names).items())
    }
    figure = Figure(figsize=(2 * drawing.PANEL_WIDTH, 3.4 * len(datasets) + 1), layout="constrained")
    drawing.add_warnings(figure, chosen)
    for row, dataset in zip(figure.subplots(len(datasets), 2, squeeze=False), datasets, strict=True):
        panel_scores = [score for score in chosen if score["dataset"] == dataset]
        for score in panel_scores:
            _draw_line(row[0], score, "weighted_f1", styles[score["recogniser"]])
            _draw_line(row[1], score, "truncated_rate", styles[score["recogniser"]])
            for budget in score["budgets"]:
                colour = styles[score["recogniser"]]["color"]
                drawing.draw_interval(row[0], budget["max_new_tokens"], budget["interval"], colour)
        budgets = sorted({budget["max_new_tokens"] for score in panel_scores for budget in score["budgets"]})
        for axes, label in zip(row, ("weighted F1", "truncated windows"), strict=True):
            drawing.style_share_axis(axes, label)
            axes.set_title(drawing.panel_title(panel_scores[0]))
            axes.set_xscale("log")
            axes.minorticks_off()
            axes.set_xticks(budgets, labels=[f"{budget:,}" for budget in budgets])
            axes.set_xlabel("budget of new tokens (log scale)")
    handles = [Line2D([], [], marker="o", markersize=4, label=drawing.shorten(name), **styles[name]) for name in names]
    drawing.add_legend(figure, handles)
    return figure


def _draw_line(axes: Axes, score: Score, name: str, style: Style) -> None:
    points = sorted((budget["max_new_tokens"], budget[name]) for budget in score["budgets"])  # type: ignore[literal-required]
    axes.plot(*zip(*points, strict=True), marker="o", markersize=4, linewidth=1.2, clip_on=False, **style)
