"""Find recorded events in a home's example, which prompts show with its labels and which has to be invented.

Only the time of day, to the second, and the description of an event count, since a prompt shows nothing else of it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hearth.homes.home import Home

_DAY = 86_400  # seconds
_CLEAR = 600  # seconds: how far from recorded events a proposed time should be
_FEWEST_MOVED = 4  # events: fewer may well recur by chance


def find_recorded_rows(events: pd.DataFrame, home: Home) -> list[str]:
    """Return a message for each event of the home's example that equals a recorded one, and at the end what to do.

    The list is empty if there is none. It is also empty where recorded events are so dense that at every second of the
    day some event of the example would equal one: then it points at no event in particular.
    """
    example = home.example["events"]
    clocks, descriptions = _read_example(home)
    like = events[events["description"].isin(set(descriptions))]
    described = like["description"].to_numpy(dtype=object)
    seconds: np.ndarray = _whole_seconds(like) % _DAY
    recorded = {description: np.unique(seconds[described == description]) for description in descriptions}
    messages = []
    for number, (clock, description) in enumerate(zip(clocks.tolist(), descriptions, strict=True)):
        for row in np.flatnonzero((seconds == clock) & (described == description))[:1]:
            session, event, activity = (like[name].iloc[row] for name in ("session", "event", "activity"))
            messages.append(
                f"example.events.{number}: {example[number]['time']} {description!r} is event {event} of session "
                f"{session}, labelled {activity!r}"
            )
    start = find_free_time(clocks, descriptions, recorded) if messages else None
    if start is None:
        return []
    return [
        *messages,
        "an example has to be invented, since prompts show it with its labels: write other events, at other times "
        f"(from {clock_text(start)} on, nothing like them is recorded)",
    ]


def find_moved_copy(events: pd.DataFrame, home: Home) -> list[str]:
    """Return a warning if a session holds all events of the home's example at other times, as far apart to a second.

    The list has that warning, or is empty. An example of few events is not looked for, since it may recur by chance.
    """
    clocks, descriptions = _read_example(home)
    if len(clocks) < _FEWEST_MOVED:
        return []
    like = events[events["description"].isin(set(descriptions))]
    described = like["description"].to_numpy(dtype=object)
    # One time axis for all sessions, on which they are too far apart to be mistaken for one another.
    sessions = pd.factorize(like["session"])[0] * 10**11
    times = {
        description: np.sort((sessions + _whole_seconds(like))[described == description])
        for description in descriptions
    }
    starts = times[descriptions[0]]
    for clock, description in zip(clocks[1:] - clocks[0], descriptions[1:], strict=True):
        starts = starts[_distance(starts + clock, times[description]) <= 1]
    if not len(starts):
        return []
    first = like[(sessions + _whole_seconds(like) == starts[0]) & (described == descriptions[0])].iloc[0]
    return [
        f"the example's events are recorded from event {first['event']} of session {first['session']} on, at another "
        "time of day but as far apart: an example has to be invented, since prompts show it with its labels"
    ]


def find_free_time(clocks: np.ndarray, descriptions: Sequence[str], recorded: Mapping[str, np.ndarray]) -> int | None:
    """Return the time of day to which an example's first event should move; all times are in seconds of the day.

    `clocks` are the times of the example's events, in order. All move by the same number of seconds, as few as take
    them `_CLEAR` seconds from recorded events, or as far from these as possible. `recorded` maps each description to
    the sorted times at which it is recorded. Return None if some event always equals a recorded one.
    """
    first, last = int(clocks[0]), int(clocks[-1])
    shifts = np.array(sorted(range(-first, _DAY - last), key=abs))
    distances = [_distance(clock + shifts, recorded[name]) for clock, name in zip(clocks, descriptions, strict=True)]
    clear = np.minimum(np.min(distances, axis=0), _CLEAR)
    best = int(np.argmax(clear))  # the first, and so the smallest shift
    if clear[best] == 0:
        return None
    return first + int(shifts[best])


def clock_text(second: int) -> str:
    """Return a second of the day as HH:MM:SS."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def _read_example(home: Home) -> tuple[np.ndarray, list[str]]:
    """Return the times of the example's events in seconds of the day, and their descriptions."""
    events = home.example["events"]
    clocks = pd.to_timedelta([event["time"] for event in events]).total_seconds().to_numpy().astype(np.int64)
    return clocks, [home.describe(event["sensor"], event["state"]).description for event in events]


def _whole_seconds(events: pd.DataFrame) -> np.ndarray:
    """Return the times of events in seconds since 1970 on the home's clock, without fractions, as prompts show them."""
    return events["time"].to_numpy().astype("datetime64[s]").astype(np.int64)


def _distance(moments: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how far each of `moments` is from the nearest of the sorted `times`; a day if there are none."""
    if not len(times):
        return np.full(len(moments), _DAY)
    after = np.searchsorted(times, moments)
    later, earlier = times[np.minimum(after, len(times) - 1)], times[np.maximum(after - 1, 0)]
    return np.minimum(np.abs(later - moments), np.abs(earlier - moments))
