"""Read JSON records whose type is a TypedDict, and check the value of every key."""

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from hearth.common import files

Record = TypeVar("Record")


def read_record(path: Path, record_type: type[Record]) -> Record:
    """Read a file with one JSON object of the TypedDict `record_type`. Raises ValueError, which names file and key."""
    return check_record(files.read_json(path), record_type, str(path))


def read_records(path: Path, record_type: type[Record]) -> list[Record]:
    """Read JSON lines, each an object of the TypedDict `record_type`. Raises ValueError, which names file, row, key."""
    rows = enumerate(files.read_json_lines(path), start=1)
    return [check_record(row, record_type, f"{path}: row {number}") for number, row in rows]


def check_record(value: object, record_type: type[Record], place: str) -> Record:
    """Return `value` unchanged if it is a record of the TypedDict `record_type`.

    Additional keys are allowed. Raises ValueError for a missing key and for a value of another type. `place` says where
    `value` comes from, such as the path of its file: the error message begins with it.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected a JSON object, found {type(value).__name__}")
    required: frozenset[str] = record_type.__required_keys__  # type: ignore[attr-defined]  # of every TypedDict
    for key, hint in get_type_hints(record_type).items():
        if key not in value:
            if key in required:
                raise ValueError(f"{place} has no {key!r}")
        elif not _is_instance(value[key], hint):
            raise ValueError(f"{place}: {key} is {_shortened(value[key])}; expected {_type_name(hint)}")
    return value  # type: ignore[return-value]  # checked above


def _is_instance(value: object, hint: Any) -> bool:
    """Whether a JSON value has the type `hint`. A boolean does not count as a number; an integer counts as a float."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return True
    if origin in (Union, types.UnionType):
        return any(_is_instance(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(_is_instance(item, arguments[0]) for item in value)
    if origin in (dict, Mapping):
        return isinstance(value, dict) and all(_is_instance(item, arguments[1]) for item in value.values())
    if is_typeddict(hint):
        return isinstance(value, dict) and all(
            _is_instance(value[key], part) if key in value else key not in hint.__required_keys__
            for key, part in get_type_hints(hint).items()
        )
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint).replace("typing.", "")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
