"""Files are complete or absent, equal values give equal bytes, and errors name file and line."""

import hashlib
import threading

import pytest
from hearth.common.files import (
    digest,
    file_digest,
    read_json,
    read_json_lines,
    replacing,
    write_json,
    write_json_lines,
    write_text,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
in_one_folder = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as temporary:
        temporary.write_text("half, then \ud800", encoding="utf-8")
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"x": float("nan")})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_lines_that_fail_half_way_leave_the_old_file(tmp_path):
    def rows():
        yield {"a": 1}
        raise RuntimeError

    path = tmp_path / "a.jsonl"
    write_json_lines(path, [{"old": True}])
    with pytest.raises(RuntimeError):
        write_json_lines(path, rows())
    assert read_json_lines(path) == [{"old": True}]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_of_two_writers_the_last_to_finish_wins(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as slow:
        slow.write_text("slow")
        with replacing(path) as quick:
            quick.write_text("quick")
        assert path.read_text() == "quick"
    assert path.read_text() == "slow"


def test_writers_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "a.txt"
    texts = [letter * 10_000 for letter in "abcdefgh"]
    threads = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts
    assert len(list(tmp_path.iterdir())) == 1


@given(rows=st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=4))
@in_one_folder
def test_json_lines_come_back_whatever_text_they_hold(tmp_path, rows):
    write_json_lines(tmp_path / "a.jsonl", rows)
    assert read_json_lines(tmp_path / "a.jsonl") == rows


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x1c", "\x0c", "\r", "\n"])
def test_line_breaks_within_strings_break_no_line(tmp_path, odd):
    rows = [{"text": f"a{odd}b"}, {"text": odd}]
    write_json_lines(tmp_path / "a.jsonl", rows)
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == 2
    assert read_json_lines(tmp_path / "a.jsonl") == rows


@given(value=JSON)
@in_one_folder
def test_json_comes_back(tmp_path, value):
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_equal_values_are_equal_bytes(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    write_json(tmp_path / "b.json", {"a": "é", "b": 1})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "a": "é",\n  "b": 1\n}\n'.encode()
    assert file_digest(tmp_path / "a.json") == file_digest(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": \n', r"a\.jsonl:2: not JSON"),
        ('{"a": 1}\n\n[1]\n', r"a\.jsonl:3: expected a JSON object, found list"),
        ("null\n", r"a\.jsonl:1: expected a JSON object, found NoneType"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    write_text(tmp_path / "a.jsonl", text)
    with pytest.raises(ValueError, match=message):
        read_json_lines(tmp_path / "a.jsonl")


def test_bad_json_is_named(tmp_path):
    write_text(tmp_path / "a.json", '{"a":\n x}')
    with pytest.raises(ValueError, match=r"a\.json:2:2: not JSON"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("read", [read_json, read_json_lines])
def test_bytes_that_are_no_text_are_named(tmp_path, read):
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ValueError, match=r"a\.json(:1)?: not UTF-8"):
        read(tmp_path / "a.json")


def test_digests():
    assert digest({"b": [1, "é"], "a": None}) == hashlib.sha256('{"a":null,"b":[1,"é"]}'.encode()).hexdigest()
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len({digest(value) for value in (1, "1", [1], {"1": 1}, True, None)}) == 6
    with pytest.raises(ValueError, match="Out of range"):
        digest(float("nan"))


def test_the_digest_of_a_file_is_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1_000_000)
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"x" * 1_000_000).hexdigest()
