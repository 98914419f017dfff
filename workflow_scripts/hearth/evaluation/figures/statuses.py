"""What became of every test window, by recogniser."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT, INK

# Paul Tol's bright scheme, told apart by colour-blind readers; in the order of `answers.STATUSES`.
STATUSES = {
    "ok": ("ok", "#4477AA"),
    "malformed": ("malformed answer", "#EE6677"),
    "missing_events": ("events left out", "#CCBB44"),
    "unknown_label": ("label not in the list", "#66CCEE"),
    "unclosed_reasoning": ("reasoning never closed", "#AA3377"),
    "truncated": ("answer cut off", "#BBBBBB"),
}
# A narrower part of a bar has no room for its number.
LEAST_LABELLED = 0.08


def failures(scores: list[dict]) -> Figure:
    """The share of test windows of each strict status, a bar a recogniser and a panel a dataset."""
    ordered = sorted(
        scores, key=lambda score: (score["kind"] == "student", score["parameters"] or 0, score["recogniser"])
    )
    names = list(dict.fromkeys(score["recogniser"] for score in ordered))
    figure = drawing.panelled(scores, panel_height=1 + 0.3 * len(names), sharey=True)
    for axes, here in drawing.panels(figure, scores):
        by_name = {score["recogniser"]: score for score in here}
        for row, name in enumerate(names):
            if name in by_name:
                _bar(axes, row, by_name[name])
            else:
                axes.text(0.01, row, "not tested here", va="center", color=FAINT)
        axes.set_yticks(range(len(names)), labels=map(drawing.short, names))
        axes.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), xlabel="share of test windows, strictly parsed")
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.tick_params(axis="y", length=0)
    drawing.legend(figure, [Patch(facecolor=colour, label=words) for words, colour in STATUSES.values()])
    return figure


def _bar(axes: Axes, row: int, score: dict) -> None:
    done = 0.0
    for status, (_, colour) in STATUSES.items():
        share = score["strict"]["status"][status] / score["n_windows"]
        axes.barh(row, share, left=done, height=0.72, color=colour, edgecolor="white", linewidth=0.4)
        if share >= LEAST_LABELLED:
            ink = drawing.readable_on(colour)
            axes.text(done + share / 2, row, f"{share:.0%}", ha="center", va="center", color=ink)
        done += share
    if interval := score["strict"]["intervals"]["ok_rate"]:
        axes.plot(interval, [row, row], "|-", color=INK, linewidth=1, markersize=6)
