"""The figures of a run, drawn from scores alone: the same scores give the same bytes.

Those of `TIMED` rest on the cost table too. It differs from run to run, so they stand apart as it does.
"""

from collections.abc import Callable
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.curves import calibration, learning_curve
from hearth.evaluation.figures.matrices import confusion, transfer
from hearth.evaluation.figures.sizes import f1_by_size
from hearth.evaluation.figures.spending import cost_f1
from hearth.evaluation.figures.statuses import failures


@dataclass(frozen=True)
class Caption:
    """What a figure is called, what it shows, and how to read it."""

    title: str
    shows: str
    reading: str


FIGURES: dict[str, Callable[[list[dict]], Figure]] = {
    "f1_by_size": f1_by_size,
    "failures": failures,
    "confusion": confusion,
    "transfer": transfer,
    "learning_curve": learning_curve,
    "calibration": calibration,
}
# Functions of scores and of the rows of the cost table.
TIMED: dict[str, Callable[[list[dict], list[dict]], Figure]] = {"cost_f1": cost_f1}
CAPTIONS = {
    "f1_by_size": Caption(
        "Weighted F1 by size",
        "Weighted F1 of base models and students over their number of parameters, home by home.",
        "The line joins the base models, zero-shot. A student stands beside its base, one marker a training seed:"
        " filled and joined to its base on the home it learned from, hollow on another. Thin upright lines are 95 %"
        " intervals over the test sessions.",
    ),
    "failures": Caption(
        "What became of every test window",
        "The share of test windows whose answer could be read, and what was wrong with the others; strictly parsed, a"
        " bar a recogniser.",
        "A window whose answer is malformed or cut off, or whose reasoning was never closed, has no label at all;"
        " where events were left out or labels are not in the list, those alone lack one. The line across a bar is"
        " the 95 % interval, over the test sessions, of the share that is ok.",
    ),
    "confusion": Caption(
        "Which activities are taken for which",
        "What the test events of every activity were labelled, strictly parsed: by the smallest base model that has a"
        " student, by that student on its own home, and by their teacher.",
        "A row holds the events of one activity, their number in brackets, and adds up to 1; columns have the numbers"
        " of the rows. A perfect recogniser fills the diagonal and nothing else. The last column, none, is of events"
        " without a readable label. A grey row is an activity that no test event has and that some recogniser named."
        " Of several training seeds the first is shown.",
    ),
    "transfer": Caption(
        "Students on the home they learned from and on others",
        "Weighted F1 of students by the home they learned from and the home they are tested on, and of their base"
        " without any training.",
        "On the diagonal a student is at home. Beside it stands what is left of it in another home: below the last"
        " row, training on one home has done harm in the other. In brackets, 95 % intervals over the test sessions.",
    ),
    "learning_curve": Caption(
        "What more traces are worth",
        "Weighted F1 of students over the number of the teacher's traces they learned from, each on its own home.",
        "A line that has flattened gains nothing from more traces. Markers are means over training seeds, thin upright"
        " lines their 95 % intervals over the test sessions. Dotted is the base, zero-shot, dashed the teacher.",
    ),
    "calibration": Caption(
        "Whether recognisers know where they are right",
        "Left, how often labels are right by how sure the recogniser was of them. Right, how often the labels that it"
        " was surest of are right, as fewer of all events are kept.",
        "On the diagonal a recogniser is as often right as it is sure; below it, it is too sure. The larger a point,"
        " the more events it stands for; fewer than 10 are no point. A line that climbs to the right belongs to a"
        " recogniser that knows which of its labels to doubt. An event without a readable label is never kept.",
    ),
    "cost_f1": Caption(
        "What an F1 costs",
        "Weighted F1 over the tokens that a recogniser writes for a window, over the seconds, and where a meter told it"
        " over the energy that it takes.",
        "Up and to the left is better. Numbers are those of the list: circles are language models that learned"
        " nothing here, diamonds students on their own home, squares baselines. Seconds and joules are those of the"
        " cost table: they differ from run to run, and compare only between recognisers that ran on the same device."
        " Thin upright lines are 95 % intervals over the test sessions.",
    ),
}


def render(name: str, scores: list[dict], costs: list[dict] | None = None) -> dict[str, bytes]:
    """A figure of `FIGURES`, drawn from scores, or of `TIMED`, from `costs` too, in each of `drawing.FORMS`.

    Raises ValueError where the scores have nothing that the figure could show.
    """
    with mpl.rc_context():
        drawing.style()
        figure = TIMED[name](scores, costs or []) if name in TIMED else FIGURES[name](scores)
        return {form: drawing.saved(figure, form, CAPTIONS[name].title) for form in drawing.FORMS}
