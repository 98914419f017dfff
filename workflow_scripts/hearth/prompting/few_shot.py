"""Which windows of the train split are shown, with their labels, to a model that is asked about another window.

At random: the same windows for all, so that they are part of the prefix that no window changes. By similarity: for each
window those that resemble it most, as ADL-LLM chooses its examples (arXiv 2407.01238).
"""

import hashlib

import numpy as np

KINDS = ("random", "similarity")
# Similarities that differ by less are equal: the last digits of a sum depend on the machine.
_DIGITS = 9


def of_train(windows: list[dict], count: int) -> list[dict]:
    """The train split of `windows`; raises ValueError when it has fewer than `count` windows."""
    train = [window for window in windows if window["split"] == "train"]
    if len(train) < count:
        raise ValueError(
            f"{count} windows of the train split are to be shown and there are {len(train)}; ask for fewer shots"
        )
    return train


def random(windows: list[dict], count: int) -> list[dict]:
    """`count` windows of the train split, the first in the order of a hash of their ids, in the order of `windows`.

    Whoever is asked about the train split meets them again, with the answers in the prompt.
    """
    train = of_train(windows, count)
    order = sorted(train, key=lambda window: hashlib.sha256(window["window_id"].encode()).hexdigest())
    chosen = {window["window_id"] for window in order[:count]}
    return [window for window in train if window["window_id"] in chosen]


def similar(asked: list[dict], windows: list[dict], count: int) -> dict[str, list[dict]]:
    """For each window asked about, by its id: the `count` most similar of the train split of `windows`, best first.

    Similarity is the cosine of the windows' descriptions, counted and weighted by TF-IDF; of equally similar windows
    the earlier comes first. None is of the session of the window asked about: its neighbours nearly hold its labels.
    Raises ValueError when other sessions have fewer than `count` windows.
    """
    # Imported here: most of what reads prompts shows no windows, and the import takes a second.
    from sklearn.feature_extraction.text import TfidfVectorizer

    train = of_train(windows, count)
    sessions = np.array([window["session"] for window in train])
    weights = TfidfVectorizer(analyzer=lambda window: [event["description"] for event in window["events"]])
    known = weights.fit_transform(train)
    found = {}
    for window, row in zip(asked, weights.transform(asked), strict=True):
        others = np.flatnonzero(sessions != window["session"])
        if len(others) < count:
            raise ValueError(
                f"window {window['window_id']}: {count} windows of other sessions of the train split are to be shown"
                f" and there are {len(others)}; ask for fewer shots"
            )
        likeness = (known[others] @ row.T).toarray().ravel().round(_DIGITS)
        found[window["window_id"]] = [train[others[place]] for place in np.argsort(-likeness, kind="stable")[:count]]
    return found
