"""Steps that the loaders of MARBLE and MuRAL share: describe a row in words, and count rows out of order of time."""

from collections.abc import Iterable

from hearth.data.events import SensorWords
from hearth.data.sources.csv_rows import RowError
from hearth.homes.home import Home


def sensor_words(home: Home, sensor: str, state: str) -> SensorWords:
    """Return a dict with the columns room, sensor, state and description of an event.

    Raises RowError for a sensor or state that the home lacks.
    """
    try:
        words = home.describe(sensor, state)
    except KeyError as error:
        raise RowError(error.args[0]) from None
    return {"room": words.room, "sensor": sensor, "state": words.state, "description": words.description}


def count_out_of_order(times: Iterable[int]) -> int:
    """Return the number of times that are earlier than some time before them in `times`."""
    count = 0
    latest = None
    for time in times:
        count += latest is not None and time < latest
        latest = time if latest is None else max(latest, time)
    return count
