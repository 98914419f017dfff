"""A process that fills a journal; in a module of its own, because spawned processes cannot import test modules."""

import os
import time

from hearth.recognition.journal import Journal

KEYS = [str(number) for number in range(20)]


def fill_journal(folder, done):
    """Append the keys that the journal does not have, with this process's id, and add them to `done`."""
    with Journal(folder, "d") as journal:
        for key in KEYS:
            if key not in journal.items:
                journal.append({key: os.getpid()})
                done.append(key)
                time.sleep(0.002)
