"""Read YAML that people write, and check it against a schema: one line a problem, with key, value and remedy."""

import difflib
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
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{path}{line}: invalid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: invalid YAML: {' '.join(str(error).split())}") from None


def nearest(name: object, known: Collection[object]) -> str:
    """Return the end of a message on the unknown `name`: the closest of the `known` names, or all if none is close."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(map(str, known))}" if known else ""


def dotted(path: list[Any]) -> str:
    """Return the path of a `Problem` as text: `key.key.position`."""
    return ".".join(str(part) if str(part).isprintable() else repr(part) for part in path) or "top level"


def schema_problems(value: object, schema: dict[str, Any]) -> list[Problem]:
    """Return the problems of `value`, by path: what JSON cannot express or, if there is none, what breaks `schema`."""
    not_json = list(_json_problems(value, []))
    if not_json:
        return not_json  # A schema cannot describe such values.
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    ordered = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    return [problem for error in ordered for problem in _explain(error)]


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
        known = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", {})
        for key in value:
            if key not in known and not any(_matches(pattern, key) for pattern in patterns):
                yield [*path, key], f"unknown key {key!r}{nearest(key, known)}"
    elif error.validator == "enum":
        yield path, f"{value!r} is not one of the valid values{nearest(value, error.validator_value)}"
    elif error.validator == "required":
        yield path, error.message.replace("is a required property", "is missing")
    elif error.validator == "anyOf" and isinstance(value, list):
        for inner in error.context:
            if inner.path or inner.validator not in ("enum", "type"):
                yield from _explain(inner)
    elif error.validator == "anyOf":
        names = [name for part in error.validator_value for name in part.get("enum", [])]
        yield path, f"{value!r} is neither a list of names nor one of the valid values{nearest(value, names)}"
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


def _matches(pattern: str, key: str) -> bool:
    return jsonschema.Draft202012Validator({"pattern": pattern}).is_valid(key)


def _case_hint(value: object, pattern: str) -> str:
    """Return a hint for text that matches `pattern` once it is in lower case; '' for any other."""
    lower = str(value).lower()
    return f" (write it in lower case: {lower})" if _matches(pattern, lower) else ""


def _type_hint(value: object, schema: dict[str, Any]) -> str:
    """Return a hint for a value of another type than `schema` asks for, which says what to write; '' without a hint."""
    wanted = schema["type"]
    if isinstance(value, bool) and wanted == "string":
        return " (put it in quotes; YAML reads on, off, yes and no as true and false)"
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
