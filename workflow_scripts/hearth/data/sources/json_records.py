"""Read records from JSON: lines of objects, a list of objects, and the documents of Home Assistant and openHAB.

Values that are not text become JSON text. A record of a document has its number in the document as its line.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hearth.data.sources.blocks import Block, Fault, block_of, cell_text, check_columns
from hearth.data.sources.csv_rows import LONGEST_RECORD, RowError
from hearth.data.sources.text_lines import decode_line, read_line_blocks, read_text, unpacked
from hearth.homes.raw_format import FileForm

_LONGEST_LINE = 8 * LONGEST_RECORD  # bytes
_ERRORS_OF_JSON = (ValueError, RecursionError)


def read_json_lines(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    """Yield the blocks of a file with one object a line, or of a document that is a list of objects.

    Columns that an object lacks are empty. Raises ValueError if a file that begins with `[` is no such list.
    """
    first = 1
    for block in read_line_blocks(path, form.encoding):
        if first == 1 and _is_list(block):
            yield from read_json(path, columns, form)
            return
        yield parse_json_block(block, columns, first)
        first += block.count(b"\n")


def parse_json_block(block: bytes, columns: Sequence[str], first: int) -> Block:
    """Return the records in `block`, which holds whole lines of JSON, each with one object.

    `first` is the number of the block's first line in its file.
    """
    rows, lines, faults = [], [], []
    for number, line in enumerate(block.split(b"\n"), start=first):
        try:
            if line.strip():
                rows.append(_cells(_parse_line(line), columns))
                lines.append(number)
        except RowError as fault:
            faults.append((number, str(fault)))
    return block_of(rows, lines, faults, columns)


def read_json(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    """Yield the records of a JSON document whose form its content shows, or `form.format` gives; none if it is empty.

    Raises ValueError, naming the file, for a document that is damaged or of another form, or without one of `columns`.
    """
    text = read_text(path, form.encoding)
    if _has_lines_of_objects(text) and form.format in ("auto", "json-lines"):
        yield parse_json_block(text, columns, 1)
    elif text.strip():
        document = _unwrap(_parse_document(path, text), path)
        shape = _find_shape(path, document, form)
        if names := _names(shape, document, path):
            check_columns(path, columns, names)
        rows, lines, faults = [], [], list[Fault]()
        for number, record in enumerate(shape.records(document, path.stem), start=1):
            if isinstance(record, Mapping):
                rows.append(_cells(record, columns))
                lines.append(number)
            else:
                faults.append((number, record))
        yield block_of(rows, lines, faults, columns)


def read_json_names(path: Path, form: FileForm) -> list[str]:
    """Return the keys of all records of a file, in order of first use. Raises ValueError if it holds no objects."""
    text = read_text(path, form.encoding)
    if not text.strip():
        return []
    is_lines = form.format == "json-lines" or (form.format == "auto" and unpacked(path).suffix.lower() != ".json")
    if _is_list(text) or not (is_lines or (form.format == "auto" and _has_lines_of_objects(text))):
        document = _unwrap(_parse_document(path, text), path)
        shape = _find_shape(path, document, form)
        return _names(shape, document, path)
    names: dict[str, None] = {}
    for number, line in enumerate(text.split(b"\n"), start=1):
        try:
            names |= dict.fromkeys(_parse_line(line) if line.strip() else ())
        except RowError as fault:
            if not names:
                raise ValueError(f"{path}:{number}: {fault}") from None
    return list(names)


def _names(shape: "_Shape", document: Any, path: Path) -> list[str]:
    """Return the columns of a document's records, in order of first use."""
    if shape.names:
        return list(shape.names)
    records = [record for record in shape.records(document, path.stem) if isinstance(record, Mapping)]
    return list(dict.fromkeys(name for record in records for name in record))


def _parse_line(line: bytes) -> Mapping[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise RowError(f"longer than {_LONGEST_LINE} bytes")
    text = decode_line(line, "utf-8")
    try:
        value = json.loads(text)
    except _ERRORS_OF_JSON as error:
        raise RowError(f"not JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise RowError(f"a JSON {type(value).__name__}, not an object")
    return value


def _cells(record: Mapping[str, Any], columns: Sequence[str]) -> dict[str, str]:
    return {name: cell_text(record.get(name)) for name in columns}


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except _ERRORS_OF_JSON:
        return False
    return True


def _is_list(text: bytes) -> bool:
    """Return whether a text begins with a list that is more or all of it than its first line."""
    first, _, rest = text.strip().partition(b"\n")
    return first.startswith(b"[") and (not rest or not _is_json(first))


def _has_lines_of_objects(text: bytes) -> bool:
    """Return whether a text begins with an object on a line of its own, and a further line follows."""
    first, _, rest = text.strip().partition(b"\n")
    return first.startswith(b"{") and bool(rest) and _is_json(first)


def _parse_document(path: Path, text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not utf-8 (byte 0x{text[error.start]:02x}); convert the file") from None
    except _ERRORS_OF_JSON as error:
        raise ValueError(f"{path}: not a JSON document: {error}; it is cut short or damaged") from None


def _unwrap(document: Any, path: Path) -> Any:
    """Return the states in a message of Home Assistant's WebSocket API; any other document is returned as it is.

    Raises ValueError if the message is an error.
    """
    if isinstance(document, Mapping) and document.get("success") is False:
        raise ValueError(f"{path}: an error of Home Assistant, not its history: {str(document.get('error'))[:200]}")
    for key in ("result", "event", "states"):
        if isinstance(document, Mapping) and isinstance(document.get(key), Mapping | list):
            document = document[key]
    return document


Record = Mapping[str, Any] | str  # a str says why a record is unreadable


@dataclass(frozen=True)
class _Shape:
    """A form of documents: its words for errors, a check, and its records by document and file stem.

    `names` are the columns of its records; none if each document has its own.
    """

    words: str
    matches: Callable[[Any], bool]
    records: Callable[[Any, str], Iterator[Record]]
    names: tuple[str, ...] = ()


def _find_shape(path: Path, document: Any, form: FileForm) -> _Shape:
    wanted = {form.format: _SHAPES[form.format]} if form.format in _SHAPES else _SHAPES
    for shape in wanted.values():
        if shape.matches(document):
            return shape
    kind = "an object with the keys " + ", ".join(document)[:100] if isinstance(document, Mapping) else "other JSON"
    forms = "; ".join(shape.words for shape in wanted.values())
    raise ValueError(f"{path}: {kind}, not {forms}")


def _is_home_assistant(document: Any) -> bool:
    if isinstance(document, Mapping):
        entries = [entry for entries in document.values() for entry in (entries if isinstance(entries, list) else [0])]
        return bool(document) and all(isinstance(entry, Mapping) and entry.keys() & {"s", "state"} for entry in entries)
    if not isinstance(document, list) or not document:
        return False
    heads = [part[0] if isinstance(part, list) else None for part in document if part != []]
    return all(isinstance(head, Mapping) and {"entity_id", "state"} <= head.keys() for head in heads)


def _home_assistant_records(document: Any, stem: str) -> Iterator[Record]:
    """Yield the states of all entities; one without its own `entity_id` is of the entity of the state before it."""
    for entity, states in document.items() if isinstance(document, Mapping) else [("", part) for part in document]:
        for state in states:
            if not isinstance(state, Mapping):
                yield f"a JSON {type(state).__name__}, not an object"
                continue
            entity = state.get("entity_id", entity)
            times = [state.get(key) for key in ("last_changed", "lc", "last_updated", "lu")]
            changed = next((time for time in times if time is not None), None)
            try:
                yield {
                    "entity_id": entity,
                    "state": state["state"] if "state" in state else state["s"],
                    "last_changed": _iso_time(changed),
                }
            except KeyError:
                yield "a state of Home Assistant without `state`"
            except (ValueError, OverflowError, OSError):
                yield f"{changed!r} is no time in seconds since 1970"


def _iso_time(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")
    return value


def _is_openhab(document: Any) -> bool:
    items = document if isinstance(document, list) else [document]
    return bool(items) and all(
        isinstance(item, Mapping) and isinstance(item.get("data"), list) and item.keys() & {"name", "datapoints"}
        for item in items
    )


def _openhab_records(document: Any, stem: str) -> Iterator[Record]:
    """Yield the states of all items; an item without a name has that of its file, `stem`."""
    for item in document if isinstance(document, list) else [document]:
        for state in item["data"]:
            if isinstance(state, Mapping):
                yield {"name": item.get("name") or stem, "time": state.get("time"), "state": state.get("state")}
            else:
                yield f"a JSON {type(state).__name__}, not an object"


def _is_list_of_objects(document: Any) -> bool:
    return isinstance(document, list) and (not document or any(isinstance(record, Mapping) for record in document))


def _object_records(document: Any, stem: str) -> Iterator[Record]:
    for record in document:
        yield record if isinstance(record, Mapping) else f"a JSON {type(record).__name__}, not an object"


_SHAPES = {
    "home-assistant": _Shape(
        "Home Assistant's history (REST: a list of lists of states; WebSocket: an object from entities to states)",
        _is_home_assistant,
        _home_assistant_records,
        ("entity_id", "state", "last_changed"),
    ),
    "openhab": _Shape(
        "openHAB's persistence (an object with `name` and `data`, or a list of such)",
        _is_openhab,
        _openhab_records,
        ("name", "time", "state"),
    ),
    "json-lines": _Shape("a list of objects", _is_list_of_objects, _object_records),
}
