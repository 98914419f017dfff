"""The report of a loader, which counts every row of the raw files as loaded, broken or skipped."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

PLACES_SHOWN = 10
_REASON_LENGTH = 300  # characters
_OTHER_SHARE = 0.25  # above this share of broken rows, they are hardly mistakes of single rows


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that could not become an event: file relative to the data's root, 1-based line, and reason."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        reason = " ".join(self.reason.split())
        shown = reason if len(reason) <= _REASON_LENGTH else reason[: _REASON_LENGTH - 3] + "..."
        return f"{self.file}:{self.line}: {shown}"


def kind_of_reason(reason: str) -> str:
    """Return the reason why a row is broken without its quoted texts and numbers, so that like reasons are equal."""
    return re.sub(r"\d+", "0", re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", reason.partition(";")[0]))


def broken_forms(problems: Sequence[RowProblem]) -> list[str]:
    """Return a text for each kind of reason: the first row that is broken for it, and the number of such rows."""
    forms: dict[str, list[RowProblem]] = {}
    for problem in problems:
        forms.setdefault(kind_of_reason(problem.reason), []).append(problem)
    ordered = sorted(forms.values(), key=len, reverse=True)
    return [f"{rows[0]}{f' ({len(rows)} rows like this)' if len(rows) > 1 else ''}" for rows in ordered]


@dataclass
class LoadReport:
    """Counts of rows by outcome: `rows == loaded + len(broken) + sum(skipped.values())`.

    `rows` counts the records of event files; a record of `events_per_row` events counts so often, but once if broken.
    `notes` describe repairs that lost no row; `warnings` are oddities of rows that are nevertheless loaded. `places`
    maps each reason for skipping rows to the places (`file:line`) of the first rows that were skipped for it.
    `unlabelled` is the number of loaded events at whose time the files have no activity: they got the home's label for
    such events. `several` is the number of events with several different activities. `label_rows` counts the records of
    label files, and the rows of event files that label others (skipped, and so in `rows`, too); of both,
    `broken_labels` are broken. `unread` has the files of the data's folder that the loader does not read, relative to
    the folder.
    """

    files: int = 0
    events_per_row: int = 1
    rows: int = 0
    loaded: int = 0
    unlabelled: int = 0
    several: int = 0
    broken: list[RowProblem] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)
    label_rows: int = 0
    broken_labels: list[RowProblem] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def skip(self, reason: str, places: Sequence[str], count: int | None = None) -> None:
        """Count rows as skipped for `reason`, and keep the places of the first such rows.

        `places` holds the rows' places, as `file:line` or as the file alone. `count` is the number of rows; None means
        that it is the number of `places`.
        """
        self.skipped[reason] += len(places) if count is None else count
        kept = self.places.setdefault(reason, [])
        kept += places[: PLACES_SHOWN - len(kept)]

    @property
    def records(self) -> int:
        """Number of rows if a row of several events counts once."""
        return (self.rows - len(self.broken)) // self.events_per_row + len(self.broken)

    @property
    def broken_share(self) -> float:
        """Share of all records that are broken; 0 when there are none."""
        return len(self.broken) / self.records if self.records else 0.0

    @property
    def broken_label_share(self) -> float:
        """Share of all label rows that are broken; 0 when there are no label rows."""
        return len(self.broken_labels) / self.label_rows if self.label_rows else 0.0

    def excesses(self, max_broken_share: float, max_broken_label_share: float) -> Iterator[str]:
        """Yield a message for each share of broken rows that is larger than accepted."""
        for what, broken, rows, share, key, limit in (
            ("rows", self.broken, self.records, self.broken_share, "max_broken_share", max_broken_share),
            (
                "label rows",
                self.broken_labels,
                self.label_rows,
                self.broken_label_share,
                "max_broken_label_share",
                max_broken_label_share,
            ),
        ):
            if share > limit:
                remedy = f"correct them, or raise {key}"
                if share > _OTHER_SHARE:
                    remedy = "so many tell of another home's files, or of a wrong `recording`: check both"
                yield (
                    f"{len(broken)} of {rows} {what} are broken, a share of {share:.4f} (allowed: {limit}), "
                    f"first {broken[0].file}:{broken[0].line}; {remedy}"
                )
