"""List renamed keys and values of a config. A config with an old name is refused; the message gives the new name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hearth.common.schemas import Problem

# From the path of an old key to the new key; "*" in a path matches any key of a mapping or position in a list.
RENAMED_KEYS: Mapping[tuple[str, ...], str] = {
    ("conditions",): "variants",
    ("decoding", "seed"): "seeds",
    ("variants", "*", "decoding", "seed"): "seeds",
}

_RECIPES = {"truth": "gold-labels", "format": "verified-labels"}
# From the path of a setting to a dict from old values to new values.
RENAMED_VALUES: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("students", "recipe"): _RECIPES,
    ("students", "groups", "*", "recipes", "*"): _RECIPES,
}


def renamed_settings(config: object) -> Iterator[Problem]:
    """Yield a problem for each key and each value of `config` that has been renamed."""
    for place, new_key in RENAMED_KEYS.items():
        for path, _ in values_at(config, place, []):
            yield path, f"{path[-1]!r} has been renamed to {new_key!r}"
    for place, new_names in RENAMED_VALUES.items():
        for path, value in values_at(config, place, []):
            if isinstance(value, str) and value in new_names:
                yield path, f"{value!r} has been renamed to {new_names[value]!r}"


def values_at(value: Any, place: Sequence[str], path: list[Any]) -> Iterator[tuple[list[Any], object]]:
    """Yield (path, value) for every value whose path matches `place`, a path that may hold "*"."""
    if not place:
        yield path, value
        return
    key, *rest = place
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = list(value) if key == "*" else [key] if key in value else []
    elif isinstance(value, list) and key == "*":
        parts = list(range(len(value)))
    for part in parts:
        yield from values_at(value[part], rest, [*path, part])
