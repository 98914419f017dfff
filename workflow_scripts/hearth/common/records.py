"""Read JSON records whose type is a TypedDict, and check the value of every key."""

import functools
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints, is_typeddict

from hearth.common import files

Head = TypeVar("Head")
Record = TypeVar("Record")


def read_record(path: Path, record_type: type[Record]) -> Record:
    """Read a file with one JSON object of the TypedDict `record_type`. Raises ValueError, which names file and key."""
    return check_record(files.read_json(path), record_type, str(path))


def read_records(path: Path, record_type: type[Record]) -> list[Record]:
    """Read JSON lines, each an object of the TypedDict `record_type`, as `iterate_records` does."""
    return list(iterate_records(path, record_type))


def iterate_records(path: Path, record_type: type[Record]) -> Iterator[Record]:
    """Yield the rows of JSON lines, each an object of the TypedDict `record_type`.

    Raises ValueError, which names file, row and key, for a row that is none.
    """
    for number, row in enumerate(files.iterate_json_lines(path), start=1):
        yield check_record(row, record_type, f"{path}: row {number}")


def read_headed_records(path: Path, head_type: type[Head], record_type: type[Record]) -> tuple[Head, Iterator[Record]]:
    """Read JSON lines whose first row is an object of another TypedDict, `head_type`: return it and the other rows.

    Raises ValueError, which names file, row and key, for a row of another type.
    """
    rows = enumerate(files.iterate_json_lines(path), start=1)
    head = check_record(next(rows, (1, None))[1], head_type, f"{path}: row 1")
    return head, (check_record(row, record_type, f"{path}: row {number}") for number, row in rows)


def check_record(value: object, record_type: type[Record], place: str) -> Record:
    """Return `value` unchanged if it is a record of the TypedDict `record_type`.

    Additional keys are allowed. Raises ValueError for a missing key and for a value of another type. `place` says where
    `value` comes from, such as the path of its file: the error message begins with it.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected a JSON object, found {type(value).__name__}")
    for key, is_valid, is_required, hint in _fields(record_type):  # type: ignore[arg-type]  # classes are hashable
        if key not in value:
            if is_required:
                raise ValueError(f"{place} has no {key!r}")
        elif not is_valid(value[key]):
            raise ValueError(f"{place}: {key} is {_shortened(value[key])}; expected {_type_name(hint)}")
    return value  # type: ignore[return-value]  # checked above


class _Field(NamedTuple):
    key: str
    is_valid: Callable[[Any], bool]
    is_required: bool
    hint: Any


@functools.cache
def _fields(record_type: Any) -> tuple[_Field, ...]:
    """Return the keys of a TypedDict, each with the check of its value."""
    required: frozenset[str] = record_type.__required_keys__
    return tuple(
        _Field(key, _check_of(hint), key in required, hint) for key, hint in get_type_hints(record_type).items()
    )


@functools.cache
def _check_of(hint: Any) -> Callable[[Any], bool]:
    """Return a function that says whether a JSON value has the type `hint`.

    A boolean does not count as a number; an integer counts as a float.
    """
    if plain := _plain_types(hint):
        return lambda value: type(value) in plain
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        return lambda value: True
    if origin in (Union, types.UnionType):
        checks = [_check_of(argument) for argument in arguments]
        return lambda value: any(check(value) for check in checks)
    if origin is Literal:
        return lambda value: value in arguments
    if origin is list:
        if item_types := _plain_types(arguments[0]):
            return lambda value: isinstance(value, list) and item_types.issuperset(map(type, value))
        check_item = _check_of(arguments[0])
        return lambda value: isinstance(value, list) and all(map(check_item, value))
    if origin in (dict, Mapping):
        check_value = _check_of(arguments[1])
        return lambda value: isinstance(value, dict) and all(map(check_value, value.values()))
    if is_typeddict(hint):
        fields = _fields(hint)
        return lambda value: (
            isinstance(value, dict)
            and all(
                field.is_valid(value[field.key]) if field.key in value else not field.is_required for field in fields
            )
        )
    return lambda value: isinstance(value, hint)


def _plain_types(hint: Any) -> frozenset[type]:
    """Return the types of the JSON values that fit `hint`; none if a value's type does not decide whether it fits."""
    if hint is float:
        return frozenset((int, float))
    if hint in (str, int, bool, types.NoneType):
        return frozenset((hint,))
    if get_origin(hint) in (Union, types.UnionType):
        parts = [_plain_types(part) for part in get_args(hint)]
        return frozenset().union(*parts) if all(parts) else frozenset()
    return frozenset()


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and get_origin(hint) is None else str(hint).replace("typing.", "")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
