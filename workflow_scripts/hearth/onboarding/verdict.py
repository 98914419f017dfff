"""Judge a home's yaml against its data: clean, tolerated (a run accepts it, but something is left out), or wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hearth.data.load_report import LoadReport, RowProblem, kind_of_reason
from hearth.homes.home import Home

SHOWN_NAMES = 10
# A line of a home's yaml that begins so is a choice that the draft left open; whoever decides it deletes the line.
OPEN_CHOICE = "# OPEN: "
# Ends of the reasons of rows that the yaml's own keys leave out.
ASKED_FOR = tuple(
    f"({key})"
    for key in (
        "ignored_sensors",
        "ignored_states",
        "repeated_states",
        "comments",
        "equal_rows",
        "activities",
        "label_rows",
        "wide",
    )
)
HARMLESS = ("blank line", "comment")
UNLABELLED = "no activity"


@dataclass
class Verdict:
    """Findings that a run would refuse, and those that it would accept although something is left out or open."""

    wrong: list[str] = field(default_factory=list)
    tolerated: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return a line for each finding after the word for its kind, those that are wrong last; or the word clean."""
        tolerated = [f"tolerated: {finding}" for finding in self.tolerated]
        return [*tolerated, *(f"wrong: {problem}" for problem in self.wrong)] or ["clean"]


def tolerated_rows(
    report: LoadReport, home: Home, max_broken_share: float = 1, max_broken_label_share: float = 1
) -> Iterator[str]:
    """Yield a text for each sort of rows and files that a run leaves out though the yaml does not ask for it.

    Broken rows of a larger share than accepted are not tolerated, and so not among them.
    """
    if report.broken and report.broken_share <= max_broken_share:
        yield f"{len(report.broken)} of {report.rows} rows are broken ({_causes(report.broken)})"
    if report.broken_labels and report.broken_label_share <= max_broken_label_share:
        share = f"{len(report.broken_labels)} of {report.label_rows}"
        yield f"{share} rows of label files are broken ({_causes(report.broken_labels)})"
    for reason, count in report.skipped.items():
        asked_for = reason.endswith(ASKED_FOR) or reason in HARMLESS
        if reason.startswith(UNLABELLED) and "unlabelled" in home.recording.keys:
            asked_for = True
        if not asked_for:
            places = report.places.get(reason, [])
            yield f"{count} of {report.rows} rows are skipped: {reason}{f', first {places[0]}' if places else ''}"
    if report.unread:
        yield f"{len(report.unread)} files of the data's folder are not read: {_shorten(report.unread)}"
    yield from report.warnings


def open_choices(home: Path) -> list[str]:
    """Return the choices that a draft left open in the text of a home's yaml, without their mark."""
    lines = home.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(OPEN_CHOICE) for line in lines if line.startswith(OPEN_CHOICE)]


def _causes(problems: Sequence[RowProblem]) -> str:
    kinds = Counter(kind_of_reason(problem.reason) for problem in problems)
    first = {kind_of_reason(problem.reason): problem for problem in reversed(problems)}
    texts = [
        f"{count}: {first[kind].file}:{first[kind].line}: {_head(first[kind].reason)}"
        for kind, count in kinds.most_common(3)
    ]
    return "; ".join(texts) + ("; ..." if len(kinds) > 3 else "")


def _head(reason: str) -> str:
    return " ".join(reason.partition(";")[0].split())[:100]


def _shorten(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more
