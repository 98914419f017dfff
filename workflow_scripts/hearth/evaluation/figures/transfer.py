"""Figure: weighted F1 of students by the home they learned from and the home they are tested on."""

from collections.abc import Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT
from hearth.evaluation.rendering import decimals
from hearth.evaluation.score_document import Score, knows_home, select_paper_scores
from hearth.evaluation.table_rows import Row, build_rows

MAX_MODEL_WIDTH, MAX_ROW_WIDTH, MAX_COLUMN_WIDTH = 34, 24, 16  # characters
COLOUR_MAP = colormaps["Blues"]
_F1, _BOUND = decimals(3), decimals(2)


def draw(scores: Sequence[Score]) -> Figure:
    """Draw one panel per base model. Raises ValueError if no student was tested on another home."""
    scores = select_paper_scores(scores)
    students = drawing.student_scores(scores)
    if all(map(knows_home, students)):
        raise ValueError("transfer: no student was tested on a home that it did not learn from, nothing to show")
    models = list(dict.fromkeys(score["base"] for score in students))
    datasets = drawing.dataset_names(students)
    size = (1.4 * len(datasets) + 2.4, 0.75 * (len(datasets) + 1) + 1.2)
    figure = Figure(figsize=(size[0] * len(models), size[1] + 0.7), layout="constrained")
    drawing.add_warnings(figure, scores)
    for axes, model in zip(figure.subplots(1, len(models), squeeze=False)[0], models, strict=True):
        _draw_panel(axes, model, datasets, scores)
    return figure


def _draw_panel(axes: Axes, model: str, datasets: list[str], scores: Sequence[Score]) -> None:
    students = [score for score in drawing.student_scores(scores) if score["base"] == model]
    homes = list(dict.fromkeys(score["train_dataset"] for score in students))
    homes.sort(key=lambda home: datasets.index(home) if home in datasets else len(datasets))
    groups = {
        f"trained on {drawing.shorten(home, MAX_ROW_WIDTH)}": [s for s in students if s["train_dataset"] == home]
        for home in homes
    }
    groups["not trained"] = [score for score in drawing.base_scores(scores) if score["recogniser"] == model]
    for line, group in enumerate(groups.values()):
        for column, dataset in enumerate(datasets):
            tested = [score for score in group if score["dataset"] == dataset]
            # The scores of a group on one dataset differ only in their training seed.
            for row in build_rows(tested, "mean"):
                _draw_cell(axes, column, line, row)
            if not tested:
                axes.text(column, line, "not tested", ha="center", va="center", color=FAINT)
    axes.axhline(len(homes) - 0.5, color="white", linewidth=4)
    title = drawing.shorten(model, MAX_MODEL_WIDTH)
    axes.set(xlim=(-0.5, len(datasets) - 0.5), ylim=(len(groups) - 0.5, -0.5), title=title)
    columns = [f"tested on\n{drawing.shorten(name, MAX_COLUMN_WIDTH)}" for name in datasets]
    axes.set_xticks(range(len(datasets)), labels=columns)
    axes.set_yticks(range(len(groups)), labels=list(groups))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_cell(axes: Axes, column: int, line: int, row: Row) -> None:
    value, interval = row.mean("weighted_f1"), row.interval("weighted_f1")
    colour = COLOUR_MAP(value)
    axes.add_patch(Rectangle((column - 0.5, line - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
    bounds = f"\n[{_BOUND(interval[0])}, {_BOUND(interval[1])}]" if interval else ""
    seeds = f"\nmean of {len(row.scores)} seeds" if len(row.scores) > 1 else ""
    text_colour = drawing.text_colour_on(colour)
    axes.text(column, line, f"{_F1(value)}{bounds}{seeds}", ha="center", va="center", color=text_colour, fontsize=8)
