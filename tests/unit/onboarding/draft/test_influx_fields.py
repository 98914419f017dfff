"""Test that a draft reads one of several fields that InfluxDB has of each update."""

import pytest
from draft_factories import head, load, write

LABELS = [
    "begin,end,activity",
    "2025-03-01T00:00:00Z,2025-03-01T23:59:59Z,Tea",
    "2025-03-02T00:00:00Z,2025-03-03T00:00:00Z,Go",
]


def table(field, sensor, cells, kind="string"):
    return [
        f"#datatype,string,long,dateTime:RFC3339,{kind},string,string",
        "#group,false,false,false,false,true,true",
        "#default,_result,,,,,",
        ",result,table,_time,_value,_field,entity_id",
        *(f",,0,2025-03-0{n // 2 + 1}T08:00:0{n}Z,{text},{field},{sensor}" for n, text in enumerate(cells)),
        "",
    ]


@pytest.mark.parametrize("all_have_states", [True, False])
def test_other_fields_than_the_state_are_left_out_and_said(tmp_path, all_have_states):
    lines = []
    for sensor in ("kettle", "door"):
        lines += table("value", sensor, ["1", "0", "1", "0"], "double")
        if all_have_states or sensor == "kettle":
            lines += table("state", sensor, ["on", "off", "on", "off"])
            lines += table("friendly_name_str", sensor, ["The Sensor"] * 4)
    data = write(tmp_path / "data", *lines, name="export.csv")
    write(data, *LABELS, name="labels.csv")
    text, home, events, report = load(data, tmp_path)
    assert sorted(home.sensors) == ["door state" if all_have_states else "door value", "kettle state"]
    assert (len(events), len(report.broken)) == (8, 0)
    assert "# OPEN: _field: updates of a sensor have several fields, value (8 rows)" in head(text)
    assert "state is taken for its state" in head(text)


def test_one_field_for_each_sensor_is_no_part_of_its_id(tmp_path):
    data = write(
        tmp_path / "data", *table("state", "kettle", ["on", "off"] * 2), *table("value", "door", "1010"), name="a.csv"
    )
    write(data, *LABELS, name="labels.csv")
    text, home, _, _ = load(data, tmp_path)
    assert sorted(home.sensors) == ["door", "kettle"]
    assert "OPEN: _field" not in head(text)
