"""Make the card of a dataset in Markdown: raw rows by outcome, and events by session, label, sensor and rule."""

from collections import Counter
from collections.abc import Iterable, Sequence

import pandas as pd

from hearth.data.events import ALTERNATIVES, natural_key
from hearth.data.load_report import LoadReport, broken_forms
from hearth.data.rule_evidence import RuleEvidence
from hearth.homes.home import Home

FORMS_SHOWN = 50
FILES_SHOWN = 10


def dataset_card(
    home: Home, events: pd.DataFrame, report: LoadReport, evidence: Sequence[RuleEvidence], simulated: bool
) -> str:
    """Return the card: counts of rows by outcome, forms of broken rows, warnings, notes, and counts of events.

    `evidence` counts the events that each rule of the home names. `simulated`
    says whether the card calls the data simulated or recorded.
    """
    origin = "**simulated**: written by this project, not recorded" if simulated else "recorded"
    skipped = [f"  - {reason}: {count}{_places(report, reason)}" for reason, count in sorted(report.skipped.items())]
    broken = [f"- {_code_span(form)}" for form in broken_forms([*report.broken, *report.broken_labels])]
    if len(broken) > FORMS_SHOWN:
        broken[FORMS_SHOWN:] = [f"- and {len(broken) - FORMS_SHOWN} more forms"]
    label_rows = [f"- label rows: {report.label_rows}", f"  - broken: {len(report.broken_labels)}"]
    sessions = [
        (session, len(part), " ".join(_residents(part)), _clock(part["time"].iloc[0]), _clock(part["time"].iloc[-1]))
        for session, part in events.groupby("session", sort=False, observed=True)
    ]
    labels, sensors = Counter(events["activity"]), Counter(events["sensor"])
    label_counts: Iterable[tuple[object, ...]] = [(label, labels[label]) for label in home.labels]
    label_columns = "label | events"
    if ALTERNATIVES in events:
        accepted = Counter(label for labels_ in events[ALTERNATIVES] for label in labels_[1:])
        label_counts = [(label, labels[label], accepted[label]) for label in home.labels]
        label_columns += " | events that also accept it"
    parts = [
        f"# {home.name}",
        home.about.strip(),
        "## Rows read",
        "\n".join(
            [
                f"- data: {origin}",
                f"- files: {report.files}",
                f"- rows: {report.rows}",
                f"- loaded: {report.loaded}",
                f"  - without an activity in the files: {report.unlabelled}",
                f"- broken: {len(report.broken)}",
                f"- skipped: {sum(report.skipped.values())}",
                *skipped,
                *(label_rows if report.label_rows else []),
                *([f"- files that are not read: {_files(report.unread)}"] if report.unread else []),
            ]
        ),
        *(["## Broken rows", "\n".join(broken)] if broken else []),
        *(["## Warnings", "\n".join(f"- {warning}" for warning in report.warnings)] if report.warnings else []),
        *(["## Notes", "\n".join(f"- {note}" for note in report.notes)] if report.notes else []),
        "## Contents",
        f"{len(sessions)} sessions, {len(events)} events, {len(_residents(events))} residents, "
        f"{len(sensors)} of {len(home.sensors)} sensors, {len(labels)} of {len(home.labels)} labels.",
        _markdown_table("session | events | residents | first event | last event", sessions),
        _markdown_table(label_columns, label_counts),
        _markdown_table(
            "sensor | room | in words | events",
            [(name, sensor.room, sensor.words, sensors[name]) for name, sensor in home.sensors.items()],
        ),
        *(["## Rules in prompts", _rule_table(evidence)] if evidence else []),
    ]
    return "\n\n".join(parts) + "\n"


def _rule_table(evidence: Iterable[RuleEvidence]) -> str:
    rows = [
        (each.rule, each.origin or "not stated", "names no sensor" if each.events is None else each.events)
        for each in evidence
    ]
    return _markdown_table("rule | origin | events that it names", rows)


def _places(report: LoadReport, reason: str) -> str:
    """Return `file:line` of the first rows skipped for `reason`, in brackets; '' if the loader reported no lines."""
    places = report.places.get(reason, [])
    more = report.skipped[reason] - len(places)
    return f" ({_code_span(', '.join(places))}{f' and {more} more' if more else ''})" if places else ""


def _files(names: Sequence[str]) -> str:
    more = f" and {len(names) - FILES_SHOWN} more" if len(names) > FILES_SHOWN else ""
    return _code_span(", ".join(names[:FILES_SHOWN])) + more


def _code_span(text: str) -> str:
    """Return `text` as a code span, so that no part of a broken row is rendered as markup."""
    return "`" + text.replace("`", "'") + "`"


def _residents(events: pd.DataFrame) -> list[str]:
    distinct = {id(names): names for names in events["residents"]}.values()
    return sorted({name for names in distinct for name in names}, key=natural_key)


def _clock(time: pd.Timestamp) -> str:
    return time.strftime("%H:%M:%S")


def _markdown_table(header: str, rows: Iterable[tuple[object, ...]]) -> str:
    columns = header.split(" | ")
    lines = [columns, ["---"] * len(columns), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
