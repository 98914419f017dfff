"""Find ids and labels in an answer that is written line by line: lists, YAML, tables, CSV, XML."""

import csv
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator

from hearth.homes.home import normalise_label
from hearth.prompting.answer_labels import ID_KEYS, ID_PREFIX, LABEL_KEYS, Labels, Pair, event_number
from hearth.prompting.document_forms import group_pairs
from hearth.prompting.tolerant_json import Group, Scalar, read_line

_BULLETS = r"[ \t]*+(?:(?:[-*•>+]|\#{1,6}|\[[ x]?\])[ \t]++)*+"
_NUMBERED = re.compile(
    rf"{_BULLETS}[*_`\"'(\[]*+(?:{ID_PREFIX}[\s_.#-]{{0,3}}|\#\s?)?(?P<number>\d{{1,9}})[*_`\"')\]]*+"
    r"(?:\s*+(?:->|=>|→|[.:](?!\d)|[)\],=|、]|[-–—](?=\s)|(?=\()|is\b)|[ \t]++)\s*+(?P<rest>\S.*)",
    re.IGNORECASE,
)
_HEADING = re.compile(
    rf"{_BULLETS}[*_`]*+(?:(?:event|id)[\s_#]{{0,3}}|(?=\d+\W*:))(?P<number>\d{{1,9}})[*_`:\s]*+", re.IGNORECASE
)
_TAG = re.compile(
    r"<(?P<tag>[\w.-]++)(?P<attributes>(?:\s++[\w.-]++\s*+=\s*+[\"'][^\"'<>]*+[\"'])*+)\s*+/?>(?P<text>[^<>]*+)"
)
_ATTRIBUTE = re.compile(r"([\w.-]++)\s*+=\s*+[\"']([^\"'<>]*+)[\"']")
# The end of an item of a list on one line: what follows begins with a number.
_ITEM = re.compile(
    rf"(?<=\S)[;,|][ \t]++(?=[*_`(]{{0,3}}(?:{ID_PREFIX}[\s_#]{{0,2}})?\d{{1,4}}[*_`]{{0,2}}[ \t]?"
    r"(?:[.):=,]|->|=>|→|-\s))",
    re.IGNORECASE,
)


def line_pairs(text: str, size: int, labels: Labels) -> list[Pair]:
    """Return the pairs of an answer written line by line; a list on one line is taken apart first."""
    text = unicodedata.normalize("NFKC", text)
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("```")]
    for read in (_table_pairs, _tag_pairs):
        if pairs := read(lines, labels):
            return pairs
    lines = [line for line in re.sub(r"</?\w{1,20}>", "\n", "\n".join(lines)).split("\n") if line.strip()]
    if len(lines) == 1:
        lines = _ITEM.sub("\n", lines[0]).split("\n")
    if pairs := _record_pairs(lines, size, labels) or _numbered_pairs(lines, labels):
        return pairs
    if len(lines) == 1:
        lines = re.split(r"[;,|>→]|->|=>", lines[0])
    found = [label for line in lines if (label := labels.find(re.sub(rf"^{_BULLETS}", "", line))) is not None]
    return list(enumerate(found, start=1)) if len(found) == size else []


def _table_pairs(lines: list[str], labels: Labels) -> list[Pair]:
    """Return the pairs of a table with a heading for its ids and its activities, in Markdown, CSV or with tabs."""
    for separator in "|,;\t":
        for index, line in enumerate(lines):
            headings = [normalise_label(cell) for cell in _cells(line, separator)]
            ids = [column for column, heading in enumerate(headings) if heading in ID_KEYS]
            names = [column for column, heading in enumerate(headings) if heading in LABEL_KEYS]
            if ids and len(names) == 1:
                rows = (_cells(row, separator) for row in lines[index + 1 :])
                return list(_row_pairs(rows, ids[0], names[0], len(headings), labels))
    return []


def _row_pairs(rows: Iterable[list[str]], ids: int, names: int, width: int, labels: Labels) -> Iterator[Pair]:
    """Yield the pair of each row; `ids` and `names` are the columns of ids and labels among `width` columns."""
    for cells in rows:
        surplus = len(cells) - width  # cells of a label that holds the separator
        if surplus >= 0 and (number := event_number(cells[ids + surplus * (ids > names)])) is not None:
            yield number, labels.find(", ".join(cells[names : names + surplus + 1]))


def _cells(line: str, separator: str) -> list[str]:
    """Return the cells of a line. Quotes keep separators inside a cell; the bars around a row make no cells."""
    if separator == "|":
        line = line.removeprefix("|").removesuffix("|")
    try:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True)
    except csv.Error:  # A cell is longer than the reader allows.
        return []
    return [cell.strip() for cell in cells]


def _tag_pairs(lines: list[str], labels: Labels) -> list[Pair]:
    """Return the pairs of XML: an id and an activity as elements or attributes, or a label in an element with an id."""
    entries: list[tuple[str | None, Scalar | Group]] = []
    for tag in _TAG.finditer("\n".join(lines)):
        attributes = [(name, html.unescape(value)) for name, value in _ATTRIBUTE.findall(tag["attributes"])]
        entries += [(name, Scalar(value, quoted=True)) for name, value in attributes]
        if text := html.unescape(tag["text"]).strip():
            named = any(normalise_label(name) in ID_KEYS for name, _ in attributes)
            entries.append(("activity" if named else tag["tag"], Scalar(text, quoted=True)))
    return group_pairs(Group("", entries), labels)


def _record_pairs(lines: list[str], size: int, labels: Labels) -> list[Pair]:
    """Return the pairs of YAML, of lines such as `id: 1, activity: COOKING`, and of numbered items with such lines.

    Numbered items are read only if there is one for each event: they could number the steps of a thought.
    """
    keyed: list[tuple[str | None, Scalar | Group]] = []
    numbered: list[tuple[str | None, Scalar | Group]] = []
    for line in lines:
        if heading := _HEADING.fullmatch(line):
            keyed.append(("id", Scalar(heading["number"])))
            continue
        entries = [entry for entry in read_line(re.sub(rf"^{_BULLETS}", "", line)).entries if entry[0]]
        keyed += entries
        if item := _NUMBERED.fullmatch(line):
            numbered.append(("id", Scalar(item["number"])))
            entries = [entry for entry in read_line(item["rest"]).entries if entry[0]]
        numbered += entries
    names = {normalise_label(key) for key, _ in keyed if key}
    if names & ID_KEYS:
        return group_pairs(Group("", keyed), labels) if names & LABEL_KEYS else []
    pairs = group_pairs(Group("", numbered), labels) if names & LABEL_KEYS else []
    return pairs if [number for number, _ in pairs] == list(range(1, size + 1)) else []


def _numbered_pairs(lines: list[str], labels: Labels) -> list[Pair]:
    """Return the pairs of lines that begin with an event's number and hold one label."""
    pairs: list[Pair] = []
    for line in lines:
        if match := _NUMBERED.fullmatch(line.strip("| \t")):
            label = labels.in_line(match["rest"])
            if label is not None:
                pairs.append((int(match["number"]), label))
    return pairs
