"""Test that delimited text of every form gives the same records, and that only odd lines are parsed one by one."""

import codecs

import numpy as np
import pandas as pd
import pytest
from hearth.data.sources import text_lines
from hearth.data.sources.delimited import DelimitedTable, read_delimited_names, unite_runs
from hearth.data.sources.tabular import read_blocks
from hearth.homes.raw_format import FileForm
from hypothesis import given, settings
from hypothesis import strategies as st
from table_factories import cell

NAMES = ["time", "place", "state"]
ROWS = [["2024-02-03 08:00:01", "hall", "on"], ["2024-02-03 08:00:02", "küche", "off"]]


def read(path, form, columns=NAMES):
    """Return the stripped records of a file, their lines, its faults and its comments."""
    blocks = list(read_blocks(path, columns, form))
    cells = pd.concat([block.cells for block in blocks])
    return (
        [[cell.strip() for cell in row] for row in cells.to_numpy().tolist()],
        [int(line) for block in blocks for line in block.lines],
        [fault for block in blocks for fault in block.faults],
        [line for block in blocks for line in block.comments],
    )


def lines_of(delimiter, rows=None, names=NAMES):
    return "".join(delimiter.join(row) + "\n" for row in [names, *(rows or ROWS)])


TABS = "time \t\tplace\t state\t\t\n2024-02-03 08:00:01\thall\t\ton\n2024-02-03 08:00:02 \tküche\t\toff\t\t\n"
BLANKS = "time place\tstate\n2024-02-03T08:00:01   hall \t on  \n  2024-02-03T08:00:02 küche off\n"


@pytest.mark.parametrize(
    ("text", "form", "encoding"),
    [
        (lines_of(","), FileForm(), "utf-8"),
        (lines_of(","), FileForm(), "utf-8-sig"),
        (lines_of(","), FileForm(), "utf-16"),
        (lines_of(","), FileForm(encoding="utf-16"), "utf-16"),
        (lines_of(","), FileForm(encoding="utf-16"), "utf-16-be"),
        (lines_of(","), FileForm(encoding="utf-16"), "utf-16-le"),
        (lines_of(","), FileForm(encoding="utf-16-be"), "utf-16-be"),
        (lines_of(","), FileForm(encoding="utf-32"), "utf-32"),
        (lines_of(","), FileForm(encoding="cp1252"), "cp1252"),
        (lines_of(";"), FileForm(delimiter=";", encoding="latin-1"), "latin-1"),
        (lines_of("\t"), FileForm(format="tsv"), "utf-8"),
        (lines_of("§"), FileForm(delimiter="§"), "utf-8"),
        ("sep=;\n" + lines_of(";"), FileForm(), "utf-8"),
        ('"sep=|"\n' + lines_of("|"), FileForm(), "utf-8"),
        ("SEP=\t\r\n" + lines_of("\t"), FileForm(), "utf-16"),
        ("sep=,\n" + lines_of(","), FileForm(delimiter=";"), "utf-8"),
        (TABS, FileForm(delimiter="tabs"), "utf-8"),
        (TABS.replace("\n", "\r\n"), FileForm(delimiter="tabs"), "utf-8"),
        (BLANKS, FileForm(delimiter="blanks"), "utf-8"),
        (lines_of(",").replace("on\n", "on,\n").replace("off\n", "off,\n"), FileForm(), "utf-8"),
        (lines_of(",").replace("\n", ",\n"), FileForm(), "utf-8"),
        (lines_of(",").replace("state\n", "state,\n"), FileForm(), "utf-8"),
        ("\n\n" + lines_of(",").replace("\n", "\n\n") + "\n  \n", FileForm(), "utf-8"),
        (
            lines_of('","', names=NAMES).replace("\n", '"\n"').rstrip('"').join('""').removesuffix('"'),
            FileForm(),
            "utf-8",
        ),
    ],
)
def test_every_form_gives_the_same_records(tmp_path, text, form, encoding):
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    records, _, faults, _ = read(tmp_path / "a.csv", form)
    assert [[record[0].replace("T", " "), *record[1:]] for record in records] == ROWS
    assert faults == []
    assert read_delimited_names(tmp_path / "a.csv", form)[:3] == NAMES or form.format == "tsv"


def test_comments_are_counted_wherever_they_stand_and_lines_keep_their_numbers(tmp_path):
    text = "# made by a logger\n" + lines_of(",").replace(
        "2024-02-03 08:00:02", "# noise, x\n\n----\n2024-02-03 08:00:02"
    )
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    records, lines, faults, comments = read(tmp_path / "a.csv", FileForm(comments=("#", "---")))
    assert records == ROWS
    assert (lines, faults, comments) == ([3, 7], [], [1, 4, 6])


@pytest.mark.parametrize("block", [11, 2**24])
@pytest.mark.parametrize("named", [True, False])
def test_lines_above_the_table_are_counted_as_no_rows(tmp_path, monkeypatch, block, named):
    monkeypatch.setattr(text_lines, "BLOCK", block)
    above = 'time: of the event, "local"\n\n----\n'
    (tmp_path / "a.csv").write_text(above + lines_of(",", names=NAMES if named else ROWS[0]), encoding="utf-8")
    form = FileForm(preamble=3, header=() if named else tuple(NAMES))
    records, lines, faults, comments = read(tmp_path / "a.csv", form)
    assert records == (ROWS if named else [ROWS[0], *ROWS])
    assert (lines, faults, comments) == ([5, 6] if named else [4, 5, 6], [], [1, 2, 3])
    assert read_delimited_names(tmp_path / "a.csv", form) == NAMES


@pytest.mark.parametrize("preamble", [3, 4, 40])
def test_a_preamble_that_leaves_no_table_is_refused(tmp_path, preamble):
    (tmp_path / "a.csv").write_text(lines_of(","), encoding="utf-8")
    with pytest.raises(
        ValueError, match=rf"a\.csv: no table .* 3 lines, and `recording\.preamble` leaves out {preamble}"
    ):
        read(tmp_path / "a.csv", FileForm(preamble=preamble))


def test_rows_without_their_last_cells_are_broken_or_filled(tmp_path):
    (tmp_path / "a.csv").write_text("time,place,state\na,b\nc,d,e\n\nf\ng,h,i,j\n")
    records, lines, faults, _ = read(tmp_path / "a.csv", FileForm(short_rows="fill"))
    assert records == [["a", "b", ""], ["c", "d", "e"], ["f", "", ""]]
    assert lines == [2, 3, 5]
    assert faults == [(6, "4 cells, but the header has 3")]
    records, _, faults, _ = read(tmp_path / "a.csv", FileForm())
    assert records == [["c", "d", "e"]]
    assert faults[0] == (
        2,
        "2 cells, but the header has 3; if the last cells may be missing, set `recording.short_rows: fill`",
    )
    assert [line for line, _ in faults] == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "form", "hint"),
    [
        ("time,place,state\n# x\n", FileForm(), "if the line is no row, name its beginning in `recording.comments`"),
        ("time\tplace\tstate\na\t\tb\t\tc\n", FileForm(delimiter="\t"), "set `recording.delimiter: tabs`"),
        ("time  place state\na b c\n", FileForm(delimiter=" "), "set `recording.delimiter: blanks`"),
        ("time,place,state\na\n", FileForm(key="recording.intervals"), "set `recording.intervals.short_rows: fill`"),
    ],
)
def test_rows_of_another_width_have_a_remedy(tmp_path, text, form, hint):
    (tmp_path / "a.csv").write_text(text)
    _, _, faults, _ = read(tmp_path / "a.csv", form)
    assert faults[0][0] == 2
    assert hint in faults[0][1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time;place;state\n", r"a\.csv:1: no column 'time'; .*set `recording\.delimiter: \";\"`"),
        ("time\tplace\tstate\n", r'set `recording\.delimiter: "\\t"`'),
        ("2024-02-03,hall,on\n", "looks like a row, not like names: name the columns in `recording.header`"),
        ("#group,false\n", "set `recording.format: influxdb`"),
        (
            "made, by\n\nx\ntime,state,place\na,b,c\n",
            "line 4 has the names of the columns: set `recording.preamble: 3`",
        ),
        ("# made by x\n", "name its beginning in `recording.comments`"),
        ("time,place,state\ra,b,c\r", "lines end with carriage returns alone"),
        ("PK\x03\x04\0\0", "not text, or in UTF-16 without a byte order mark"),
    ],
)
def test_an_unusable_header_has_a_remedy(tmp_path, text, message):
    (tmp_path / "a.csv").write_bytes(text.encode())
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.csv", FileForm())


def test_a_header_line_below_given_names_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;\n" + lines_of(";"), encoding="utf-8")
    records, lines, faults, _ = read(tmp_path / "a.csv", FileForm(header=tuple(NAMES)))
    assert (records, lines) == (ROWS, [3, 4])
    assert faults == [(2, "a line with the names of the columns; remove `recording.header`")]


def test_a_delimiter_at_the_end_of_rows_is_judged_by_the_first_row_alone(tmp_path):
    (tmp_path / "a.csv").write_text("time,place,state\na,b,c\nd,e,f,\n")
    records, _, faults, _ = read(tmp_path / "a.csv", FileForm())
    assert (records, [line for line, _ in faults]) == ([["a", "b", "c"]], [3])


def test_bytes_of_another_encoding_make_only_their_row_faulty(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"time,place,state\na,b,c\nd,\x81\xfc,f\ng,h,i\n")
    for encoding, byte in (("utf-8", "0x81"), ("cp1252", "0x81"), ("ascii", "0x81")):
        _, lines, faults, _ = read(tmp_path / "a.csv", FileForm(encoding=encoding))
        assert lines == [2, 4]
        assert faults[0][0] == 3
        assert faults[0][1].startswith(f"not {encoding} (byte {byte}); convert the file, or name its encoding")
    text = "time,place,state\na,b,c\nd,\ud800,f\ng,h,i\n"
    (tmp_path / "b.csv").write_bytes(codecs.BOM_UTF16_LE + text.encode("utf-16-le", "surrogatepass"))
    _, lines, faults, _ = read(tmp_path / "b.csv", FileForm(encoding="utf-16"))
    assert lines == [2, 4]
    assert faults == [(3, "not utf-16; convert the file, or name its encoding in `recording`")]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ISO-8859-1", "iso8859-15"])
@pytest.mark.parametrize("actual", ["utf-8", "utf-8-sig"])
def test_utf_8_is_not_read_as_an_8_bit_encoding(tmp_path, encoding, actual):
    (tmp_path / "a.csv").write_bytes(lines_of(",").encode(actual))
    with pytest.raises(ValueError, match=r"a\.csv: in UTF-8, not in .*; correct `encoding`"):
        read(tmp_path / "a.csv", FileForm(encoding=encoding))


def test_an_encoding_that_a_file_has_not_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_text(lines_of(","), encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.csv: not utf-16: neither a byte order mark nor a zero byte"):
        read(tmp_path / "a.csv", FileForm(encoding="utf-16"))


def test_a_missing_column_is_looked_for_on_the_line_of_the_header(tmp_path):
    (tmp_path / "a.csv").write_text("#x\nsep,place,state\n1,2,3\n")
    with pytest.raises(ValueError, match=r"a\.csv:2: no column 'time'"):
        read(tmp_path / "a.csv", FileForm(comments=("#",)))


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab \t\n\r"), max_size=30), st.sampled_from(["tabs", "blanks"]))
def test_runs_become_one_tab_with_and_without_quotes_in_a_block(text, kind):
    united = unite_runs(text.encode(), kind).decode()
    assert unite_runs(text.encode() + b'\n"', kind).decode() == united + '\n"'
    cells = [line.split("\t") if line else [] for line in united.split("\n")]
    if kind == "blanks" and "\r" not in text:
        assert cells == [line.split() for line in text.split("\n")]


quoted = st.sampled_from(['"a,b"', '"say ""no"""', '""', '" on "', '"a"b', 'a"b"', '"a\nb"', '"open', "é", "\r", "#"])
line = st.lists(st.one_of(cell, quoted), min_size=1, max_size=5).map(",".join)


@settings(max_examples=150)
@given(st.lists(line, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(20, 200))
def test_records_do_not_depend_on_blocks_nor_on_the_parser(tmp_path_factory, lines, end, fill, size):
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_bytes(end.join([",".join(NAMES), *lines]).encode())
    form = FileForm(short_rows="fill" if fill else "broken", comments=("#",))
    whole = read(path, form)
    table = DelimitedTable("a.csv", NAMES, form)
    rest, _ = table.read_head(path.read_bytes())
    if b'"' not in rest and b"#" not in rest:
        slow = table._parse_records(rest.split(b"\n"), table._next + np.arange(1 + rest.count(b"\n")))
        assert [[cell.strip() for cell in row] for row in slow.cells.to_numpy().tolist()] == whole[0]
        assert (slow.lines.tolist(), slow.faults) == whole[1:3]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_lines, "BLOCK", size)
        if not any("\n" in line or line.count('"') % 2 for line in lines):
            assert read(path, form) == whole


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "§"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoted", [False, True])
def test_rows_of_empty_cells_are_no_records_wherever_they_stand(tmp_path, delimiter, end, quoted):
    rows = [["2024-02-03 08:00:01", '"ha\nll"' if quoted else "hall", "on"], *ROWS[1:]]
    empty = 2 * delimiter
    first, second = map(delimiter.join, rows)
    blank = [f" {delimiter}{delimiter} ", f'""{empty}""']
    text = "\n".join(
        [empty, delimiter.join(NAMES), empty, first, *blank, second, empty, 5 * delimiter, "a", empty],
    )
    (tmp_path / "a.csv").write_text(text.replace("\n", end), encoding="utf-8", newline="")
    records, lines, faults, _ = read(tmp_path / "a.csv", FileForm(delimiter=delimiter))
    assert [row[::2] for row in records] == [row[::2] for row in ROWS]
    assert lines == [4, 7 + quoted]
    assert [line for line, _ in faults] == [10 + quoted]
