"""Test the form that a draft finds in files: delimiter, encoding, names of columns."""

import pytest
import yaml
from draft_factories import NAMES, ROWS, head, load, table, write
from hearth.data.sources.registry import SOURCES


@pytest.mark.parametrize(
    ("lines", "name", "encoding"),
    [
        (table(";"), "a.csv", "utf-8-sig"),
        (table("|"), "a.csv", "utf-8"),
        (table("\t"), "a.tsv", "utf-8"),
        (table("\t"), "a.txt", "utf-8"),
        (table(","), "EXPORT.CSV", "utf-8"),
        (table(",", names=None), "a.csv", "utf-8"),
        (table(";"), "a.csv", "utf-16"),
        (table(";", [(*row[:3], "Frühstück" if row[3] == "Tea" else row[3]) for row in ROWS]), "a.csv", "cp1252"),
        (["sep=;", *table(";")], "a.csv", "utf-8"),
        (["# made by a logger", *table()], "a.csv", "utf-8"),
        (table(" ", [(row[0].replace(" ", "T"), *row[1:]) for row in ROWS]), "a.csv", "utf-8"),
        (table("   ", [(*row[0].split(), *row[1:]) for row in ROWS], ("date", "time", *NAMES[1:])), "a.txt", "utf-8"),
    ],
)
def test_a_table_is_drafted_whatever_divides_its_cells(tmp_path, lines, name, encoding):
    data = write(tmp_path / "data", *lines, name=name, encoding=encoding)
    _, home, events, report = load(data, tmp_path)
    assert (len(events), len(report.broken)) == (4, 0)
    assert [str(time) for time in events["time"]] == [row[0] for row in ROWS]
    assert events["sensor"].tolist() == [row[1] for row in ROWS]
    assert len(home.labels) == 2


@pytest.mark.parametrize(
    ("files", "setting"),
    [
        (["a.csv", "b.CSV"], ["*.CSV", "*.csv"]),
        (["a.csv", "sub/b.CSV"], ["**/*.CSV", "**/*.csv"]),
        (["a.csv", "b.txt", "c.csv"], ["*.csv", "*.txt"]),
        (["first", "second"], ["first", "second"]),
        (["day1", "day2"], "day*"),
        (["log1.csv", "log2"], "log*"),
        (["a.csv"], "a.csv"),
        (["a.csv", "sub/b.csv"], "**/*.csv"),
    ],
)
def test_the_files_of_a_draft_are_the_same_when_home_and_runs_lie_beside_them(tmp_path, files, setting):
    for number, name in enumerate(files):
        rows = [(row[0].replace("2024", f"202{number}"), *row[1:]) for row in ROWS]
        write(tmp_path, *table(rows=rows), name=name)
    text, home, events, _ = load(tmp_path, tmp_path)
    assert yaml.safe_load(text)["recording"]["files"] == setting
    for name in ("run.yaml", "logs/load.txt", "work/windows.csv", "results/tables/all.CSV", ".snakemake/log/1.txt"):
        write(tmp_path, *table(), name=name)
    again, report = SOURCES["table"].read(tmp_path, home)
    assert (len(again), report.files, report.unread) == (len(events), len(files), [])
    second, *_ = load(tmp_path, tmp_path)
    assert yaml.safe_load(second)["recording"]["files"] == setting
    assert "results: not read, written by runs" in head(second)
    assert "metadata" not in head(second)
