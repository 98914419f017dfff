"""Scores of the simple and the complex windows of a test split apart, and the columns that they are in a table."""

from collections.abc import Sequence

from hearth.data.complexity import COMPLEXITY_RULE, ComplexityScale
from hearth.evaluation import statistics
from hearth.evaluation.metrics import score_windows, session_counts

SUBSETS = {"simple": False, "complex": True}
METRICS = ("accuracy", "weighted_f1")
COLUMNS = tuple(f"{subset}_{name}" for subset in SUBSETS for name in ("windows", *METRICS))
# Those with an interval.
MEASURED = tuple(f"{subset}_{name}" for subset in SUBSETS for name in METRICS)
NOTE = ("Simple and complex windows", [f"complexity is the {COMPLEXITY_RULE}"])


def by_complexity(
    scale: ComplexityScale,
    windows: Sequence[dict],
    predicted: Sequence[Sequence[str | None]],
    statuses: Sequence[str],
    labels: Sequence[str],
) -> dict:
    """The `complexity` of a score: {"rule", "simple": metrics, "complex": metrics}; None where no window is such.

    `predicted` and `statuses` are of the `windows`, in their order; `metrics.score_windows` says what metrics are.
    Beside them stands `sessions`, as in `metrics.session_counts`, of the sessions that have such windows.
    """
    found: dict[str, object] = {"rule": COMPLEXITY_RULE}
    rows = list(zip(windows, predicted, statuses, strict=True))
    for subset, is_complex in SUBSETS.items():
        chosen = [row for row in rows if scale.is_complex(row[0]) == is_complex]
        gold = [window["gold"] for window, _, _ in chosen]
        read, ended = [labels_read for _, labels_read, _ in chosen], [status for _, _, status in chosen]
        sessions = session_counts([window["session"] for window, _, _ in chosen], gold, {"strict": (read, ended)})
        found[subset] = score_windows(gold, read, ended, labels) | {"sessions": sessions} if chosen else None
    return found


def columns(scores: Sequence[dict]) -> dict[str, float | int | None]:
    """Columns of a table's row: how many windows are simple or complex, and what scores say of them.

    A metric is the mean of the scores, with its bounds and its standard deviation, as all metrics of a row.
    """
    found = {}
    for subset in SUBSETS:
        parts = [_as_score(score, subset) for score in scores if score["complexity"][subset]]
        found[f"{subset}_windows"] = sum(parts[0]["strict"]["status"].values()) if parts else 0
        if not parts:
            continue
        resampled = statistics.mean_resampled([statistics.counts(part) for part in parts])
        for name in METRICS:
            mean, sd = statistics.spread([part["strict"][name] for part in parts])
            low, high = statistics.interval(resampled[name]) or (None, None)
            found |= {
                f"{subset}_{name}": mean,
                f"{subset}_{name}_low": low,
                f"{subset}_{name}_high": high,
                f"{subset}_{name}_sd": sd,
            }
    return found


def _as_score(score: dict, subset: str) -> dict:
    """One subset of a score as if it were a score."""
    part = score["complexity"][subset]
    named = {"recogniser": score["recogniser"], "dataset": f"{score['dataset']} {subset}"}
    return named | {"strict": part, "sessions": part["sessions"]}
