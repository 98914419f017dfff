"""F1 and truncated answers by token budget: what a smaller `decoding.max_new_tokens` would have given.

One set of texts serves all budgets. A token never depends on the limit, so an answer that ends within a budget is the
one that the model would have given with it, and every other answer would have been cut off.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hearth.evaluation import statistics
from hearth.evaluation.counts import count_groups, counts_of_groups
from hearth.evaluation.encoded_windows import Answers, EncodedWindows
from hearth.evaluation.metrics import compute_metrics
from hearth.evaluation.score_document import Budget, LostAnswers, Score
from hearth.prompting.parsing import STATUSES


def measure_budgets(
    recogniser: str,
    dataset: str,
    windows: EncodedWindows,
    completion_tokens: np.ndarray,
    is_truncated: np.ndarray,
    budgets: Sequence[int],
    lost_answers: LostAnswers,
) -> list[Budget]:
    """Return weighted F1 (strict parsing), its interval and the share of truncated windows for each budget.

    `completion_tokens` (one per window) are the lengths of the answers, `is_truncated` (bool) says which of them were
    cut off at the run's own limit. `lost_answers` is the reading of the F1.
    """
    measured: list[Budget] = []
    for budget in budgets:
        cut = completion_tokens > budget
        counts = counts_of_groups(
            recogniser, dataset, count_groups(_cut_off(windows, cut)), windows.labels, "strict", lost_answers
        )
        measured.append(
            {
                "max_new_tokens": budget,
                "truncated_rate": float(np.mean(cut | is_truncated)),
                "weighted_f1": float(
                    compute_metrics(counts.matrix.sum(axis=0, dtype=float), lost_answers)["weighted_f1"]
                ),
                "interval": statistics.metric_intervals(counts)["weighted_f1"],
            }
        )
    return measured


def _cut_off(windows: EncodedWindows, cut: np.ndarray) -> EncodedWindows:
    """Return the strict answers of windows; those for which `cut` is true are truncated and label no event."""
    labels, statuses = windows.answers["strict"]
    unlabelled = np.where(np.repeat(cut, windows.sizes), len(windows.labels), labels).astype(labels.dtype)
    truncated = np.where(cut, STATUSES.index("truncated"), statuses).astype(statuses.dtype)
    return replace(windows, answers={"strict": Answers(unlabelled, truncated)})


def select_budget_scores(scores: Sequence[Score]) -> list[Score]:
    """Return the scores of base models without a variant that have budgets, smallest model first."""
    chosen = [score for score in scores if score["kind"] == "base" and not score["variant"] and score["budgets"]]
    return sorted(chosen, key=lambda score: (score["dataset"], score["parameters"] or 0, score["recogniser"]))
