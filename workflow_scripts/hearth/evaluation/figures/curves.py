"""Curves: what more traces are worth to a student, and whether a recogniser knows where it is right."""

import re

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import COLOURS, FAINT, GRID, INK
from hearth.evaluation.table_rows import build_rows

# The variant of students that learned from so many traces at most, and differ from the main ones in nothing else.
_COUNTED = re.compile(r"n[0-9]+")
_LINES = ("-", "--", ":")
# The accuracy of fewer events is too much a matter of chance to be a point.
LEAST_EVENTS = 10


def learning_curve(scores: list[dict]) -> Figure:
    """Weighted F1 of students over the traces they learned from, on their own home, a line a base model."""
    curve = on_learning_curve(scores)
    if not curve:
        raise ValueError(
            "learning_curve: no students of fewer traces, nothing to show; declare a group of max_examples"
        )
    models = list(dict.fromkeys(score["base"] for score in curve))
    colours = drawing.colour_of(models)
    figure = drawing.panelled(curve, panel_height=3.4)
    for axes, here in drawing.panels(figure, curve):
        for model in models:
            _curve(axes, [score for score in here if score["base"] == model], colours[model])
        for score in [score for score in scores if score["dataset"] == here[0]["dataset"]]:
            if score["recogniser"] in models:
                axes.axhline(drawing.f1(score), color=colours[score["recogniser"]], linewidth=0.9, linestyle=":")
            elif score["recogniser"] == here[0]["teacher"]:
                axes.axhline(drawing.f1(score), color=INK, linewidth=0.9, linestyle="--")
        drawing.share_axis(axes, "weighted F1")
        axes.set_xscale("log")
        axes.minorticks_off()
        counts = sorted({_traces(score) for score in here})
        axes.set_xticks(counts, labels=map(str, counts))
        axes.set_xlabel("traces learned from (log scale)")
    named = [
        Line2D([], [], color=colours[name], marker="D", label=f"students of {drawing.short(name)}") for name in models
    ]
    named.append(Line2D([], [], color=FAINT, linestyle=":", label="the base, zero-shot"))
    drawing.legend(figure, [*named, Line2D([], [], color=INK, linestyle="--", label="the teacher")])
    return figure


def on_learning_curve(scores: list[dict]) -> list[dict]:
    """Students of the paper's recipe on their own home: those of fewer traces, and the main ones beside them."""
    own = [
        score
        for score in drawing.students(scores)
        if score["recipe"] == PAPER_RECIPE and score["train_dataset"] == score["dataset"]
    ]
    counted = {(score["base"], score["dataset"]) for score in own if _COUNTED.fullmatch(score["variant"])}
    return [
        score
        for score in own
        if (score["base"], score["dataset"]) in counted
        and (not score["variant"] or _COUNTED.fullmatch(score["variant"]))
    ]


def calibration(scores: list[dict]) -> Figure:
    """How often an event is right by how sure the recogniser is, and how right the surest are; a row a dataset.

    Recognisers that are asked in another way are shown where no others have confidences.
    """
    sure = [score for score in scores if score.get("confidence")]
    sure = [score for score in sure if not score["variant"]] or sure
    if not sure:
        raise ValueError("calibration: no score has confidences, nothing to show; set decoding.confidence to tokens")
    tested = drawing.datasets(sure)
    names = list(dict.fromkeys(score["recogniser"] for score in sure))
    looks = {
        name: {"color": COLOURS[number % len(COLOURS)], "linestyle": _LINES[number // len(COLOURS) % len(_LINES)]}
        for number, name in enumerate(names)
    }
    figure = Figure(figsize=(2 * drawing.PANEL_WIDTH, 3.6 * len(tested) + 1), layout="constrained")
    drawing.warn(figure, sure)
    for row, dataset in zip(figure.subplots(len(tested), 2, squeeze=False), tested, strict=True):
        here = [score for score in sure if score["dataset"] == dataset]
        for score in here:
            _reliability(row[0], score["confidence"], looks[score["recogniser"]])
            _selective(row[1], score["confidence"], looks[score["recogniser"]])
        row[0].plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, zorder=0)
        row[0].set(xlim=(0, 1), xlabel="how sure the recogniser is of a label")
        row[1].set(xlim=(1.02, 0), xlabel="share of all events that is kept, the surest")
        for axes, side in zip(row, ("reliability", "accuracy of the surest"), strict=True):
            drawing.share_axis(axes, "share of right labels")
            axes.grid(axis="x", color=GRID)
            axes.set_title(f"{drawing.title(here)}\n{side}")
    drawing.legend(
        figure, [Line2D([], [], marker="o", markersize=4, label=drawing.short(name), **looks[name]) for name in names]
    )
    return figure


def _curve(axes: Axes, scores: list[dict], colour: str) -> None:
    points = []
    by_count = [[score for score in scores if _traces(score) == count] for count in sorted(set(map(_traces, scores)))]
    for group in by_count:
        for row in build_rows(group, "mean"):
            count, value = _traces(row.scores[0]), row.mean("weighted_f1")
            points.append((count, value))
            drawing.whisker(axes, count, row.interval("weighted_f1"), colour)
    axes.plot([count for count, _ in points], [value for _, value in points], "-D", color=colour, markersize=5)


def _traces(score: dict) -> int:
    return score["provenance"]["student"]["examples"]["used"]


def _reliability(axes: Axes, confidence: dict, look: dict) -> None:
    """Points of the bins that hold enough events, the larger the more of them."""
    bins = [found for found in confidence["bins"] if found["events"] >= LEAST_EVENTS]
    sure, right = [found["confidence"] for found in bins], [found["accuracy"] for found in bins]
    axes.plot(sure, right, linewidth=1, **look)
    areas = [8 + 120 * found["events"] / confidence["n_events"] for found in bins]
    axes.scatter(sure, right, s=areas, color=look["color"], zorder=3, clip_on=False)


def _selective(axes: Axes, confidence: dict, look: dict) -> None:
    kept = sorted((float(share) * confidence["coverage"], right) for share, right in confidence["selective"].items())
    axes.plot(*zip(*kept, strict=True), marker="o", markersize=4, linewidth=1, **look)
