"""Choose the text of its own from which a student of on-policy distillation learns in a round."""

from typing import TYPE_CHECKING, Literal, get_args

from hearth.common.files import digest
from hearth.prompting.loops import ends_in_loop

if TYPE_CHECKING:
    from hearth.prompting.predictions import Prediction

# Share of the windows that are drawn to have text of the student; the others have the teacher's trace.
OWN_SHARE = 0.5
# Smallest share that must be left of them: with 25 %, on-policy distillation was found to help (arXiv 2306.13649).
SMALLEST_OWN_SHARE = 0.25
# Own text of more than this many times the tokens of the teacher's trace is not learned: longer text earns more loss,
# so that students were found to grow it.
LONGEST_OWN_TEXT = 2

# Whether a window has text of the student's own, and if not, the reason: it was not drawn, it has no answer, was cut
# off at the token limit, ends in a loop, or is too long.
OwnText = Literal["learned", "not_drawn", "unanswered", "cut", "loop", "long"]
OWN_TEXTS: tuple[OwnText, ...] = get_args(OwnText)


def judge_own_text(own: "Prediction", trace: "Prediction") -> OwnText:
    """Return whether a window has text of the student's own in a round; `trace` is that of the teacher.

    The draw depends on window and seed alone. Windows whose own text cannot be learned have the teacher's trace.
    """
    if int(digest([own["seed"], own["window_id"]])[:8], 16) >= OWN_SHARE * 16**8:
        return "not_drawn"
    if own["finish_reason"] == "unanswered" or not own["text"].strip():
        return "unanswered"
    if own["finish_reason"] != "stop":
        return "cut"
    if ends_in_loop(own["text"]):
        return "loop"
    lengths = own["completion_tokens"], trace["completion_tokens"]
    if lengths[0] is not None and lengths[1] is not None and lengths[0] > LONGEST_OWN_TEXT * lengths[1]:
        return "long"
    return "learned"
