"""Read text whose rows are written across groups of lines (`recording.line_groups`).

The first line of a group has cells that belong to all of its rows, such as an activity and a date. Each further line
lists one cell of every row, such as the sensors, and then their times.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hearth.data.sources.blocks import Block, Fault, block_of, check_columns
from hearth.data.sources.csv_rows import RowError, split_cells
from hearth.data.sources.delimited import unite_runs
from hearth.data.sources.text_lines import decode_line, read_text
from hearth.homes.raw_format import FileForm, LineGroups

Rows = list[dict[str, str]]


def read_line_groups(path: Path, columns: Sequence[str], form: FileForm) -> Iterator[Block]:
    """Yield one block, with a row for each place in the lists of a group; its line is the first of the group.

    Blank lines are left out. Where no group begins, each line is a fault, up to the next group that another one or
    the end of the file follows. Raises ValueError if `form` names none of `columns`.
    """
    assert form.line_groups is not None
    check_columns(path, columns, form.line_groups.columns)
    numbered = enumerate(read_text(path, form.encoding).split(b"\n"), start=1)
    filled = [(number, line) for number, line in numbered if line.strip()]
    numbers, lines = [number for number, _ in filled], [line for _, line in filled]
    size = 1 + len(form.line_groups.lists)
    rows: Rows = []
    places: list[int] = []
    faults: list[Fault] = []
    at = 0
    while at < len(lines):
        try:
            group = _rows(lines[at : at + size], form)
        except RowError as fault:
            following = _next_group(lines, at + 1, form, size)
            faults += [(number, str(fault)) for number in numbers[at:following]]
            at = following
        else:
            rows += group
            places += [numbers[at]] * len(group)
            at += size
    yield block_of(rows, places, faults, columns)


def read_line_group_names(path: Path, form: FileForm) -> list[str]:
    """Return the names of the columns of a file; nothing of the file is read."""
    assert form.line_groups is not None
    return list(form.line_groups.columns)


def _next_group(lines: Sequence[bytes], start: int, form: FileForm, size: int) -> int:
    """Return the position of the next line at which a group begins.

    Lists may look like the first line of a group, so that another group, or the end of the lines, must follow it.
    """
    for at in range(start, len(lines)):
        if _is_group(lines[at : at + size], form):
            rest = lines[at + size : at + 2 * size]
            if not rest or _is_group(rest, form):
                return at
    return len(lines)


def _is_group(lines: Sequence[bytes], form: FileForm) -> bool:
    try:
        return bool(_rows(lines, form))
    except RowError:
        return False


def _rows(lines: Sequence[bytes], form: FileForm) -> Rows:
    """Return the rows of a group of lines. Raises RowError if the lines are not those of one group."""
    groups = form.line_groups
    assert isinstance(groups, LineGroups)
    head, *lists = (_cells(line, form) for line in lines)
    counts = [len(cells) for cells in lists]
    if len(head) != len(groups.head) or len(counts) != len(groups.lists) or len(set(counts)) > 1:
        lengths = ", ".join(map(str, counts)) or "none"
        raise RowError(
            f"no group of lines: {len(groups.head)} cells and {len(groups.lists)} lists of equal length are expected, "
            f"but there are {len(head)} cells and lists of {lengths} ({form.key}.line_groups)"
        )
    shared = dict(zip(groups.head, head, strict=True))
    return [shared | dict(zip(groups.lists, cells, strict=True)) for cells in zip(*lists, strict=True)]


def _cells(line: bytes, form: FileForm) -> list[str]:
    if form.delimiter in ("blanks", "tabs"):
        return split_cells(decode_line(unite_runs(line, form.delimiter), form.encoding), None, "\t")
    return split_cells(decode_line(line, form.encoding), None, form.delimiter)
