"""Let one process at a time use a file, also across nodes. A process that ends, however it ends, releases its lock."""

import contextlib
import fcntl
import logging
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)


def lock_file(handle: int, path: Path) -> None:
    """Lock the open file `handle`, whose name is `path`, until it is closed; wait while another process has the lock.

    Some file systems have no locks. There this function logs a warning and returns.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log.info("another process uses %s; waiting for it to end", path)
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("%s cannot be locked (%s); do not let two processes use it at once", path, error)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock the file `path`, made if necessary, during the `with` block, as `lock_file` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        lock_file(handle.fileno(), path)
        yield
