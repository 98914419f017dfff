"""Test the form that a draft finds in files: delimiter, encoding, names of columns."""

import pytest
import yaml
from draft_factories import NAMES, ROWS, head, load, table, write
from hearth.data.sources.registry import SOURCES
from hearth.onboarding.draft.home_draft import draft_home


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


RULE = ["---\t---\t---\t---"]


@pytest.mark.parametrize(
    ("above", "rule", "number"),
    [
        (["time: of the event", "", "sensors:", "    [ 1]  'kettle'"], RULE, 4),
        (["one,two", "-----", "------------", ""], ["---+-----+--+---"], 4),
        ([], RULE, 0),
    ],
)
def test_lines_above_a_table_with_dashes_below_its_names_are_a_preamble(tmp_path, above, rule, number):
    names, *rows = table("\t")
    data = write(tmp_path / "data", *above, names, *rule, *rows, name="a.txt")
    text, home, events, report = load(data, tmp_path)
    assert home.recording.form.preamble == number
    assert (len(events), report.broken, report.skipped) == (4, [], {"comment": number + 1})
    assert (f"a.txt: the {number} lines above its table are no rows (preamble)" in head(text)) == bool(number)


@pytest.mark.parametrize(("above_events", "above_labels"), [(0, 3), (3, 0), (2, 4)])
def test_a_preamble_is_that_of_events_or_of_labels_alone(tmp_path, above_events, above_labels):
    names, *events = table("\t", [row[:3] for row in ROWS], NAMES[:3])
    write(tmp_path / "data", *["x"] * above_events, names, "---\t---\t---", *events)
    spans = [(f"2024-02-0{day} 07:00:00", f"2024-02-0{day} 09:00:00", what) for day, what in ((3, "Tea"), (4, "Nap"))]
    names, *labels = table("\t", spans, ("begin", "end", "activity"))
    data = write(tmp_path / "data", *["x"] * above_labels, names, "---\t---\t---", *labels, name="labels.csv")
    _, home, loaded, report = load(data, tmp_path)
    forms = home.recording.form, home.recording.intervals.form
    assert [form.preamble for form in forms] == [above_events, above_labels]
    assert (len(loaded), report.broken, report.broken_labels) == (4, [], [])


def test_lines_in_groups_are_told_from_a_table(tmp_path):
    lines = []
    for count in range(1, 9):
        lines += ["Tea,2/3/2024", *(",".join([cell] * count) for cell in ("pir", "8:00", "8:01"))]
    data = write(tmp_path / "data", *lines)
    with pytest.raises(ValueError, match=r"groups of 4, .* 2 cells and 3 lists .*`recording\.line_groups`"):
        draft_home(data, "schema")


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
