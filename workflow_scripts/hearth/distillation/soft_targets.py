"""Give examples the teacher's log-probabilities, and check that they are those of the same tokens.

The files are described in `hearth.common.log_probabilities`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from transformers import PreTrainedTokenizerBase

from hearth.common.files import file_digest
from hearth.common.log_probabilities import REMEDY, LogProbabilities
from hearth.common.scored_text import ScoredText
from hearth.distillation.candidates import TrainingFiles
from hearth.distillation.example_arrays import Example, SoftTargets
from hearth.distillation.recipes import Recipe
from hearth.models.tokens import vocabulary_digest

if TYPE_CHECKING:
    from hearth.distillation.example_parts import Source


def top_tokens(sources: "Iterable[Source]") -> int:
    """Return the number of log-probabilities of each token in the first of the sources that has any; 0 if none has."""
    paths = (scores_path(source.files, source.recipe) for source in sources)
    return next((LogProbabilities(path).head["top_tokens"] for path in paths if path), 0)


def checked_scores(
    path: Path | None, traces: Path | None, tokenizer: PreTrainedTokenizerBase, top_tokens: int
) -> LogProbabilities | None:
    """Return the log-probabilities of a file of traces; None without one.

    Raises ValueError if they are damaged, of other traces, of another tokenizer, or not `top_tokens` for each token.
    """
    if not path or not traces:
        return None
    scores = LogProbabilities(path)
    scores.check(top_tokens=top_tokens, tokenizer=vocabulary_digest(tokenizer), traces=file_digest(traces))
    return scores


def soft_targets(
    scores: LogProbabilities, text: ScoredText | None, example: Example, share: float, vocabulary: int | None
) -> SoftTargets:
    """Return the teacher's likeliest tokens for each token of an example's completion; `share` is that of the loss.

    `text` is what the teacher has scored for the window. Raises ValueError if the teacher has scored other tokens, and
    for a token beyond the student's `vocabulary` (None: not checked).
    """
    if text is None or text.tokens.tolist() != example.completion_ids:
        raise ValueError(
            f"{scores.path}: {example.window_id}: the student's tokens of the trace are not those that the teacher "
            f"scored; choose a teacher whose prompt asks for reasoning as the student's does; if it does, {REMEDY}"
        )
    if vocabulary is not None:
        scores.check_ids(text, vocabulary)
    return SoftTargets(share, text.top_ids, text.log_probabilities)


def scores_path(files: TrainingFiles, recipe: Recipe) -> Path | None:
    """Return the file of the log-probabilities of the traces; None for a recipe that reads none."""
    return files.log_probabilities if recipe.reads == "log_probabilities" else None
