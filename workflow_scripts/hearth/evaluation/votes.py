"""Build the table of votes: the majority of several samples beside the recogniser itself and a single sample."""

from collections.abc import Sequence

from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_table import TINY
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import Score
from hearth.evaluation.statistics import mean_and_deviation
from hearth.evaluation.table_rows import Record, Row, add_adjusted_p, build_rows, difference_columns, rows_by_name

METRICS = {"weighted_f1": "Weighted F1", "accuracy": "Accuracy"}
_METRIC, _BOUND, _P = decimals(3), decimals(2), decimals(4)
_GAIN, _GAIN_BOUND = decimals(3, sign="+"), decimals(2, sign="+")
_COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "dataset": Column("Dataset", number=False),
    "samples": Column("Samples"),
    **{metric: Column(heading, _METRIC) for metric, heading in METRICS.items()},
    **{
        f"{metric}_of_vote{suffix}": Column(f"{heading}: vote minus this{value}", show)
        for metric, heading in METRICS.items()
        for suffix, value, show in (("", "", _GAIN), ("_p", ", p", _P), ("_p_holm", ", p (Holm)", _P))
    },
}
_SHARE_COLUMNS = {
    "recogniser": Column("Vote", number=False),
    "dataset": Column("Dataset", number=False),
    "from": Column("Share from", decimals(1)),
    "to": Column("to", decimals(1)),
    "events": Column("Events"),
    "confidence": Column("Mean share", _METRIC),
    "accuracy": Column("Right", _METRIC),
}
NOTES: list[Note] = [
    (
        "Votes",
        [
            "vote: the most frequent label of several samples, event by event; samples: the number of samples behind"
            " the row, whose mean it shows unless it is a vote",
            "vote minus this: of the vote on the same windows; p: paired permutation tests over tested groups; Holm:"
            " corrected for the number of tests of this table",
            "share: samples that gave the label of the vote / all samples; right: events of this share whose label is"
            " right, in the labels of the home; events without a label have no share",
        ],
    )
]


def vote_table(title: str, caption: str, scores: Sequence[Score], commit: str) -> Table:
    """Build the table of votes, with the table of vote shares below it. Raises ValueError if no score is of a vote."""
    simulated, rows = simulated_datasets(scores), build_rows(scores, "mean")
    votes = {(row.name, row.dataset): row for row in rows if _sample_count(row.scores[0])}
    if not votes:
        raise ValueError(
            f"the table {title!r} has no majority of samples; select teacher_vote, or a variant with self_consistency"
        )
    vote_of: dict[tuple[str, str], Row] = {}
    known = rows_by_name(rows)
    for (name, dataset), vote in votes.items():
        plain = name.rpartition("_")[0]
        for compared in (plain, f"{plain}_sampled"):
            if row := known.get((compared, dataset)):
                vote_of[row.name, dataset] = vote
    records = [_record(row, vote_of.get((row.name, row.dataset))) for row in rows]
    add_adjusted_p(records)
    tiny = {row.name for row in rows if row.scores[0]["provenance"]["stand_in"]}

    def cell(record: Record, name: str, column: Column) -> str:
        if name == "dataset":
            return dataset_name(record[name], simulated)
        text = cell_text(column, record[name])
        if name == "recogniser":
            return f"{text}{TINY}" if text in tiny else text
        low = record.get(f"{name}_low")
        bound = _GAIN_BOUND if name.endswith("_of_vote") else _BOUND
        return with_interval(text, None if low is None else (low, record[f"{name}_high"]), bound)

    shares = [record for vote in votes.values() for record in _share_records(vote)]
    share_cells = [[cell(record, *column) for column in _SHARE_COLUMNS.items()] for record in shares]
    heading = "Share of the vote against being right"
    below = Table(heading, "", list(_SHARE_COLUMNS.values()), share_cells, shares, []) if shares else None
    return Table(
        title=title,
        caption=caption,
        columns=list(_COLUMNS.values()),
        cells=[[cell(record, *column) for column in _COLUMNS.items()] for record in records],
        records=records,
        notes=[*NOTES, *short_notes(scores)],
        below=below,
        grounds=table_notes(scores, commit),
    )


def _sample_count(score: Score) -> int:
    """Return the number of samples whose majority a score is of; 0 if it is of no majority."""
    return int(score["provenance"]["decoding"].get("self_consistency", 0))


def _record(row: Row, vote: Row | None) -> Record:
    record: Record = {
        "recogniser": row.name,
        "dataset": row.dataset,
        "samples": _sample_count(row.scores[0]) or len(row.scores),
        "n_events": row.scores[0]["n_events"],
        "n_groups": row.groups,
    }
    for metric in METRICS:
        low, high = row.interval(metric) or (None, None)
        value, deviation = mean_and_deviation(row.values(metric))
        record |= {metric: value, f"{metric}_sd": deviation, f"{metric}_low": low, f"{metric}_high": high}
        name = f"{metric}_of_vote"
        empty = dict.fromkeys((name, f"{name}_low", f"{name}_high", f"{name}_p"))
        record |= difference_columns(name, vote, row, metric) if vote else empty
    return record


def _share_records(vote: Row) -> list[Record]:
    """Return the number of events and the share of right ones for each bin of vote shares that has events."""
    confidence = vote.scores[0].get("confidence")
    place = {"recogniser": vote.name, "dataset": vote.dataset}
    return [{**place, **part} for part in (confidence["bins"] if confidence else []) if part["events"]]
