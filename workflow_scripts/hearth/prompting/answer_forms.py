"""Find the label of each event in an answer of any form that a person reads without guessing.

The forms: lists and objects that are nearly JSON (`tolerant_json`), with an id beside each label, or a label below each
id; such a text inside a JSON string; lists that are numbered or have arrows; YAML; tables; comma-separated lines; XML;
and one label for each event, in order. An id may be written `1`, `"1"`, `event_1` or `Event 1`.

What would be a guess is no label:

- A text counts as a label only where one stands: never inside a string, a reason or a sentence.
- An answer whose ids begin at 0, or count every event from another number than 1, is numbered in a way that nobody has
  asked for: it has no labels. From an id that occurs twice in one answer on, ids may have slipped: only those that are
  their own position in the answer are sure.
- Of several answers, the last one that has every event counts. An event to which another one, after it, gives another
  label has no label. Without a complete answer, an event to which they give different labels has none.
"""

import re
from collections.abc import Iterable

from hearth.prompting.answer_labels import Labels, Pair
from hearth.prompting.document_forms import document_pairs
from hearth.prompting.line_forms import line_pairs

# A text that holds such an object is no answer by its lines.
_OBJECT = re.compile(r"\{[^{}\n]{0,40}\b(?:id|activity|label)\b", re.IGNORECASE)
_BEGINS_LINE = re.compile(r"^[ \t]*[\[{［｛]", re.MULTILINE)


def read_answer(
    text: str, size: int, labels: Labels, *, cut: bool = False, lines: bool = True
) -> dict[int, str | None]:
    """Return a dict from event number, 1..size, to label, for the events that `text` answers.

    A label is None if the text names an event without a label of the home, or with more than one. `cut` says that the
    text ends where the limit of tokens was reached, `lines` whether to read forms other than lists and objects.
    """
    pairs = document_pairs(text, size, labels)
    found = _settle(pairs, size)
    if pairs and (not lines or len(found) == size or _BEGINS_LINE.search(text)):
        return found
    if lines and (pairs or not _OBJECT.search(text)):
        # An object within a line is rather a remark on it than the answer.
        listed = line_pairs(text.rpartition("\n")[0] if cut else text, size, labels)
        if listed:
            return _settle(listed, size)
    return found if pairs else _settle(document_pairs(text, size, labels, ordered=True), size)


def _settle(pairs: Iterable[Pair], size: int) -> dict[int, str | None]:
    """Return the label of each event that is sure, by the rules at the top of this file."""
    answers: list[list[Pair]] = []
    for number, label in pairs:
        if not answers or number == answers[-1][0][0]:
            answers.append([])
        answers[-1].append((number, label))
    settled: dict[int, str | None] = {}
    for answer in answers:
        sure = _sure_labels(answer, size)
        if sure.keys() >= set(range(1, size + 1)):
            settled = sure
            continue
        for number, label in sure.items():
            before = settled.setdefault(number, label)
            if before != label and label is not None:
                settled[number] = None
    return settled


def _sure_labels(answer: list[Pair], size: int) -> dict[int, str | None]:
    """Return the label of each event of one answer; None where its id may have slipped."""
    numbers = [number for number, _ in answer]
    first = min(numbers)
    if first == 0 or (first > 1 and len(answer) == size and set(numbers) == set(range(first, first + size))):
        return {}
    sure: dict[int, str | None] = {}
    slipped = False
    for position, (number, label) in enumerate(answer, start=1):
        if number in sure:
            slipped = True
            if label != sure[number]:
                sure[number] = None
        else:
            sure[number] = None if slipped and number != position else label
    return {number: label for number, label in sure.items() if number <= size}
