"""Make the lines of check_home's report: rows by outcome, contents of the events, the split and prompt sizes."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from hearth.data.cutting import CutWindows, cut_windows, window_settings
from hearth.data.events import ALTERNATIVES, GROUP_PREFIX, group_columns, natural_key
from hearth.data.folds import BY_SESSION, sessions_of_split
from hearth.data.load_report import LoadReport, RowProblem, kind_of_reason
from hearth.data.rule_evidence import count_rule_events, rule_warnings
from hearth.data.sources.influx_tables import FRAME as INFLUX_FRAME
from hearth.data.sources.tabular import read_column_names
from hearth.data.splitting import count_windows, groups_of_sessions, make_splits
from hearth.data.windows import WindowInput
from hearth.homes.home import Home
from hearth.homes.raw_format import FileForm
from hearth.models.load import load_tokenizer
from hearth.prompting.chat_templates import split_prompt
from hearth.prompting.prompts import REASONING_MODES, render_prompt, window_text

SHOWN_EVENTS, SHOWN_REASONS, SHOWN_RESIDENTS, SHOWN_SESSIONS = 10, 20, 10, 10
# From the beginning of the reason why a row is broken to the remedy.
REMEDIES = {
    "unknown sensor": "correct the name, add it to `sensors`, or leave it out with `recording.ignored_sensors`",
    "unknown state": "add the state to the sensor's `states`, or leave it out with `recording.ignored_states`",
    "unknown activity": "add it to `labels`, or map it to a label in `recording.activities` (null: leave it out)",
}

Section = tuple[str, list[str]]  # heading, lines


def row_counts(report: LoadReport) -> list[str]:
    """Return a line for each outcome of rows: events, broken, and skipped by reason; then the loader's
    warnings and notes."""
    skipped = [f"{count:8d}  skipped: {reason}{_first(report, reason)}" for reason, count in report.skipped.items()]
    return [
        f"{report.rows:8d}  rows in {report.files} files",
        f"{report.loaded:8d}  events",
        f"{len(report.broken):8d}  broken",
        *sorted(skipped),
        *([f"{report.label_rows:8d}  rows in label files"] if report.label_rows else []),
        *([f"{len(report.broken_labels):8d}  broken"] if report.broken_labels else []),
        *(f"          warning: {warning}" for warning in report.warnings),
        *(f"          note: {note}" for note in report.notes),
    ]


def _first(report: LoadReport, reason: str) -> str:
    places = report.places.get(reason, [])
    return f", first {places[0]}" if places else ""


def broken_rows(problems: Sequence[RowProblem]) -> list[str]:
    """Return a text for each form of broken rows: the first such row, the number of such rows, and a remedy.

    Reasons that differ only in quoted texts are one form. The unknown names of `REMEDIES` are listed one by one, since
    each needs an edit of its own.
    """
    forms: dict[str, list[RowProblem]] = {}
    for problem in problems:
        named = problem.reason.startswith(tuple(REMEDIES))
        forms.setdefault(problem.reason if named else kind_of_reason(problem.reason), []).append(problem)
    ordered = sorted(forms.values(), key=len, reverse=True)
    lines = [f"{rows[0]}{f' ({len(rows)} rows)' if len(rows) > 1 else ''}" for rows in ordered[:SHOWN_REASONS]]
    if len(ordered) > SHOWN_REASONS:
        more = ordered[SHOWN_REASONS:]
        lines.append(f"and {len(more)} more forms of broken rows ({sum(map(len, more))} rows)")
    for begin, remedy in REMEDIES.items():
        if rows := sum(problem.reason.startswith(begin) for problem in problems):
            lines.append(f"    to do for each {begin} ({rows} rows): {remedy}")
    return lines


def surplus_residents(events: pd.DataFrame, home: Home) -> Iterator[str]:
    """Yield a text if the events name several residents, but the home has one."""
    named = sorted({name for names in events["residents"] for name in names})
    if home.residents == "one" and len(named) > 1:
        yield f"residents: one, but the events name {len(named)}: {', '.join(named[:SHOWN_RESIDENTS])}"


def unused_columns(files: Iterable[Path], label_files: Sequence[Path], home: Home) -> Iterator[str]:
    """Yield a text for the event files, and one for the label files, whose columns `recording` does not name all.

    `files` are both.
    """
    settings = home.recording
    event_files = sorted(set(files) - set(label_files))
    used = [name for names in settings.columns.values() for name in names] + list(settings.groups.values())
    used += _others(settings.column_aliases)
    patterns = settings.wide.sensors if settings.wide else ()
    if unused := _other_columns(event_files, settings.form, used, patterns):
        yield f"columns that are not used: {', '.join(unused)}"
    if not settings.intervals:
        return
    used = [name for names in settings.intervals.columns.values() for name in names]
    used += _others(settings.intervals.column_aliases)
    if unused := _other_columns(label_files, settings.intervals.form, used):
        yield f"columns of label files that are not used: {', '.join(unused)}"


def _others(aliases: Mapping[str, Sequence[str]]) -> list[str]:
    return [name for names in aliases.values() for name in names]


def _other_columns(
    paths: Iterable[Path], form: FileForm, used: Sequence[str], patterns: Sequence[str] = ()
) -> list[str]:
    """Return the columns of files that neither are in `used` nor match a pattern, in order of first use."""
    known = {*used, *(INFLUX_FRAME if form.format == "influxdb" else ())}
    names = dict.fromkeys(name for path in paths for name in read_column_names(path, form))
    return [name for name in names if name not in known and not any(fnmatchcase(name, each) for each in patterns)]


def event_sections(events: pd.DataFrame, home: Home) -> Iterator[Section]:
    """Yield the sections about the events.

    They show the first events in words, counts of events by label, resident, sensor and rule, and the sessions with
    their longest pauses.
    """
    yield "First events", _sentences(events)
    yield "Labels", _label_counts(events, home.labels)
    residents = Counter(name for names in events["residents"] for name in names)
    yield (
        "Residents",
        [f"{residents[name]:8d}  {name}" for name in sorted(residents, key=natural_key)] or ["no resident is named"],
    )
    yield "Sensors", _counts(events["sensor"], home.sensors) + _alike(home)
    if home.rules:
        yield "Rules", _rules(events, home)
    yield "Sessions", _sessions(events)


def _sentences(events: pd.DataFrame) -> list[str]:
    labels_column = ALTERNATIVES if ALTERNATIVES in events else "activity"
    shown = events.head(SHOWN_EVENTS)
    lines = []
    for time, description, residents, labels in zip(
        *(shown[name].tolist() for name in ("time", "description", "residents", labels_column)), strict=True
    ):
        labels = [labels] if isinstance(labels, str) else labels
        who = ", ".join(residents) or "no resident named"
        lines.append(f"{time:%Y-%m-%d %H:%M:%S}  {description}  [{who}: {' or '.join(labels)}]")
    return lines


def _counts(column: pd.Series, known: Iterable[str]) -> list[str]:
    counts = Counter(column.tolist())
    return [f"{counts[name]:8d}  {name}{'' if counts[name] else '  (never)'}" for name in known]


def _label_counts(events: pd.DataFrame, labels: Iterable[str]) -> list[str]:
    """Return a line for each label: events of which it is the label, and those for which it is right beside another."""
    if ALTERNATIVES not in events:
        return _counts(events["activity"], labels)
    first = Counter(events["activity"].tolist())
    accepted = Counter(label for names in events[ALTERNATIVES] for label in names)
    return [
        f"{first[label]:8d}  {label}"
        + ("" if accepted[label] == first[label] else f"  (right for {accepted[label]})")
        + ("" if accepted[label] else "  (never)")
        for label in labels
    ]


def _alike(home: Home) -> list[str]:
    """Return a warning for each room and words that several sensors share, which models then cannot tell apart."""
    names: dict[str, list[str]] = {}
    for name, sensor in home.sensors.items():
        names.setdefault(sensor.describe(""), []).append(name)
    return [
        f"    warning: {', '.join(same)} are all {words!r} in prompts" for words, same in names.items() if len(same) > 1
    ]


def _rules(events: pd.DataFrame, home: Home) -> list[str]:
    """Return a line for each rule with the number of events that it names and its origin, then warnings."""
    evidence = count_rule_events(events, home)
    unstated = sum(not each.origin for each in evidence)
    return [
        *(
            f"{'-' if each.events is None else each.events:>8}  {each.origin or 'origin not stated'}: {each.rule}"
            for each in evidence
        ),
        *(f"    warning: {warning}" for warning in rule_warnings(evidence)),
        *([f"    to do: state the `origin` of {unstated} rules, see TEMPLATE.yaml"] if unstated else []),
    ]


def _sessions(events: pd.DataFrame) -> list[str]:
    grouped = events.groupby("session", sort=False, observed=True)["time"]
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


def group_counts(events: pd.DataFrame) -> list[str]:
    """Return a line for each key by which sessions can be grouped, with the number of groups."""
    keys = [BY_SESSION, *(column.removeprefix(GROUP_PREFIX) for column in group_columns(map(str, events.columns)))]
    return [f"{len(set(groups_of_sessions(events, key).values())):8d}  {key}" for key in keys]


def split_summary(
    events: pd.DataFrame, dataset: str, *, size: int, by: str, folds: int, test_fraction: float, seed: int
) -> tuple[CutWindows, list[str]]:
    """Return a pair: the windows, and lines with the counts of every split and the labels that only tests have.

    The settings are those of `make_splits`. Raises ValueError if the events cannot be split.
    """
    windows = cut_windows(events, dataset, size, keep_short=True)
    splits = make_splits(
        groups_of_sessions(events, by),
        count_windows(windows),
        window_settings(events, size, keep_short=True),
        by=by,
        folds=folds,
        seed=seed,
        test_fraction=test_fraction,
    )
    labels_of = events.groupby("session", observed=True)["activity"].unique().map(set)
    lines = []
    for fold in range(1, folds + 1):
        labels = []
        for split in (f"train{fold}", f"test{fold}"):
            sessions = sessions_of_split(splits, split)
            groups = {splits["sessions"][session]["group"] for session in sessions}
            lines.append(
                f"{split}: {len(groups)} groups, {len(sessions)} sessions, {splits['windows'][split]} windows, "
                f"{splits['events'][split]} events"
            )
            labels.append(set().union(*(labels_of[session] for session in sessions)))
        if untrained := sorted(labels[1] - labels[0]):
            lines.append(f"labels in test{fold}, but never in train{fold}: {', '.join(untrained)}")
    return windows, lines


def prompt_sizes(home: Home, window: WindowInput, templates: Iterable[Path], folders: Iterable[Path]) -> list[str]:
    """Return a line for each model and template: the number of tokens in the window's prompt.

    The line also counts the prefix that all windows share and the window's own text. `folders` are model folders.
    """
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
                    continue  # The model has no thinking mode; the next mode, inline, fits every model.
                counts = [len(tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"]) for part in parts]
                lines.append(
                    f"{sum(counts):8d}  {folder.name}, {template.stem}, reasoning {mode}: "
                    f"{counts[0]} in the part that all windows share, {counts[1]} in the window"
                )
                break
    return lines or ["no model is available (demo/models, results/models)"]


def tokenizer_folders(roots: Iterable[Path]) -> list[Path]:
    """Return the model folders below `roots` that hold a tokenizer, in natural order."""
    folders = (path.parent for root in roots for path in Path(root).glob("*/tokenizer_config.json"))
    return sorted(folders, key=lambda path: natural_key(path.as_posix()))


def dataset_name(home: Path) -> str:
    """Return a valid dataset name made from the file name of a home's yaml."""
    name = re.sub(r"[^a-z0-9-]+", "-", home.stem.lower()).strip("-")
    return name if name[:1].isalpha() else f"home-{name}".rstrip("-")
