"""What stands behind one cell of a table: the scores, what they rest on, and windows with what was answered to them.

Answers of models are untrusted text: what is printed of them holds no character that a terminal obeys.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hearth.common.schemas import nearest
from hearth.evaluation import tables
from hearth.evaluation.metrics import UNPARSED
from hearth.evaluation.notes import Notes, table_notes
from hearth.evaluation.rendering import shown
from hearth.evaluation.table_rows import Row

USUAL_COLUMN = "weighted_f1"
# What a metric is, in words; metrics.py has the details.
METRICS = {
    "accuracy": "right events / all events",
    "macro_f1": "mean F1 of the labels that occur in the test split",
    "weighted_f1": "mean F1 of the labels that occur in the test split, each weighted by its events",
    "micro_f1": "F1 over all events and labels of the home; an event without a readable label costs recall alone",
    "ok_rate": "windows with a label for every event / all windows",
    "malformed_rate": "windows whose answer cannot be read / all windows",
    "missing_rate": "events that no answer was read for / all events",
    "unknown_rate": "events whose label is none of the home's, in windows where all were answered / all events",
}
# Columns that compare a row with others of its table.
DIFFERENCES = {
    "gain_over_base": "strict.weighted_f1 of this row less that of its base's row",
    "gap_to_teacher": "strict.weighted_f1 of the teacher's row less that of this row",
}
_P_WORDS = {"_p_holm": "p, corrected for the tests of the table (Holm), of: ", "_p": "p of: "}


@dataclass(frozen=True)
class Trace:
    """One window and what was answered to it: what it is an example of, and the lines of the two files it stands in."""

    kind: str
    window: dict
    prediction: dict
    window_line: int
    prediction_line: int


def named_row(rows: Sequence[Row], recogniser: str, dataset: str) -> int:
    """The place of the row that shows a recogniser on a dataset; raises ValueError with the nearest names."""
    names = {name for row in rows for name in (row.name, *(score["recogniser"] for score in row.scores))}
    if recogniser not in names:
        raise ValueError(f"this table has no recogniser {recogniser!r}{nearest(recogniser, sorted(names))}")
    places = {
        row.dataset: place
        for place, row in enumerate(rows)
        if recogniser in (row.name, *(score["recogniser"] for score in row.scores))
    }
    if dataset not in places:
        raise ValueError(f"this table has no {recogniser} on {dataset!r}{nearest(dataset, places)}")
    return places[dataset]


def origin(column: str) -> tuple[str, str]:
    """The key of a score file that a column shows, "" where it is worked out of several, and what the column is."""
    if column not in tables.COLUMNS:
        raise ValueError(f"unknown column {column!r}{nearest(column, tables.COLUMNS)}")
    parsing, metric = (
        ("lenient", column.removeprefix("lenient_")) if column.startswith("lenient_") else ("strict", column)
    )
    if metric in METRICS:
        place = f"rates.{metric}" if metric.endswith("_rate") else metric
        return f"{parsing}.{place}", METRICS[metric]
    subset, _, metric = column.partition("_")
    if subset in ("simple", "complex"):
        return f"complexity.{subset}", f"{METRICS.get(metric, metric)}, of the {subset} windows alone"
    for suffix, words in _P_WORDS.items():
        if column.endswith(suffix):
            return "", words + DIFFERENCES[column.removesuffix(suffix)]
    return ("", DIFFERENCES[column]) if column in DIFFERENCES else (column, tables.COLUMNS[column].heading)


def cell(table: tables.Table, place: int, row: Row, column: str) -> Notes:
    """What a cell shows, in which files its number is found, and how much it is of."""
    key, words = origin(column)
    record, score = table.records[place], row.scores[0]
    value = shown(tables.COLUMNS[column], record[column]) or "nothing: it does not apply to this row"
    low, high = (record.get(f"{column}_{bound}") for bound in ("low", "high"))
    found = [f"{tables.COLUMNS[column].heading}: {value}", words]
    if low is not None:
        found.append(f"95 % interval over test sessions: {low:.4f} to {high:.4f}")
    if len(row.scores) > 1:
        found.append(f"mean of {len(row.scores)} training seeds")
    found.append(f"of {score['n_windows']} windows, {score['n_events']} events, {score['n_sessions']} sessions")
    files = [f"results/scores/{one['recogniser']}/{one['dataset']}.json{key and f', key {key}'}" for one in row.scores]
    return [("Cell", found), ("Score", files)]


def grounds(row: Row, known: Mapping[str, Any], commit: str) -> Notes:
    """What a row rests on, as below a table, and the files that hold it."""
    files = []
    for score in row.scores:
        recogniser, dataset = known[score["recogniser"]], score["dataset"]
        files += [f"results/datasets/{dataset}/dataset_card.md", f"results/datasets/{dataset}/splits.json"]
        if recogniser.prompt:
            name = "_".join(filter(None, (dataset, recogniser.prompt_name)))
            files.append(f"results/prompts/{name}.txt (the text of the prompt)")
        if recogniser.base:
            files.append(f"results/models/{recogniser.base}/snapshot.json")
        if recogniser.student:
            student = recogniser.student
            files += [f"results/students/{student.name}/{name}" for name in ("training_log.json", "model_card.md")]
            if student.teacher:
                learned = f"results/predictions/{student.teacher}/{student.dataset}/train/all.jsonl"
                files.append(f"{learned} (what was learned)")
    return [
        *table_notes(list(row.scores), commit),
        ("Traces left out of training", list(dict.fromkeys(filter(None, map(_left_out, row.scores))))),
        ("Files", list(dict.fromkeys(files))),
    ]


def traces(windows: Iterable[tuple[int, dict]], predictions: Iterable[tuple[int, dict]]) -> list[Trace]:
    """The first window that was answered right, the first partly wrong and the first unreadable, where there are any.

    `windows` and parsed `predictions` come with the lines that they stand in; first is in the order of windows.
    """
    answered = {prediction["window_id"]: (line, prediction) for line, prediction in predictions}
    found: dict[str, Trace] = {}
    for line, window in windows:
        if window["window_id"] in answered:
            place, prediction = answered[window["window_id"]]
            kind = _kind(window, prediction)
            found.setdefault(kind, Trace(kind, window, prediction, line, place))
    return [found[kind] for kind in ("right", "partly wrong", "unreadable") if kind in found]


def _kind(window: dict, prediction: dict) -> str:
    if prediction["status"] in UNPARSED:
        return "unreadable"
    right = [label == given for label, given in zip(window["gold"], prediction["labels"], strict=True)]
    return "right" if all(right) else "partly wrong" if any(right) else "wrong"


def _left_out(score: dict) -> str:
    student = score["provenance"]["student"]
    if student is None:
        return ""
    reasons = ", ".join(f"{count} {why}" for why, count in student["examples"]["left_out"].items() if count)
    return f"{score['recogniser']}: {reasons or 'none'}"


def text(notes: Notes, shown_traces: Sequence[Trace], windows_path: str, predictions_path: str) -> str:
    """Everything as text for a terminal."""
    lines = []
    for heading, statements in notes:
        if statements:
            lines += [heading, *(f"  {statement}" for statement in statements)]
    for trace in shown_traces:
        lines += ["", *_trace_lines(trace, windows_path, predictions_path)]
    return "".join(map(_printable, "\n".join(lines))) + "\n"


def _trace_lines(trace: Trace, windows_path: str, predictions_path: str) -> list[str]:
    window, prediction = trace.window, trace.prediction
    lines = [
        f"A window answered {trace.kind}: {window['window_id']}"
        if trace.kind != "unreadable"
        else f"A window whose answer is unreadable: {window['window_id']}",
        f"  {windows_path}:{trace.window_line}, {predictions_path}:{trace.prediction_line}",
        f"  status {prediction['status']}, finish reason {prediction['finish_reason']}",
    ]
    for event, gold, given in zip(window["events"], window["gold"], prediction["labels"], strict=True):
        mark = "=" if gold == given else "x"
        read = "none" if given is None else given
        lines.append(f"  {mark} {event['id']:2} {event['time']} {event['description']}: {read} (recorded: {gold})")
    return [*lines, "  raw text:", *(f"    | {line}" for line in prediction["text"].split("\n"))]


def _printable(character: str) -> str:
    return character if character == "\n" or character.isprintable() else repr(character)[1:-1]
