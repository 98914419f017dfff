"""Say on the log what may go wrong thousands of times: each name once, and the rest now and then."""

import logging
import time

log = logging.getLogger(__name__)

_MAX_NAMES = 1_000
_PAUSE = 60.0  # seconds


class OncePerName:
    """Warns of each name once, of at most a thousand names."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def warn(self, name: str, message: str) -> None:
        """Log a warning about `name`, unless there was one about it."""
        if name in self._said or len(self._said) > _MAX_NAMES:
            return
        self._said.add(name)
        log.warning("%s", message)
        if len(self._said) > _MAX_NAMES:
            log.warning("more than %d of these; no more are named", _MAX_NAMES)


class NowAndThen:
    """Warns at most once a minute, and says of how many others nothing was said."""

    def __init__(self) -> None:
        self._next, self._unsaid = 0.0, 0

    def warn(self, message: str) -> None:
        """Log a warning, unless there was one within the last minute."""
        if time.monotonic() < self._next:
            self._unsaid += 1
            return
        more = f" (and {self._unsaid} more since the last such message)" if self._unsaid else ""
        log.warning("%s%s", message, more)
        self._next, self._unsaid = time.monotonic() + _PAUSE, 0
