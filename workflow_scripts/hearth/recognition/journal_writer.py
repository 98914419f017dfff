"""Write finished items to a journal in a thread of its own, so that an engine never waits for a disk or a meter."""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from hearth.recognition.journal import Journal

Batch = TypeVar("Batch")


class JournalWriter(Generic[Batch]):
    """A context manager whose thread journals batches of finished work, each as soon as the disk is free.

    `make_items(batches)` returns the items of every batch; the thread calls it with all batches that have arrived since
    its last write, and then writes them at once. A kill loses the batches that have not been written, mostly those of
    the last write's time. The exit waits until all batches are on disk.
    """

    def __init__(self, journal: Journal, make_items: Callable[[Sequence[Batch]], Sequence[Mapping[str, object]]]):
        self._journal, self._make_items = journal, make_items
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()  # None: the end
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="journal")

    def __enter__(self) -> "JournalWriter[Batch]":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()
        if kind is None:  # otherwise that error goes on; it may be the thread's own
            self._raise_error()

    def put(self, batch: Batch) -> None:
        """Let the thread journal a batch. Raises the thread's error, such as OSError for a full disk, if it failed."""
        self._raise_error()
        self._queue.put(batch)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while batches := self._take():
                self._journal.append(*self._make_items(batches))
        except BaseException as error:  # raised in the thread that feeds this one
            self._error = error

    def _take(self) -> list[Batch]:
        """Wait for a batch; return it and all that have arrived behind it, up to the end."""
        batches: list[Batch] = []
        while not batches or not self._queue.empty():
            batch = self._queue.get()
            if batch is None:
                self._queue.put(None)  # for the next call
                break
            batches.append(batch)
        return batches
