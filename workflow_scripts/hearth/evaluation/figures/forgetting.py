"""Figure: what students forget of their base, by learning rate, rank, replayed share and number of homes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from hearth.evaluation.bootstrap import percentile_interval
from hearth.evaluation.figures import drawing
from hearth.evaluation.figures.drawing import COLOURS, FAINT, GRID, INK, PANEL_WIDTH, PANELS_PER_ROW
from hearth.evaluation.forgetting import Comparison, compare_on_unseen_homes, mean_differences
from hearth.evaluation.forgetting_curves import FACTORS, Curve, Training, find_curves, without_settings
from hearth.evaluation.score_document import Score

PANEL_HEIGHT = 3.4  # inches


def draw(scores: Sequence[Score]) -> Figure:
    """Draw one panel per curve: the difference to the untrained base on each home, and its mean over homes.

    Raises ValueError if no students on unseen homes differ in one setting only.
    """
    comparisons = {_training(one): one for one in reversed(compare_on_unseen_homes(scores)[0])}
    curves = find_curves(reversed(comparisons))
    if not curves:
        raise ValueError(
            "forgetting: no students on homes that they did not learn from differ in learning rate, rank, replay or"
            " number of homes alone, nothing to show; declare a group of students with several of them"
        )
    columns = min(len(curves), PANELS_PER_ROW)
    rows = -(-len(curves) // columns)
    size = (PANEL_WIDTH * max(columns, 1.5), rows * PANEL_HEIGHT + 1)
    figure = Figure(figsize=size, layout="constrained")
    drawing.add_warnings(figure, [one.score for one in comparisons.values()])
    panels: list[Axes] = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel().tolist()
    homes = drawing.dataset_names([comparisons[one].score for trainings in curves.values() for one in trainings])
    colours = drawing.assign_colours(homes) if len(homes) <= len(COLOURS) else dict.fromkeys(homes, FAINT)
    for axes, (curve, trainings) in zip(panels, curves.items(), strict=False):
        _draw_curve(axes, curve, [(one, comparisons[one]) for one in trainings], colours)
    for unused in panels[len(curves) :]:
        figure.delaxes(unused)
    _add_legend(figure, colours, [one.score for one in comparisons.values()])
    return figure


def _training(comparison: Comparison) -> Training:
    score = comparison.score
    return Training(
        base=score["base"],
        recipe=score["recipe"],
        teacher=score["teacher"],
        rest=without_settings(score["variant"]),
        balance=score["balance"],
        learning_rate=score["learning_rate"],
        rank=score["rank"],
        replay=score["replay"],
        n_homes=len(score["train_datasets"]),
        trained_on=score["train_dataset"],
        dataset=score["dataset"],
    )


def _draw_curve(
    axes: Axes, curve: Curve, points: Sequence[tuple[Training, Comparison]], colours: dict[str, str]
) -> None:
    places = range(len(curve.values))
    by_value = [[one for training, one in points if getattr(training, curve.factor) == value] for value in curve.values]
    differences = [mean_differences(group) for group in by_value]
    for home in differences[0]:
        axes.plot(places, [of_homes[home] for of_homes in differences], "-o", color=colours[home], markersize=3, lw=0.8)
    axes.plot(places, [np.mean([*of_homes.values()]) for of_homes in differences], "-D", color=INK, markersize=5)
    for place, group in zip(places, by_value, strict=True):
        drawing.draw_interval(axes, place, _interval(group), INK)
    axes.axhline(0, color=FAINT, linestyle=":")
    ticks = [f"{value:g}\n{_traces(group)}" for value, group in zip(curve.values, by_value, strict=True)]
    axes.set_xticks(places, labels=ticks)
    axes.margins(x=0.15)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)
    axes.set(xlabel=FACTORS[curve.factor], ylabel="weighted F1 minus that of the base", title=_title(curve))


def _interval(group: Sequence[Comparison]) -> list[float] | None:
    """Return the interval of the mean over homes of the mean difference on each home, over tested groups and seeds."""
    homes: dict[str, list[np.ndarray]] = {}
    for one in group:
        homes.setdefault(one.dataset, []).append(one.resampled)
    means = np.mean([np.mean(resampled, axis=0) for resampled in homes.values()], axis=0)
    return percentile_interval(means, min(one.student.groups for one in group))


def _traces(group: Sequence[Comparison]) -> str:
    """Return the number of examples that students learned from, or the fewest and the most."""
    numbers = sorted({one.examples for one in group})
    return f"{'-'.join(map(str, dict.fromkeys((numbers[0], numbers[-1]))))} traces"


def _title(curve: Curve) -> str:
    shared = curve.shared
    name = "-".join(filter(None, (shared.recipe, shared.rest)))
    count = shared.n_homes
    settings = [
        f"learning rate {shared.learning_rate:g}" if shared.learning_rate is not None else "",
        f"rank {shared.rank}" if shared.rank is not None else "",
        f"replay {shared.replay:g}" if shared.replay else "",
        f"{count} home{'s' * (count > 1)}" if count else "",
    ]
    return f"{drawing.shorten(f'{shared.base}_{name}')}\n{', '.join(filter(None, settings))}"


def _add_legend(figure: Figure, colours: dict[str, str], scores: Sequence[Score]) -> None:
    simulated = {name for score in scores for name in score["provenance"]["simulated"]}
    handles = [Line2D([], [], color=INK, marker="D", markersize=5, label="mean over homes")]
    if set(colours.values()) == {FAINT}:
        handles.append(Line2D([], [], color=FAINT, marker="o", markersize=3, label="one of the homes tested on"))
    else:
        handles += [
            Line2D([], [], color=colour, marker="o", markersize=3, label=_home_label(home, simulated))
            for home, colour in colours.items()
        ]
    drawing.add_legend(figure, handles)


def _home_label(home: str, simulated: set[str]) -> str:
    return drawing.shorten(home) + (" (simulated home)" if home in simulated else "")
