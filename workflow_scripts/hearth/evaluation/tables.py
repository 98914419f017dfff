"""Tables of scores, declared and not programmed: a specification and the scores it selects give a table.

A specification is {"title", "caption", "columns": [name], "compare": [[recogniser, recogniser]], "seeds": "each" or
"mean"}; only the title is required, and no columns mean the usual ones. The rows are the scores, in the order they
are given in; with seeds "mean", students that differ in their training seed alone are one row.
"""

from collections import Counter

from hearth.common.schemas import nearest
from hearth.evaluation import comparisons, provenance, statistics, subsets
from hearth.evaluation.notes import dataset_name, table_notes
from hearth.evaluation.rendering import Column, Table, bracketed, decimals, magnitude, shown
from hearth.evaluation.table_rows import Row, adjust, by_name, difference, rows_of

_METRIC, _GAIN, _P = decimals(3), decimals(3, sign="+"), decimals(4)


def _text(heading: str) -> Column:
    return Column(heading, number=False)


COLUMNS = {
    "recogniser": _text("Recogniser"),
    "dataset": _text("Dataset"),
    "kind": _text("Kind"),
    "reasoning": _text("Reasoning"),
    "base": _text("Base"),
    "train_dataset": _text("Trained on"),
    "teacher": _text("Teacher"),
    "recipe": _text("Recipe"),
    "parameters": Column("Parameters", magnitude),
    "n_seeds": Column("Training seeds"),
    "n_sessions": Column("Sessions"),
    "n_windows": Column("Windows"),
    "n_events": Column("Events"),
    "accuracy": Column("Accuracy", _METRIC),
    "macro_f1": Column("Macro F1", _METRIC),
    "weighted_f1": Column("Weighted F1", _METRIC),
    "micro_f1": Column("Micro F1", _METRIC),
    "ok_rate": Column("Ok windows", _METRIC),
    "malformed_rate": Column("Malformed windows", _METRIC),
    "missing_rate": Column("Missing events", _METRIC),
    "unknown_rate": Column("Unknown labels", _METRIC),
    "lenient_accuracy": Column("Accuracy (lenient)", _METRIC),
    "lenient_macro_f1": Column("Macro F1 (lenient)", _METRIC),
    "lenient_weighted_f1": Column("Weighted F1 (lenient)", _METRIC),
    "lenient_micro_f1": Column("Micro F1 (lenient)", _METRIC),
    "gain_over_base": Column("Gain over base", _GAIN),
    "gain_over_base_p": Column("p of gain", _P),
    "gain_over_base_p_holm": Column("p of gain (Holm)", _P),
    "gap_to_teacher": Column("Gap to teacher", _GAIN),
    "gap_to_teacher_p": Column("p of gap", _P),
    "gap_to_teacher_p_holm": Column("p of gap (Holm)", _P),
    "simple_windows": Column("Simple windows"),
    "simple_accuracy": Column("Accuracy (simple)", _METRIC),
    "simple_weighted_f1": Column("Weighted F1 (simple)", _METRIC),
    "complex_windows": Column("Complex windows"),
    "complex_accuracy": Column("Accuracy (complex)", _METRIC),
    "complex_weighted_f1": Column("Weighted F1 (complex)", _METRIC),
    "prompt_tokens": Column("Prompt tokens"),
    "completion_tokens": Column("Completion tokens"),
    "stand_in": _text("Stand-in"),
    "teacher_stand_in": _text("Teacher's stand-in"),
    "simulated": _text("Simulated"),
}
# Those of these that have a value in some row are shown when a specification names no columns.
USUAL_COLUMNS = (
    *("recogniser", "n_seeds", "train_dataset", "dataset", "parameters", "n_sessions", "n_events"),
    *("accuracy", "macro_f1", "weighted_f1", "micro_f1"),
    *("gain_over_base", "gain_over_base_p", "gap_to_teacher", "gap_to_teacher_p"),
    *("ok_rate", "missing_rate", "unknown_rate"),
)
_F1S = ("accuracy", "macro_f1", "weighted_f1", "micro_f1")
# Metrics that are columns: (column, way of parsing, metric).
_METRICS = (
    *((name, "strict", name) for name in statistics.METRICS),
    *((f"lenient_{name}", "lenient", name) for name in _F1S),
)
_DIFFERENCES = ("gain_over_base", "gap_to_teacher")
# How the bounds of columns with an interval are shown.
_BOUNDS = {name: decimals(2) for name in (*(name for name, _, _ in _METRICS), *subsets.MEASURED)} | {
    name: decimals(2, sign="+") for name in _DIFFERENCES
}
# Keys of a record: behind a column with an interval come its bounds, and its standard deviation over training seeds.
KEYS = tuple(
    f"{name}{suffix}" for name in COLUMNS for suffix in (("", "_low", "_high", "_sd") if name in _BOUNDS else ("",))
)
# Columns that name a model, and the one that says whether that is a stand-in for a real one.
_MODEL_COLUMNS = {"recogniser": "stand_in", "base": "stand_in", "teacher": "teacher_stand_in"}
_SPEC_KEYS = ("title", "caption", "columns", "compare", "seeds")
_SEEDS = ("each", "mean")
GAIN_NOTE = (
    "Gain over base, gap to teacher",
    ["differences in weighted F1 on the same dataset: the student's less its base's, the teacher's less the student's"],
)
SEEDS_NOTE = (
    "Training seeds",
    [
        "a student of several training seeds is one row: means over its seeds, ± their sample standard deviation;"
        " intervals are of the mean, with the same sessions drawn for every seed"
    ],
)


def build(spec: dict, scores: list[dict], commit: str) -> Table:
    """The table of `scores` that `spec` declares. Raises ValueError naming the key or score that is wrong."""
    check_spec(spec)
    check_scores(scores)
    rows = rows_of(scores, spec.get("seeds", "each"))
    found, compared = records(rows), comparisons.records(rows, spec.get("compare", []))
    tests = adjust([*found, *compared])
    names = spec.get("columns") or [name for name in USUAL_COLUMNS if any(row[name] not in (None, "") for row in found)]
    simulated = provenance.simulated_datasets(scores)
    notes = [
        *([GAIN_NOTE] if set(_DIFFERENCES) & set(names) else []),
        *([subsets.NOTE] if set(subsets.COLUMNS) & set(names) else []),
        *([_tests_note(tests)] if tests else []),
        *([SEEDS_NOTE] if any(row["n_seeds"] for row in found) else []),
        *table_notes(scores, commit),
    ]
    return Table(
        title=spec["title"],
        caption=spec.get("caption", ""),
        columns=[COLUMNS[name] for name in names],
        cells=[[_cell(record, name, simulated) for name in names] for record in found],
        records=found,
        notes=notes,
        below=comparisons.table(compared, rows, simulated) if compared else None,
    )


def check_spec(spec: dict) -> None:
    """Raise ValueError naming the first key or column of a specification that is missing, unknown or wrong."""
    for key in spec:
        if key not in _SPEC_KEYS:
            raise ValueError(f"table specification: unknown key {key!r}{nearest(key, _SPEC_KEYS)}")
    for key in ("title", "caption"):
        if not isinstance(spec.get(key, "" if key == "caption" else None), str):
            raise ValueError(f"table specification: {key!r} must be a text")
    if not isinstance(spec.get("columns", []), list):
        raise ValueError("table specification: 'columns' must be a list of column names")
    for name in spec.get("columns", []):
        if name not in COLUMNS:
            raise ValueError(f"table specification: unknown column {name!r}{nearest(name, COLUMNS)}")
    if spec.get("seeds", "each") not in _SEEDS:
        raise ValueError(f"table specification: 'seeds' is {spec['seeds']!r}; it must be {' or '.join(_SEEDS)}")
    if not isinstance(spec.get("compare", []), list):
        raise ValueError("table specification: 'compare' must be a list of pairs of recognisers")
    for pair in spec.get("compare", []):
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(name, str) for name in pair):
            raise ValueError(f"table specification: 'compare' has {pair!r}, which is no pair of recognisers")


def check_scores(scores: list[dict]) -> None:
    """Raise ValueError for no scores, and for two of one recogniser on one dataset."""
    if not scores:
        raise ValueError("a table needs at least one score; its selection is empty")
    for pair, count in Counter((score["recogniser"], score["dataset"]) for score in scores).items():
        if count > 1:
            raise ValueError(f"the score of {pair[0]} on {pair[1]} is given {count} times")


def records(rows: list[Row]) -> list[dict]:
    """One record a row, with a value (None: does not apply, not known) for each of `KEYS`."""
    named = by_name(rows)
    return [_record(row, named) for row in rows]


def _record(row: Row, named: dict[tuple[str, str], Row]) -> dict:
    score = row.scores[0]
    facts = score["provenance"]
    values = dict.fromkeys(KEYS) | {
        **{name: score[name] for name in COLUMNS if name in score},
        "recogniser": row.name,
        "n_seeds": len(row.scores) if len(row.scores) > 1 else None,
        "reasoning": facts["prompt"] and facts["prompt"]["reasoning"],
        **{f"{kind}_tokens": row.tokens(kind) for kind in ("prompt", "completion")},
        **subsets.columns(row.scores),
        "stand_in": facts["stand_in"],
        "teacher_stand_in": facts["teacher_stand_in"],
        "simulated": ", ".join(facts["simulated"]),
    }
    for name, parsing, metric in _METRICS:
        mean, sd = statistics.spread(row.values(metric, parsing))
        low, high = statistics.interval(row.resampled[parsing][metric]) or (None, None)
        values |= {name: mean, f"{name}_low": low, f"{name}_high": high, f"{name}_sd": sd}
    base, teacher = (named.get((score[role], row.dataset)) for role in ("base", "teacher"))
    for name, one, other in (("gain_over_base", row, base), ("gap_to_teacher", teacher, row)):
        if one and other:
            values |= difference(name, one, other, "weighted_f1") | {f"{name}_sd": values["weighted_f1_sd"]}
    return values


def _tests_note(tests: int) -> tuple[str, list[str]]:
    return (
        "p values",
        [
            "of two-sided paired permutation tests over test sessions, in which the two recognisers' answers to a"
            f" session are swapped: in all ways where there are at most {statistics.PERMUTATIONS}, else in so many"
            f" random ones, seed {statistics.SEED}; of n sessions no p is below 2 / 2^n",
            f"{tests} tests in this table, those of its CSV included; p is not corrected for their number, p (Holm) is",
        ],
    )


def _cell(record: dict, name: str, simulated: list[str]) -> str:
    """A record's cell; tiny models and simulated data are called that wherever their names are shown."""
    text = shown(COLUMNS[name], record[name])
    if text and name in _MODEL_COLUMNS and record[_MODEL_COLUMNS[name]]:
        return f"{text} (tiny)"
    if name in ("dataset", "train_dataset"):
        return dataset_name(text, simulated)
    if not text or name not in _BOUNDS:
        return text
    low, high, sd = (record[f"{name}_{part}"] for part in ("low", "high", "sd"))
    spread = text if sd is None else f"{text} ± {_METRIC(sd)}"
    return bracketed(spread, None if low is None else (low, high), _BOUNDS[name])
