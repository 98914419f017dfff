"""Test that annotated CSV of InfluxDB gives the records of all its tables."""

import pytest
from hearth.data.sources import text_lines
from hearth.data.sources.tabular import read_blocks, read_column_names
from hearth.homes.raw_format import FileForm

FORM = FileForm(format="influxdb")
TEXT = """\
#group,false,false,false,false,true,true
#datatype,string,long,dateTime:RFC3339,string,string,string
#default,_result,,,,,
,result,table,_time,_value,_field,room
,,0,2024-02-03T08:00:01Z,on,state,hall
,,0,2024-02-03T08:00:02.5Z,"off, at once",state,hall

#group,false,false,false,false,true
#datatype,string,long,dateTime:RFC3339,double,string
#default,_result,,,20.5,
,result,table,_time,_value,_field
,,1,2024-02-03T08:00:03Z,,temperature
,,1,2024-02-03T08:00:04Z,21,temperature
,,1,broken

,result,table,_time,_value,_field
,r,2,2024-02-03T08:00:05Z,,humidity
"""
COLUMNS = ["_time", "_value", "_field", "room", "result"]
RECORDS = [
    ["2024-02-03T08:00:01Z", "on", "state", "hall", "_result"],
    ["2024-02-03T08:00:02.5Z", "off, at once", "state", "hall", "_result"],
    ["2024-02-03T08:00:03Z", "20.5", "temperature", "", "_result"],
    ["2024-02-03T08:00:04Z", "21", "temperature", "", "_result"],
    ["2024-02-03T08:00:05Z", "", "humidity", "", "r"],
]


def read(path, columns=COLUMNS):
    """Return the records of a file, their lines, and its faults."""
    blocks = list(read_blocks(path, columns, FORM))
    rows = [row for block in blocks for row in block.cells.to_numpy().tolist()]
    lines = [int(line) for block in blocks for line in block.lines]
    return rows, lines, [fault for block in blocks for fault in block.faults]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("size", [30, 80, 2**24])
def test_every_table_of_a_file_is_read(tmp_path, monkeypatch, end, size):
    path = tmp_path / "export.csv"
    path.write_bytes(TEXT.replace("\n", end).encode())
    monkeypatch.setattr(text_lines, "BLOCK", size)
    rows, lines, faults = read(path)
    assert rows == RECORDS
    assert lines == [5, 6, 12, 13, 17]
    assert [line for line, _ in faults] == [14]
    assert read_column_names(path, FORM) == ["result", "table", "_time", "_value", "_field", "room"]


def test_a_column_that_no_table_has_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text(TEXT)
    with pytest.raises(ValueError, match="no column 'roon'; did you mean 'room'"):
        read(tmp_path / "a.csv", ["_time", "roon"])


def test_an_error_of_the_database_is_an_error_and_an_empty_file_is_none(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,failed to parse,897\n")
    with pytest.raises(ValueError, match=r"a\.csv:5: an error of InfluxDB, not its data: .*failed to parse"):
        read(path)
    path.write_text("")
    assert read(path) == ([], [], [])
