"""Find ids and labels in an answer that is written line by line: lists, YAML, tables, CSV, XML."""

import csv
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain

from hearth.homes.home import normalise_label
from hearth.prompting.answer_labels import ID_KEYS, ID_PREFIX, LABEL_KEYS, Labels, Pair, event_number, event_numbers
from hearth.prompting.document_forms import group_pairs
from hearth.prompting.tolerant_json import Group, Scalar, read_line

_Entries = list[tuple[str | None, Scalar | Group]]

_BULLETS = r"[ \t]*+(?:(?:[-*•>+]|\#{1,6}|\[[ x]?\])[ \t]++)*+"
_NUMBERED = re.compile(
    rf"{_BULLETS}[*_`\"'(\[「]*+(?:{ID_PREFIX}[\s_.#-]{{0,3}}|\#\s?)?(?P<number>\d{{1,9}})[*_`\"')\]」]*+"
    r"(?:\s*+(?:->|=>|→|[.:](?!\d)|[)\],;=|、。]|[-–—](?=\s)|(?=\()|is\b|(?<=[)\]]))|[ \t]++)\s*+(?P<rest>\S.*)",
    re.IGNORECASE,
)
# Several events in one line: a list of ids and ranges, then a colon or an arrow.
_SEVERAL = re.compile(
    rf"{_BULLETS}[*_`(\[]*+(?P<numbers>(?:(?:events|ids)\s+\d|\d{{1,4}}\s?(?:[-–—,&]|and\b|to\b))[\d\s,&\-–—andto]{{0,80}})[*_`)\]]*+"
    r"\s*+(?:->|=>|→|[:=](?!\d))\s*+(?P<rest>\S.*)",
    re.IGNORECASE,
)
_BULLET = re.compile(rf"^{_BULLETS}")
_COUNT = re.compile(r"^\d+[.)]\s+(?=\W{0,3}(?:id|event)\W{0,3}[:=])", re.IGNORECASE)  # of an item that has an id
_HEADING = re.compile(
    rf"{_BULLETS}[*_`]*+(?:(?:event|id)[\s_#]{{0,3}}|(?=\d+\W*:))(?P<number>\d{{1,9}})[*_`:\s]*+", re.IGNORECASE
)
_EVENT = re.compile(r"(?:event|id)[\s_#]{0,2}(\d{1,9})", re.IGNORECASE)
_TAG = re.compile(
    r"<(?P<tag>[\w.-]++)(?P<attributes>(?:\s++[\w.-]++\s*+=\s*+[\"'][^\"'<>]*+[\"'])*+)\s*+/?>(?P<text>[^<>]*+)"
)
_WRAPPING_TAG = re.compile(r"^</?\w{1,20}>[ \t]*|</?\w{1,20}>$|<\|[^<>|\n]{0,40}\|>", re.MULTILINE)
_KEYCAP = re.compile("[\ufe0f\u20e3]")  # makes a digit an emoji
_ATTRIBUTE = re.compile(r"([\w.-]++)\s*+=\s*+[\"']([^\"'<>]*+)[\"']")
# The end of an item of a list on one line: what follows begins with a number.
_ITEM = re.compile(
    rf"[;,|][ \t]++(?=[*_`(\[\"']{{0,3}}(?:{ID_PREFIX}[\s_#]{{0,2}})?\d{{1,4}}[*_`]{{0,2}}[ \t]?"
    r"(?:[.):=,]|->|=>|→|-\s))",
    re.IGNORECASE,
)


def line_pairs(text: str, size: int, labels: Labels) -> list[Pair]:
    """Return the pairs of an answer written line by line; a list on one line is taken apart first."""
    text = _KEYCAP.sub("", unicodedata.normalize("NFKC", text))
    if "<td" in text:  # a table in HTML
        text = re.sub(r"</t[dh]>\s*<t[dh]\b[^<>]*>", " | ", text)
        text = re.sub(r"</?(?:t[dhr]|table|thead|tbody)\b[^<>]*>", "", text.replace("</tr>", "\n"))
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("```")]
    if pairs := _table_pairs(lines, labels):
        return pairs
    tagged, text = lines, _WRAPPING_TAG.sub("\n", "\n".join(lines))
    lines = [line for line in text.split("\n") if line]
    if len(lines) == 1:
        lines = _ITEM.sub("\n", lines[0]).split("\n")
    if pairs := _record_pairs(lines, size, labels) or _numbered_pairs(lines, labels) or _tag_pairs(tagged, labels):
        return pairs
    if len(lines) == 1:
        lines = re.split(r"[;,|>→]|->|=>", lines[0])
    found = [label for line in lines if (label := labels.in_order(_BULLET.sub("", line))) is not None]
    numbered = any(event_numbers(line) for line in lines)  # Then their order may be another one.
    return list(enumerate(found, start=1)) if len(found) == size and not numbered else []


def _table_pairs(lines: list[str], labels: Labels) -> list[Pair]:
    """Return the pairs of a table with a heading for its ids and its activities, in Markdown, CSV or with tabs."""
    for separator in "|,;\t":
        for index, line in enumerate(lines):
            headings = [normalise_label(cell) for cell in _cells(line, separator)]
            ids = min(ID_KEYS.keys() & set(headings), key=lambda name: ID_KEYS[name], default="")
            names = min(LABEL_KEYS.keys() & set(headings), key=lambda name: LABEL_KEYS[name], default="")
            if ids and names:
                rows = (_cells(row, separator) for row in lines[index + 1 :])
                columns = headings.index(ids), headings.index(names)
                return list(_row_pairs(rows, *columns, len(headings), labels))
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
    chunks: list[_Entries] = [[]]
    for tag in _TAG.finditer("\n".join(lines)):
        attributes = [(name, html.unescape(value)) for name, value in _ATTRIBUTE.findall(tag["attributes"])]
        text = html.unescape(tag["text"]).strip()
        if attributes or not text:
            chunks.append([(name, Scalar(value, quoted=True)) for name, value in attributes])
        if text:
            named = any(normalise_label(name) in ID_KEYS for name, _ in attributes)
            chunks[-1].append(("activity" if named else tag["tag"], Scalar(text, quoted=True)))
    return _chunk_pairs(chunks, labels)


def _record_pairs(lines: list[str], size: int, labels: Labels) -> list[Pair]:
    """Return the pairs of lines with keys: YAML, one record a line, records below headings or in numbered items.

    Numbered items are read only if there is one for each event: they could number the steps of a thought.
    """
    keyed = [_entries(_BULLET.sub("", _COUNT.sub("", line))) for line in lines]
    names = [{normalise_label(key) for key, _ in entries if key} for entries in keyed]
    if not any(each & LABEL_KEYS.keys() for each in names):
        return []
    if all(each & ID_KEYS.keys() for each in names if each & LABEL_KEYS.keys()):
        return _chunk_pairs(keyed, labels)
    headings = [_HEADING.fullmatch(line) for line in lines]
    if any(headings):
        starts: list[_Entries | None] = [match and [("id", Scalar(match["number"]))] for match in headings]
        return _chunk_pairs(_chunks(keyed, starts), labels)
    if any(each & ID_KEYS.keys() for each in names):
        bullets: list[_Entries | None] = [[] if line.startswith(("- ", "* ", "• ")) else None for line in lines]
        return _chunk_pairs(_chunks(keyed, bullets), labels) or _chunk_pairs([list(chain(*keyed))], labels)
    items = [_NUMBERED.fullmatch(line) for line in lines]
    numbers: list[_Entries | None] = [match and [("id", Scalar(match["number"]))] for match in items]
    keyed = [_entries(item["rest"]) if item else entries for item, entries in zip(items, keyed, strict=True)]
    pairs = _chunk_pairs(_chunks(keyed, numbers), labels)
    return pairs if [number for number, _ in pairs] == list(range(1, size + 1)) else []


def _entries(line: str) -> _Entries:
    """Return the keys of a line with their values; an object that is a value is no answer but a remark."""
    return [(key, value) for key, value in read_line(line).entries if key and isinstance(value, Scalar)]


def _chunks(keyed: list[_Entries], starts: list[_Entries | None]) -> list[_Entries]:
    """Return the entries of each record: those of its lines, after what `starts` has for the line that begins it."""
    chunks: list[_Entries] = [[]]
    for entries, start in zip(keyed, starts, strict=True):
        if start is not None:
            chunks.append([*start])
        chunks[-1] += entries
    return chunks


def _chunk_pairs(chunks: list[_Entries], labels: Labels) -> list[Pair]:
    return [pair for chunk in chunks for pair in group_pairs(Group("", chunk), labels)]


def _numbered_pairs(lines: list[str], labels: Labels) -> list[Pair]:
    """Return the pairs of lines that begin with an event's number and hold one label."""
    pairs: list[Pair] = []
    for line in lines:
        if several := _SEVERAL.fullmatch(line):
            label = labels.in_line(several["rest"])
            if label is not None:
                pairs += [(number, label) for number in event_numbers(several["numbers"])]
        elif match := _NUMBERED.fullmatch(line.strip("| \t")):
            label = labels.in_line(match["rest"])
            if label is not None and set(_EVENT.findall(match["rest"])) <= {match["number"]}:
                pairs.append((int(match["number"]), label))
    return pairs
