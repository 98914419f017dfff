"""The lineage of one cell of a table: its scores, their inputs, and example windows with the recogniser's answers.

Answers of models are untrusted text: control characters are escaped before anything is printed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, Protocol

from hearth.common.schemas import nearest
from hearth.data.gold_labels import map_to_gold, to_common_labels, with_common_labels
from hearth.data.windows import Window
from hearth.evaluation import tables
from hearth.evaluation.bootstrap import CONFIDENCE
from hearth.evaluation.notes import Notes, table_notes
from hearth.evaluation.paper_table import TINY
from hearth.evaluation.rendering import Table, cell_text
from hearth.evaluation.score_document import DESCRIPTIONS, RATES, READINGS, LabelResults, Labels, Score
from hearth.evaluation.table_rows import Row
from hearth.evaluation.without import split_column
from hearth.prompting.oddities import UNREADABLE
from hearth.prompting.predictions import ParsedPrediction

DEFAULT_COLUMN = "weighted_f1"
# Columns that compare a row with another row of its table.
DIFFERENCES = {
    "gain_over_base": "strict.weighted_f1 of this row minus that of its base",
    "gap_to_teacher": "strict.weighted_f1 of the teacher minus that of this row",
    "gap_to_best": "strict.weighted_f1 of this row minus that of the best row on this dataset",
}
_P_VALUES = {"_p_holm": "p value, corrected for the number of tests in the table (Holm), of: ", "_p": "p value of: "}

ExampleKind = Literal["correct", "partly wrong", "wrong", "unreadable"]
_HEADINGS: dict[ExampleKind, str] = {
    "correct": "A window labelled correctly",
    "partly wrong": "A window labelled partly wrong",
    "unreadable": "A window with an unreadable answer",
}


class StudentNames(Protocol):
    """The names that locate the files of a student."""

    @property
    def name(self) -> str:
        """The name of the student."""

    @property
    def trace_writers(self) -> Sequence[str]:
        """The recognisers whose traces it learned from; none without a teacher."""

    @property
    def datasets(self) -> Sequence[str]:
        """The datasets that it learned from."""

    @property
    def replay_on(self) -> Sequence[str]:
        """The datasets on which traces of its own base are replayed to it."""


class RecogniserNames(Protocol):
    """The names that locate the files of a recogniser."""

    @property
    def base(self) -> str:
        """The language model; "" for a baseline."""

    @property
    def prompt(self) -> Mapping[str, object] | None:
        """The settings of the prompt; None for a baseline."""

    @property
    def prompt_name(self) -> str:
        """The name of the prompt; "" for the main one."""

    @property
    def student(self) -> StudentNames | None:
        """The student, if it is one."""


@dataclass(frozen=True)
class Example:
    """One window with its prediction, the kind of answer that it shows, and the line number of each in its file."""

    kind: ExampleKind
    window: Window
    prediction: ParsedPrediction
    window_line: int
    prediction_line: int


def find_row(rows: Sequence[Row], shown: Sequence[str], recogniser: str, dataset: str) -> int:
    """Return the index in `rows` of the row of a recogniser on a dataset.

    `shown` are the names of the rows in the form of the table that papers print; they too name a row, with or without
    the mark of tiny models. Raises ValueError, which suggests the nearest name, if there is no such row.
    """
    names = [{*_row_names(row), short, short.removesuffix(TINY)} for row, short in zip(rows, shown, strict=True)]
    if recogniser not in (known := set().union(*names)):
        raise ValueError(f"this table has no recogniser {recogniser!r}{nearest(recogniser, sorted(known))}")
    positions = {row.dataset: position for position, row in enumerate(rows) if recogniser in names[position]}
    if dataset not in positions:
        raise ValueError(f"this table has no {recogniser} on {dataset!r}{nearest(dataset, positions)}")
    return positions[dataset]


def column_source(column: str) -> tuple[str, str]:
    """Return a pair: the key of the score file whose value a column shows, and the definition of the column.

    The key is "" for a column that is computed from several scores. Raises ValueError for an unknown column.
    """
    if without := split_column(column):
        name, labels = without
        return f"without.{labels}.metrics.{name}", f"{DESCRIPTIONS[name].definition}, without the labels `{labels}`"
    if column not in tables.COLUMNS:
        raise ValueError(f"unknown column {column!r}{nearest(column, tables.COLUMNS)}")
    parsing = "lenient" if column.startswith("lenient_") else "strict"
    metric = column.removeprefix("lenient_")
    if metric in DESCRIPTIONS:
        part = "rates." if metric in RATES else "readings." if metric in READINGS else ""
        return f"{parsing}.{part}{metric}", DESCRIPTIONS[metric].definition
    subset, _, metric = column.partition("_")
    if subset in ("simple", "complex"):
        definition = DESCRIPTIONS[metric].definition if metric in DESCRIPTIONS else metric
        return f"complexity.{subset}", f"{definition}, of the {subset} windows only"
    for suffix, definition in _P_VALUES.items():
        if column.endswith(suffix):
            return "", definition + DIFFERENCES[column.removesuffix(suffix)]
    return ("", DIFFERENCES[column]) if column in DIFFERENCES else (column, tables.COLUMNS[column].heading)


def cell_notes(table: Table, position: int, row: Row, column: str, labels: Labels = "native") -> Notes:
    """Return the notes of one cell: what it shows, what it was computed from, and the files and key of its number.

    `position` is the index of `row` in `table`, whose metrics are in `labels`.
    """
    key, definition = column_source(column)
    record, score = table.records[position], row.scores[0]
    if score["labels"] != labels and key.partition(".")[0] in LabelResults.__annotations__:
        key = f"common.{key}"
    value = cell_text(tables.column_of(column), record[column]) or "empty, because it does not apply to this row"
    low, high = (record.get(f"{column}_{bound}") for bound in ("low", "high"))
    statements = [f"{tables.column_of(column).heading}: {value}", definition]
    if low is not None:
        statements.append(f"{100 * CONFIDENCE:.0f} % interval over tested groups: {low:.4f} to {high:.4f}")
    if len(row.scores) > 1:
        statements.append(f"mean over {len(row.scores)} seeds")
    statements.append(
        f"computed from {score['n_windows']} windows, {score['n_events']} events, {score['n_sessions']} sessions"
    )
    files = [f"results/scores/{one['recogniser']}/{one['dataset']}.json{key and f', key {key}'}" for one in row.scores]
    return [("Cell", statements), ("Score", files)]


def row_notes(
    row: Row,
    recognisers: Mapping[str, RecogniserNames],
    traces: Mapping[str, Sequence[str]],
    commit: str,
    others: Mapping[str, Sequence[str]] | None = None,
) -> Notes:
    """Return the notes of a row, which are those below its table, and the files that hold its inputs.

    `recognisers` maps the name of each recogniser to the names that locate its files, `traces` the name of a student's
    recogniser to the splits whose traces it learned from, one for each fold, and `others` to other files behind it.
    """
    files = []
    for score in row.scores:
        recogniser, dataset = recognisers[score["recogniser"]], score["dataset"]
        for name in dict.fromkeys((dataset, *score["train_datasets"])):
            files += [f"results/datasets/{name}/dataset_card.md", f"results/datasets/{name}/splits.json"]
        if recogniser.prompt:
            shown = "fold*" if recogniser.prompt["shots"] else ""
            name = "_".join(filter(None, (dataset, recogniser.prompt_name, shown)))
            files.append(f"results/prompts/{name}.txt (text of the prompt)")
        if recogniser.base:
            files.append(f"results/models/{recogniser.base}/snapshot.json")
        if recogniser.student:
            student = recogniser.student
            splits = traces[score["recogniser"]]
            for fold in range(1, len(splits) + 1):
                folder = f"results/students/{student.name}/fold{fold}"
                files += [f"{folder}/{name}" for name in ("training_log.json", "model_card.md")]
            for writer, learned in product(student.trace_writers, student.datasets):
                folder = f"results/predictions/{writer}/{learned}"
                files += [f"{folder}/{split}/all.jsonl (traces that the student learned from)" for split in splits]
            for replayed in student.replay_on:
                files.append(f"results/predictions/{recogniser.base}/{replayed}/ (traces of its base, replayed to it)")
            files += (others or {}).get(score["recogniser"], [])
    return [
        *table_notes(list(row.scores), commit),
        ("Traces left out of training", list(dict.fromkeys(filter(None, map(_left_out, row.scores))))),
        ("Files", list(dict.fromkeys(files))),
    ]


def select_examples(
    windows: Iterable[tuple[int, Window]], predictions: Iterable[tuple[int, ParsedPrediction]]
) -> list[Example]:
    """Return up to three examples: the first window labelled correctly, the first partly wrong, the first unreadable.

    Windows and predictions are given as (line number, value), predictions in the order of their windows. No more of
    them is read than the examples need. An example is left out if no window is of its kind.
    """
    examples: dict[ExampleKind, Example] = {}
    answers = iter(predictions)
    answer = next(answers, None)
    for line, window in windows:
        if answer is None or len(examples) == len(_HEADINGS):
            break
        prediction_line, prediction = answer
        if window["window_id"] == prediction["window_id"]:
            kind = _kind(window, prediction)
            examples.setdefault(kind, Example(kind, window, prediction, line, prediction_line))
            answer = next(answers, None)
    return [examples[kind] for kind in _HEADINGS if kind in examples]


def answers_in_common_labels(
    windows: Iterable[tuple[int, Window]], predictions: Iterable[tuple[int, ParsedPrediction]], score: Score
) -> tuple[Iterator[tuple[int, Window]], Iterator[tuple[int, ParsedPrediction]]]:
    """Return windows and predictions behind a score, each with its line number, in the labels that homes share."""
    mapping = score["provenance"]["home"].get("common_labels", {})

    def answered(prediction: ParsedPrediction) -> ParsedPrediction:
        if score["labels"] == "common":
            return prediction
        return {**prediction, "labels": to_common_labels(prediction["labels"], mapping)}

    return (
        ((line, with_common_labels(window, mapping)) for line, window in windows),
        ((line, answered(prediction)) for line, prediction in predictions),
    )


def render_text(notes: Notes, examples: Sequence[Example], windows_path: str, predictions_path: str) -> str:
    """Render notes and examples as text that is safe to print on a terminal."""
    lines = []
    for heading, statements in notes:
        if statements:
            lines += [heading, *(f"  {statement}" for statement in statements)]
    for example in examples:
        lines += ["", *_example_lines(example, windows_path, predictions_path)]
    return "".join(map(_printable, "\n".join(lines))) + "\n"


def _row_names(row: Row) -> list[str]:
    """Return the name of a row and those of its recognisers, which are several if it stands for seeds."""
    return [row.name, *(score["recogniser"] for score in row.scores)]


def _kind(window: Window, prediction: ParsedPrediction) -> ExampleKind:
    if prediction["status"] in UNREADABLE:
        return "unreadable"
    matches = _matches(window, prediction)
    return "correct" if all(matches) else "partly wrong" if any(matches) else "wrong"


def _matches(window: Window, prediction: ParsedPrediction) -> list[bool]:
    """Return for each event whether its label counts as right: one of those accepted, if it has several."""
    labels = map_to_gold(window, prediction["labels"])
    return [gold == label for gold, label in zip(window["gold"], labels, strict=True)]


def _left_out(score: Mapping[str, Any]) -> str:
    student = score["provenance"]["student"]
    if student is None:
        return ""
    reasons = ", ".join(f"{count} {reason}" for reason, count in student["examples"]["left_out"].items() if count)
    return f"{score['recogniser']}: {reasons or 'none'}"


def _example_lines(example: Example, windows_path: str, predictions_path: str) -> list[str]:
    window, prediction = example.window, example.prediction
    lines = [
        f"{_HEADINGS[example.kind]}: {window['window_id']}",
        f"  {windows_path}:{example.window_line}, {predictions_path}:{example.prediction_line}",
        f"  status {prediction['status']}, finish reason {prediction['finish_reason']}",
    ]
    marks = ["=" if right else "x" for right in _matches(window, prediction)]
    for event, gold, label, mark in zip(window["events"], window["gold"], prediction["labels"], marks, strict=True):
        answer = "none" if label is None else label
        lines.append(f"  {mark} {event['id']:2} {event['time']} {event['description']}: {answer} (recorded: {gold})")
    return [*lines, "  raw text:", *(f"    | {line}" for line in prediction["text"].split("\n"))]


def _printable(character: str) -> str:
    return character if character == "\n" or character.isprintable() else repr(character)[1:-1]
