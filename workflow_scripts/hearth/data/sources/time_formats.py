"""Weigh the formats in which a column of times may be written, on all of its rows."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hearth.data.sources.times import parse_times
from hearth.homes.raw_format import EPOCH_UNITS

FEWEST_VALID = 0.9  # share of a column's rows that a format must read
# The years 2000 to 2099 in milliseconds since 1970. A unit of time is plausible if all times lie in these years, and a
# pattern if they lie in 1970 or later.
_PLAUSIBLE = (946_684_800_000, 4_102_444_800_000)
_DAY = 86_400_000  # milliseconds
_SAMPLE = 2000  # distinct texts that show which formats are possible at all
_SHAPES = 5  # the most frequent forms of a column's texts that formats are made for
_DATE = r"(?P<a>\d{1,4})(?P<mark>[./-])(?P<b>\d{1,2}|[A-Za-z]{3,9})(?P=mark)(?P<c>\d{1,4})"
_CLOCK = r"\d{1,2}(?P<minute>:\d\d)(?P<second>:\d\d)?(?P<fraction>[.,]\d+)?(?P<half>\s?[AaPp][Mm])?"
_TIME = re.compile(rf"{_DATE}(?:(?P<gap>,? +|T|_){_CLOCK}(?P<zone> ?(?:Z|[+-]\d\d:?\d\d))?)?")
_ONLY_DATE = re.compile(rf"{_DATE}|\d{{8}}")
_ONLY_CLOCK = re.compile(_CLOCK)
# Orders that nobody writes: the day between year and month; with dots, the month or a short year first.
_UNUSUAL = re.compile(r"%Y.%d|%m\.%d|%y\.")
OFFSET = re.compile(r":\d\d(?:[.,]\d+)?\s*(Z|[+-]\d\d(?::?\d\d)?)$")
_SAMPLE = 1000  # texts that a remedy is found on
# From the pattern of texts that are times in no format to the remedy.
_REMEDIES = {
    r"[2-5]\d{4}(?:[.,]\d+)?": "these are days as Excel counts them: save them as text such as 2024-02-03 08:00:00",
    r"\d(?:[.,]\d+)?[Ee]\+?\d+": "these are rounded numbers of a spreadsheet: export the column as text",
    r".*\d\s?[A-Z]{3,5}": "names of time zones are not read: set a pattern with the name as text, and `time.zone`",
    _ONLY_DATE.pattern: "these are dates without a time of day: name its column, too (`time: [date, time]`)",
    _ONLY_CLOCK.pattern: "these are times of day without a date: name its column, too (`time: [date, time]`)",
}
_WRITTEN_OUT = (
    *("%b %d, %Y %I:%M:%S %p", "%b %d, %Y %H:%M:%S", "%b %d, %Y, %I:%M:%S %p", "%d %b %Y %H:%M:%S"),
    *("%B %d, %Y %H:%M:%S", "%d %B %Y %H:%M:%S", "%d %b %Y, %H:%M:%S", "%b %d %Y %H:%M:%S"),
    *("%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d %H%M%S"),
    *("%Y%m%d-%H%M%S", "%Y%m%d_%H%M%S", "%Y/%m/%d-%H:%M:%S", "%d.%m.%Y-%H:%M:%S"),
)


@dataclass(frozen=True)
class Reading:
    """A format, the share of a column's rows that it reads, and their times.

    `jumps` counts the rows that are more than a day before the row above; `span` is the time from the first to the
    last, in milliseconds.
    """

    format: str
    valid: float
    jumps: int
    span: int
    milliseconds: np.ndarray


@dataclass(frozen=True)
class Weighed:
    """The likeliest format of a column, and the other readings of the same rows that the data do not exclude."""

    best: Reading
    others: tuple[Reading, ...] = ()


def weigh_formats(texts: pd.Series, fewest: float = FEWEST_VALID) -> Weighed | None:
    """Return the likeliest format of a column of times; None if none reads at least the share `fewest` of filled rows.

    Of formats that read equally many rows, such as day/month and month/day, those in which times go back by days are
    excluded if there is one in which they never do. Of the rest the one with the shortest span is the likeliest, and
    the others remain open.
    """
    filled = texts[texts != ""]
    if filled.empty:
        return None
    codes, values = pd.factorize(filled)
    distinct = pd.Series(values, dtype=str)
    sample = distinct.iloc[:: max(1, len(distinct) // _SAMPLE)]
    readings = [
        reading
        for form in _candidates(filled)
        if parse_times(sample, form, "")[1].mean() >= fewest / 2 and (reading := _read(distinct, codes, form))
    ]
    most = max((reading.valid for reading in readings), default=0.0)
    if most < fewest:
        return None
    best = [reading for reading in readings if reading.valid == most]
    best = [reading for reading in best if not _UNUSUAL.match(reading.format)] or best
    different = [
        reading
        for at, reading in enumerate(best)
        if not any(np.array_equal(reading.milliseconds, other.milliseconds) for other in best[:at])
    ]
    if any(not reading.jumps for reading in different):
        different = [reading for reading in different if not reading.jumps]
    likeliest, *others = sorted(different, key=lambda reading: reading.span)
    return Weighed(likeliest, tuple(others))


def likely_remedy(texts: pd.Series, invalid: np.ndarray, form: str, key: str) -> str:
    """Return what to do about the texts in the mask `invalid`, which are no times in the format `form`; '' if unknown.

    `key` is the key of the format in the yaml.

    A sample of them is weighed. They are taken for the format of the whole column if they are most of it.
    """
    if not invalid.any():
        return ""
    wrong = texts[invalid]
    sample = wrong[wrong != ""].drop_duplicates().iloc[:_SAMPLE]
    if sample.empty:
        return ""
    for pattern, remedy in _REMEDIES.items():
        if sample.str.fullmatch(pattern).mean() >= FEWEST_VALID:
            return remedy
    if weighed := weigh_formats(sample):
        formats = " or ".join(repr(reading.format) for reading in (weighed.best, *weighed.others))
        if 2 * len(wrong) > len(texts):
            return f"set `{key}` to {formats}"
        return f"this is written as {formats}, other rows are not: correct it in the file"
    return f"correct it, or {'set ' if form == 'iso8601' else ''}`{key}`"


def count_matches(texts: pd.Series, part: str) -> float:
    """Return the share of a column's filled rows that are a date alone (part "date") or a clock alone ("clock")."""
    counts = texts[texts != ""].value_counts()
    pattern = {"date": _ONLY_DATE, "clock": _ONLY_CLOCK}[part]
    matching = sum(count for text, count in counts.items() if pattern.fullmatch(str(text)))
    return matching / counts.sum() if len(counts) else 0.0


def offsets(texts: pd.Series) -> dict[str, int]:
    """Return the number of rows by the UTC offset at the end of their time."""
    found = texts.str.extract(OFFSET, expand=False).dropna()
    return {str(offset): int(count) for offset, count in found.value_counts().items()}


def _candidates(texts: pd.Series) -> Iterator[str]:
    """Yield formats that may fit: those that need no pattern, and patterns for the most frequent forms of the texts."""
    yield from ("iso8601", *EPOCH_UNITS)
    shapes = texts.str.replace(r"\d", "9", regex=True).str.replace(r"[A-Za-z]+", "a", regex=True)
    seen: set[str] = set()
    for shape in shapes.value_counts().index[:_SHAPES]:
        for form in _patterns(texts[shapes == shape].iloc[0]):
            if form not in seen:
                seen.add(form)
                yield form
    yield from _WRITTEN_OUT


def _patterns(text: str) -> Iterator[str]:
    """Yield the patterns in which `text` may be written, one for each order of day, month and year."""
    match = _TIME.fullmatch(text)
    if not match:
        return
    clock = ""
    if match["minute"]:
        hour = "%I" if match["half"] else "%H"
        clock = f"{match['gap']}{hour}:%M{':%S' if match['second'] else ''}"
        clock += f"{match['fraction'][0]}%f" if match["fraction"] else ""
        clock += match["half"][:-2] + "%p" if match["half"] else ""
        clock += " " * match["zone"].count(" ") + "%z" if match["zone"] else ""
    month = "%m" if match["b"].isdigit() else "%b" if len(match["b"]) == 3 else "%B"
    if len(match["a"]) == 4:
        orders = [("%Y", month, "%d"), ("%Y", "%d", month)]
    else:
        year = "%Y" if len(match["c"]) == 4 else "%y"
        orders = [("%d", month, year), ("%m", "%d", year)]
        orders += [("%y", month, "%d")] if year == "%y" else []
    for parts in orders if month == "%m" else orders[:1]:
        yield match["mark"].join(parts) + clock


def _read(distinct: pd.Series, codes: np.ndarray, form: str) -> Reading | None:
    """Return the reading of the rows `distinct[codes]` in a format; None if it reads none or implausible times."""
    milliseconds, valid, _ = parse_times(distinct, form, "")
    if not valid.any():
        return None
    first, end = _PLAUSIBLE[0] if form in EPOCH_UNITS else 0, _PLAUSIBLE[1]
    if not ((first <= milliseconds[valid]) & (milliseconds[valid] < end)).all():
        return None
    rows = np.where(valid, milliseconds, np.iinfo(np.int64).min)[codes]
    read = rows[valid[codes]]
    return Reading(
        form,
        float(valid[codes].mean()),
        int((np.diff(read) < -_DAY).sum()),
        int(read.max() - read.min()),
        rows,
    )


def differing_example(texts: pd.Series, one: Reading, other: Reading) -> str:
    """Return a sentence on the first row that two readings of a column read differently."""
    filled = texts[texts != ""]
    row = next(itertools.islice(np.flatnonzero(one.milliseconds != other.milliseconds), 1))
    dates = [str(each.milliseconds[row].astype("datetime64[ms]").astype("datetime64[D]")) for each in (one, other)]
    return f"{filled.iloc[row]!r} is {dates[0]} in {one.format!r} and {dates[1]} in {other.format!r}"
