"""Scores in the labels that homes share, for tables with `labels: common`, and the notes of these tables."""

from collections.abc import Sequence
from dataclasses import replace

from hearth.evaluation.rendering import Table
from hearth.evaluation.score_document import Labels, Score

_RULE = (
    "a recorded and an answered label count as the label that `common_labels` of the home's yaml gives"
    " them, so an answer is right if both are the same common label"
)


def in_labels(scores: Sequence[Score], labels: Labels) -> list[Score]:
    """Return the scores with the metrics and counts in these labels. Raises ValueError if one has none."""
    return [_in_labels(score, labels) for score in scores]


def _in_labels(score: Score, labels: Labels) -> Score:
    if score["labels"] == labels:
        return score
    dataset = score["dataset"]
    if labels == "native":
        raise ValueError(
            f"{score['recogniser']} answers in labels that homes share, so its answers on {dataset} have no score in"
            " the home's own labels; set `labels: common` of the table, or do not select it"
        )
    if "common" not in score:
        raise ValueError(
            f"the home of {dataset} does not map its labels to common ones; add `common_labels` to its yaml"
            f" ({score['provenance']['home']['name']}), or do not select {dataset} in a table with `labels: common`"
        )
    return {**score, **score["common"]}


def with_label_notes(table: Table, scores: Sequence[Score]) -> Table:
    """Return a table in common labels with notes that say so: the rule below it, and in its grounds each mapping."""
    mappings = {score["dataset"]: score["provenance"]["home"].get("common_labels", {}) for score in scores}
    statements = [
        f"{dataset}: {', '.join(f'{label} -> {common}' for label, common in mapping.items())}"
        for dataset, mapping in mappings.items()
    ]
    return replace(
        table,
        notes=[("Common labels", [_RULE]), *table.notes],
        grounds=[("Common labels", [_RULE, *statements]), *table.grounds],
    )
