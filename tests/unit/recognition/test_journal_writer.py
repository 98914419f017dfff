import threading

import pytest
from hearth.recognition.journal import Journal
from hearth.recognition.journal_writer import JournalWriter


def as_items(batches):
    return [{str(number): number for number in batch} for batch in batches]


def test_every_batch_is_a_line_of_its_own_in_order_and_on_disk_at_the_end(tmp_path):
    batches = [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(300)]
    with Journal(tmp_path, "d") as journal:
        with JournalWriter(journal, as_items) as writer:
            for batch in batches:
                writer.put(batch)
        assert list(journal.items) == [str(number) for number in range(900)]
        assert journal.path.read_bytes().count(b"\n") == 300
    with Journal(tmp_path, "d") as again:
        assert again.items == journal.items


def test_batches_that_arrive_during_a_write_are_written_together(tmp_path):
    calls, first_write, all_put = [], threading.Event(), threading.Event()

    def slow(batches):
        calls.append(len(batches))
        first_write.set()
        assert all_put.wait(60)
        return as_items(batches)

    with Journal(tmp_path, "d") as journal:
        with JournalWriter(journal, slow) as writer:
            writer.put([0])
            assert first_write.wait(60)
            for number in range(1, 8):
                writer.put([number])
            all_put.set()
        assert calls == [1, 7]
        assert len(journal.items) == 8


def test_an_error_of_the_caller_loses_no_batch(tmp_path):
    def interrupted(journal):
        with JournalWriter(journal, as_items) as writer:
            writer.put([1])
            writer.put([2])
            raise KeyboardInterrupt

    with Journal(tmp_path, "d") as journal:
        with pytest.raises(KeyboardInterrupt):
            interrupted(journal)
        assert journal.items == {"1": 1, "2": 2}


def test_an_error_of_the_thread_reaches_the_caller_even_after_the_last_batch(tmp_path):
    def broken(_batches):
        raise OSError(28, "No space left on device")

    with (
        Journal(tmp_path, "d") as journal,
        pytest.raises(OSError, match="No space left"),
        JournalWriter(journal, broken) as writer,
    ):
        writer.put([1])
