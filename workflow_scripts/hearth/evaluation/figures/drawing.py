"""Functions that all figures share: style, panels and their titles, intervals, legends, and saving.

Names of models, datasets and labels are untrusted text: mathtext is off, so nothing in a name is markup.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.typing import ColorType

from hearth.evaluation.figures.names import Format
from hearth.evaluation.notes import stand_in_warnings
from hearth.evaluation.score_document import Interval, Score

# Style keywords of matplotlib, whose values have many types.
Style = dict[str, Any]

# `svg.hashsalt` makes the ids of an SVG reproducible. `svg.fonttype` "path" draws letters as outlines, which need no
# font where the SVG is shown.
RC_PARAMETERS: Style = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.fonttype": "path",
    "svg.hashsalt": "hearth",
    "text.parse_math": False,
}
PANELS_PER_ROW = 3
PANEL_WIDTH = 4.2  # inches
MAX_NAME_WIDTH = 40  # characters
INK, FAINT, GRID, WARNING = "#222222", "#8A8A8A", "#E4E4E4", "#A3001B"
# The palette of Okabe and Ito, which colour-blind readers can tell apart.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
TEACHER_MARKER: Style = {
    "linestyle": "",
    "marker": "o",
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 1.4,
}


def apply_style() -> None:
    """Set this project's style, whatever the user's own matplotlib settings are."""
    mpl.rcdefaults()
    mpl.rcParams.update(RC_PARAMETERS)


def student_marker(colour: str, filled: bool) -> Style:
    """Return the style of a student's marker."""
    return {
        "linestyle": "",
        "marker": "D",
        "markersize": 5.5,
        "markeredgecolor": colour,
        "markerfacecolor": colour if filled else "white",
    }


def assign_colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name; colours repeat if there are more names than `COLOURS`."""
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}


def text_colour_on(background: ColorType) -> str:
    """Return black or white, whichever is easier to read on the background."""
    red, green, blue = to_rgb(background)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def panel_figure(scores: Sequence[Score], panel_height: float, share_y: bool = False) -> Figure:
    """Create a figure with one panel per dataset of the scores and, above the panels, warnings about stand-ins.

    `panel_height` is in inches.
    """
    count = len(dataset_names(scores))
    columns = min(count, PANELS_PER_ROW)
    rows = -(-count // columns)
    figure = Figure(figsize=(PANEL_WIDTH * max(columns, 1.5), rows * panel_height + 1), layout="constrained")
    panels: list[Axes] = figure.subplots(rows, columns, squeeze=False, sharey=share_y).ravel().tolist()
    for unused in panels[count:]:
        figure.delaxes(unused)
    add_warnings(figure, scores)
    return figure


def add_warnings(figure: Figure, scores: Sequence[Score]) -> None:
    """Write a warning above a figure if its scores depend on simulated homes or tiny models; the warning names them."""
    if warnings := stand_in_warnings(scores):
        figure.suptitle("\n".join(warnings), color=WARNING, fontsize=9, wrap=True)


def titled_panels(figure: Figure, scores: Sequence[Score]) -> Iterator[tuple[Axes, list[Score]]]:
    """Set the title of each panel; yield a pair of the panel and the scores on its dataset."""
    for axes, dataset in zip(figure.axes, dataset_names(scores), strict=True):
        panel_scores = [score for score in scores if score["dataset"] == dataset]
        axes.set_title(panel_title(panel_scores[0]))
        yield axes, panel_scores


def panel_title(score: Score) -> str:
    """Return the title of a panel: the name of the score's dataset and, on a second line, the size of its test set."""
    dataset = score["dataset"]
    mark = " (simulated home)" if dataset in score["provenance"]["simulated"] else ""
    return f"{shorten(dataset)}{mark}\n{score['n_windows']} test windows, {score['n_events']} events"


def style_share_axis(axes: Axes, label: str) -> None:
    """Give the y axis, a share or an F1, the range from 0 to 1 and light grid lines."""
    axes.set(ylim=(0, 1), ylabel=label)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)


def draw_interval(axes: Axes, x: float, interval: Interval | None, colour: str, **style: Any) -> None:
    """Draw an interval, if there is one, as a thin vertical line."""
    if interval:
        axes.plot([x, x], interval, "-", color=colour, linewidth=0.8, **style)


def add_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Add a legend below all panels; a single panel is two columns wide."""
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, 1 + len(figure.axes)))


def shorten(text: str, width: int = MAX_NAME_WIDTH) -> str:
    """Return a text on one line, cut to at most `width` characters."""
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def base_scores(scores: Sequence[Score]) -> list[Score]:
    """Return the scores of base models of known size, smallest first."""
    return sorted(
        (score for score in scores if score["kind"] == "base" and score["parameters"]),
        key=lambda score: (score["parameters"], score["recogniser"]),
    )


def student_scores(scores: Sequence[Score]) -> list[Score]:
    """Return the scores of students, those of the smallest base first."""
    return sorted(
        (score for score in scores if score["kind"] == "student"),
        key=lambda score: (score["parameters"], score["base"], score["recogniser"]),
    )


def dataset_names(scores: Sequence[Score]) -> list[str]:
    """Return the datasets of scores, in order of appearance."""
    return list(dict.fromkeys(score["dataset"] for score in scores))


def weighted_f1(score: Score) -> float:
    """Return the weighted F1 of a score (strict parsing), which is the headline metric."""
    return score["strict"]["weighted_f1"]


def weighted_f1_interval(score: Score) -> Interval | None:
    """Return the interval of the weighted F1 of a score, None if it has none."""
    return score["strict"]["intervals"]["weighted_f1"]


def figure_bytes(figure: Figure, file_format: Format, title: str) -> bytes:
    """Return the bytes of a figure's file; `title` goes into its metadata, for readers who do not see the figure."""
    undated = dict.fromkeys(("Creator", "Date", "Format", "Type")) if file_format == "svg" else {}
    file = io.BytesIO()
    figure.savefig(file, format=file_format, metadata=undated | {"Title": title})
    return file.getvalue()
