"""What each recipe makes of a teacher's traces: the text to learn from one, and which of them to learn from.

The names of the recipes are in `recipes`. Some read the gold labels, and only those of the train split:
`verified-labels` leaves out windows by them, `simple` and `complex` sort windows by them, and `gold-labels`, which has
no teacher, learns them.
"""

from collections import Counter

from hearth.common.files import digest
from hearth.distillation.recipes import RECIPES
from hearth.prompting.prompts import answer_text


def target(recipe: str, trace: dict, labels: list[str | None] | None) -> tuple[str, bool]:
    """(text to learn, whether it ends with the end of turn) of a trace.

    `labels` are the teacher's, as parsed from the trace, or the gold labels for `gold-labels`. Recipes that teach to
    reason take the trace as it is and ignore them.
    """
    if RECIPES[recipe].reasons:
        return trace["text"], trace["finish_reason"] == "stop"
    return answer_text(labels), True


def unfit(recipe: str, labels: list[str | None] | None, gold: list[str]) -> str:
    """Why a recipe leaves out a trace with these `labels`, as in `target`; "" when it does not."""
    if RECIPES[recipe].reasons:
        return ""
    if None in labels:
        return "unlabelled"
    return "wrong_labels" if recipe == "verified-labels" and labels != gold else ""


def select(recipe: str, names: list[str], marked: set[str], seed: int) -> tuple[list[str], Counter]:
    """(windows to learn from, how many are left out by reason) of the windows whose traces could be learned from.

    `marked` are the windows with a flagged trace, for the audited recipes, and the complex ones, for `simple` and
    `complex`; the others have no use for it. What is compared is equally large: `audited-control` is as many windows
    as `audited`, and of `simple` and `complex` the larger is drawn down to the smaller.
    """
    plain = [name for name in names if name not in marked]
    hard = [name for name in names if name in marked]
    if recipe == "audited":
        return plain, Counter(flagged=len(hard))
    if recipe == "audited-control":
        drawn = draw(names, len(plain), seed)
        return drawn, Counter(not_drawn=len(names) - len(drawn))
    if recipe in ("simple", "complex"):
        own, other = (plain, hard) if recipe == "simple" else (hard, plain)
        drawn = draw(own, len(other), seed)
        reason = "too_complex" if recipe == "simple" else "too_simple"
        return drawn, Counter({reason: len(other), "not_drawn": len(own) - len(drawn)})
    return names, Counter()


def draw(names: list[str], n: int | None, seed: int) -> list[str]:
    """At most `n` of the names, the first in a seeded order, put back in the order they came in; None is all.

    The order is by a hash of seed and name, so a smaller `n` takes a part of what a larger one takes.
    """
    if n is None or n >= len(names):
        return names
    chosen = set(sorted(names, key=lambda name: digest([seed, name]))[:n])
    return [name for name in names if name in chosen]
