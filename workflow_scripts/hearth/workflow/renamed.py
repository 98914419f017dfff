"""Values of a config that have been renamed: a config with an old one is refused, and told the new one."""

from collections.abc import Iterator, Mapping

from hearth.common.schemas import Problem

_RECIPES = {"truth": "gold-labels", "format": "verified-labels"}

# {place in the config: {old value: new value}}; "*" stands for any key or position.
RENAMED_VALUES: Mapping[tuple[str, ...], Mapping[str, str]] = {
    ("students", "recipe"): _RECIPES,
    ("students", "groups", "*", "recipes", "*"): _RECIPES,
}


def renamed_values(config: object) -> Iterator[Problem]:
    """Yield a problem for each value of `config` that has been renamed."""
    for place, new_names in RENAMED_VALUES.items():
        for path, value in _values_at(config, place, []):
            if isinstance(value, str) and value in new_names:
                yield path, f"{value!r} has been renamed to {new_names[value]!r}"


def _values_at(value: object, place: tuple[str, ...], path: list) -> Iterator[tuple[list, object]]:
    """Yield (path, value) of every value that stands at `place`."""
    if not place:
        yield path, value
        return
    key, *rest = place
    if isinstance(value, dict):
        keys = list(value) if key == "*" else [key] if key in value else []
    else:
        keys = list(range(len(value))) if key == "*" and isinstance(value, list) else []
    for part in keys:
        yield from _values_at(value[part], tuple(rest), [*path, part])
