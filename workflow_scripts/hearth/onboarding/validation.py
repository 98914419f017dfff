"""What a home's yaml makes of its data, for whoever writes the yaml: faults with their place, then all to look at."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from hearth.data import events
from hearth.data.events import LoadReport, natural_key
from hearth.data.folds import SplitWindows, cut_and_split
from hearth.data.windows import SPLITS
from hearth.homes.home import Home
from hearth.models.load import load_tokenizer
from hearth.prompting.prompts import REASONING_MODES, render_prompt, split_prompt, window_text

SHOWN_EVENTS, SHOWN_FAULTS, SHOWN_SESSIONS = 10, 20, 10
# What to do about the kinds of broken rows, by how their reason begins.
REMEDIES = {
    "unknown sensor": "correct the name, add it to `sensors`, or leave it out with `recording.ignored_sensors`",
    "unknown state": "add the state to the sensor's `states`",
    "unknown activity": "add it to `labels`, or say in `recording.activities` which label it is (null: leave it out)",
}

Section = tuple[str, list[str]]


def account(report: LoadReport) -> list[str]:
    """Every row by what became of it: events, broken, skipped and why."""
    skipped = [f"{count:8d}  skipped: {reason}{_first(report, reason)}" for reason, count in report.skipped.items()]
    return [
        f"{report.rows:8d}  rows in {report.files} files",
        f"{report.loaded:8d}  events",
        f"{len(report.broken):8d}  broken",
        *sorted(skipped),
        *(f"          note: {note}" for note in report.notes),
    ]


def _first(report: LoadReport, reason: str) -> str:
    places = report.places.get(reason, [])
    return f", first {places[0]}" if places else ""


def faults(report: LoadReport) -> list[str]:
    """Broken rows of one reason as one line: how many, where the first is, why, what to do."""
    counts = Counter(problem.reason for problem in report.broken)
    first = {}
    for problem in report.broken:
        first.setdefault(problem.reason, problem)
    lines = []
    for reason, count in counts.most_common(SHOWN_FAULTS):
        more = f" ({count} rows)" if count > 1 else ""
        remedy = next((f"\n    to do: {what}" for begin, what in REMEDIES.items() if reason.startswith(begin)), "")
        lines.append(f"{first[reason]}{more}{remedy}")
    if len(counts) > SHOWN_FAULTS:
        lines.append(f"and {len(counts) - SHOWN_FAULTS} more reasons")
    return lines


def sections(table: pd.DataFrame, home: Home) -> Iterator[Section]:
    """What is in the events: sentences, labels, residents, sensors, sessions and pauses."""
    yield "First events", _sentences(table)
    yield "Labels", _counted(table["activity"], home.labels)
    who = Counter(name for names in table["residents"] for name in names)
    yield "Residents", [f"{who[name]:8d}  {name}" for name in sorted(who, key=natural_key)] or ["nobody is named"]
    yield "Sensors", _counted(table["sensor"], home.sensors)
    yield "Sessions", _sessions(table)


def _sentences(table: pd.DataFrame) -> list[str]:
    right = events.ALTERNATIVES if events.ALTERNATIVES in table else "activity"
    shown = table.head(SHOWN_EVENTS)
    lines = []
    for time, said, who, labels in zip(
        *(shown[name].tolist() for name in ("time", "description", "residents", right)), strict=True
    ):
        labels = [labels] if isinstance(labels, str) else labels
        lines.append(f"{time:%Y-%m-%d %H:%M:%S}  {said}  [{', '.join(who) or 'nobody named'}: {' or '.join(labels)}]")
    return lines


def _counted(column: pd.Series, known: Iterable[str]) -> list[str]:
    counts = Counter(column.tolist())
    return [f"{counts[name]:8d}  {name}{'' if counts[name] else '  (never)'}" for name in known]


def _sessions(table: pd.DataFrame) -> list[str]:
    grouped = table.groupby("session", sort=False, observed=True)["time"]
    sizes, first, last = grouped.size(), grouped.min(), grouped.max()
    pauses = grouped.apply(lambda times: times.diff().max())
    lines = [
        f"{sizes[name]:8d} events  {name}: {first[name]:%Y-%m-%d %H:%M} to {last[name]:%Y-%m-%d %H:%M}, "
        f"longest pause {_duration(pauses[name])}"
        for name in sizes.index[:SHOWN_SESSIONS]
    ]
    more = len(sizes) - SHOWN_SESSIONS
    return lines + ([f"and {more} more sessions, of {sizes.min()} to {sizes.max()} events"] if more > 0 else [])


def _duration(pause: pd.Timedelta) -> str:
    return "none" if pd.isna(pause) else str(pause.floor("s"))


def split(table: pd.DataFrame, dataset: str, settings: Mapping) -> tuple[SplitWindows, list[str]]:
    """The windows and what each split has. Raises ValueError where there can be no split."""
    cut, document = cut_and_split(table, dataset, **settings)
    lines = [
        f"{name}: {len(document['sessions'][name])} sessions, {document['windows'][name]} windows, "
        f"{document['events'][name]} events"
        for name in SPLITS
    ]
    labels = {name: set() for name in SPLITS}
    for window in cut:
        labels[window["split"]].update(window["gold"])
    unlearned = sorted(labels["test"] - labels["train"])
    return cut, lines + ([f"tested on, but never in train: {', '.join(unlearned)}"] if unlearned else [])


def tokens(home: Home, window: Mapping, templates: Iterable[Path], folders: Iterable[Path]) -> list[str]:
    """How many tokens the prompt of a window has for each model and template, and how many the model can take."""
    rendered = {
        (template, mode): render_prompt(home, template, mode) for template in templates for mode in REASONING_MODES[:2]
    }
    lines = []
    for folder in folders:
        tokenizer = load_tokenizer(folder)
        for template in templates:
            for mode in REASONING_MODES[:2]:
                try:
                    parts = split_prompt(tokenizer, rendered[template, mode]["system"], window_text(window), mode)
                except ValueError:
                    continue  # The model has no thinking mode, so it is asked inline.
                counts = [len(tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]) for part in parts]
                lines.append(
                    f"{sum(counts):8d}  {folder.name}, {template.stem}, reasoning {mode}: {counts[0]} that all windows "
                    f"share, {counts[1]} of the window"
                )
                break
    return lines or ["no model is at hand (demo/models, results/models)"]


def tokenizers(roots: Iterable[Path]) -> list[Path]:
    """Folders of models below `roots` that hold a tokenizer."""
    found = (path.parent for root in roots for path in Path(root).glob("*/tokenizer_config.json"))
    return sorted(found, key=lambda path: natural_key(path.as_posix()))


def dataset_name(home: Path) -> str:
    """A name for the data of a home's yaml, of the form that config wants."""
    name = re.sub(r"[^a-z0-9-]+", "-", home.stem.lower()).strip("-")
    return name if name[:1].isalpha() else f"home-{name}".rstrip("-")
