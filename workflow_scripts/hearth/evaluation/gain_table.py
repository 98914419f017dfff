"""The table of gains: whether students copy their teacher's mistakes, and what they keep of its right answers."""

from collections.abc import Collection, Mapping, Sequence

from hearth.evaluation.encoded_windows import EncodedWindows
from hearth.evaluation.gains import F1, SHARES, Gain, pair_with_teachers
from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_table import TINY
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Note, Table, cell_text, decimals, with_interval
from hearth.evaluation.score_document import Score
from hearth.evaluation.table_rows import Record, Row

_SHARE, _BOUND, _NUMBER = decimals(3), decimals(2), decimals(0)
_COLUMNS = {
    "recogniser": Column("Recogniser", number=False),
    "recipe": Column("Recipe", number=False),
    "teacher": Column("Teacher", number=False),
    "dataset": Column("Tested on", number=False),
    "n_seeds": Column("Seeds"),
    "events": Column("Events", _NUMBER),
    "teacher_accuracy": Column("Teacher's accuracy", _SHARE),
    "accuracy": Column("Accuracy", _SHARE),
    "wrong": Column("Events the teacher got wrong", _NUMBER),
    "copied": Column("Of these, same wrong label", _SHARE),
    "put_right": Column("Of these, right", _SHARE),
    "kept": Column("Accuracy where the teacher is right", _SHARE),
    F1: Column("Weighted F1 where the teacher is right", _SHARE),
}
NOTES: list[Note] = [
    (
        "Gains",
        [
            "every recogniser beside the teacher's own answers to the same tested windows, which no student has seen;"
            " strict parsing",
            "events the teacher got wrong: those to which it gave a label that is not the gold label; events without a"
            " label of the teacher are in no such number and count as wrong in its accuracy",
            "same wrong label: the recogniser copies the mistake, or makes it by itself: compare it with recognisers"
            " that have not learned from this teacher, such as the untrained base and students of gold labels",
        ],
    )
]


def gain_table(
    title: str,
    caption: str,
    scores: Sequence[Score],
    answers: Mapping[tuple[str, str], EncodedWindows],
    commit: str,
) -> Table:
    """Build the table of gains: a row for each recogniser, seeds together, and home.

    `answers` has the tested windows with the answers of each recogniser of the scores and of their teachers, by
    (recogniser, dataset). Raises ValueError for a pair without answers, and if no student has a teacher.
    """
    simulated = simulated_datasets(scores)
    tiny = {score["teacher"] for score in scores if score["provenance"]["teacher_stand_in"]}
    pairs = pair_with_teachers(scores)
    records = [_record(row, teacher, answers) for row, teacher in pairs]
    shown = {name: one for name, one in _COLUMNS.items() if any(record[name] is not None for record in records)}
    return Table(
        title=title,
        caption=caption,
        columns=list(shown.values()),
        cells=[
            [_cell(record, row, *column, simulated, tiny) for column in shown.items()]
            for record, (row, _) in zip(records, pairs, strict=True)
        ],
        records=records,
        notes=[*NOTES, *short_notes(scores)],
        grounds=[*NOTES, *table_notes(scores, commit)],
    )


def _record(row: Row, teacher: str, answers: Mapping[tuple[str, str], EncodedWindows]) -> Record:
    names = tuple(score["recogniser"] for score in row.scores)
    for name in (*names, teacher):
        if (name, row.dataset) not in answers:
            raise ValueError(f"no answers of {name} to the tested windows of {row.dataset}")
    gain = Gain(
        row.dataset,
        names,
        tuple(answers[name, row.dataset] for name in names),
        answers[teacher, row.dataset],
        row.scores[0]["lost_answers"],
    )
    record: Record = {
        "recogniser": row.name,
        "recipe": row.scores[0]["recipe"] or None,
        "teacher": teacher,
        "dataset": row.dataset,
        "n_groups": gain.groups,
        "n_seeds": len(names) if len(names) > 1 else None,
        "events": gain.total("events"),
        "wrong": gain.total("wrong"),
        "unlabelled": gain.total("unlabelled"),
    }
    for name in SHARES:
        low, high = gain.share_interval(name) or (None, None)
        record |= {name: gain.share(name), f"{name}_low": low, f"{name}_high": high}
    low, high = gain.f1_where_right_interval or (None, None)
    return record | {F1: gain.f1_where_right, f"{F1}_low": low, f"{F1}_high": high}


def _cell(record: Record, row: Row, name: str, column: Column, simulated: Sequence[str], tiny: Collection[str]) -> str:
    """Return a record's cell; `tiny` has the teachers that stand in for real models."""
    text = cell_text(column, record[name])
    if (name == "recogniser" and row.scores[0]["provenance"]["stand_in"]) or (name == "teacher" and text in tiny):
        return f"{text}{TINY}"
    if name == "dataset":
        return dataset_name(text, simulated)
    low = record.get(f"{name}_low")
    return with_interval(text, None if low is None else (low, record[f"{name}_high"]), _BOUND)
