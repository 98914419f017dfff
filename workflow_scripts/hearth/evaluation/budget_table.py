"""The table of weighted F1 and truncated answers by token budget."""

from collections.abc import Sequence

from hearth.evaluation.budgets import select_budget_scores
from hearth.evaluation.notes import dataset_name, table_notes
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, magnitude, with_interval
from hearth.evaluation.score_document import Score

_SHARE, _BOUND = decimals(3), decimals(2)
COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "dataset": Column("Dataset", number=False),
    "parameters": Column("Parameters", magnitude),
    "max_new_tokens": Column("Token budget"),
    "truncated_rate": Column("Truncated windows", _SHARE),
    "weighted_f1": Column("Weighted F1", _SHARE),
}
NOTE: Note = (
    "Token budgets",
    [
        "every row of a model and dataset is computed from the same answers: those that end within the budget count, in"
        " the others no event has a label; so the rows show what a smaller decoding.max_new_tokens would have given",
        "they do not show what decoding.reasoning_budget gives, with which a model whose reasoning is closed early"
        " still answers, nor what a model does that knows its budget",
        "base models with their first seed of sampling",
        "truncated: the answer, reasoning included, has more tokens than the budget, or was cut off at the run's own"
        " limit",
    ],
)


def build_budget_table(scores: Sequence[Score], commit: str) -> Table:
    """Build the table of budgets, one row for each base model, dataset and budget; raises ValueError without any."""
    chosen = select_budget_scores(scores)
    if not chosen:
        raise ValueError("no score of a base model has budgets; set metrics.token_budgets")
    simulated = simulated_datasets(chosen)
    records, cells = [], []
    for score in chosen:
        for budget in score["budgets"]:
            low, high = budget["interval"] or (None, None)
            record = {
                "recogniser": score["recogniser"],
                "dataset": score["dataset"],
                "parameters": score["parameters"],
                "max_new_tokens": budget["max_new_tokens"],
                "truncated_rate": budget["truncated_rate"],
                "weighted_f1": budget["weighted_f1"],
            }
            texts = {name: cell_text(column, record[name]) for name, column in COLUMNS.items()}
            texts["weighted_f1"] = with_interval(texts["weighted_f1"], budget["interval"], _BOUND)
            texts["dataset"] = dataset_name(score["dataset"], simulated)
            texts["recogniser"] += " (tiny)" if score["provenance"]["stand_in"] else ""
            records.append(record | {"weighted_f1_low": low, "weighted_f1_high": high})
            cells.append([texts[name] for name in COLUMNS])
    return Table(
        title="Weighted F1 and truncated answers by token budget",
        caption="",
        columns=list(COLUMNS.values()),
        cells=cells,
        records=records,
        notes=[NOTE, *table_notes(chosen, commit)],
    )
