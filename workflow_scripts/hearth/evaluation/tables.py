"""Tables of scores, declared and not programmed: a specification and the scores it selects give a table.

A specification is {"title", "caption", "columns": [name]}; only the title is required, and no columns mean the
usual ones. The rows are the scores, in the order they are given in.
"""

from collections import Counter

from hearth.evaluation import provenance
from hearth.evaluation.rendering import Column, Table, decimals, magnitude, shown
from hearth.homes import nearest

_RATE = decimals(4)
_GAIN = decimals(4, sign="+")


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
    "n_sessions": Column("Sessions"),
    "n_windows": Column("Windows"),
    "n_events": Column("Events"),
    "accuracy": Column("Accuracy", _RATE),
    "macro_f1": Column("Macro F1", _RATE),
    "weighted_f1": Column("Weighted F1", _RATE),
    "micro_f1": Column("Micro F1", _RATE),
    "ok_rate": Column("Ok windows", _RATE),
    "malformed_rate": Column("Malformed windows", _RATE),
    "missing_rate": Column("Missing events", _RATE),
    "unknown_rate": Column("Unknown labels", _RATE),
    "lenient_accuracy": Column("Accuracy (lenient)", _RATE),
    "lenient_macro_f1": Column("Macro F1 (lenient)", _RATE),
    "lenient_weighted_f1": Column("Weighted F1 (lenient)", _RATE),
    "lenient_micro_f1": Column("Micro F1 (lenient)", _RATE),
    "gain_over_base": Column("Gain over base", _GAIN),
    "gap_to_teacher": Column("Gap to teacher", _GAIN),
    "prompt_tokens": Column("Prompt tokens"),
    "completion_tokens": Column("Completion tokens"),
    "stand_in": _text("Stand-in"),
    "teacher_stand_in": _text("Teacher's stand-in"),
    "simulated": _text("Simulated"),
}
# Those of these that have a value in some row are shown when a specification names no columns.
USUAL_COLUMNS = (
    *("recogniser", "train_dataset", "dataset", "parameters", "n_events"),
    *("accuracy", "macro_f1", "weighted_f1", "micro_f1", "gain_over_base", "gap_to_teacher"),
    *("ok_rate", "missing_rate", "unknown_rate"),
)
# Columns that name a model, and the one that says whether that is a stand-in for a real one.
_MODEL_COLUMNS = {"recogniser": "stand_in", "base": "stand_in", "teacher": "teacher_stand_in"}
_SPEC_KEYS = ("title", "caption", "columns")
_METRICS = ("accuracy", "macro_f1", "weighted_f1", "micro_f1")
GAIN_NOTE = (
    "Gain over base, gap to teacher",
    ["differences in weighted F1 on the same dataset: the student's less its base's, the teacher's less the student's"],
)


def build(spec: dict, scores: list[dict], commit: str) -> Table:
    """The table of `scores` that `spec` declares. Raises ValueError naming the key or score that is wrong."""
    check_spec(spec)
    check_scores(scores)
    found = records(scores)
    names = spec.get("columns") or [name for name in USUAL_COLUMNS if any(row[name] not in (None, "") for row in found)]
    notes = provenance.notes(scores, commit)
    if {"gain_over_base", "gap_to_teacher"} & set(names):
        notes = [GAIN_NOTE, *notes]
    simulated = provenance.simulated_datasets(scores)
    return Table(
        title=spec["title"],
        caption=spec.get("caption", ""),
        columns=[COLUMNS[name] for name in names],
        cells=[[_cell(record, name, simulated) for name in names] for record in found],
        records=found,
        notes=notes,
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


def check_scores(scores: list[dict]) -> None:
    """Raise ValueError for no scores, and for two of one recogniser on one dataset."""
    if not scores:
        raise ValueError("a table needs at least one score; its selection is empty")
    for pair, count in Counter((score["recogniser"], score["dataset"]) for score in scores).items():
        if count > 1:
            raise ValueError(f"the score of {pair[0]} on {pair[1]} is given {count} times")


def records(scores: list[dict]) -> list[dict]:
    """One record a score, with a value (None: does not apply, not known) for every name in `COLUMNS`."""
    weighted = {(score["recogniser"], score["dataset"]): score["strict"]["weighted_f1"] for score in scores}
    return [_record(score, weighted) for score in scores]


def _record(score: dict, weighted: dict[tuple[str, str], float]) -> dict:
    strict, lenient, facts = score["strict"], score["lenient"], score["provenance"]
    own = strict["weighted_f1"]
    base, teacher = (weighted.get((score[role], score["dataset"])) for role in ("base", "teacher"))
    values = {
        **{name: score[name] for name in COLUMNS if name in score},
        **{name: strict[name] for name in _METRICS},
        **strict["rates"],
        **{f"lenient_{name}": lenient[name] for name in _METRICS},
        "reasoning": facts["prompt"] and facts["prompt"]["reasoning"],
        "gain_over_base": None if base is None else own - base,
        "gap_to_teacher": None if teacher is None else teacher - own,
        "prompt_tokens": score["tokens"]["prompt"],
        "completion_tokens": score["tokens"]["completion"],
        "stand_in": facts["stand_in"],
        "teacher_stand_in": facts["teacher_stand_in"],
        "simulated": ", ".join(facts["simulated"]),
    }
    return {name: values[name] for name in COLUMNS}


def _cell(record: dict, name: str, simulated: list[str]) -> str:
    """A record's cell; tiny models and simulated data are called that wherever their names are shown."""
    text = shown(COLUMNS[name], record[name])
    if text and name in _MODEL_COLUMNS and record[_MODEL_COLUMNS[name]]:
        return f"{text} (tiny)"
    if name in ("dataset", "train_dataset"):
        return provenance.dataset_name(text, simulated)
    return text
