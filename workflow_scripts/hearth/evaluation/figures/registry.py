"""All figures: how each is drawn, and the caption that explains it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

from hearth.evaluation.bootstrap import CONFIDENCE, FEWEST_GROUPS
from hearth.evaluation.costs import CostRow
from hearth.evaluation.figures import (
    calibration,
    confusion,
    cost_f1,
    drawing,
    f1_by_budget,
    f1_by_size,
    failures,
    forgetting,
    held_out_homes,
    learning_curve,
    recipes_by_tokens,
    transfer,
)
from hearth.evaluation.figures.names import FORMATS, CostFigure, Format, ScoreFigure
from hearth.evaluation.score_document import Score
from hearth.evaluation.table_rows import samples_again

_INTERVALS = f"{100 * CONFIDENCE:.0f} % intervals over the tested groups"


@dataclass(frozen=True)
class Caption:
    """The title of a figure, what it shows, and how to read it."""

    title: str
    shows: str
    reading: str


SCORE_DRAWERS: dict[ScoreFigure, Callable[[Sequence[Score]], Figure]] = {
    "f1_by_size": f1_by_size.draw,
    "f1_by_budget": f1_by_budget.draw,
    "failures": failures.draw,
    "confusion": confusion.draw,
    "transfer": transfer.draw,
    "held_out_homes": held_out_homes.draw,
    "forgetting": forgetting.draw,
    "learning_curve": learning_curve.draw,
    "calibration": calibration.draw,
    "recipes_by_tokens": recipes_by_tokens.draw,
}
COST_DRAWERS: dict[CostFigure, Callable[[Sequence[Score], Sequence[CostRow]], Figure]] = {"cost_f1": cost_f1.draw}
CAPTIONS: dict[ScoreFigure | CostFigure, Caption] = {
    "f1_by_size": Caption(
        "Weighted F1 by model size",
        "Weighted F1 of base models and students against their number of parameters, one panel per home.",
        "The line joins the base models (zero-shot). A student stands beside its base, with one marker per training"
        " seed: filled and joined to its base on the home it learned from, hollow on other homes. Thin vertical lines"
        f" are {_INTERVALS}. Of several seeds of sampling, all figures show the first; tables show the mean.",
    ),
    "f1_by_budget": Caption(
        "Weighted F1 by token budget",
        "Weighted F1 of base models (left) and the share of their answers that are cut off (right), if answers had at"
        " most so many tokens, reasoning included.",
        "All points of a line are computed from the same answers: those that end within the budget count, in the others"
        " no event has a label. Where two models differ in how many answers are cut off, a difference in F1 may be one"
        f" of length, not of skill. Thin vertical lines are {_INTERVALS}.",
    ),
    "failures": Caption(
        "Status of every test window",
        "Share of test windows by status (strict parsing), one bar per recogniser.",
        "A malformed or truncated answer and unclosed reasoning leave all events of a window without a label; missing"
        " events and unknown labels leave only those events without one. The line below a bar is the"
        f" {100 * CONFIDENCE:.0f} % interval, over the tested groups, of the share of ok windows.",
    ),
    "confusion": Caption(
        "Confusion of activities",
        "Labels of the test events of every activity (strict parsing): by the smallest base model that has a student,"
        " by that student on its own home, and by their teacher.",
        "A row holds the events of one activity, with their number in brackets, and sums to 1; a column holds those"
        " with one predicted label. A perfect recogniser fills the diagonal only. The last column, none, holds events"
        " without a readable label. A grey row is an activity without test events that some recogniser predicted. With"
        " several training seeds, the first is shown.",
    ),
    "transfer": Caption(
        "Transfer of students between homes",
        "Weighted F1 of students by the home they learned from and the home they are tested on, and of their base"
        " without training.",
        "Students on their own home are on the diagonal. The last row has the base without"
        " training; whether a student of another home differs from it beyond chance is not shown by this figure. In"
        f" brackets: {_INTERVALS}.",
    ),
    "held_out_homes": Caption(
        "Homes left out",
        "Weighted F1 on each home by the homes that a recogniser learned from: none (the untrained base), this home,"
        " the other homes, all homes.",
        "One panel for each base and its students; markers are means over training seeds. Where several sets of other"
        " homes, or of all, were learned from, the largest is shown. Labels are those of each home, so F1 of two homes"
        f" differs by them too. Thin lines are {_INTERVALS}; for the mean, over homes, from {FEWEST_GROUPS} homes on.",
    ),
    "forgetting": Caption(
        "Forgetting on homes not learned from",
        "Weighted F1 of students minus that of their untrained base, on homes that they did not learn from, against one"
        " setting of their training.",
        "Below 0, on the dotted line, a student is worse than its base: it has forgotten. All students of a panel agree"
        " in the settings of its title; of several students that learned from different homes, a line is the mean."
        " Below each value is the number of traces learned from; where it differs, so does more than the setting."
        " Markers are means over training seeds; thin"
        f" vertical lines are {_INTERVALS} of these homes and say nothing about others.",
    ),
    "learning_curve": Caption(
        "Learning curve",
        "Weighted F1 of students against the number of teacher traces they learned from, each on its own home.",
        "A flat line means that more traces no longer help. Markers are means over training seeds; thin vertical lines"
        f" are {_INTERVALS}. The dotted line is the base (zero-shot), the dashed line the teacher.",
    ),
    "calibration": Caption(
        "Calibration of confidence",
        "Left: accuracy of labels by confidence. Right: accuracy of the most confident labels, by the share of all"
        " events that is kept.",
        "On the diagonal, accuracy equals confidence; below it, the recogniser is overconfident. Larger points stand"
        f" for more events; bins of fewer than {calibration.MIN_BIN_EVENTS} events are not drawn. A line that rises to"
        " the right belongs to a recogniser whose confidence separates right labels from wrong ones. Events without a"
        " readable label are never kept.",
    ),
    "recipes_by_tokens": Caption(
        "Recipes by tokens",
        "Weighted F1 of students of several recipes, each on a home that it learned from, and of their bases, against"
        " the tokens of an answer (left) and against the tokens that the teacher wrote for a window (right).",
        "Up and to the left is better: left, an answer costs less on the home's hub; right, learning costs less. All"
        " samples of a teacher are counted; gold labels and bases need none. A recipe whose number of tokens is unknown"
        " is not drawn. Markers are means over training seeds; the table of recipes says which differences are beyond"
        f" chance. Thin vertical lines are {_INTERVALS}.",
    ),
    "cost_f1": Caption(
        "Weighted F1 against cost",
        "Weighted F1 against completion tokens, seconds and, where it was measured, energy per window.",
        "Up and to the left is better. Numbers refer to the legend: circles are language models that learned nothing"
        " here, diamonds students on their own home, squares baselines. Seconds and joules come from the cost table;"
        " they differ from run to run and are comparable only between recognisers that ran on the same device. Thin"
        f" vertical lines are {_INTERVALS}.",
    ),
}


def draw(name: ScoreFigure | CostFigure, scores: Sequence[Score], costs: Sequence[CostRow] = ()) -> Figure:
    """Draw a figure, of recognisers with their first seed of sampling; only `COST_DRAWERS` use `costs`.

    Raises ValueError if the scores have nothing to show.
    """
    scores = [score for score in scores if not samples_again(score) and score["labels"] == "native"]
    if name == "cost_f1":
        return COST_DRAWERS[name](scores, costs)
    return SCORE_DRAWERS[name](scores)


def render(
    name: ScoreFigure | CostFigure, scores: Sequence[Score], costs: Sequence[CostRow] = ()
) -> dict[Format, bytes]:
    """Return the bytes of a figure's file, by format. Raises ValueError if the scores have nothing to show."""
    with mpl.rc_context():
        drawing.apply_style()
        figure = draw(name, scores, costs)
        return {file_format: drawing.figure_bytes(figure, file_format, CAPTIONS[name].title) for file_format in FORMATS}
