import json
import logging
import multiprocessing
import os
import signal
import time

import pytest
from hearth.recognition.journal import Journal
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_worker import KEYS, fill_journal


def lines(path):
    return path.read_bytes().split(b"\n")[:-1]


def test_appended_items_are_there_when_the_journal_is_opened_again(tmp_path):
    with Journal(tmp_path, "d") as journal:
        assert journal.items == {}
        journal.append({"a": {"text": "é\u2028\n\x00<think>", "n": 0.1}, "b": None})
        journal.append({"c": []})
    with Journal(tmp_path, "d") as journal:
        assert journal.items == {"a": {"text": "é\u2028\n\x00<think>", "n": 0.1}, "b": None, "c": []}


@settings(max_examples=40)
@given(items=st.dictionaries(st.text(), st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)))
def test_text_of_any_kind_survives(tmp_path_factory, items):
    folder = tmp_path_factory.mktemp("journal")
    with Journal(folder, "d") as journal:
        journal.append(items)
        journal.append({"last": "\ud800"})
    with Journal(folder, "d") as journal:
        assert journal.items == {**items, "last": "\ud800"}


def test_a_journal_torn_at_any_byte_keeps_every_complete_line_and_accepts_more(tmp_path):
    with Journal(tmp_path, "d") as journal:
        journal.append({"a": "one"})
        journal.append({"b": "zwei é", "c": 3})
    whole = journal.path.read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(len(whole)):
        journal.path.write_bytes(whole[:size])
        with Journal(tmp_path, "d") as torn:
            assert torn.items == ({"a": "one"} if size >= first else {})
            torn.append({"z": 1})
        with Journal(tmp_path, "d") as again:
            assert again.items == {**torn.items}
            assert "z" in again.items


def test_a_damaged_line_is_logged_and_left_out(tmp_path, caplog):
    with Journal(tmp_path, "d") as journal:
        for key in "abc":
            journal.append({key: "right"})
    damaged = lines(journal.path)
    damaged[1] = damaged[1].replace(b"right", b"wrong")
    journal.path.write_bytes(b"\n".join([*damaged, b"not json", b"[]", b'{"items": {"q": 1}}', b""]))
    with Journal(tmp_path, "d") as journal:
        assert journal.items == {"a": "right", "c": "right"}
    assert [":2 is damaged" in m or ":4 is" in m or ":5 is" in m or ":6 is" in m for m in caplog.messages] == [True] * 4


def test_journals_of_another_fingerprint_are_ignored_and_logged(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with Journal(tmp_path, "old") as journal:
        journal.append({"a": 1})
    with Journal(tmp_path, "new") as journal:
        assert journal.items == {}
    assert "old.jsonl" in caplog.text
    assert (tmp_path / "old.jsonl").stat().st_size > 0


def test_two_processes_do_everything_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        done = manager.list()
        processes = [context.Process(target=fill_journal, args=(tmp_path, done)) for _ in range(3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0, 0]
        assert sorted(done) == sorted(KEYS)
    with Journal(tmp_path, "d") as journal:
        assert len(lines(journal.path)) == 20
        assert len(set(journal.items.values())) == 1


def test_a_killed_process_leaves_no_lock(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        done = manager.list()
        process = context.Process(target=fill_journal, args=(tmp_path, done))
        process.start()
        while not done:
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
        process.join(60)
    with Journal(tmp_path, "d") as journal:
        assert 0 < len(journal.items) <= 20


def test_a_file_system_without_locks_is_logged_and_used(tmp_path, monkeypatch, caplog):
    def no_locks(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("hearth.common.locks.fcntl.flock", no_locks)
    with Journal(tmp_path, "d") as journal:
        journal.append({"a": 1})
    assert "cannot be locked" in caplog.text
    assert json.loads(lines(journal.path)[0])["items"] == {"a": 1}


def test_an_item_that_is_no_json_is_refused_and_nothing_is_written(tmp_path):
    with Journal(tmp_path, "d") as journal:
        with pytest.raises(ValueError, match="not JSON compliant"):
            journal.append({"a": float("nan")})
        assert journal.items == {}
        assert journal.path.stat().st_size == 0
