"""Test the form that a draft finds in files: delimiter, encoding, names of columns."""

import pytest
from draft_factories import NAMES, ROWS, load, table, write


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
