"""Oddities of answers and reasons for missing ones, in words for logs, notes below tables and the report."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

# Statuses of windows whose answer could not be read at all.
UNREADABLE = ("malformed", "unclosed_reasoning", "truncated")
# The share of unreadable answers from which on a wrong setting is likelier than a weak model.
_MOST = 0.9
_MOST_NAMED = 5  # sources of answers that a statement names

# A dict from oddity to the end of the statement "3 of 100 answers ...": those of servers
# (`hearth.engines.chat_answer.Oddity`), and one that any model may show.
ODDITY_TEXTS = {
    "answer_in_reasoning": "were in the server's field for reasoning, which was not asked for; they count as answers",
    "reasoning_though_off": "came with reasoning, although it was switched off",
    "prompt_cut": "are to prompts for which the server counted fewer tokens than they have words: it cut them without"
    " a word (raise the length of its context), or its counts are wrong",
    "no_token_counts": "came without usable counts of tokens",
    "no_finish_reason": "came without a finish reason that is known; those as long as max_new_tokens count as cut off",
    "other_model": "name another model than the one that was asked",
    "refusal": "are refusals: the model's words were in the server's field for them",
    "no_text": "have no text, although the server counts tokens that the model wrote: it may have dropped a thought",
    "several_answers": "came beside others to the same request, which asks for one; that with the lowest index counts",
}


def oddity_text(name: str) -> str:
    """Return the words for an oddity; of one that this version does not know, its name."""
    return ODDITY_TEXTS.get(name, f"are odd ({name})")


def several_sources_text(counts: Mapping[str, int]) -> str:
    """Return a statement if answers came from several models, providers or builds, else ""; `counts` counts answers."""
    if len(counts) < 2:
        return ""
    by_count = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{count} from {name}" for name, count in by_count[:_MOST_NAMED]]
    more = [f"others from {len(counts) - _MOST_NAMED} more"] if len(counts) > _MOST_NAMED else []
    return f"the answers came from {len(counts)} models, providers or builds: {', '.join(named + more)}"


def main_reason(reasons: Sequence[str]) -> str:
    """Return the most frequent of the reasons why windows are unanswered; "" without one.

    Reasons that differ in numbers only count as the same; the first of them is returned.
    """
    if not (kinds := [re.sub(r"\d+", "0", reason) for reason in reasons]):
        return ""
    return reasons[kinds.index(Counter(kinds).most_common(1)[0][0])]


def unreadable_text(statuses: Mapping[str, int]) -> str:
    """Return a statement if hardly an answer could be read, else ""; `statuses` counts windows by status."""
    answered = sum(statuses.values()) - statuses.get("unanswered", 0)
    unreadable = {name: count for name in UNREADABLE if (count := statuses.get(name, 0))}
    count = sum(unreadable.values())
    if not answered or count < _MOST * answered:
        return ""
    kinds = ", ".join(f"{number} {name}" for name, number in unreadable.items())
    how_many = (
        f"not one of {answered} answers could be read"
        if count == answered
        else (f"{count} of {answered} answers could not be read")
    )
    return f"{how_many} ({kinds}); look at some of them"
