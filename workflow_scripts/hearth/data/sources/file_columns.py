"""Give the rows of all files of a kind the same columns.

Columns may be parts of a file's path (`path_columns`), and may have another name in some files (`column_aliases`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hearth.data.sources.blocks import Block
from hearth.data.sources.tabular import format_of, read_blocks, read_column_names
from hearth.data.sources.text_lines import read_line_blocks
from hearth.homes.path_columns import path_cells
from hearth.homes.raw_format import FileForm, Intervals, Recording

_LONGEST_HEADER = 10_000  # bytes


def read_named_blocks(
    path: Path, name: str, columns: Sequence[str], form: FileForm, settings: Recording | Intervals
) -> Iterator[Block]:
    """Yield the blocks of a file, with `columns`, each once, from its cells or from its path.

    `name` is the path relative to the data's folder. A file of a header alone may lack columns, if it has no others.
    Raises ValueError if the file is unreadable, lacks a column, has one under two names, or has a name that
    `path_columns` does not match.
    """
    given = path_cells(settings.path_columns, name)
    needed = [column for column in dict.fromkeys(columns) if column not in given]
    names = names_in_file(path, needed, form, settings.column_aliases)
    if _is_header_only(path, needed, form):
        return
    for block in read_blocks(path, list(names.values()), form):
        cells = block.cells.rename(columns={each: column for column, each in names.items()})
        yield Block(cells.assign(**given), block.lines, block.faults, block.comments)


def names_in_file(
    path: Path, columns: Sequence[str], form: FileForm, aliases: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return for each of `columns` its name in the file. Raises ValueError if the file has it under two names."""
    if not aliases:
        return {column: column for column in columns}
    there = set(form.header or read_column_names(path, form))
    names = {}
    for column in columns:
        found = [each for each in (column, *aliases.get(column, ())) if each in there]
        if len(found) > 1:
            raise ValueError(
                f"{path}: columns {found[0]!r} and {found[1]!r} are both there, but `column_aliases` says that one "
                "stands for the other; remove it there"
            )
        names[column] = found[0] if found else column
    return names


def alias_notes(paths: Mapping[str, Path], settings: Recording | Intervals) -> list[str]:
    """Return a text for each column that files have under another name; `paths` has the files by name."""
    aliases, found = settings.column_aliases, defaultdict[tuple[str, str], list[str]](list)
    for name, path in paths.items() if aliases else ():
        for column, each in names_in_file(path, list(aliases), settings.form, aliases).items():
            if each != column:
                found[each, column].append(name)
    return [
        f"column {each} is read as {column} in {len(names)} files (column_aliases), first {names[0]}"
        for (each, column), names in found.items()
    ]


def _is_header_only(path: Path, columns: Sequence[str], form: FileForm) -> bool:
    """Return whether a text file has no line but a header, which names some of `columns` alone."""
    if format_of(path, form) not in ("csv", "tsv") or form.header or path.stat().st_size > _LONGEST_HEADER:
        return False
    header, _, rest = next(read_line_blocks(path, form.encoding), b"").partition(b"\n")
    return bool(header.strip()) and not rest.strip() and set(read_column_names(path, form)) < set(columns)
