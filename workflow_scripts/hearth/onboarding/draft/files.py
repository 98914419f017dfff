"""Find the form of files of rows: format, encoding, delimiter, comment lines, and whether their first row has names."""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hearth.data.sources.tabular import read_column_names
from hearth.homes.raw_format import FileForm

_SAMPLE = 2**20  # bytes of a file that decide its form; its encoding is that of all of its bytes
_LINES = 500
_MOST_CELLS = 500
_EMPTY = " \t,;|"  # characters of lines of empty cells, whatever divides them
_PARQUET = b"PAR1"
_TIME = re.compile(r"\d{1,4}[./-](\d{1,2}|[A-Za-z]{3})[./-]\d{1,4}.*|\d{1,2}:\d\d(:\d\d)?([.,]\d+)?|-?\d+([.,]\d+)?")
# Dashes below the names of the columns, each of which has its own.
_TABLE_RULE = re.compile(r"\s*\|?\s*(?:[-=]{2,}[\s|+]+)+[-=]{2,}[\s|]*")
_RULE = re.compile(r"[-=_+*\s|]*[-=_]{3,}[-=_+*\s|]*")
_WORD_LINE = re.compile(r"\d{4}-\d\d-\d\d[ \t,]+\d\d:\d\d:\d\d(\.\d+)?[ \t,]")
_CASAS_STATES = {"on", "off", "open", "close", "absent", "present", "start", "end", "start_instruct", "stop_instruct"}
_MARK = re.compile(r"[\s=\"](begin|end)\"?$")


@dataclass(frozen=True)
class DataFile:
    """A file of rows, its form, and the names of its columns; `named` says whether the file itself names them.

    `kind` is casas for lines that only that source reads, else table. `said` are oddities of the file's form.
    """

    path: Path
    form: FileForm
    columns: tuple[str, ...]
    named: bool
    kind: str = "table"
    said: tuple[str, ...] = ()


class NoRowsError(ValueError):
    """A file holds no rows that can be read; the message says why."""


def examine(path: Path, *, as_table: bool = False) -> DataFile:
    """Return the form of a file; with `as_table`, lines of CASAS are divided into columns too.

    Raises NoRowsError for a file that is empty or holds no rows.
    """
    with open(path, "rb") as handle:
        sample = handle.read(_SAMPLE)
    if not sample.strip():
        raise NoRowsError("empty")
    if sample.startswith(_PARQUET):
        return _with_columns(path, FileForm(format=_unless(path, ".parquet", "parquet")))
    encoding = find_encoding(path)
    text = sample.decode(encoding, errors="replace").removeprefix("\ufeff")
    said = () if encoding in ("utf-8", "utf-16") else (f"{path.name} is not UTF-8; it is read as {encoding}",)
    if text.lstrip()[:1] in ("{", "["):
        return _with_columns(path, FileForm(format=_json_format(path, text), encoding=encoding), said)
    lines = text.splitlines()[:_LINES]
    if len(sample) == _SAMPLE:
        lines = lines[:-1] or lines
    if any(line.startswith(("#datatype", "#group", "#default")) for line in lines[:4]):
        return _with_columns(path, FileForm(format="influxdb", encoding=encoding), said)
    if not as_table and _only_casas_reads(lines):
        return DataFile(path, FileForm(encoding=encoding), (), False, "casas", said)
    return _examine_delimited(path, lines, encoding, said)


def find_encoding(path: Path) -> str:
    """Return utf-8, utf-16, or utf-16-le and -be (without a byte order mark), or else cp1252 or latin-1.

    Raises NoRowsError for bytes that are no text.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open(path, "rb") as handle:
        chunk = handle.read(_SAMPLE)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if zeros := chunk.count(0):
            odd = chunk[1::2].count(0)
            if zeros >= len(chunk) // 3 and max(odd, zeros - odd) > 0.9 * zeros:
                return "utf-16-le" if odd > zeros - odd else "utf-16-be"
            raise NoRowsError(
                "not text; save a spreadsheet as CSV, unpack an archive, export a database as CSV or JSON"
            )
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = handle.read(_SAMPLE)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            handle.seek(0)
            # Bytes that cp1252 leaves undefined.
            rest = handle.read()
            return "latin-1" if any(byte in rest for byte in b"\x81\x8d\x8f\x90\x9d") else "cp1252"
    return "utf-8"


def _unless(path: Path, suffix: str, form: str) -> str:
    return "auto" if path.suffix.lower() == suffix else form


def _with_columns(path: Path, form: FileForm, said: tuple[str, ...] = ()) -> DataFile:
    try:
        return DataFile(path, form, tuple(read_column_names(path, form)), True, said=said)
    except ValueError as error:
        raise NoRowsError(str(error)) from None


def _json_format(path: Path, text: str) -> str:
    """Return the format of a file of JSON: auto if its suffix says JSON, else by its first characters."""
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return "auto"
    if re.search(r'"datapoints"|"data"\s*:\s*\[', text[:2000]):
        return "openhab"
    if re.match(r"\s*\[\s*\[", text) or re.search(r'"l[uc]"\s*:\s*[\d.]', text[:4000]):
        return "home-assistant"
    return "json-lines"


def _only_casas_reads(lines: Sequence[str]) -> bool:
    """Return whether lines are those of CASAS that no delimiter divides into columns: words with begin and end marks,
    pairs of residents and activities, or activities of several words.
    """
    filled = [line for line in lines if line.strip()]
    if not filled or sum(bool(_WORD_LINE.match(line)) for line in filled) < 0.9 * len(filled):
        return False
    words = [line.replace(",", " ").split() for line in filled]
    states = [row[3] for row in words if len(row) > 3]
    known = sum(state.lower() in _CASAS_STATES or _is_number(state) for state in states)
    if known < 0.7 * len(filled):
        return False
    if sum("," in line for line in filled) >= 0.9 * len(filled):
        # Cells that commas divide are columns, unless their labels are marks.
        return any(_MARK.search(line) for line in filled)
    return True


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+([.,]\d+)?", text) is not None


def _examine_delimited(path: Path, lines: list[str], encoding: str, said: tuple[str, ...]) -> DataFile:
    declared = ""
    if match := re.fullmatch(r"sep=(.)\s*", lines[0]):
        declared, lines = match[1], lines[1:]
    if preamble := _count_preamble(lines):
        said = (*said, f"{path.name}: the {preamble} lines above its table are no rows (preamble)")
        lines = lines[preamble:]
    comments = []
    if any(line.startswith("#") for line in lines[:20]):
        comments.append("#")
    if any(_RULE.fullmatch(line) for line in lines[:20]):
        rule = next(line for line in lines[:20] if _RULE.fullmatch(line)).lstrip()
        comments.append(rule[:3])
    kept = [line for line in lines if line.strip(_EMPTY + declared) and not line.lstrip().startswith(tuple(comments))]
    if not kept:
        raise NoRowsError("no rows")
    if comments:
        said = (*said, f"{path.name}: lines that begin with {' or '.join(comments)} are no rows (comments)")
    delimiter, rows = _find_delimiter(kept, declared)
    named = not any(_TIME.fullmatch(cell.strip()) for cell in rows[0])
    if named and len(rows) == 1:
        raise NoRowsError("no rows below the names of its columns")
    names = [cell.strip() for cell in rows[0]] if named else []
    widths = Counter(map(len, rows[named:]))
    width = len(names) if named else max(count for count, times in widths.items() if times >= 0.01 * len(rows))
    if not named:
        names = [f"column{number}" for number in range(1, width + 1)]
    form = FileForm(
        format="csv" if path.suffix.lower() == ".tsv" and delimiter not in ("\t", "tabs") else "auto",
        delimiter=delimiter,
        encoding=encoding,
        header=() if named else tuple(names),
        preamble=preamble,
        comments=tuple(comments),
        short_rows="fill" if any(count < width for count in widths) else "broken",
    )
    if form.short_rows == "fill":
        said = (*said, f"{path.name}: rows with fewer cells than columns lack the last ones (short_rows: fill)")
    return DataFile(path, form, tuple(names), named, said=said)


def _count_preamble(lines: Sequence[str]) -> int:
    """Return the number of lines above the names of a table's columns, if dashes below these tell which they are."""
    rule = next((at for at, line in enumerate(lines) if _TABLE_RULE.fullmatch(line)), 0)
    return max(rule - 1, 0)


def _find_delimiter(lines: Sequence[str], declared: str) -> tuple[str, list[list[str]]]:
    """Return a pair: the delimiter, as `recording.delimiter` names it, and the cells of the lines.

    Raises NoRowsError if no delimiter divides nearly all lines into equally many cells.
    """
    if declared:
        return declared, list(csv.reader(lines, delimiter=declared))
    runs: dict[str, Callable[[str], list[str]]] = {
        "tabs": lambda line: re.split(r"\t+", line.strip("\t")),
        "blanks": lambda line: line.split(),
    }
    ways = {mark: list(csv.reader(lines, delimiter=mark)) for mark in ",;\t|"}
    ways |= {name: [split(line) for line in lines] for name, split in runs.items()}
    best: tuple[float, int, str] | None = None
    for name, rows in ways.items():
        counts = Counter(map(len, rows))
        full = max((count for count, times in counts.items() if times >= 0.01 * len(rows)), default=0)
        share = (counts[full] + counts[full - 1]) / len(rows)
        has_gaps = (name == "\t" and any(not cell.strip() for cell in rows[0])) or len(rows[0]) not in (full, full - 1)
        if 2 <= full <= _MOST_CELLS and share >= 0.9 and not has_gaps:
            rank = (1.0 if counts[full] / len(rows) >= 0.9 else share / 2, full if name not in runs else 1, name)
            if best is None or rank > best:
                best = rank
    if best is None:
        raise NoRowsError(f"no delimiter divides its lines into equally many cells{_group_hint(lines)}")
    return best[2], ways[best[2]]


def _group_hint(lines: Sequence[str]) -> str:
    """Return the likely remedy if lines come in groups of a first line and lists of equal length; '' if they do not."""
    for mark in ",;\t|":
        counts = [len(cells) for cells in csv.reader(lines, delimiter=mark)]
        for size in range(3, 9):
            groups = [counts[at : at + size] for at in range(0, len(counts) - size + 1, size)]
            heads, lists = {group[0] for group in groups}, {tuple(group[1:]) for group in groups}
            if len(lists) > 1 and len(heads) == 1 and all(len(set(each)) == 1 for each in lists):
                return (
                    f"; its lines come in groups of {size}, a first line of {heads.pop()} cells and {size - 1} lists "
                    "of equal length: copy config/homes/TEMPLATE.yaml and name its columns in `recording.line_groups`"
                )
    return ""
