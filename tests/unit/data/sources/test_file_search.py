"""Test that the files of a data folder are read, or named as files that nothing reads."""

import os

import pytest
from hearth.data.sources.file_search import find_by_suffix, find_files, unread_files
from hearth.data.sources.registry import SOURCES, raw_files
from hearth.homes.raw_format import Intervals
from table_factories import HOME, home_with, row, write_csv

TABLE = SOURCES["table"]
INTERVALS = Intervals(("labels*.csv",), {"begin": ("from",), "end": ("to",), "activity": ("what",)})


def names(root, paths):
    return [os.path.relpath(path, root) for path in paths]


def test_suffixes_count_in_any_letter_case_and_hidden_files_do_not(tmp_path):
    for name in ("b.CSV", "a.csv", "10/c.Csv", "9/d.csv", ".e.csv", ".old/f.csv", "__MACOSX/g.csv", "h.csv.bak"):
        write_csv(tmp_path / name, row(1))
    assert names(tmp_path, find_by_suffix(tmp_path, [".csv"])) == ["9/d.csv", "10/c.Csv", "a.csv", "b.CSV"]


def test_every_other_file_of_the_folder_is_named(tmp_path):
    for name in (
        "a.csv",
        "b.CSV",
        "c.txt",
        "d/e.csv",
        "d/f.xlsx",
        "README",
        "Readme.txt",
        "notes.md",
        ".hidden",
        ".git/x",
    ):
        write_csv(tmp_path / name, row(1))
    events, report = TABLE.read(tmp_path, home_with(files=("*.csv",)))
    assert len(events) == 1
    assert report.unread == ["b.CSV", "c.txt", "d/e.csv", "d/f.xlsx"]
    assert (
        report.notes[-1]
        == "5 hidden files, documents and files of runs are not read: .git/x, .hidden, README, Readme.txt, notes.md"
    )
    assert TABLE.read(tmp_path / "a.csv", HOME)[1].unread == []


def test_links_to_folders_are_named_and_not_followed(tmp_path):
    write_csv(tmp_path / "data/a.csv", row(1))
    write_csv(tmp_path / "elsewhere/b.csv", row(2))
    (tmp_path / "data/loop").symlink_to(tmp_path / "data")
    (tmp_path / "data/other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/c.csv").symlink_to(tmp_path / "elsewhere/b.csv")
    events, report = TABLE.read(tmp_path / "data", HOME)
    assert len(events) == 2
    assert report.unread == ["loop", "other"]


def test_label_files_are_read_and_are_no_events(tmp_path):
    write_csv(tmp_path / "a.csv", "2024-02-03 08:00:01,E1,ON", header="time,sensor,state")
    labels = write_csv(
        tmp_path / "labels.csv", "2024-02-03 08:00:00,2024-02-03 09:00:00,cooking", header="from,to,what"
    )
    columns = {name: (name,) for name in ("time", "sensor", "state")}
    home = home_with(columns=columns, intervals=INTERVALS)
    events, report = TABLE.read(tmp_path, home)
    assert (len(events), report.unread) == (1, [])
    with pytest.raises(ValueError, match=r"labels\.csv: a label file by `recording\.intervals\.files`, not events"):
        raw_files("table", labels, home)


def test_json_documents_beside_tables_are_not_read_unless_the_format_says_so(tmp_path):
    write_csv(tmp_path / "a.csv", row(1))
    (tmp_path / "about.json").write_text("{}")
    assert TABLE.read(tmp_path, HOME)[1].unread == ["about.json"]
    assert names(tmp_path, raw_files("table", tmp_path, home_with(format="home-assistant"))) == ["about.json"]
    assert names(tmp_path, raw_files("table", tmp_path, home_with(format="influxdb"))) == ["a.csv"]


def test_a_folder_without_events_is_an_error_that_says_what_it_holds(tmp_path):
    for name in ("a.txt", "b.xlsx"):
        write_csv(tmp_path / name, row(1))
    with pytest.raises(ValueError, match=r"no table of events here: .* names; it holds a\.txt, b\.xlsx"):
        raw_files("table", tmp_path, HOME)
    with pytest.raises(ValueError, match=r"no file matches recording\.files \['\*\.csv'\]; it holds a\.txt"):
        raw_files("table", tmp_path, home_with(files=("*.csv",)))


@pytest.mark.parametrize("source", SOURCES)
def test_a_missing_folder_is_called_missing_and_its_neighbours_are_named(tmp_path, source):
    (tmp_path / "homes").mkdir()
    with pytest.raises(ValueError, match=r"hoems/a: no such folder or file; .* has the folders homes"):
        raw_files(source, tmp_path / "hoems/a", HOME)
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(ValueError, match="link: a link to nothing"):
        raw_files(source, tmp_path / "link", HOME)


def test_a_root_that_is_a_link_has_its_files(tmp_path):
    path = write_csv(tmp_path / "real/a.csv", row(1))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert len(TABLE.read(tmp_path / "link", HOME)[0]) == 1
    assert unread_files(tmp_path / "real", [path]) == ([], [])


@pytest.mark.parametrize("patterns", [["*"], ["**/*"], ["**/*.csv", "*.y*ml"]])
def test_no_pattern_finds_a_home_beside_its_data_or_what_its_runs_wrote(tmp_path, patterns):
    written = ("results/tables/scaling.csv", "work/run.csv", "logs/x/a.csv", ".snakemake/metadata/b.csv", "my.yaml")
    for name in (*written, "a.csv", "days/results/b.csv"):
        write_csv(tmp_path / name, row(1))
    found = [path for path in find_files(tmp_path, patterns) if path.parent == tmp_path or "**" in patterns[0]]
    assert names(tmp_path, found) == ["a.csv", "days/results/b.csv"][: len(found)]
    assert names(tmp_path, find_by_suffix(tmp_path, [".csv"])) == ["a.csv", "days/results/b.csv"]
    assert unread_files(tmp_path, found)[1] == sorted(written)
    assert names(tmp_path, find_files(tmp_path, ["work/run.csv"])) == ["work/run.csv"]
