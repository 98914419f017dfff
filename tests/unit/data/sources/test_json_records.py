"""Test that JSON documents of every known form become records, and that others are errors that name the known forms."""

import json

import pytest
from hearth.data.sources.tabular import read_blocks, read_column_names
from hearth.homes.raw_format import FileForm

HISTORY = ["entity_id", "state", "last_changed"]
FULL = {
    "entity_id": "binary_sensor.hall",
    "state": "on",
    "attributes": {"friendly_name": "Hall"},
    "last_changed": "2024-02-03T08:00:01.5+00:00",
    "last_updated": "2024-02-03T08:00:01.5+00:00",
}
REST = [
    [FULL, {"state": "off", "last_changed": "2024-02-03T08:00:02+00:00"}],
    [],
    [{"entity_id": "light.k", "state": "unavailable", "last_updated": "2024-02-03T08:00:03+00:00"}],
]
WEBSOCKET = {
    "binary_sensor.hall": [
        {"s": "on", "a": {}, "lc": 1706947201.5, "lu": 1706947300.0},
        {"s": "off", "a": {}, "lu": 1706947202.0},
    ],
    "light.k": [{"s": "unavailable", "lu": 1706947203}],
}
RECORDS = [
    ["binary_sensor.hall", "on", "2024-02-03T08:00:01.5"],
    ["binary_sensor.hall", "off", "2024-02-03T08:00:02"],
    ["light.k", "unavailable", "2024-02-03T08:00:03"],
]


def read(path, columns, form="auto"):
    """Return the records of a file, and its faults."""
    blocks = list(read_blocks(path, columns, FileForm(format=form)))
    rows = [row for block in blocks for row in block.cells.to_numpy().tolist()]
    return rows, [fault for block in blocks for fault in block.faults]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "document",
    [
        REST,
        WEBSOCKET,
        {"id": 3, "type": "result", "success": True, "result": WEBSOCKET},
        {"id": 3, "type": "event", "event": {"states": WEBSOCKET, "start_time": 1706947201, "end_time": 1706947203}},
    ],
)
@pytest.mark.parametrize("form", ["auto", "home-assistant"])
def test_histories_of_home_assistant_give_the_same_records(tmp_path, document, indent, form):
    path = tmp_path / ("history.json" if form == "auto" else "history")
    path.write_text(json.dumps(document, indent=indent))
    records, faults = read(path, HISTORY, form)
    assert [[entity, state, time.replace(".500", ".5").replace(".000", "")[: len(want[2])]]
            for (entity, state, time), want in zip(records, RECORDS, strict=True)] == RECORDS  # fmt: skip
    assert all(time.endswith("+00:00") for _, _, time in records)
    assert faults == []
    assert read_column_names(path, FileForm(format=form)) == HISTORY


def test_a_damaged_state_of_home_assistant_is_a_fault_and_others_are_kept(tmp_path):
    path = tmp_path / "history.json"
    path.write_text(json.dumps([[FULL, {"last_changed": "2024-02-03T08:00:02+00:00"}, 5, {"state": "off"}]]))
    records, faults = read(path, HISTORY)
    assert [record[1:] for record in records] == [["on", FULL["last_changed"]], ["off", ""]]
    assert faults == [(2, "a state of Home Assistant without `state`"), (3, "a JSON int, not an object")]
    path.write_text(json.dumps({"light.k": [{"s": "on", "lu": 1e300}]}))
    assert read(path, HISTORY) == ([], [(1, "1e+300 is no time in seconds since 1970")])


STATES = [{"time": 1706947201500, "state": "ON"}, {"time": 5, "state": "OFF"}]
ITEM = {"name": "Hall", "datapoints": "2", "data": STATES}


@pytest.mark.parametrize(
    ("document", "names"),
    [
        (ITEM, ["Hall", "Hall"]),
        ([ITEM, ITEM | {"name": "Bath"}], ["Hall", "Hall", "Bath", "Bath"]),
        ({"datapoints": "2", "data": STATES}, ["Lamp", "Lamp"]),
        ({"name": "Hall", "data": []}, []),
    ],
)
def test_items_of_openhab_are_named_by_themselves_or_by_their_file(tmp_path, document, names):
    path = tmp_path / "Lamp.json"
    path.write_text(json.dumps(document))
    records, faults = read(path, ["state", "name", "time"], "openhab")
    assert [record[1] for record in records] == names
    assert [record[::2] for record in records[:2]] == ([["ON", "1706947201500"], ["OFF", "5"]] if names else [])
    assert faults == []


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(("name", "form"), [("a.json", "auto"), ("a.jsonl", "auto"), ("a.txt", "json-lines")])
def test_a_list_of_objects_has_the_columns_of_its_objects(tmp_path, name, form, indent):
    path = tmp_path / name
    path.write_text(json.dumps([{"t": "1", "n": 2, "none": None}, 3, {"t": "4", "more": ["x", "y"]}], indent=indent))
    records, faults = read(path, ["t", "n", "none", "more"], form)
    assert read_column_names(path, FileForm(format=form)) == ["t", "n", "none", "more"]
    assert records == [["1", "2", "", ""], ["4", "", "", "x\x1fy"]]
    assert faults == [(2, "a JSON int, not an object")]


def test_lines_of_objects_may_be_in_a_file_called_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"t": "1"}\n{"t": "2", "n": 3}\n{\n')
    records, faults = read(path, ["t"])
    assert records == [["1"], ["2"]]
    assert faults[0][0] == 3
    assert read_column_names(path, FileForm()) == ["t", "n"]


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        (
            '{"a": 1, "b": [1]}',
            "auto",
            r"an object with the keys a, b, not Home Assistant's history .*; openHAB",
        ),
        ("5", "auto", r"a\.json: other JSON, not"),
        (json.dumps(REST), "openhab", r"a\.json: other JSON, not openHAB's persistence"),
        (json.dumps(ITEM), "home-assistant", r"not Home Assistant's history"),
        ('[{"a": 1}, {"a"', "auto", r"a\.json: not a JSON document: .*cut short or damaged"),
        ("[" * 100_000, "auto", r"a\.json: not a JSON document"),
        ('{"message": "401: Unauthorized"}', "home-assistant", r"keys message, not Home Assistant's history"),
        (
            '{"id": 1, "type": "result", "success": false, "error": {"message": "Unknown command"}}',
            "auto",
            "an error of Home Assistant, not its history: .*Unknown command",
        ),
    ],
)
def test_other_documents_are_one_error_that_names_the_forms(tmp_path, text, form, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.json", ["a"], form)


def test_columns_that_a_document_never_has_are_named(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(REST))
    with pytest.raises(ValueError, match="no column 'time'; known: entity_id"):
        read(tmp_path / "a.json", ["time"])
    (tmp_path / "a.json").write_text('[{"t": 1}, {"u": 2}]')
    with pytest.raises(ValueError, match=r"a\.json: no column 'state'; known: t, u"):
        read(tmp_path / "a.json", ["t", "state"])
    (tmp_path / "a.json").write_text("[]")
    assert read(tmp_path / "a.json", ["t", "state"]) == ([], [])
