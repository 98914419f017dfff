"""YAML that people write, against its schema: each problem in one line with key, value and what would be right."""

import difflib
import math
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import yaml

Problem = tuple[list, str]  # where it is, as keys and positions from the top; what is wrong there


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which keeps the last of two equal keys, made to refuse them."""

    def compose_mapping_node(self, anchor):
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.composer.ComposerError(None, None, f"{key.value!r} is given twice", key.start_mark)
                seen.add(key.value)
        return node


def read_yaml(path: Path) -> object:
    """Read a YAML file. Raises ValueError with one line naming file and line of what is not YAML or given twice."""
    try:
        # The loader is a safe one.
        return yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)  # noqa: S506
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{path}{line}: not YAML as it should be: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: not YAML as it should be: {' '.join(str(error).split())}") from None


def nearest(name: object, known) -> str:
    """'; did you mean ...?' for the known name closest to `name`, or the known names when none is close."""
    close = difflib.get_close_matches(str(name), [str(k) for k in known], n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(map(str, known))}" if known else ""


def dotted(path: list) -> str:
    """A place in a YAML file as `key.key.position`."""
    return ".".join(str(part) if str(part).isprintable() else repr(part) for part in path) or "top level"


def schema_problems(value: object, schema: dict) -> list[Problem]:
    """Everything in which `value` differs from its schema or cannot be JSON, in the order of places."""
    odd = list(_not_json(value, []))
    if odd:
        return odd  # A schema says nothing of such values.
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    ordered = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    return [problem for error in ordered for problem in _explain(error)]


def _not_json(value: object, path: list) -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, part in value.items():
            if not isinstance(key, str):
                yield (
                    [*path, key],
                    f"the key {key!r} is not text; put it in quotes (YAML reads on, off, yes and no as true and false)",
                )
            elif not key.isprintable():
                yield [*path, key], f"the key {key!r} holds line breaks or the like"
            yield from _not_json(part, [*path, key])
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _not_json(part, [*path, position])
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"{value} is not a finite number"


def _explain(error: jsonschema.ValidationError) -> Iterator[Problem]:
    """What one schema error says, in the words of whoever wrote the value."""
    path, found = list(error.absolute_path), error.instance
    if "propertyNames" in error.absolute_schema_path:
        yield [*path, found], f"the name {found!r} is not of the form {error.validator_value}"
    elif error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", {})
        for key in found:
            if key not in known and not any(_matches(pattern, key) for pattern in patterns):
                yield [*path, key], f"unknown key {key!r}{nearest(key, known)}"
    elif error.validator == "enum":
        yield path, f"{found!r} is not one of the valid values{nearest(found, error.validator_value)}"
    elif error.validator == "required":
        yield path, error.message.replace("is a required property", "is missing")
    elif error.validator == "anyOf" and isinstance(found, list):
        for inner in error.context:
            if inner.path or inner.validator not in ("enum", "type"):
                yield from _explain(inner)
    elif error.validator == "anyOf":
        names = [name for part in error.validator_value for name in part.get("enum", [])]
        yield path, f"{found!r} is neither a list of names nor one of the valid values{nearest(found, names)}"
    elif error.validator == "type":
        yield path, f"{error.message}{_type_hint(found, error.validator_value)}"
    else:
        yield path, error.message


def _matches(pattern: str, key: str) -> bool:
    return jsonschema.Draft202012Validator({"pattern": pattern}).is_valid(key)


def _type_hint(found: object, wanted) -> str:
    if isinstance(found, bool) and wanted == "string":
        return " (put it in quotes; YAML reads on, off, yes and no as true and false)"
    try:
        number = float(found) if isinstance(found, str) else math.nan
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    # YAML's own spelling: it takes 1e-05, as Python writes it, for text.
    written = yaml.safe_dump(int(number) if number.is_integer() else number).split()[0]
    return f" (YAML reads it as text; write {written})"
