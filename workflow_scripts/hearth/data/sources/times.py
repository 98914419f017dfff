"""Convert columns of times, as raw files write them, to milliseconds in UTC or on a home's clock."""

import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from hearth.homes.raw_format import EPOCH_UNITS

# A UTC offset after a time of day, with or without colons: the -11 of 2018-11 is no offset. There is no \s in it, since
# pandas then searches each text in Python.
_OFFSET = r"[Tt ]\d[\d:.,]*[ \t]*(?:Z|z|UTC|GMT|[+-]\d\d?(?::?\d\d)?)$"
_ONLY_DATE = r"\s*(?:\d{4}|\d{4}[-/.]?\d{1,2}|\d{4}[-/.]?\d{1,2}[-/.]?\d{1,2})\s*"
# Spellings of ISO 8601 that pandas does not read, and those that it does.
_SPELLINGS = {r",(\d)": r".\1", r"t(\d)": r"T\1", r"\s*(?:z|UTC|GMT)$": "Z"}
_HALF_DAY = re.compile(r"(?<=[Tt ])(\d{1,2})(:[\d:.,]*)\s?([AaPp])\.?[Mm]\.?$")
_EPOCH = r"-?\d{1,19}(?:[.,]\d*)?"
# The years 0001 to 9999, the range of datetime, in milliseconds since 1970.
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999
HOUR = 3_600_000  # milliseconds
_DAY = 24 * HOUR
_YEAR = 366 * _DAY
_CODE = re.compile(r"%.")
_DAYS_END = r"(?<=[Tt ])24(?=:00(?::00(?:[.,]0+)?)?(?![\d:.,]))"


def parse_times(texts: pd.Series, form: str, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three arrays: milliseconds since 1970, whether a text is a valid time, whether its milliseconds are UTC.

    `form` is a value of `recording.time.format`; iso8601 includes a comma before fractions of a second, and UTC, GMT,
    AM or PM after the time, but no date without a time of day. The time of day 24:00 is 0:00 of the next day. Numbers
    and times with an offset become milliseconds in UTC. Times without an offset are on the clock of the time zone
    `zone` and are converted to UTC; if `zone` is '', they become milliseconds on the clock that they show. Invalid
    times have 0 milliseconds.
    """
    utc: np.ndarray
    if form in EPOCH_UNITS:
        milliseconds, valid = _parse_epoch(texts, EPOCH_UNITS[form])
        utc = np.ones(len(texts), dtype=bool)
    else:
        milliseconds, valid, utc = _parse_dates(texts, form, zone)
    valid = valid & (milliseconds >= _FIRST) & (milliseconds <= _LAST)
    return np.where(valid, milliseconds, 0), valid, utc


def _parse_epoch(texts: pd.Series, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays, milliseconds and validity, for texts that count units of `scale` milliseconds."""
    valid = texts.str.fullmatch(_EPOCH).to_numpy(dtype=bool, copy=True)
    numbers = pd.to_numeric(texts.where(valid, "0").str.replace(",", ".", regex=False)).to_numpy()
    valid &= np.abs(numbers.astype(float)) * scale <= _LAST
    if numbers.dtype.kind == "i":
        numbers = np.where(valid, numbers, 0)
        return numbers * int(scale) if scale >= 1 else numbers // round(1 / scale), valid
    # Round to microseconds first: 0.228 s must not become 227 ms.
    return np.where(valid, np.round(numbers.astype(float) * scale * 1000), 0).astype(np.int64) // 1000, valid


def _parse_dates(texts: pd.Series, form: str, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the three arrays of `parse_times` for texts with a date and a time of day."""
    if form == "iso8601":
        has_offset = texts.str.contains(_OFFSET, regex=True).to_numpy(dtype=bool, copy=True)
    else:
        has_offset = np.full(len(texts), "%z" in form)
    milliseconds: np.ndarray = np.zeros(len(texts), dtype=np.int64)
    valid: np.ndarray = np.zeros(len(texts), dtype=bool)
    for utc in (True, False):
        chosen = has_offset == utc
        if chosen.any():
            times = _read(texts[chosen], form, utc)
            if (missing := times.isna()).any() and (late := missing & texts[chosen].str.contains(_DAYS_END)).any():
                midnight = _read(texts[chosen][late].str.replace(_DAYS_END, "00", regex=True), form, utc)
                times = times.where(~late, (midnight + pd.Timedelta(days=1)).reindex(times.index))
            valid[chosen] = times.notna().to_numpy()
            milliseconds[chosen] = _milliseconds(times if utc or not zone else _localise(times, zone))
    return milliseconds, valid, has_offset | bool(zone)


def _read(texts: pd.Series, form: str, utc: bool) -> pd.Series:
    return _read_iso(texts, utc) if form == "iso8601" else _read_pattern(texts, form, utc)


def _read_pattern(texts: pd.Series, pattern: str, utc: bool) -> pd.Series:
    return pd.to_datetime(texts, format=pattern, errors="coerce", utc=utc)


def _read_iso(texts: pd.Series, utc: bool) -> pd.Series:
    """Return the times of texts, of which those that are no time are NaT."""
    times = _read_pattern(texts, "ISO8601", utc)
    if (missing := times.isna()).any():
        spelt = texts[missing]
        for pattern, usual in _SPELLINGS.items():
            spelt = spelt.str.replace(pattern, usual, regex=True)
        spelt = spelt.str.replace(_HALF_DAY, _full_day, regex=True)
        times = times.where(~missing, _read_pattern(spelt, "ISO8601", utc).reindex(times.index))
    at_midnight = times.dt.hour.eq(0) & times.dt.minute.eq(0)
    if at_midnight.any():
        only_date = texts[at_midnight].str.fullmatch(_ONLY_DATE).reindex(texts.index, fill_value=False)
        times = times.mask(only_date.astype(bool))
    return times


def _full_day(match: re.Match[str]) -> str:
    """Return a time of day with AM or PM on the clock of 24 hours; one with an hour above 12 remains as it is."""
    hour = int(match[1])
    return f"{hour % 12 + 12 * (match[3] in 'Pp'):02d}{match[2]}" if 1 <= hour <= 12 else match[0]


def _localise(times: pd.Series, zone: str) -> pd.Series:
    """Return clock times with the time zone `zone`.

    A time in an hour that the clock shows twice is taken for its first pass. A time in an hour that the clock skips
    becomes the first moment after that hour.
    """
    return times.dt.tz_localize(ZoneInfo(zone), ambiguous=np.ones(len(times), bool), nonexistent="shift_forward")


def _milliseconds(times: pd.Series) -> np.ndarray:
    if times.dt.tz is not None:
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return times.to_numpy().astype("datetime64[ms]").astype(np.int64)


def on_clock(milliseconds: np.ndarray, zone: str) -> np.ndarray:
    """Convert milliseconds in UTC to the clock of `zone`, as milliseconds since 1970-01-01 00:00 on that clock."""
    times = pd.Series(milliseconds.astype("datetime64[ms]")).dt.tz_localize("UTC").dt.tz_convert(ZoneInfo(zone))
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64)


def from_clock(milliseconds: np.ndarray, zone: str) -> np.ndarray:
    """Convert milliseconds on the clock of `zone` to UTC; a time in an hour shown twice is taken for the first pass."""
    return _milliseconds(_localise(pd.Series(milliseconds.astype("datetime64[ms]")), zone))


def next_day(begins: np.ndarray, ends: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return `ends`, a day later where one of the mask `valid` is before its begin: both have the begin's date."""
    return np.where(valid & (ends < begins), ends + _DAY, ends)


def count_odd_hours(milliseconds: np.ndarray, zone: str) -> int:
    """Count the clock times that lie in an hour that the clock of `zone` shows twice or never."""
    times = pd.Series(milliseconds.astype("datetime64[ms]"))
    return int(times.dt.tz_localize(ZoneInfo(zone), ambiguous="NaT", nonexistent="NaT").isna().sum())


def second_passes(milliseconds: np.ndarray, files: np.ndarray, zone: str) -> tuple[np.ndarray, int]:
    """Find the clock times in the second pass of an hour that the clock of `zone` shows twice, by the order of rows.

    Rows are in file order; `files` has a code for each. The first time in such an hour that is earlier than the one
    before it begins the second pass, unless times of that file go back again on that day, or by an hour or more at any
    other place. Return a pair: the mask of the times in second passes, and the number of times in such hours of which
    some go back, but do not tell the passes.
    """
    second: np.ndarray = np.zeros(len(milliseconds), dtype=bool)
    back: np.ndarray = 1 + np.flatnonzero((np.diff(milliseconds) < 0) & (np.diff(files) == 0))
    if not len(back):
        return second, 0
    clock = pd.Series(milliseconds.astype("datetime64[ms]"))
    doubled = clock.dt.tz_localize(ZoneInfo(zone), ambiguous="NaT", nonexistent="shift_forward").isna().to_numpy()
    days: np.ndarray = milliseconds // _DAY
    jumps = milliseconds[back - 1] - milliseconds[back] >= HOUR
    unclear = second.copy()
    within = back[doubled[back] & doubled[back - 1]]
    for file, day in sorted(set(zip(files[within].tolist(), days[within].tolist(), strict=True))):
        hour = doubled & (files == file) & (days == day)
        steps = back[(files[back] == file) & (jumps | (days[back] == day))]
        if len(steps) == 1:
            second |= hour & (np.arange(len(hour)) >= steps[0])
        else:
            unclear |= hour
    return second, int(unclear.sum())


def oddities(parts: Sequence[tuple[np.ndarray, np.ndarray]], form: str, zone: str) -> tuple[list[str], list[str]]:
    """Return warnings, one for each sign that a column of times is read wrongly, and notes on other readings of it.

    `parts` has the milliseconds and the UTC masks of `parse_times`; `zone` is the zone of times without an offset.
    """
    warnings: list[str] = []
    notes: list[str] = []
    latest = max((int(milliseconds.max()) for milliseconds, _ in parts if len(milliseconds)), default=_YEAR)
    if form in EPOCH_UNITS and latest < _YEAR:
        units = [
            unit for unit, scale in EPOCH_UNITS.items() if 20 * _YEAR < latest / EPOCH_UNITS[form] * scale < 130 * _YEAR
        ]
        likely = f"; counted in {units[0]} they would be later than 1989" if units else ""
        warnings.append(f"all times are of 1970 or before{likely}: check the unit in time.format")
    with_offset = sum(int(utc.sum()) for _, utc in parts)
    without = sum(len(utc) for _, utc in parts) - with_offset
    if with_offset and without:
        warnings.append(
            f"{with_offset} times have an offset from UTC and {without} have none: these are on the clock of {zone}"
        )
    if {"%d", "%m"} <= set(_CODE.findall(form)):
        days = [np.where(utc, on_clock(milliseconds, zone), milliseconds) // _DAY for milliseconds, utc in parts]
        dates = np.unique(np.concatenate(days or [np.zeros(0, dtype=np.int64)])).astype("datetime64[D]")
        text, is_likelier = _other_dates(dates, form)
        (warnings if is_likelier else notes).extend([text] if text else [])
    return warnings, notes


def _other_dates(dates: np.ndarray, form: str) -> tuple[str, bool]:
    """Return what the dates are with day and month exchanged, and whether they are then closer together.

    The text is '' if that is impossible, since a day is above 12, or changes nothing.
    """
    months: np.ndarray = dates.astype("datetime64[M]")
    days = (dates - months).astype(np.int64)  # 0 for the first of a month
    years: np.ndarray = dates.astype("datetime64[Y]")
    month_of_year = (months - years).astype(np.int64)
    if not len(dates) or days.max() > 11 or (days == month_of_year).all():
        return "", False
    others = np.sort((years.astype("datetime64[M]") + days).astype("datetime64[D]") + month_of_year)
    exchanged = _CODE.sub(lambda code: {"%d": "%m", "%m": "%d"}.get(code[0], code[0]), form)
    text = (
        f"no day is above 12: the times, of {len(dates)} days from {dates[0]} to {dates[-1]}, can also be read as "
        f"{exchanged!r}, and are then from {others[0]} to {others[-1]}"
    )
    is_likelier = bool(others[-1] - others[0] < dates[-1] - dates[0])
    return text + ("; check time.format" if is_likelier else ""), is_likelier
