"""The figures of a run, drawn from scores alone: the same scores give the same bytes.

Names of models and datasets are untrusted text, so mathtext is off and nothing in a name is markup.
"""

import io
from collections.abc import Callable, Iterator

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from hearth.evaluation.provenance import stand_ins
from hearth.evaluation.rendering import magnitude
from hearth.evaluation.scores import of_paper

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
INK, FAINT, WARNING = "#222222", "#8A8A8A", "#A3001B"
# Okabe and Ito's colours, told apart by colour-blind readers.
COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Students stand beside their base, those of each home this many points further right.
STEP = 9
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


def render(name: str, scores: list[dict]) -> dict[str, bytes]:
    """A figure of `FIGURES`, drawn from scores, in each of `FORMS`."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = FIGURES[name](scores)
        return {form: _bytes(figure, form) for form in FORMS}


def f1_by_size(scores: list[dict]) -> Figure:
    """Weighted F1 over parameters, a panel a dataset: base models as a line, students beside their base."""
    scores = of_paper(scores)
    homes = list(dict.fromkeys(score["train_dataset"] for score in scores if score["train_dataset"]))
    teachers = {score["teacher"] for score in scores if score["teacher"]}
    colours = {home: COLOURS[index % len(COLOURS)] for index, home in enumerate(homes)}
    figure = _figure(scores, panel_height=3.6)
    for axes, here in _panels(figure, scores):
        bases = _bases(here)
        sizes, f1 = [base["parameters"] for base in bases], [_f1(base) for base in bases]
        axes.plot(sizes, f1, "-o", color=INK, markersize=5)
        for base in bases:
            _whisker(axes, base["parameters"], base, INK)
        taught = [base for base in bases if base["recogniser"] in teachers]
        axes.plot([base["parameters"] for base in taught], [_f1(base) for base in taught], **_TEACHER)
        for student in (score for score in here if score["kind"] == "student"):
            _beside_base(axes, student, bases, homes, colours[student["train_dataset"]])
        _mark_sizes(axes, here)
        axes.set(ylim=(0, 1), ylabel="weighted F1", xlabel="parameters (log scale)")
        axes.grid(axis="y", color="#E4E4E4")
        axes.set_axisbelow(True)
    legend = [Line2D([], [], color=INK, marker="o", markersize=5, label="base models, zero-shot")]
    if teachers:
        legend.append(Line2D([], [], label="teacher", **_TEACHER))
    legend += [Line2D([], [], label=f"student trained on {home}", **_student(colours[home], True)) for home in homes]
    if any(score["train_dataset"] not in ("", score["dataset"]) for score in scores):
        legend.append(Line2D([], [], label="hollow: tested on another home", **_student(FAINT, False)))
    _legend(figure, legend)
    return figure


def failures(scores: list[dict]) -> Figure:
    """The share of test windows of each strict status, a bar a recogniser and a panel a dataset."""
    ordered = sorted(
        scores, key=lambda score: (score["kind"] == "student", score["parameters"] or 0, score["recogniser"])
    )
    names = list(dict.fromkeys(score["recogniser"] for score in ordered))
    figure = _figure(scores, panel_height=1 + 0.3 * len(names), sharey=True)
    for axes, here in _panels(figure, scores):
        by_name = {score["recogniser"]: score for score in here}
        for row, name in enumerate(names):
            if name in by_name:
                _bar(axes, row, by_name[name])
            else:
                axes.text(0.01, row, "not tested here", va="center", color=FAINT)
        axes.set_yticks(range(len(names)), labels=names)
        axes.set(xlim=(0, 1), ylim=(len(names) - 0.4, -0.6), xlabel="share of test windows, strictly parsed")
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], labels=["0 %", "25 %", "50 %", "75 %", "100 %"])
        axes.tick_params(axis="y", length=0)
    _legend(figure, [Patch(facecolor=colour, label=words) for words, colour in STATUSES.values()])
    return figure


FIGURES: dict[str, Callable[[list[dict]], Figure]] = {"f1_by_size": f1_by_size, "failures": failures}
CAPTIONS = {
    "f1_by_size": (
        "Weighted F1 by size",
        "The line joins the base models, zero-shot. A student stands beside its base, one marker a training seed:"
        " filled and joined to its base on the home it learned from, hollow on another. Thin upright lines are 95 %"
        " intervals over the test sessions.",
    ),
    "failures": (
        "What became of every test window",
        "Strictly parsed, a bar a recogniser. A window whose answer is malformed or cut off, or whose reasoning was"
        " never closed, has no label at all; where events were left out or labels are not in the list, those alone lack"
        " one. The line across a bar is the 95 % interval, over the test sessions, of the share that is ok.",
    ),
}

_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_TEACHER = {
    "linestyle": "",
    "marker": "o",
    "markersize": 12,
    "markerfacecolor": "none",
    "markeredgecolor": INK,
    "markeredgewidth": 1.4,
}


def _student(colour: str, filled: bool) -> dict:
    return {
        "linestyle": "",
        "marker": "D",
        "markersize": 5.5,
        "markeredgecolor": colour,
        "markerfacecolor": colour if filled else "white",
    }


def _figure(scores: list[dict], panel_height: float, **sharing) -> Figure:
    """A figure with a panel a dataset, and above them what stands in for the real thing."""
    datasets = _datasets(scores)
    columns = min(len(datasets), PANELS_A_ROW)
    rows = -(-len(datasets) // columns)
    size = (PANEL_WIDTH * max(columns, 1.5), rows * panel_height + 1)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, **sharing).flat
    for unused in list(panels)[len(datasets) :]:
        figure.delaxes(unused)
    if said := stand_ins(scores):
        figure.suptitle("\n".join(said), color=WARNING, fontsize=9, wrap=True)
    return figure


def _panels(figure: Figure, scores: list[dict]) -> Iterator[tuple[Axes, list[dict]]]:
    """The figure's panels, titled, each with the scores on its dataset."""
    for axes, dataset in zip(figure.axes, _datasets(scores), strict=True):
        here = [score for score in scores if score["dataset"] == dataset]
        kind = " (simulated home)" if dataset in here[0]["provenance"]["simulated"] else ""
        counts = f"{here[0]['n_windows']} test windows, {here[0]['n_events']} events"
        axes.set_title(f"{dataset}{kind}\n{counts}")
        yield axes, here


def _beside_base(axes: Axes, student: dict, bases: list[dict], homes: list[str], colour: str) -> None:
    """A student's marker to the right of its base's, joined to it where it learned on the home it is tested on."""
    home, here = student["train_dataset"], student["dataset"]
    order = sorted(homes, key=lambda name: name != here)
    points = STEP * (1 + order.index(home))
    moved = axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
    place = (student["parameters"], _f1(student))
    _whisker(axes, student["parameters"], student, colour, transform=moved)
    axes.plot(*place, **_student(colour, home == here), transform=moved, zorder=3)
    for base in bases:
        if home == here and base["recogniser"] == student["base"]:
            line = {"arrowstyle": "-", "color": colour, "linewidth": 1, "shrinkA": 0, "shrinkB": 0}
            start = (base["parameters"], _f1(base))
            axes.annotate("", xy=place, xycoords=moved, xytext=start, textcoords="data", arrowprops=line)


def _whisker(axes: Axes, place: float, score: dict, colour: str, **options) -> None:
    """The interval of a score's weighted F1, where it has one."""
    if interval := score["strict"]["intervals"]["weighted_f1"]:
        axes.plot([place, place], interval, "-", color=colour, linewidth=0.8, **options)


def _legend(figure: Figure, handles: list[Artist]) -> None:
    """A legend below all panels; one panel alone has the width of two columns."""
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, 1 + len(figure.axes)))


def _mark_sizes(axes: Axes, here: list[dict]) -> None:
    """The models of each size under the axis, which has room for names where the points have none."""
    names: dict[int, dict[str, None]] = {}
    for score in sorted(here, key=lambda score: score["parameters"]):
        names.setdefault(score["parameters"], {})[score["base"] or score["recogniser"]] = None
    axes.set_xscale("log")
    axes.minorticks_off()
    labels = [f"{', '.join(models)} · {magnitude(size)}" for size, models in names.items()]
    axes.set_xticks(list(names), labels=labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.margins(x=0.15)


def _bar(axes: Axes, row: int, score: dict) -> None:
    done = 0.0
    for status, (_, colour) in STATUSES.items():
        share = score["strict"]["status"][status] / score["n_windows"]
        axes.barh(row, share, left=done, height=0.72, color=colour, edgecolor="white", linewidth=0.4)
        if share >= LEAST_LABELLED:
            axes.text(done + share / 2, row, f"{share:.0%}", ha="center", va="center", color=_readable_on(colour))
        done += share
    if interval := score["strict"]["intervals"]["ok_rate"]:
        axes.plot(interval, [row, row], "|-", color=INK, linewidth=1, markersize=6)


def _readable_on(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _bases(scores: list[dict]) -> list[dict]:
    bases = [score for score in scores if score["kind"] == "base"]
    return sorted(bases, key=lambda score: (score["parameters"], score["recogniser"]))


def _datasets(scores: list[dict]) -> list[str]:
    return list(dict.fromkeys(score["dataset"] for score in scores))


def _f1(score: dict) -> float:
    return score["strict"]["weighted_f1"]


def _bytes(figure: Figure, form: str) -> bytes:
    saved = io.BytesIO()
    figure.savefig(saved, format=form, metadata=_NO_METADATA if form == "svg" else None)
    return saved.getvalue()
