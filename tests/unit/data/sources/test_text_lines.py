"""Test that text files packed by gzip are read as the files in them are."""

import gzip
import json

import pytest
from table_factories import HEADER, home_with, load, row

CSV = "\n".join([HEADER, row(1), row(2, state="OFF")]) + "\n"
RECORDS = [dict(zip(HEADER.split(","), each.split(","), strict=True)) for each in (row(1), row(2, state="OFF"))]
TEXTS = {
    "a.csv.gz": CSV,
    "a.CSV.GZ": CSV,
    "a.tsv.gz": CSV.replace(",", "\t"),
    "a.jsonl.gz": "\n".join(map(json.dumps, RECORDS)),
    "a.json.gz": json.dumps(RECORDS),
    "a.gz": CSV,
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_packed_file_is_read_if_a_pattern_names_it(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(TEXTS[name].encode()))
    events, report = load(tmp_path, home_with(files=("a.*",)))
    assert events["state"].str.split().str[-1].tolist() == ["ON", "OFF"]
    assert set(events["session"]) == {"a"}
    assert report.broken == []


def test_encodings_are_those_of_the_file_within(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV.encode("utf-16")))
    assert len(load(tmp_path, home_with(files=("a.*",), encoding="utf-16"))[0]) == 2


@pytest.mark.parametrize(
    "damage",
    [lambda packed: packed[:-12], lambda packed: CSV.encode(), lambda packed: packed[:12] + b"xxxx" + packed[16:]],
)
def test_a_damaged_file_is_named(tmp_path, damage):
    (tmp_path / "a.csv.gz").write_bytes(damage(gzip.compress(CSV.encode())))
    with pytest.raises(ValueError, match=r"a.csv.gz: a damaged gzip file"):
        load(tmp_path, home_with(files=("a.*",)))


def test_packed_files_that_nothing_names_are_unread(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    with pytest.raises(ValueError, match=r"it holds a.csv.gz; .*archives to be unpacked"):
        load(tmp_path)
