"""Few-shot examples: windows of the train split that a prompt shows with their gold labels.

Random examples are the same for all windows, so they belong to the static prefix. Similar examples differ from window
to window: they are the ones that resemble it most, as in ADL-LLM (arXiv 2407.01238).
"""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from operator import itemgetter

import numpy as np

from hearth.data.windows import Window

# Ways to choose examples.
SELECTIONS = ("random", "similarity")
# Decimals to which similarities are rounded. Otherwise rounding errors, which depend on the machine, would break ties.
_DIGITS = 9


def _check_count(found: int, count: int) -> None:
    if found < count:
        raise ValueError(
            f"the prompt shows {count} windows of the train split, which has only {found}; ask for fewer shots"
        )


def random_examples(train: Iterable[Window], count: int) -> list[Window]:
    """Return the `count` windows of `train`, a train split, whose ids have the smallest hashes, in their order.

    No more than `count` windows are in memory.
    If windows of the train split are recognised with these examples, the prompt shows some of them their own labels.
    Raises ValueError if the train split is too small.
    """
    numbered = enumerate(train)
    chosen = heapq.nsmallest(
        count, numbered, key=lambda each: hashlib.sha256(each[1]["window_id"].encode()).hexdigest()
    )
    _check_count(len(chosen), count)
    return [window for _, window in sorted(chosen, key=itemgetter(0))]


def similar_examples(targets: Sequence[Window], train: Sequence[Window], count: int) -> dict[str, list[Window]]:
    """Return a dict from the id of each target to the `count` windows of `train` most similar to it.

    The most similar window comes first. `train` is a train split.
    Similarity is the cosine of the windows' event descriptions, weighted by TF-IDF. Of equally similar windows the
    earlier one comes first. Windows of the target's own session are excluded: their labels nearly give away its labels.
    Raises ValueError if other sessions have fewer than `count` windows.
    """
    # Imported here: the import takes a second, and most programs that read prompts do not need it.
    from sklearn.feature_extraction.text import TfidfVectorizer

    _check_count(len(train), count)
    sessions = np.array([window["session"] for window in train])
    vectorizer = TfidfVectorizer(analyzer=lambda window: [event["description"] for event in window["events"]])
    train_vectors = vectorizer.fit_transform(train)
    examples = {}
    for target, vector in zip(targets, vectorizer.transform(targets), strict=True):
        others = np.flatnonzero(sessions != target["session"])
        if len(others) < count:
            raise ValueError(
                f"window {target['window_id']}: the prompt shows {count} windows of other sessions of the train split, "
                f"which has only {len(others)}; ask for fewer shots"
            )
        similarity = (train_vectors[others] @ vector.T).toarray().ravel().round(_DIGITS)
        best = np.argsort(-similarity, kind="stable")[:count]
        examples[target["window_id"]] = [train[others[index]] for index in best]
    return examples
