"""Tables of scores, declared and not programmed: a specification and the scores it selects give a table.

A specification is {"title", "caption", "columns": [name], "rows": [[recogniser, dataset]], "matrix": {...}}:
only the title is required. `rows` fixes the order of the scores, which is that of the files otherwise.
`matrix` {"rows": name, "columns": name, "value": name} shows one value across two others, and the CSV stays long.
"""

from hearth.evaluation import provenance
from hearth.evaluation.rendering import Column, Table, decimals, shown
from hearth.homes import nearest

_RATE = decimals(4)
_GAIN = decimals(4, sign="+")


def _parameters(value: int) -> str:
    """596049920 as 596.0M; three magnitudes are enough for language models."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if value >= size:
            return f"{value / size:.1f}{unit}"
    return str(value)


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
    "parameters": Column("Parameters", _parameters),
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
    "simulated": _text("Simulated"),
}
DEFAULT_COLUMNS = [
    *("recogniser", "dataset", "parameters", "n_events", "accuracy", "macro_f1", "weighted_f1", "micro_f1"),
    *("ok_rate", "missing_rate", "unknown_rate"),
]
_SPEC_KEYS = ("title", "caption", "columns", "rows", "matrix")
_MATRIX_KEYS = ("rows", "columns", "value")
_METRICS = ("accuracy", "macro_f1", "weighted_f1", "micro_f1")
GAIN_NOTE = (
    "Gain over base and gap to teacher",
    ["differences in weighted F1 on the same dataset: the student's less its base's, the teacher's less the student's"],
)


def build(spec: dict, scores: list[dict], commit: str) -> Table:
    """The table of the scores that `spec` declares. Raises ValueError naming the key or score that is wrong."""
    check_spec(spec)
    scores = select(scores, spec.get("rows"))
    found = records(scores)
    notes = provenance.notes(scores, commit)
    if "matrix" in spec:
        columns, cells = _matrix(found, **spec["matrix"])
        names = set(spec["matrix"].values())
        notes = [("Values", [COLUMNS[spec["matrix"]["value"]].heading]), *notes]
    else:
        names = spec.get("columns", DEFAULT_COLUMNS)
        columns = [COLUMNS[name] for name in names]
        cells = [[_cell(record, name) for name in names] for record in found]
    if {"gain_over_base", "gap_to_teacher"} & set(names):
        notes = [GAIN_NOTE, *notes]
    return Table(spec["title"], spec.get("caption", ""), columns, cells, found, notes)


def check_spec(spec: dict) -> None:
    """Raise ValueError naming the first key or column of a specification that is missing, unknown or out of place."""
    for key in spec:
        if key not in _SPEC_KEYS:
            raise ValueError(f"table specification: unknown key {key!r}{nearest(key, _SPEC_KEYS)}")
    if not isinstance(spec.get("title"), str) or not isinstance(spec.get("caption", ""), str):
        raise ValueError("table specification: 'title' must be a text, and 'caption' where there is one")
    if "matrix" in spec and "columns" in spec:
        raise ValueError("table specification: give 'columns' or 'matrix', not both")
    matrix = spec.get("matrix", dict.fromkeys(_MATRIX_KEYS, "recogniser"))
    if not isinstance(matrix, dict) or matrix.keys() != set(_MATRIX_KEYS):
        raise ValueError(f"table specification: 'matrix' needs the keys {', '.join(_MATRIX_KEYS)}")
    columns = spec.get("columns", DEFAULT_COLUMNS)
    if not isinstance(columns, list) or not columns:
        raise ValueError("table specification: 'columns' must be a list of column names")
    for name in [*columns, *matrix.values()]:
        if name not in COLUMNS:
            raise ValueError(f"table specification: unknown column {name!r}{nearest(name, COLUMNS)}")
    rows = spec.get("rows", [])
    if not isinstance(rows, list) or any(not isinstance(row, list) or len(row) != 2 for row in rows):
        raise ValueError("table specification: 'rows' must be a list of [recogniser, dataset]")


def select(scores: list[dict], rows: list[list[str]] | None) -> list[dict]:
    """The scores in the order of `rows`, [recogniser, dataset] each; as they are when `rows` is None.

    Raises ValueError for a score given twice, missing, or not asked for.
    """
    given = {}
    for score in scores:
        pair = (score["recogniser"], score["dataset"])
        if pair in given:
            raise ValueError(f"the score of {pair[0]} on {pair[1]} is given twice")
        given[pair] = score
    if not given:
        raise ValueError("a table needs at least one score")
    pairs = list(given) if rows is None else [tuple(pair) for pair in rows]
    for missing in [pair for pair in pairs if pair not in given]:
        raise ValueError(f"the table's rows name {' on '.join(missing)}, of which no score is given")
    for extra in [pair for pair in given if pair not in pairs]:
        raise ValueError(f"a score of {' on '.join(extra)} is given, which the table's rows do not name")
    return [given[pair] for pair in pairs]


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
        "reasoning": facts["prompt"]["reasoning"],
        "gain_over_base": None if base is None else own - base,
        "gap_to_teacher": None if teacher is None else teacher - own,
        "prompt_tokens": score["tokens"]["prompt"],
        "completion_tokens": score["tokens"]["completion"],
        "stand_in": facts["model"]["stand_in"],
        "simulated": ", ".join(facts["simulated"]),
    }
    return {name: values[name] for name in COLUMNS}


def _cell(record: dict, name: str) -> str:
    """A record's cell; tiny models and simulated data are called that wherever their names are shown."""
    text = shown(COLUMNS[name], record[name])
    if name in ("recogniser", "base") and text and record["stand_in"]:
        return f"{text} (tiny)"
    if name in ("dataset", "train_dataset") and text and text in record["simulated"].split(", "):
        return f"{text} (simulated)"
    return text


def _matrix(found: list[dict], rows: str, columns: str, value: str) -> tuple[list[Column], list[list[str]]]:
    """Columns and cells with one value of the records across two others. Raises ValueError for two in one place."""
    values: dict[tuple[str, str], str] = {}
    for record in found:
        place = _cell(record, rows), _cell(record, columns)
        if place in values:
            raise ValueError(f"table specification: two scores fall on {rows} {place[0]!r}, {columns} {place[1]!r}")
        values[place] = _cell(record, value)
    across = list(dict.fromkeys(column for _, column in values))
    cells = [
        [row, *(values.get((row, column), "") for column in across)] for row in dict.fromkeys(row for row, _ in values)
    ]
    return [Column(COLUMNS[rows].heading, number=COLUMNS[rows].number), *map(Column, across)], cells
