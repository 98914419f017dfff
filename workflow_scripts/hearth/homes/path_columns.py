"""Columns whose cells are parts of a file's path, as the pattern `path_columns` of a home's yaml names them."""

import re
from collections.abc import Collection, Iterator

from hearth.common.schemas import Problem

_PART = re.compile(r"\{([^{}/]+)\}|(\*)|([{}])")


def path_column_names(pattern: str) -> list[str]:
    """Return the names in braces of a pattern such as `DAY_{day}/*/{sensor}.csv`, in order."""
    return [found[1] for found in _PART.finditer(pattern) if found[1]]


def path_cells(pattern: str, path: str) -> dict[str, str]:
    """Return for each name in the pattern the part of `path` (with `/`) that it stands for; {} for an empty pattern.

    The pattern describes the end of the path. A name stands for at least one character, `*` for any number; neither
    stands for a `/`. Raises ValueError if the path does not end so.
    """
    if not pattern:
        return {}
    text, at = "", 0
    for found in _PART.finditer(pattern):
        text += re.escape(pattern[at : found.start()])
        text += "([^/]+)" if found[1] else "[^/]*" if found[2] else re.escape(found[3])
        at = found.end()
    matched = re.fullmatch(rf"(?:.*/)?{text}{re.escape(pattern[at:])}", path)
    if matched is None:
        raise ValueError(f"{path}: its path does not end as path_columns {pattern!r} says; correct it, or `files`")
    return dict(zip(path_column_names(pattern), matched.groups(), strict=True))


def path_column_problems(pattern: str, used: Collection[str]) -> Iterator[Problem]:
    """Yield the problems of a pattern; `used` are the columns that have a role."""
    names = path_column_names(pattern)
    if re.search(r"[{}]", _PART.sub(lambda found: found[3] or "", pattern)):
        yield ["path_columns"], f"{pattern!r} has a brace alone; write the name of a column in braces: {{sensor}}"
    elif not names:
        yield ["path_columns"], f"{pattern!r} names no column; write its name in braces: {{sensor}}"
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield ["path_columns"], f"{name!r} is named twice; give each part a name of its own"
        if name not in used:
            yield ["path_columns"], f"{name!r} has no role in `columns` or `groups`; write * for it, or give it one"
