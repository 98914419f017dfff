"""Build a table of scores from its specification in the config and the scores that it selects."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, get_args

from hearth.common.schemas import nearest
from hearth.evaluation import bootstrap, comparisons, statistics, subsets
from hearth.evaluation.common_labels import in_labels, with_label_notes
from hearth.evaluation.detail_tables import DETAIL_TABLES, Rows
from hearth.evaluation.notes import dataset_name, short_notes, table_notes
from hearth.evaluation.paper_table import build_paper_form
from hearth.evaluation.provenance import simulated_datasets
from hearth.evaluation.rendering import Column, Layout, Note, Table, cell_text, decimals, magnitude, with_interval
from hearth.evaluation.score_document import DESCRIPTIONS, HEADLINES, LOST_ANSWERS, METRICS, Labels, Parsing, Score
from hearth.evaluation.table_rows import (
    Record,
    Row,
    Seeds,
    add_adjusted_p,
    add_gap_to_best,
    build_rows,
    difference_columns,
    is_asked_as_base,
    rows_by_name,
)
from hearth.evaluation.without import heading, split_column, without_columns, without_notes


class TableSpec(TypedDict):
    """The specification of a table.

    Every score is one row, in the order of the scores; with `seeds` "mean", recognisers that differ only in a seed
    share a row. `columns` has keys of `COLUMNS`; if it is empty or absent, the table shows `USUAL_COLUMNS`. `compare`
    has pairs of recognisers. `layout` says which form Markdown and the report show: every score as a row ("wide"), or
    recognisers by datasets ("paper"), which shows the columns with an interval. `rows` says what the rows are, scores
    if it is absent; tables of details (`detail_tables`) have no columns to choose. `labels` says in which labels the
    metrics are: those of the homes, or those that homes share.
    """

    title: str
    caption: NotRequired[str]
    columns: NotRequired[list[str]]
    compare: NotRequired[list[list[str]]]
    seeds: NotRequired[Seeds]
    layout: NotRequired[Layout]
    rows: NotRequired[Rows]
    labels: NotRequired[Labels]


_METRIC, _GAIN, _P = decimals(3), decimals(3, sign="+"), decimals(4)


def _text(heading: str) -> Column:
    return Column(heading, number=False)


def _plain(number: float) -> str:
    return f"{number:g}"


COLUMNS = {
    "recogniser": _text("Recogniser"),
    "dataset": _text("Dataset"),
    "kind": _text("Kind"),
    "reasoning": _text("Reasoning"),
    "base": _text("Base"),
    "train_dataset": _text("Trained on"),
    "teacher": _text("Teacher"),
    "recipe": _text("Recipe"),
    "train_datasets": _text("Datasets learned from"),
    "balance": _text("Balanced by"),
    "replay": Column("Replayed share", _plain),
    "learning_rate": Column("Learning rate", _plain),
    "rank": Column("Rank"),
    "parameters": Column("Parameters", magnitude),
    "n_seeds": Column("Seeds"),
    "n_sessions": Column("Sessions"),
    "n_groups": Column("Groups"),
    "n_windows": Column("Windows"),
    "n_events": Column("Events"),
    **{name: Column(DESCRIPTIONS[name].heading, _METRIC) for name in METRICS},
    **{f"lenient_{name}": Column(f"{DESCRIPTIONS[name].heading} (lenient)", _METRIC) for name in HEADLINES},
    "gain_over_base": Column("Gain over base", _GAIN),
    "gain_over_base_p": Column("p of gain", _P),
    "gain_over_base_p_holm": Column("p of gain (Holm)", _P),
    "gap_to_teacher": Column("Gap to teacher", _GAIN),
    "gap_to_teacher_p": Column("p of gap", _P),
    "gap_to_teacher_p_holm": Column("p of gap (Holm)", _P),
    "gap_to_best": Column("Gap to best", _GAIN),
    "gap_to_best_p": Column("p of gap to best", _P),
    "gap_to_best_p_holm": Column("p of gap to best (Holm)", _P),
    "simple_windows": Column("Simple windows"),
    "simple_accuracy": Column("Accuracy (simple)", _METRIC),
    "simple_weighted_f1": Column("Weighted F1 (simple)", _METRIC),
    "complex_windows": Column("Complex windows"),
    "complex_accuracy": Column("Accuracy (complex)", _METRIC),
    "complex_weighted_f1": Column("Weighted F1 (complex)", _METRIC),
    "truncated_rate": Column("Truncated windows", _METRIC),
    "prompt_tokens": Column("Prompt tokens"),
    "completion_tokens": Column("Completion tokens"),
    "stand_in": _text("Stand-in"),
    "teacher_stand_in": _text("Teacher's stand-in"),
    "simulated": _text("Simulated"),
}
# Columns shown if a specification names none. Those that have no value in any row are left out.
USUAL_COLUMNS = (
    *("recogniser", "n_seeds", "train_dataset", "dataset", "parameters", "n_groups", "n_events"),
    *HEADLINES,
    *("gain_over_base", "gain_over_base_p_holm", "gap_to_teacher", "gap_to_teacher_p_holm"),
    *("ok_rate", "missing_rate", "unknown_rate", "truncated_rate"),
)
# Columns of metrics: (column, parsing, metric).
_METRICS: tuple[tuple[str, Parsing, str], ...] = (
    *((name, "strict", name) for name in METRICS),
    *((f"lenient_{name}", "lenient", name) for name in HEADLINES),
)
_DIFFERENCES = ("gain_over_base", "gap_to_teacher", "gap_to_best")
# Metric of the paper form of a table whose specification names no column with an interval.
_PAPER_METRIC = "weighted_f1"
_SCORES_WITH_INTERVAL = (*(name for name, _, _ in _METRICS), *subsets.COLUMNS_WITH_INTERVAL)
# The format of the interval bounds, by column that has an interval.
_BOUNDS = {name: decimals(2) for name in _SCORES_WITH_INTERVAL} | {name: decimals(2, sign="+") for name in _DIFFERENCES}
# Keys of a record: a column with an interval is followed by its bounds and its standard deviation over seeds.
KEYS = tuple(
    f"{name}{suffix}" for name in COLUMNS for suffix in (("", "_low", "_high", "_sd") if name in _BOUNDS else ("",))
)
# Columns that name a model, and the column that says whether it stands in for a real one.
_MODEL_COLUMNS = {"recogniser": "stand_in", "base": "stand_in", "teacher": "teacher_stand_in"}
GAIN_NOTE: Note = (
    "Gain over base, gap to teacher",
    [
        "gain: weighted F1 of the student minus that of its base; gap: weighted F1 of the teacher minus that of the"
        " student; both on the same dataset; none for a student with another prompt or decoding than its base"
    ],
)
LENIENT_NOTE: Note = (
    "Lenient",
    [
        "events without a label by the strict parsing of all other columns also get one from broken JSON, bare lists,"
        " reasoning that never closes, and other spellings of a label"
    ],
)
SEEDS_NOTE: Note = (
    "Several seeds",
    [
        "recognisers that differ only in their seed of training or of sampling (decoding) are one row: the mean over"
        " them ± the sample standard deviation; column Seeds: how many there are; the interval is that of the mean, and"
        " every resample draws seeds as well as groups"
    ],
)


def build_table(spec: TableSpec, scores: Sequence[Score], commit: str) -> Table:
    """Build the table that `spec` declares from its `scores`.

    `commit` is named in the notes. Raises ValueError naming the key of the specification or the score at fault.
    """
    check_spec(spec)
    check_scores(scores)
    labels = spec.get("labels", "native")
    table = _build(spec, in_labels(scores, labels), commit)
    return with_label_notes(table, scores) if labels == "common" else table


def _build(spec: TableSpec, scores: Sequence[Score], commit: str) -> Table:
    if details := DETAIL_TABLES.get(spec.get("rows", "scores")):
        return details(spec["title"], spec.get("caption", ""), scores, commit)
    rows = build_rows(scores, spec.get("seeds", "each"))
    records, compared = build_records(rows), comparisons.compare_pairs(rows, spec.get("compare", []))
    add_gap_to_best(records, rows, _PAPER_METRIC)
    tests = add_adjusted_p([*records, *compared])
    names = spec.get("columns") or [
        name for name in USUAL_COLUMNS if any(record[name] not in (None, "") for record in records)
    ]
    for name in names:
        if name not in records[0]:
            raise ValueError(f"no score has a value of the column {name!r}; run the rule `score` again")
    simulated = simulated_datasets(scores)
    layout = spec.get("layout", "wide")
    notes = [
        *([GAIN_NOTE] if layout == "wide" and set(_DIFFERENCES) & set(names) else []),
        *([subsets.NOTE] if set(subsets.COLUMNS) & set(names) else []),
        *([(_P_HEADING, [f"paired permutation tests; Holm: corrected for {tests} tests"])] if tests else []),
        *(without_notes(scores) if any(map(split_column, names)) else []),
        *([LENIENT_NOTE] if any(name.startswith("lenient_") for name in names) else []),
        *([SEEDS_NOTE] if any(record["n_seeds"] for record in records) else []),
        *short_notes(
            scores, [reading for reading in LOST_ANSWERS if any(one.endswith(f"_{reading}") for one in names)]
        ),
    ]
    scored = [name for name in names if name in _SCORES_WITH_INTERVAL or split_column(name)]
    metrics = (spec.get("columns") and scored) or [_PAPER_METRIC]
    return Table(
        title=spec["title"],
        caption=spec.get("caption", ""),
        columns=[column_of(name) for name in names],
        cells=[[_cell(record, name, simulated) for name in names] for record in records],
        records=records,
        notes=notes,
        below=comparisons.comparison_table(compared, rows, simulated) if compared else None,
        grounds=[*([_tests_note(tests)] if tests else []), *table_notes(scores, commit)],
        paper=build_paper_form(
            records,
            {name: column_of(name) for name in metrics},
            _BOUNDS | {name: _BOUNDS[_PAPER_METRIC] for name in metrics if split_column(name)},
            lambda dataset: dataset_name(dataset, simulated),
        ),
        layout=layout,
    )


def column_of(name: str) -> Column:
    """Return the format of a column: one of `COLUMNS`, or of the metrics without a named set of labels."""
    return COLUMNS.get(name) or Column(heading(name), _METRIC)


def _bounds_of(name: str) -> Callable[[float], str] | None:
    """Return the format of the bounds of a column's interval, None for a column without intervals."""
    return _BOUNDS[_PAPER_METRIC] if split_column(name) else _BOUNDS.get(name)


def check_spec(spec: Mapping[str, Any]) -> None:
    """Raise ValueError naming the first key or column of a specification that is missing, unknown or wrong."""
    for key in spec:
        if key not in TableSpec.__annotations__:
            raise ValueError(f"table specification: unknown key {key!r}{nearest(key, TableSpec.__annotations__)}")
    for key in ("title", "caption"):
        if not isinstance(spec.get(key, "" if key == "caption" else None), str):
            raise ValueError(f"table specification: {key!r} must be a text")
    if not isinstance(spec.get("columns", []), list):
        raise ValueError("table specification: 'columns' must be a list of column names")
    for name in spec.get("columns", []):
        if name not in COLUMNS and not split_column(name):
            raise ValueError(f"table specification: unknown column {name!r}{nearest(name, COLUMNS)}")
    if spec.get("seeds", "each") not in get_args(Seeds):
        raise ValueError(
            f"table specification: 'seeds' is {spec['seeds']!r}; it must be {' or '.join(get_args(Seeds))}"
        )
    if spec.get("rows", "scores") not in get_args(Rows):
        raise ValueError(f"table specification: 'rows' is {spec['rows']!r}; it must be {' or '.join(get_args(Rows))}")
    if spec.get("labels", "native") not in get_args(Labels):
        raise ValueError(
            f"table specification: 'labels' is {spec['labels']!r}; it must be {' or '.join(get_args(Labels))}"
        )
    if spec.get("labels") == "common" and (
        spec.get("rows") == "parts" or any(map(split_column, spec.get("columns", [])))
    ):
        raise ValueError("table specification: parts and columns without labels are measured in native labels only")
    if spec.get("layout", "wide") not in get_args(Layout):
        raise ValueError(
            f"table specification: 'layout' is {spec['layout']!r}; it must be {' or '.join(get_args(Layout))}"
        )
    if not isinstance(spec.get("compare", []), list):
        raise ValueError("table specification: 'compare' must be a list of pairs of recognisers")
    for pair in spec.get("compare", []):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(name, str) for name in pair):
            raise ValueError(f"table specification: 'compare' has {pair!r}, which is not a pair of recognisers")


def check_scores(scores: Sequence[Score]) -> None:
    """Raise ValueError if there are no scores, or two of one recogniser on one dataset."""
    if not scores:
        raise ValueError("a table needs at least one score; its selection is empty")
    for pair, count in Counter((score["recogniser"], score["dataset"]) for score in scores).items():
        if count > 1:
            raise ValueError(f"the score of {pair[0]} on {pair[1]} is given {count} times")


def build_records(rows: Sequence[Row]) -> list[Record]:
    """Return one record per row: a dict from column to value, None if it does not apply or is not known.

    All have the same keys: `KEYS`, then those of the metrics without named sets of labels.
    """
    by_name = rows_by_name(rows)
    records = [_build_record(row, by_name) for row in rows]
    keys = dict.fromkeys(key for record in records for key in record)
    return [dict.fromkeys(keys) | record for record in records]


def _build_record(row: Row, by_name: Mapping[tuple[str, str], Row]) -> Record:
    score = row.scores[0]
    grounds = score["provenance"]
    record: Record = dict.fromkeys(KEYS) | {
        **{name: value for name, value in score.items() if name in COLUMNS},
        "recogniser": row.name,
        "train_datasets": ", ".join(score["train_datasets"]),
        "replay": score["replay"] if score["train_datasets"] else None,
        "n_seeds": len(row.scores) if len(row.scores) > 1 else None,
        "reasoning": grounds["prompt"] and grounds["prompt"]["reasoning"],
        "truncated_rate": row.truncated_rate,
        "prompt_tokens": row.tokens("prompt"),
        "completion_tokens": row.tokens("completion"),
        **subsets.subset_columns(row.scores),
        **without_columns(row.scores),
        "stand_in": grounds["stand_in"],
        "teacher_stand_in": grounds["teacher_stand_in"],
        "simulated": ", ".join(grounds["simulated"]),
    }
    for name, parsing, metric in _METRICS:
        mean, deviation = statistics.mean_and_deviation(row.values(metric, parsing))
        low, high = row.interval(metric, parsing) or (None, None)
        record |= {name: mean, f"{name}_low": low, f"{name}_high": high, f"{name}_sd": deviation}
    # With a prompt or decoding of its own, a student differs from its base and its teacher in more than its training.
    plain = score["kind"] == "student" and is_asked_as_base(row)
    base, teacher = (by_name.get((score[key], row.dataset)) if plain else None for key in ("base", "teacher"))
    for name, one, other in (("gain_over_base", row, base), ("gap_to_teacher", teacher, row)):
        if one and other:
            record |= difference_columns(name, one, other, "weighted_f1") | {f"{name}_sd": record["weighted_f1_sd"]}
    return record


_P_HEADING = "p values"


def _tests_note(tests: int) -> Note:
    return (
        _P_HEADING,
        [
            "two-sided paired permutation tests over tested groups: the answers of the two recognisers to a group are"
            f" swapped, in all possible ways if there are at most {statistics.PERMUTATIONS}, otherwise in"
            f" {statistics.PERMUTATIONS} random ways (seed {bootstrap.SEED}); with n groups, p is at least 2 / 2^n",
            f"{tests} tests in this table and its CSV; p (Holm) is corrected for this number of tests, p is not",
            "seeds are swapped together, so p speaks of these trained models, not of other training seeds",
        ],
    )


def _cell(record: Record, name: str, simulated: Sequence[str]) -> str:
    """Return a record's cell; the names of tiny models and of simulated datasets are marked as such."""
    text = cell_text(column_of(name), record[name])
    if text and name in _MODEL_COLUMNS and record[_MODEL_COLUMNS[name]]:
        return f"{text} (tiny)"
    if name in ("dataset", "train_dataset"):
        return dataset_name(text, simulated)
    bounds = _bounds_of(name)
    if not text or bounds is None:
        return text
    low, high, deviation = (record[f"{name}_{part}"] for part in ("low", "high", "sd"))
    with_deviation = text if deviation is None else f"{text} ± {_METRIC(deviation)}"
    return with_interval(with_deviation, None if low is None else (low, high), bounds)
