"""Figure: the status of every test window, by recogniser."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT, INK
from hearth.evaluation.score_document import Score
from hearth.prompting.parsing import Status

# Name and colour of each status, in the order of `parsing.STATUSES`: Paul Tol's bright scheme, which colour-blind
# readers can tell apart.
STATUSES: dict[Status, tuple[str, str]] = {
    "ok": ("ok", "#4477AA"),
    "malformed": ("malformed answer", "#EE6677"),
    "missing_events": ("missing events", "#CCBB44"),
    "unknown_label": ("unknown label", "#66CCEE"),
    "unclosed_reasoning": ("unclosed reasoning", "#AA3377"),
    "truncated": ("truncated answer", "#BBBBBB"),
    "unanswered": ("never answered", "#222222"),
}
# A part of a bar with a smaller share is too narrow for its number.
MIN_LABELLED_SHARE = 0.08


def draw(scores: Sequence[Score]) -> Figure:
    """Draw the share of test windows by strict status: one bar per recogniser, one panel per dataset."""
    ordered = sorted(
        scores, key=lambda score: (score["kind"] == "student", score["parameters"] or 0, score["recogniser"])
    )
    names = list(dict.fromkeys(score["recogniser"] for score in ordered))
    figure = drawing.panel_figure(scores, panel_height=1 + 0.3 * len(names), share_y=True)
    for axes, panel_scores in drawing.titled_panels(figure, scores):
        by_name = {score["recogniser"]: score for score in panel_scores}
        for position, name in enumerate(names):
            if name in by_name:
                _draw_bar(axes, position, by_name[name])
            else:
                axes.text(0.01, position, "not tested here", va="center", color=FAINT)
        axes.set_yticks(range(len(names)), labels=list(map(drawing.shorten, names)))
        axes.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.5), xlabel="share of test windows (strict parsing)")
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.tick_params(axis="y", length=0)
    shown = [each for status, each in STATUSES.items() if status != "unanswered" or _has_unanswered(scores)]
    drawing.add_legend(figure, [Patch(facecolor=colour, label=name) for name, colour in shown])
    return figure


def _has_unanswered(scores: Sequence[Score]) -> bool:
    return any(score["strict"]["status"]["unanswered"] for score in scores)


def _draw_bar(axes: Axes, position: int, score: Score) -> None:
    left = 0.0
    for status, (_, colour) in STATUSES.items():
        share = score["strict"]["status"][status] / score["n_windows"]
        axes.barh(position, share, left=left, height=0.66, color=colour, edgecolor="white", linewidth=0.4)
        if share >= MIN_LABELLED_SHARE:
            text_colour = drawing.text_colour_on(colour)
            axes.text(left + share / 2, position, f"{share:.0%}", ha="center", va="center", color=text_colour)
        left += share
    if interval := score["strict"]["intervals"]["ok_rate"]:
        # Below the bar, where it crosses no number.
        axes.plot(interval, [position + 0.44, position + 0.44], "|-", color=INK, linewidth=1, markersize=4)
