"""Figure: calibration of the recognisers' confidence, and accuracy on their most confident labels."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import COLOURS, FAINT, GRID, Style
from hearth.evaluation.score_document import Confidence, Score

_LINE_STYLES = ("-", "--", ":")
# Bins with fewer events are not drawn, because their accuracy is mostly chance.
MIN_BIN_EVENTS = 10


def draw(scores: Sequence[Score]) -> Figure:
    """Draw accuracy over confidence, and accuracy over coverage, one row per dataset.

    Recognisers with a variant are shown only if no recogniser without a variant has confidences. Raises ValueError if
    no score has confidences.
    """
    confident = [score for score in scores if score.get("confidence")]
    confident = [score for score in confident if not score["variant"]] or confident
    if not confident:
        raise ValueError("calibration: no score has confidences, nothing to show; set decoding.confidence to tokens")
    datasets = drawing.dataset_names(confident)
    names = list(dict.fromkeys(score["recogniser"] for score in confident))
    styles: dict[str, Style] = {
        name: {
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": _LINE_STYLES[number // len(COLOURS) % len(_LINE_STYLES)],
        }
        for number, name in enumerate(names)
    }
    figure = Figure(figsize=(2 * drawing.PANEL_WIDTH, 3.6 * len(datasets) + 1), layout="constrained")
    drawing.add_warnings(figure, confident)
    for row, dataset in zip(figure.subplots(len(datasets), 2, squeeze=False), datasets, strict=True):
        row_scores = [score for score in confident if score["dataset"] == dataset]
        for score in row_scores:
            _draw_reliability(row[0], score["confidence"], styles[score["recogniser"]])
            _draw_selective_accuracy(row[1], score["confidence"], styles[score["recogniser"]])
        row[0].plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, zorder=0)
        row[0].set(xlim=(0, 1), xlabel="confidence of a label")
        row[1].set(xlim=(1.02, 0), xlabel="share of all events kept, most confident first")
        for axes, side in zip(row, ("reliability", "accuracy of the most confident labels"), strict=True):
            drawing.style_share_axis(axes, "accuracy")
            axes.grid(axis="x", color=GRID)
            axes.set_title(f"{drawing.panel_title(row_scores[0])}\n{side}")
    legend = [Line2D([], [], marker="o", markersize=4, label=drawing.shorten(name), **styles[name]) for name in names]
    drawing.add_legend(figure, legend)
    return figure


def _draw_reliability(axes: Axes, confidence: Confidence, style: Style) -> None:
    """Draw a point for each bin with enough events; its area grows with the number of events."""
    bins = [one for one in confidence["bins"] if one["events"] >= MIN_BIN_EVENTS]
    x, y = [one["confidence"] for one in bins], [one["accuracy"] for one in bins]
    axes.plot(x, y, linewidth=1, **style)
    areas = [8 + 120 * one["events"] / confidence["n_events"] for one in bins]
    axes.scatter(x, y, s=areas, color=style["color"], zorder=3, clip_on=False)


def _draw_selective_accuracy(axes: Axes, confidence: Confidence, style: Style) -> None:
    """Draw accuracy over the share of all events that is kept; events without a confidence are never kept."""
    points = sorted((float(share) * confidence["coverage"], value) for share, value in confidence["selective"].items())
    axes.plot(*zip(*points, strict=True), marker="o", markersize=4, linewidth=1, **style)
