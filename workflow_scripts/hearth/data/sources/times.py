"""Conversion of times as files write them to milliseconds on a home's clock, a column at a time."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from hearth.homes.raw_format import EPOCH_UNITS

# An offset follows a time of day: the -11 of 2018-11 is no offset.
_OFFSET = r":\d\d(?:[.,]\d+)?\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"
_EPOCH = r"-?\d{1,19}(?:\.\d*)?"
# The years 0001 to 9999, the range of datetime.
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999


def parse_times(texts: pd.Series, form: str, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (milliseconds since 1970 as int64, whether the text is a valid time, whether the milliseconds are UTC).

    `form` is as in `recording.time.format`. Times without an offset are on the clock of `zone` and converted to UTC;
    without a `zone` their milliseconds stay on the clock they were read from. Invalid times have 0 milliseconds.
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
    """Return (milliseconds, whether valid) of numbers in a unit of `scale` milliseconds."""
    valid = texts.str.fullmatch(_EPOCH).to_numpy(dtype=bool, copy=True)
    numbers = pd.to_numeric(texts.where(valid, "0")).to_numpy()
    valid &= np.abs(numbers.astype(float)) * scale <= _LAST
    if numbers.dtype.kind == "i":
        numbers = np.where(valid, numbers, 0)
        return numbers * int(scale) if scale >= 1 else numbers // round(1 / scale), valid
    # Rounded to the microsecond first: 0.228 s must not become 227 ms.
    return np.where(valid, np.round(numbers.astype(float) * scale * 1000), 0).astype(np.int64) // 1000, valid


def _parse_dates(texts: pd.Series, form: str, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what `parse_times` does, for dates with times of day."""
    if form == "iso8601":
        has_offset = texts.str.contains(_OFFSET, regex=True).to_numpy(dtype=bool, copy=True)
    else:
        has_offset = np.full(len(texts), "%z" in form)
    milliseconds: np.ndarray = np.zeros(len(texts), dtype=np.int64)
    valid: np.ndarray = np.zeros(len(texts), dtype=bool)
    for utc in (True, False):
        chosen = has_offset == utc
        if chosen.any():
            pattern = "ISO8601" if form == "iso8601" else form
            times = pd.to_datetime(texts[chosen], format=pattern, errors="coerce", utc=utc)
            valid[chosen] = times.notna().to_numpy()
            milliseconds[chosen] = _milliseconds(times if utc or not zone else _localise(times, zone))
    return milliseconds, valid, has_offset | bool(zone)


def _localise(times: pd.Series, zone: str) -> pd.Series:
    """Attach the zone to clock times: the first pass of an hour shown twice; for a skipped hour, the moment after."""
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
    """Convert milliseconds on the clock of `zone` to UTC; an hour shown twice is taken for its first pass."""
    return _milliseconds(_localise(pd.Series(milliseconds.astype("datetime64[ms]")), zone))


def count_odd_hours(milliseconds: np.ndarray, zone: str) -> int:
    """Count the clock times that lie in an hour that the clock of `zone` shows twice or never."""
    times = pd.Series(milliseconds.astype("datetime64[ms]"))
    return int(times.dt.tz_localize(ZoneInfo(zone), ambiguous="NaT", nonexistent="NaT").isna().sum())
