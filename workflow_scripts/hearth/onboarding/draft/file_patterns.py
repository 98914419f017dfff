"""Tell a folder's data from its other files, and find patterns that match the files of a drafted home."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearth.data.sources.file_search import find_files, run_folder
from hearth.onboarding.draft.files import DataFile

_READMES = re.compile(
    r"(readme|licen[cs]e|changelog|\.|~).*|.*\.(md|pdf|docx?|html?|png|jpe?g|zip|py|ya?ml)", re.IGNORECASE
)


def base_folder(root: Path) -> Path:
    """Return the folder to which names of files are relative: `root`, or that of the file `root`."""
    return root if root.is_dir() else root.parent


def no_data_remark(path: Path, root: Path) -> str:
    """Return a remark on a file, or on the folder that holds it, whose name says that it is no data; '' for others."""
    if folder := run_folder(path, root):
        return f"{folder}: not read, written by runs"
    parts = path.relative_to(root).parts
    named = next((at for at, part in enumerate(parts) if _READMES.fullmatch(part)), None)
    return "" if named is None else f"{'/'.join(parts[: named + 1])}: not read, taken for no data by its name"


def files_setting(root: Path, files: Sequence[DataFile], *, always: bool = False) -> dict[str, Any]:
    """Return the key `files` with a pattern that matches exactly `files`, or with their names."""
    if root.is_file() and not always:
        return {}
    base = base_folder(root)
    chosen = {file.path for file in files}
    names = [file.path.relative_to(base).as_posix() for file in files]
    suffixes = sorted({file.path.suffix for file in files})
    candidates = [names[:1]] if len(files) == 1 else []
    for folder in ("", "**/"):
        if all(suffixes):
            candidates.append([f"{folder}*{suffix}" for suffix in suffixes])
        candidates += [[f"{folder}{start}*{end}"] for start, end in _affixes(files)]
    for patterns in candidates:
        if set(find_files(base, patterns)) == chosen:
            return {"files": patterns[0] if len(patterns) == 1 else patterns}
    return {"files": names[0] if len(names) == 1 else names}


def _affixes(files: Sequence[DataFile]) -> list[tuple[str, str]]:
    """Return pairs of a beginning and an end that all names of `files` share, the shortest first.

    None is a pair of empty texts, which would also match files that are written later, such as the home's yaml.
    """
    names = [file.path.name for file in files]
    start = names[0]
    while start and not all(name.startswith(start) for name in names):
        start = start[:-1]
    end = names[0]
    while end and not all(name.endswith(end) for name in names):
        end = end[1:]
    start = re.sub(r"\d+$", "", start)
    suffix = files[0].path.suffix if len({file.path.suffix for file in files}) == 1 else ""
    return [pair for pair in (("", suffix), (start, suffix), ("", end)) if any(pair)]
