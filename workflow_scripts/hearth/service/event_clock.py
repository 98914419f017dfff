"""Decide the time of each event: that of its message where it can be right, otherwise that of its arrival."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# Seconds after a connection within which messages may arrive that the broker kept for an absent service.
_CATCHING_UP = 600


@dataclass(frozen=True)
class Moment:
    """The time of an event, in UTC and on the home's clock (naive), and what was wrong with it.

    `is_replaced`: the message's own time was too far from the arrival, so this is the arrival's. `is_held`: it would
    have been before the event before, so this is that event's time. `starts_session`: on the home's clock it is before
    the event before, because that clock or the machine's was put back.
    """

    utc: datetime
    home: datetime
    is_replaced: bool
    is_held: bool
    starts_session: bool


class EventClock:
    """Gives events times that never go back, whatever the clocks of devices say.

    `tolerance` (seconds) is how far a message's time may be from its arrival. It may also be as old as the time for
    which the service was away, as long as messages may arrive that the broker kept meanwhile.
    """

    def __init__(self, zone: str, tolerance: float, last: datetime | None = None):
        """`last` is the time (UTC) of the last event of an earlier process."""
        self._zone, self._tolerance, self._last = ZoneInfo(zone), timedelta(seconds=tolerance), last
        # When each connection was made, and for how long it had been away.
        self._connections: dict[str, tuple[datetime, timedelta]] = {}

    def connect(self, now: datetime, last_seen: datetime | None, name: str = "") -> None:
        """Say that the connection `name` was made `now`, and was last known to exist at `last_seen`."""
        away = max(timedelta(0), now - last_seen) if last_seen else timedelta(0)
        self._connections[name] = (now, away)

    def moment(self, own: datetime | None, arrived: datetime) -> Moment:
        """Return the time of the next event: `own` is that of its message, in UTC, or None."""
        is_replaced = own is not None and not self._is_credible(own, arrived)
        time = (arrived if own is None or is_replaced else own).astimezone(UTC)
        time = time.replace(microsecond=time.microsecond // 1000 * 1000)
        is_held = starts_session = False
        if self._last is not None:
            if is_held := time < self._last <= arrived + self._tolerance:
                time = self._last
            starts_session = self._on_home_clock(time) < self._on_home_clock(self._last)
        self._last = time
        return Moment(time, self._on_home_clock(time), is_replaced, is_held, starts_session)

    def _is_credible(self, own: datetime, arrived: datetime) -> bool:
        """Return whether a message with the time `own` may have arrived at `arrived`."""
        catching_up = timedelta(seconds=_CATCHING_UP)
        away = (away for since, away in list(self._connections.values()) if arrived - since < catching_up)
        oldest = arrived - self._tolerance - max(away, default=timedelta(0))
        return oldest <= own <= arrived + self._tolerance

    def _on_home_clock(self, time: datetime) -> datetime:
        return time.astimezone(self._zone).replace(tzinfo=None)
