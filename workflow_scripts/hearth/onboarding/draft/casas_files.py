"""Choose among files of CASAS lines: those with labels, and of copies the one that has them."""

import itertools
from collections.abc import Iterator, Sequence

from hearth.onboarding.draft.files import DataFile

_COMPARED_LINES = 1000


def without_copies(files: Sequence[DataFile], unread: list[str]) -> list[DataFile]:
    """Return the files without those that hold the events of another without its labels, which CASAS calls raw data.

    The others are named in `unread`.
    """
    heads: dict[object, list[tuple[int, DataFile]]] = {}
    for file in files:
        words = [line.replace(",", " ").split() for line in itertools.islice(_read_lines(file), _COMPARED_LINES)]
        heads.setdefault(str([each[:4] for each in words]), []).append((sum(map(len, words)), file))
    kept = []
    for same in heads.values():
        most = max(count for count, _ in same)
        for count, file in same:
            if count == most:
                kept.append(file)
            else:
                unread.append(f"{file.path.name}: not read: it begins as another file, but without its labels")
    return [file for file in files if file in kept]


def is_labelled(file: DataFile) -> bool:
    """Return whether some line has more than date, time, sensor and state."""
    return any(len(line.replace(",", " ").split()) > 4 for line in _read_lines(file))


def _read_lines(file: DataFile) -> Iterator[str]:
    with open(file.path, encoding=file.form.encoding, errors="replace") as handle:
        yield from handle
