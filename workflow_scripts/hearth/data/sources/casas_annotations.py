"""Parse the words after the state of a line of CASAS: residents, activities, and marks."""

import difflib
import re
from collections.abc import Collection, Sequence

from hearth.data.sources.activity_marks import MARKS
from hearth.data.sources.csv_rows import RowError
from hearth.data.sources.encoded_rows import Annotation

_RESIDENT = re.compile(r"[Rr]?\d+")
_RESIDENTS_ACTIVITY = re.compile(r"([Rr]\d+)[_. ](.+)")
_MARKED = re.compile(rf"(.+)=({'|'.join(MARKS)})", re.IGNORECASE)
# A word with the first letter of a mark that is at least this similar to it is that mark, misspelled.
_SIMILARITY = 0.6


def mend_mark(words: Sequence[str], known: Collection[str]) -> list[str]:
    """Return the words after a state with a doubled mark once, and a misspelled mark as it is meant.

    `Work begin begin` is `Work begin`; so is `Work begub` if Work is in `known`, the names of activities, and the whole
    is not.
    """
    *name, last = words
    if not name:
        return list(words)
    if last.lower() in MARKS:
        return name if name[-1].lower() == last.lower() and len(name) > 1 else list(words)
    marks = [mark for mark in MARKS if mark[0] == last[0].lower()]
    meant = difflib.get_close_matches(last.lower(), marks, 1, _SIMILARITY)
    if not meant or " ".join(words) in known:
        return list(words)
    activities = parse_annotation(name, known)[0].activities
    return [*name, *meant] if activities and all(each in known for each in activities) else list(words)


def parse_annotation(words: Sequence[str], known: Collection[str]) -> tuple[Annotation, str]:
    """Return a pair: the annotation in the words after a sensor's state, and the mark "begin", "end" or "" (none).

    `known` are the names of activities; of other names, a first word that is a resident is no part.
    """
    words = [word.replace('"', "") for word in words]
    mark = words[-1].lower() if words and words[-1].lower() in MARKS else ""
    if mark:
        words, shown = words[:-1], words[-1]
        if not words:
            raise RowError(f"{shown!r} without an activity")
    elif words and (marked := _MARKED.fullmatch(words[-1])):
        words, mark = [*words[:-1], marked[1]], marked[2].lower()
    name = " ".join(words)
    if not words:
        return Annotation(), ""
    if len(words) == 1 or name in known or not _RESIDENT.fullmatch(words[0]):
        return _split_residents(words, known), mark
    if len(words) == 4 and _RESIDENT.fullmatch(words[2]) and not mark:
        return Annotation((words[0], words[2]), (words[1], words[3])), ""
    if len(words) > 2 and words[0].isdigit():
        raise RowError(f"{name!r} is neither one nor two pairs of a resident and an activity")
    return Annotation((words[0],), (" ".join(words[1:]),)), mark


def _split_residents(words: Sequence[str], known: Collection[str]) -> Annotation:
    """Return the annotation of one activity, or of several that each name their resident, as in R1_Work R2_Sleep.

    An activity that is in `known` with its resident keeps the whole name.
    """
    pairs = [_RESIDENTS_ACTIVITY.fullmatch(word) for word in words]
    names = list(words) if len(words) > 1 and all(pairs) and " ".join(words) not in known else [" ".join(words)]
    found = [(_RESIDENTS_ACTIVITY.fullmatch(name), name) for name in names]
    return Annotation(
        tuple(match[1] for match, _ in found if match),
        tuple(match[2] if match and name not in known else name for match, name in found),
    )
