import re
from typing import Any, Literal, NotRequired, TypedDict

import pytest
from hearth.common.files import write_json, write_json_lines
from hearth.common.records import read_record, read_records


class Part(TypedDict):
    size: int


class Whole(TypedDict):
    name: str
    kind: Literal["a", "b"]
    share: float
    labels: list[str | None]
    part: Part | None
    counts: dict[str, int]
    note: NotRequired[bool]
    rest: NotRequired[Any]


WHOLE = {"name": "x", "kind": "a", "share": 1, "labels": ["l", None], "part": {"size": 3}, "counts": {"n": 1}}


@pytest.mark.parametrize("changes", [{}, {"note": True}, {"part": None}, {"another": 1}, {"rest": [1, {}]}])
def test_a_record_of_its_type_is_returned_unchanged(tmp_path, changes):
    write_json(tmp_path / "a.json", WHOLE | changes)
    assert read_record(tmp_path / "a.json", Whole) == WHOLE | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 1}, "a.jsonl: row 2: name is 1; expected str"),
        ({"kind": "c"}, "a.jsonl: row 2: kind is 'c'; expected Literal['a', 'b']"),
        ({"share": True}, "share is True; expected float"),
        ({"labels": ["l", 2]}, "labels is ['l', 2]; expected list[str | None]"),
        ({"part": {}}, "part is {}; expected"),
        ({"part": {"size": False}}, "part is {'size': False}; expected"),
        ({"counts": {"n": "1"}}, "counts is {'n': '1'}; expected dict[str, int]"),
        ({"note": None}, "note is None; expected"),
        ({"name": ["long"] * 50}, "...; expected str"),
    ],
)
def test_a_value_of_another_type_is_named(tmp_path, changes, message):
    write_json_lines(tmp_path / "a.jsonl", [WHOLE, WHOLE | changes])
    with pytest.raises(ValueError, match=re.escape(message)):
        read_records(tmp_path / "a.jsonl", Whole)


def test_a_missing_key_is_named(tmp_path):
    write_json_lines(tmp_path / "a.jsonl", [{key: value for key, value in WHOLE.items() if key != "share"}])
    with pytest.raises(ValueError, match=r"a\.jsonl: row 1 has no 'share'"):
        read_records(tmp_path / "a.jsonl", Whole)


def test_a_record_is_a_json_object(tmp_path):
    write_json(tmp_path / "a.json", [WHOLE])
    with pytest.raises(ValueError, match=r"a\.json: expected a JSON object, found list"):
        read_record(tmp_path / "a.json", Whole)
