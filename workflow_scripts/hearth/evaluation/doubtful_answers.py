"""Say what is doubtful about the answers that scores are computed from: odd answers of servers, and unreadable ones."""

from collections.abc import Sequence

from hearth.evaluation.score_document import Score
from hearth.prompting.oddities import oddity_text, several_sources_text, unreadable_text


def doubtful_answers(scores: Sequence[Score]) -> list[str]:
    """Return the statements about each score whose answers are doubtful."""
    return [
        f"{score['recogniser']} on {score['dataset']}: {text}"
        for score in scores
        if score["kind"] != "baseline"
        for text in _doubts(score)
    ]


def _doubts(score: Score) -> list[str]:
    status, texts = score["strict"]["status"], []
    answered = score["n_windows"] - status["unanswered"]
    if unreadable := unreadable_text(status):
        texts.append(unreadable)
    if sources := several_sources_text(score.get("answered_by", {})):
        texts.append(sources)
    oddities = score.get("oddities", {})
    return texts + [f"{number} of {answered} answers {oddity_text(name)}" for name, number in oddities.items()]
