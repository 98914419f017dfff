"""Whether the forms of a student say the same: labels of each, event by event, beside those of its adapter.

parity.json: {"student", "dataset", "windows", "events", "decoding", "adapter", "merged", "gguf"}, the last only where
there is such a file. Each form has `status` (windows of each), and all but the adapter `agreement` (the share of
events whose label is the adapter's; no label is the same as no label) and `same_text` (windows answered in the same
words); gguf has `prompts`, "text" or "token ids" as llama.cpp was given them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from hearth.prompting.parsing import parse


def spread(windows: Sequence[dict], count: int) -> list[dict]:
    """At most `count` of the windows, as far apart as they go, in their order."""
    if count >= len(windows):
        return list(windows)
    return [windows[position * len(windows) // count] for position in range(count)]


def answers(windows: Sequence[dict], predictions: Sequence[dict], labels: Sequence[str]) -> list[dict]:
    """(text, labels, status) of every window, strictly parsed."""
    found = []
    for window, prediction in zip(windows, predictions, strict=True):
        answer = parse(prediction["text"], len(window["events"]), tuple(labels), prediction["finish_reason"])
        found.append({"text": prediction["text"], "labels": answer.labels, "status": answer.status})
    return found


def compared(forms: Mapping[str, Sequence[dict]]) -> dict[str, dict]:
    """What parity.json has of every form, from the answers of each; the first is what the others are compared with."""
    first, *_ = forms.values()
    found = {}
    for form, given in forms.items():
        found[form] = {"status": dict(Counter(answer["status"] for answer in given))}
        if given is first:
            continue
        pairs = list(zip(given, first, strict=True))
        events = [
            one == other for mine, theirs in pairs for one, other in zip(mine["labels"], theirs["labels"], strict=True)
        ]
        found[form]["agreement"] = round(sum(events) / len(events), 4)
        found[form]["same_text"] = sum(mine["text"] == theirs["text"] for mine, theirs in pairs)
    return found
