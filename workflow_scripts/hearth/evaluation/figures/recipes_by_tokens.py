"""Figure: weighted F1 of recipes against the tokens of an answer, and against the tokens that their teacher wrote."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import FAINT, Style
from hearth.evaluation.recipe_comparison import METRIC, RecipeRow, base_of
from hearth.evaluation.score_document import Score, knows_home
from hearth.evaluation.table_rows import build_rows

_MARKERS = ("D", "o", "s", "^", "v", "P", "X", "*")


def draw(scores: Sequence[Score]) -> Figure:
    """Draw weighted F1 over answer tokens (left) and teacher tokens (right) per window; one row of panels per home.

    Shown are students on a home that they learned from, and their bases. Raises ValueError if there are no students.
    """
    shown = select_scores(scores)
    if not shown:
        raise ValueError("recipes_by_tokens: no students on a home that they learned from, nothing to show")
    rows = [RecipeRow(row, None) for row in build_rows(shown, "mean")]
    styles = _styles(list(dict.fromkeys(map(_name, rows))))
    datasets = drawing.dataset_names(shown)
    height = 3.4 * len(datasets) + 0.8 + 0.17 * -(-len(styles) // 3)
    figure = Figure(figsize=(2.2 * drawing.PANEL_WIDTH, height), layout="constrained")
    drawing.add_warnings(figure, shown)
    grid = figure.subplots(len(datasets), 2, squeeze=False, sharey="row")
    for panels, dataset in zip(grid, datasets, strict=True):
        tested = [row for row in rows if row.row.dataset == dataset]
        for axes, tokens, label in (
            (panels[0], _answer_tokens, "answer tokens per window, reasoning included"),
            (panels[1], _teacher_tokens, "teacher tokens per window learned from"),
        ):
            axes.set_title(drawing.panel_title(tested[0].score))
            _draw_panel(axes, tested, styles, tokens)
            axes.set_xlabel(label)
    handles = [Line2D([], [], label=drawing.shorten(name), **style) for name, style in styles.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7)
    return figure


def select_scores(scores: Sequence[Score]) -> list[Score]:
    """Return the scores of students on a home that they learned from, then those of their bases on these homes."""
    students = [score for score in scores if score["kind"] == "student" and knows_home(score)]
    taught = {(score["base"], score["dataset"]) for score in students}
    bases = [score for score in scores if score["kind"] == "base" and (base_of(score), score["dataset"]) in taught]
    return [*students, *bases]


def _name(row: RecipeRow) -> str:
    recipe = row.recipe if row.score["kind"] == "student" else row.recipe.replace("none", "untrained", 1)
    learned = row.score["train_dataset"]
    several = f", learned from {learned}" if learned not in ("", row.row.dataset) else ""
    return f"{recipe} ({row.base}{several})"


def _styles(names: Sequence[str]) -> dict[str, Style]:
    """Return a marker and a colour for each name; bases, which learned nothing, are grey."""
    colours = drawing.assign_colours([name for name in names if not name.startswith("untrained")])
    return {
        name: {
            "linestyle": "",
            "markersize": 6,
            "marker": _MARKERS[number % len(_MARKERS)],
            "color": colours.get(name, FAINT),
        }
        for number, name in enumerate(names)
    }


def _answer_tokens(row: RecipeRow) -> float | None:
    return row.answer_tokens


def _teacher_tokens(row: RecipeRow) -> float | None:
    return row.teacher_tokens


def _draw_panel(
    axes: Axes, rows: Sequence[RecipeRow], styles: dict[str, Style], tokens: Callable[[RecipeRow], float | None]
) -> None:
    """Draw a marker for each row whose number of tokens is known."""
    drawing.style_share_axis(axes, "weighted F1")
    for row in rows:
        position, style = tokens(row), styles[_name(row)]
        if position is None:
            continue
        drawing.draw_interval(axes, position, row.row.interval(METRIC), style["color"])
        axes.plot(position, row.row.mean(METRIC), **style)
    axes.margins(x=0.1)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
