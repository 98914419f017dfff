"""Times as files write them to milliseconds on a home's clock, many at once."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from hearth.homes.raw_format import EPOCH_UNITS

# An offset stands behind a time of day: the -11 of 2018-11 is none.
_OFFSET = r":\d\d(?:[.,]\d+)?\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"
_EPOCH = r"-?\d{1,19}(?:\.\d*)?"
# 0001 to 9999, which is what a datetime can show.
_FIRST, _LAST = -62_135_596_800_000, 253_402_300_799_999


def parse(texts: pd.Series, form: str, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(milliseconds since 1970 as int64, whether a text is such a time, whether the milliseconds are UTC).

    `form` is as in `recording.time.format`. Times without an offset are on the clock of `zone`, and so UTC here; with
    no `zone` their milliseconds are those of the clock they were read from.
    """
    if form in EPOCH_UNITS:
        found, good = _epoch(texts, EPOCH_UNITS[form])
        utc = np.ones(len(texts), dtype=bool)
    else:
        found, good, utc = _dates(texts, form, zone)
    good = good & (found >= _FIRST) & (found <= _LAST)
    return np.where(good, found, 0), good, utc


def _epoch(texts: pd.Series, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """(milliseconds, whether they are) of numbers of a unit of `scale` milliseconds."""
    good = texts.str.fullmatch(_EPOCH).to_numpy(dtype=bool, copy=True)
    numbers = pd.to_numeric(texts.where(good, "0")).to_numpy()
    good &= np.abs(numbers.astype(float)) * scale <= _LAST
    if numbers.dtype.kind == "i":
        numbers = np.where(good, numbers, 0)
        return numbers * int(scale) if scale >= 1 else numbers // round(1 / scale), good
    # To the microsecond first: 0.228 s must not become 227 ms by rounding.
    return np.where(good, np.round(numbers.astype(float) * scale * 1000), 0).astype(np.int64) // 1000, good


def _dates(texts: pd.Series, form: str, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `parse` gives, of dates with times of day."""
    if form == "iso8601":
        aware = texts.str.contains(_OFFSET, regex=True).to_numpy(dtype=bool, copy=True)
    else:
        aware = np.full(len(texts), "%z" in form)
    found = np.zeros(len(texts), dtype=np.int64)
    good = np.zeros(len(texts), dtype=bool)
    for utc in (True, False):
        chosen = aware == utc
        if chosen.any():
            pattern = "ISO8601" if form == "iso8601" else form
            times = pd.to_datetime(texts[chosen], format=pattern, errors="coerce", utc=utc)
            good[chosen] = times.notna().to_numpy()
            found[chosen] = _milliseconds(times if utc or not zone else _localised(times, zone))
    return found, good, aware | bool(zone)


def _localised(times: pd.Series, zone: str) -> pd.Series:
    """Times of a clock with its zone; of an hour shown twice the first, of one left out the moment after."""
    return times.dt.tz_localize(ZoneInfo(zone), ambiguous=np.ones(len(times), bool), nonexistent="shift_forward")


def _milliseconds(times: pd.Series) -> np.ndarray:
    if times.dt.tz is not None:
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return times.to_numpy().astype("datetime64[ms]").astype(np.int64)


def on_clock(milliseconds: np.ndarray, zone: str) -> np.ndarray:
    """What the clock of `zone` shows at milliseconds of UTC, as milliseconds since 1970-01-01 00:00 on it."""
    times = pd.Series(milliseconds.astype("datetime64[ms]")).dt.tz_localize("UTC").dt.tz_convert(ZoneInfo(zone))
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(np.int64)


def from_clock(milliseconds: np.ndarray, zone: str) -> np.ndarray:
    """UTC of what the clock of `zone` shows; of an hour that it shows twice, the first."""
    return _milliseconds(_localised(pd.Series(milliseconds.astype("datetime64[ms]")), zone))


def odd_hours(milliseconds: np.ndarray, zone: str) -> int:
    """How many times of a clock lie in an hour that it shows twice, or never."""
    times = pd.Series(milliseconds.astype("datetime64[ms]"))
    return int(times.dt.tz_localize(ZoneInfo(zone), ambiguous="NaT", nonexistent="NaT").isna().sum())
