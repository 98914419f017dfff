"""The columns of a table about metrics without named sets of labels (`metrics.without` in the config)."""

import re
from collections.abc import Sequence

from hearth.evaluation import bootstrap, statistics
from hearth.evaluation.counts import Counts, counts_of_groups
from hearth.evaluation.rendering import Note
from hearth.evaluation.score_document import DESCRIPTIONS, PART_METRICS, Score, WithoutMetrics

_NAME = re.compile(rf"(?P<metric>{'|'.join(PART_METRICS)})_without_(?P<labels>[a-z][a-z0-9-]*)")


def split_column(column: str) -> tuple[str, str] | None:
    """Return the metric and the name of the set of labels of a column of this kind; None for any other column."""
    found = _NAME.fullmatch(column)
    return (found["metric"], found["labels"]) if found else None


def heading(column: str) -> str:
    """Return the heading of a column of this kind."""
    found = _NAME.fullmatch(column)
    assert found, f"{column} is no column of metrics without labels"
    return f"{DESCRIPTIONS[found['metric']].heading} (without {found['labels']})"


def without_columns(scores: Sequence[Score]) -> dict[str, float | None]:
    """Return a dict from column to value for a table row of these scores, which are of one recogniser on one dataset.

    For each set and metric, these are the mean over the scores with its interval and its standard deviation. They
    are None for a set that leaves no event.
    """
    columns: dict[str, float | None] = {}
    for name in scores[0]["without"]:
        columns |= dict.fromkeys(f"{metric}_without_{name}" for metric in PART_METRICS)
        parts = [part for score in scores if (part := score["without"][name])]
        if not parts:
            continue
        counts = [_counts(score, part) for score, part in zip(scores, parts, strict=True)]
        resampled = statistics.resample_mean(counts)
        for metric in PART_METRICS:
            mean, deviation = statistics.mean_and_deviation([part["metrics"][metric] for part in parts])
            low, high = bootstrap.share_interval(resampled[metric], len(counts[0].groups)) or (None, None)
            column = f"{metric}_without_{name}"
            columns |= {column: mean, f"{column}_low": low, f"{column}_high": high, f"{column}_sd": deviation}
    return columns


def _counts(score: Score, part: WithoutMetrics) -> Counts:
    labels = score["strict"]["confusion"]["labels"]
    return counts_of_groups(
        score["recogniser"], score["dataset"], part["groups"], labels, "strict", score["lost_answers"]
    )


def without_notes(scores: Sequence[Score]) -> list[Note]:
    """Return the note that says which labels each set leaves out, dataset by dataset; none if there are no sets."""
    statements = {
        f"{name}, {score['dataset']}: {', '.join(part['labels']) or 'no label of this home, so all events count'}"
        f" ({part['events']} of {score['n_events']} events remain)": None
        for score in scores
        for name, part in score["without"].items()
        if part
    }
    if not statements:
        return []
    rules = [
        "events with these recorded labels are not scored; the windows and the predictions are the same",
        "predicting one of these labels is wrong for every event that remains: a recogniser that predicts nothing else,"
        " as the baseline majority may, scores 0",
    ]
    return [("Left out", [*rules, *statements])]
