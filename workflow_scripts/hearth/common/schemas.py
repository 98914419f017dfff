"""Read YAML that people write, and check it against a schema: one line a problem, with key, value and remedy."""

import copy
import datetime
import difflib
import json
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

# A problem: the path to a value in a YAML file (mapping keys and list positions, outermost first), and what is wrong.
Problem = tuple[list[Any], str]


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, but a key that occurs twice is an error; PyYAML would keep the last one."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise yaml.composer.ComposerError(None, None, f"{key.value!r} is given twice", key.start_mark)
                keys.add(key.value)
        return node


def read_yaml(path: Path) -> Any:
    """Read a YAML file. Raises ValueError, which names file and line, for invalid YAML or a key that occurs twice."""
    try:
        # _Loader is a safe loader.
        return yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        # The parser misses a closing quote only at the end of the file; the fault is where the quote opens.
        mark = error.context_mark if str(error.context).startswith("while scanning a ") else error.problem_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ValueError(f"{path}{line}: invalid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: invalid YAML: {' '.join(str(error).split())}") from None


def nearest(name: object, known: Collection[object]) -> str:
    """Return the end of a message on the unknown `name`: the closest of the `known` names, or all if none is close."""
    if close := _closest(name, known, cutoff=0.5):
        return f"; did you mean {close!r}?"
    return f"; known: {', '.join(map(str, known))}" if known else ""


def _closest(name: object, known: Collection[object], cutoff: float) -> str | None:
    """Return the one of the `known` names that resembles `name` most, at least as much as `cutoff` (0 to 1) says."""
    return next(iter(difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=cutoff)), None)


def dotted(path: list[Any]) -> str:
    """Return the path of a `Problem` as text: `key.key.position`."""
    return ".".join(str(part) if str(part).isprintable() else repr(part) for part in path) or "top level"


def schema_problems(value: object, schema: dict[str, Any]) -> list[Problem]:
    """Return the problems of `value`: what JSON cannot express, then what breaks `schema`, by path."""
    not_json = list(_json_problems(value, []))
    reported = [path for path, _ in not_json]
    errors = jsonschema.Draft202012Validator(schema).iter_errors(_with_text_keys(value) if not_json else value)
    ordered = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    broken = (problem for error in ordered for problem in _explain(error))
    # A key that is not text is reported as such only.
    return not_json + [problem for problem in broken if not any(_is_below(problem[0], path) for path in reported)]


def _is_below(path: list[Any], other: list[Any]) -> bool:
    return list(map(str, path[: len(other)])) == list(map(str, other))


def without_unknown_keys(value: object, schema: dict[str, Any]) -> object:
    """Return a copy of `value` without keys that `schema` lacks, in which misspelt keys are spelt right.

    So the rest can be checked, and one mistake hides no other. A value that JSON cannot express is returned as it is.
    """
    if any(_json_problems(value, [])):
        return value
    known_only = copy.deepcopy(value)
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        if error.validator == "additionalProperties":
            inner: Any = known_only
            for part in error.absolute_path:
                inner = inner[part]
            for key in _unknown_keys(error):
                part = inner.pop(key)
                meant = _closest(key, error.schema.get("properties", {}), cutoff=0.8)
                if meant and meant not in error.instance:
                    inner[meant] = part
    return known_only


def without_invalid_values(value: object, schema: dict[str, Any]) -> object:
    """Return a copy of `value` without the values of mappings that break `schema`, or that hold what breaks it.

    So the rest can be checked, and one mistake hides no other. A top level that breaks the schema itself stays.
    """
    valid = copy.deepcopy(value)
    while problems := [path for path, _ in schema_problems(valid, schema)]:
        owners = list(filter(None, (_innermost(valid, path) for path in problems)))
        if not owners:
            break
        for owner, key in owners:
            owner.pop(key, None)
    return valid


def with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    """Return a JSON value with the defaults of its schema, which are filled in recursively and in place."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key, part in properties.items():
            if key not in value and "default" in part:
                value[key] = json.loads(json.dumps(part["default"]))
        rest = schema.get("additionalProperties")
        for key, part in value.items():
            value[key] = with_defaults(part, properties.get(key, rest if isinstance(rest, dict) else {}))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        value = [with_defaults(item, schema["items"]) for item in value]
    return value


def _innermost(value: Any, path: list[Any]) -> tuple[dict[Any, Any], Any] | None:
    """Return the innermost mapping on a path and its key there; None if there is no mapping on it."""
    found = None
    for part in path:
        if isinstance(value, dict):
            found = value, part
        value = value[part]
    return found


def _with_text_keys(value: object) -> object:
    """Return `value` with every key as text, which jsonschema expects."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(part) for key, part in value.items()}
    return [_with_text_keys(part) for part in value] if isinstance(value, list) else value


def _json_problems(value: object, path: list[Any]) -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                yield (
                    [*path, key],
                    f"the key {key!r} is not text; put it in quotes (YAML reads on, off, yes and no as true and false)",
                )
            elif not key.isprintable():
                yield [*path, key], f"the key {key!r} holds line breaks or other unprintable characters"
            yield from _json_problems(part, [*path, key])
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _json_problems(part, [*path, position])
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"{value} is not a finite number"


def _explain(error: jsonschema.ValidationError) -> Iterator[Problem]:
    """Yield the problems that one error of jsonschema stands for, described by the value that breaks the schema."""
    path, value = list(error.absolute_path), error.instance
    if "propertyNames" in error.absolute_schema_path:
        hint = _case_hint(value, error.validator_value)
        yield [*path, value], f"the name {value!r} does not match the pattern {error.validator_value}{hint}"
    elif error.validator == "additionalProperties":
        for key in _unknown_keys(error):
            known = error.schema.get("properties", {})
            name, colon, rest = key.partition(":")
            hint = (
                f"; write a blank after the colon: {name}: {rest}" if colon and name in known else nearest(key, known)
            )
            yield [*path, key], f"unknown key {key!r}{hint}"
    elif error.validator == "enum":
        hint = _text_hint(value) if isinstance(value, bool) else ""
        yield path, f"{value!r} is not one of the valid values{hint}{nearest(value, error.validator_value)}"
    elif error.validator == "required":
        yield path, error.message.replace("is a required property", "is missing")
    elif error.validator == "anyOf" and isinstance(value, list):
        for inner in error.context:
            if inner.path or inner.validator not in ("enum", "type"):
                yield from _explain(inner)
    elif error.validator == "anyOf":
        names = [name for part in error.validator_value for name in part.get("enum", [])]
        other = f"one of the valid values{nearest(value, names)}" if names else f"a text{_text_hint(value)}"
        yield path, f"{value!r} is neither a list of names nor {other}"
    elif error.validator == "pattern" and "x-expected" in error.schema:
        hint = _type_hint(value, error.schema) if "integer" in error.schema.get("type", ()) else ""
        yield path, f"{value!r} is not {error.schema['x-expected']}{hint}"
    elif error.validator == "pattern":
        yield path, f"{error.message}{_case_hint(value, error.validator_value)}"
    elif error.validator == "type" and "x-write" in error.schema:
        yield path, f"{error.message} (write {error.schema['x-write']})"
    elif error.validator == "type":
        yield path, f"{error.message}{_type_hint(value, error.schema)}"
    else:
        yield path, error.message


def _unknown_keys(error: jsonschema.ValidationError) -> list[str]:
    """Return the keys for which a mapping breaks `additionalProperties`."""
    known, patterns = error.schema.get("properties", {}), error.schema.get("patternProperties", {})
    return [
        key for key in error.instance if key not in known and not any(_matches(pattern, key) for pattern in patterns)
    ]


def _matches(pattern: str, key: str) -> bool:
    return jsonschema.Draft202012Validator({"pattern": pattern}).is_valid(key)


def _case_hint(value: object, pattern: str) -> str:
    """Return a hint for text that matches `pattern` once it is in lower case; '' for any other."""
    lower = str(value).lower()
    return f" (write it in lower case: {lower})" if _matches(pattern, lower) else ""


def _text_hint(value: object, more: str = "") -> str:
    """Return a hint for a value that YAML does not read as text; '' for a list or a mapping."""
    if isinstance(value, bool):
        reads = "on, off, yes and no as true and false"
    elif value is None:
        reads = "null, ~ and an empty value as nothing"
    elif isinstance(value, int | float):
        reads = "digits as a number, and 12:30:00 as 45000"
    elif isinstance(value, datetime.date):
        reads = "it as a date"
    else:
        return ""
    return f" (put it in quotes; YAML reads {reads}{more})"


def _type_hint(value: object, schema: dict[str, Any]) -> str:
    """Return a hint for a value of another type than `schema` asks for, which says what to write; '' without a hint."""
    wanted = schema["type"]
    if "string" in wanted and "integer" not in wanted:
        hint = f"; {schema['x-null']}" if value is None and "x-null" in schema else ""
        return _text_hint(value, hint)
    if wanted == "boolean":
        return " (write true or false)"
    if wanted == "array" and jsonschema.Draft202012Validator(schema.get("items", {})).is_valid(value):
        return f" (write {yaml.safe_dump([value], default_flow_style=True).strip()})"
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    # Spell the number as YAML does: YAML reads 1e-05, which is Python's spelling, as text.
    written = yaml.safe_dump(int(number) if number.is_integer() else number).split()[0]
    return f" (YAML reads it as text; write {written})"
