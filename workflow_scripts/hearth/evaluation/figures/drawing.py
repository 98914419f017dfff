"""What all figures share: style, panels, captions of panels, whiskers, and the bytes they are saved as.

Names of models, datasets and labels are untrusted text, so mathtext is off and nothing in a name is markup.
"""

import io
from collections.abc import Iterator

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hearth.evaluation.notes import stand_in_warnings

FORMS = ("svg", "png")
# A fixed salt: matplotlib draws the ids in an SVG at random otherwise. Outlines need no font where they are shown.
STYLE = {
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
PANELS_A_ROW = 3
PANEL_WIDTH = 4.2  # inches
# A longer name is cut.
NAME_WIDTH = 40  # characters
INK, FAINT, GRID, WARNING = "#222222", "#8A8A8A", "#E4E4E4", "#A3001B"
# Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
TEACHER = {
    "linestyle": "",
    "marker": "o",
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 1.4,
}


def student(colour: str, filled: bool) -> dict:
    """How a student's marker looks."""
    return {
        "linestyle": "",
        "marker": "D",
        "markersize": 5.5,
        "markeredgecolor": colour,
        "markerfacecolor": colour if filled else "white",
    }


def colour_of(names: list[str]) -> dict[str, str]:
    """A colour for every name, those past the last colour sharing one with an earlier."""
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)}


def panelled(scores: list[dict], panel_height: float, **sharing) -> Figure:
    """A figure with a panel a dataset, and above them what stands in for the real thing."""
    count = len(datasets(scores))
    columns = min(count, PANELS_A_ROW)
    rows = -(-count // columns)
    figure = Figure(figsize=(PANEL_WIDTH * max(columns, 1.5), rows * panel_height + 1), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **sharing).flat
    for unused in list(panels)[count:]:
        figure.delaxes(unused)
    warn(figure, scores)
    return figure


def warn(figure: Figure, scores: list[dict]) -> None:
    """Say above a figure what stands in for the real thing."""
    if said := stand_in_warnings(scores):
        figure.suptitle("\n".join(said), color=WARNING, fontsize=9, wrap=True)


def panels(figure: Figure, scores: list[dict]) -> Iterator[tuple[Axes, list[dict]]]:
    """The figure's panels, titled, each with the scores on its dataset."""
    for axes, dataset in zip(figure.axes, datasets(scores), strict=True):
        here = [score for score in scores if score["dataset"] == dataset]
        axes.set_title(title(here))
        yield axes, here


def title(here: list[dict]) -> str:
    """A dataset's name and what of it was tested, in two lines."""
    dataset = here[0]["dataset"]
    kind = " (simulated home)" if dataset in here[0]["provenance"]["simulated"] else ""
    return f"{short(dataset)}{kind}\n{here[0]['n_windows']} test windows, {here[0]['n_events']} events"


def share_axis(axes: Axes, label: str) -> None:
    """Light lines and the whole range from 0 to 1 upwards, for what is a share or an F1."""
    axes.set(ylim=(0, 1), ylabel=label)
    axes.grid(axis="y", color=GRID)
    axes.set_axisbelow(True)


def whisker(axes: Axes, place: float, interval: list[float] | None, colour: str, **options) -> None:
    """An interval as a thin upright line, where there is one."""
    if interval:
        axes.plot([place, place], interval, "-", color=colour, linewidth=0.8, **options)


def legend(figure: Figure, handles: list[Artist]) -> None:
    """A legend below all panels; one panel alone has the width of two columns."""
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, 1 + len(figure.axes)))


def short(text: str, width: int = NAME_WIDTH) -> str:
    """A text on one line, cut where it is longer than so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def readable_on(colour: str) -> str:
    """Black or white, whichever is read more easily on a colour."""
    red, green, blue = to_rgb(colour)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def bases(scores: list[dict]) -> list[dict]:
    """The scores of base models whose size is known, the smallest first."""
    found = [score for score in scores if score["kind"] == "base" and score["parameters"]]
    return sorted(found, key=lambda score: (score["parameters"], score["recogniser"]))


def students(scores: list[dict]) -> list[dict]:
    """The scores of students, those of the smallest base first."""
    found = [score for score in scores if score["kind"] == "student"]
    return sorted(found, key=lambda score: (score["parameters"], score["base"], score["recogniser"]))


def datasets(scores: list[dict]) -> list[str]:
    """The datasets of scores, in the order they are given in."""
    return list(dict.fromkeys(score["dataset"] for score in scores))


def f1(score: dict) -> float:
    """The headline number of a score."""
    return score["strict"]["weighted_f1"]


def f1_interval(score: dict) -> list[float] | None:
    """The interval of the headline number."""
    return score["strict"]["intervals"]["weighted_f1"]


def saved(figure: Figure, form: str, name: str) -> bytes:
    """The bytes of a figure in one of `FORMS`; `name` is what a reader who does not see it is told."""
    undated = dict.fromkeys(("Creator", "Date", "Format", "Type")) if form == "svg" else {}
    file = io.BytesIO()
    figure.savefig(file, format=form, metadata=undated | {"Title": name})
    return file.getvalue()


def style() -> None:
    """Draw as this project does, whatever a user's own settings are."""
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)
