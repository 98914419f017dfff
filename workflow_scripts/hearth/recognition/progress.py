"""Show the progress of recognition: a bar on a terminal, log lines elsewhere."""

import logging
import sys
import time
from collections.abc import Sequence

from tqdm import tqdm

from hearth.engines.protocol import Completion

log = logging.getLogger(__name__)


class Progress:
    """A bar on a terminal; elsewhere at most one log line every `interval` seconds, and one at the end."""

    def __init__(self, total: int, interval: float = 60.0):
        """`total` counts the windows to recognise."""
        self._bar = tqdm(total=total, unit="window", disable=not sys.stderr.isatty())
        self._total, self._interval = total, interval
        self._started = self._last_logged = time.monotonic()
        self._windows = self._tokens = 0

    def add(self, completions: Sequence[Completion]) -> None:
        """Count finished completions."""
        self._windows += len(completions)
        self._tokens += sum(completion.completion_tokens or 0 for completion in completions)
        self._bar.update(len(completions))
        now = time.monotonic()
        if self._bar.disable and now - self._last_logged >= self._interval:
            self._last_logged = now
            self._log(now)

    def close(self) -> None:
        """Log the final counts."""
        self._bar.close()
        self._log(time.monotonic())

    def _log(self, now: float) -> None:
        seconds = max(now - self._started, 1e-9)
        remaining = (self._total - self._windows) * seconds / max(self._windows, 1)
        log.info(
            "%d of %d windows, %.2f windows/s, %.0f new tokens/s, %.0f s to go",
            self._windows, self._total, self._windows / seconds, self._tokens / seconds, remaining,
        )  # fmt: skip
