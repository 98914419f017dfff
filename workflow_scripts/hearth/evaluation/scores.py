"""The score: metrics of one recogniser on one dataset's test split, and what they rest on.

{"recogniser", "dataset", "kind": one of `KINDS`, "base", "variant", "teacher", "recipe", "train_dataset",
"parameters" (None where unknown), "n_windows", "n_events", "n_sessions", "sessions": {...}, "strict": {...},
"lenient": {...}, "complexity": {...}, "tokens": {"prompt", "completion"}, "provenance": {...}};
`metrics.session_counts` says what `sessions` holds, `metrics.score_windows` what `strict` and `lenient` do, beside
`intervals` ([low, high] of every metric; null of a single session), `subsets.by_complexity` what `complexity` does,
`provenance.score_provenance` the rest. Where predictions have confidences there is "confidence" too: see
`calibration.confidence_metrics`.
"""

from pathlib import Path

from hearth.common.files import read_json
from hearth.common.schemas import nearest
from hearth.data.complexity import ComplexityScale
from hearth.data.gold_labels import map_to_gold
from hearth.data.windows import Window, read_windows
from hearth.distillation.recipes import PAPER_RECIPE
from hearth.evaluation import provenance, statistics
from hearth.evaluation.calibration import confidence_metrics
from hearth.evaluation.inputs import align, read_rows
from hearth.evaluation.metrics import score_windows, session_counts
from hearth.evaluation.subsets import by_complexity
from hearth.homes.home import Home

SPLIT = "test"
# The ways of parsing, and where a parsed prediction has what each read.
PARSINGS = {"strict": ("labels", "status"), "lenient": ("lenient_labels", "lenient_status")}
PARSED_KEYS = ("window_id", "prompt_tokens", "completion_tokens", *PARSINGS["strict"], *PARSINGS["lenient"])

# A language model as it is, one that has learned from another, and a recogniser without a language model.
KINDS = ("base", "student", "baseline")
# What only the configuration knows. `base` and `teacher` name recognisers; a base model is its own base.
_FACTS = ("kind", "base", "variant", "home", "decoding", "dtype", "engine", "stand_in", "simulated")
_STUDENT_FACTS = ("teacher", "recipe", "train_dataset")
_TEACHER_FACT = "teacher_stand_in"
_FORMS = {"decoding": (dict, "an object"), "simulated": (list, "a list")}


def check_facts(facts: dict) -> dict:
    """`facts` as they are, when they are complete.

    All have kind, base, variant ("", or in what it differs from the main recogniser of its kind), home, decoding,
    dtype ("" for a served model), engine, stand_in ("", or what the model stands in for) and simulated (the simulated
    datasets that the number rests on, tested or trained on); a student has teacher, recipe, train_dataset and
    teacher_stand_in too. A baseline has base, dtype, engine and stand_in "" and an empty decoding.

    Raises ValueError naming the key that is missing, unknown or wrong.
    """
    kind = facts.get("kind")
    if kind not in KINDS:
        raise ValueError(f"facts: kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    wanted = _FACTS + ((*_STUDENT_FACTS, _TEACHER_FACT) if kind == "student" else ())
    for key in facts:
        if key not in wanted:
            raise ValueError(f"facts: unknown key {key!r} for kind {kind!r}{nearest(key, wanted)}")
    for key in wanted:
        if key not in facts:
            raise ValueError(f"facts: no key {key!r}, which kind {kind!r} needs")
        form, words = _FORMS.get(key, (str, "a text"))
        if not isinstance(facts[key], form):
            raise ValueError(f"facts: {key} must be {words}, not {facts[key]!r}")
    return facts


def score(
    recogniser: str,
    dataset: str,
    home: Home,
    windows: list[Window],
    parsed: list[dict],
    scale: ComplexityScale,
    splits: dict,
    prompt: dict | None,
    model: dict | None,
    student: dict | None,
    facts: dict,
) -> dict:
    """The score document. `windows` are the test split's and `parsed` their predictions, in the same order.

    `scale` tells how complex windows are; `splits`, `prompt`, `model` and `student` are the contents of splits.json,
    the prompt's json, snapshot.json and training_log.json (None for all but students); a baseline has neither prompt
    nor model. Raises ValueError for a gold label that is none of the home's, and where the inputs do not belong
    together.
    """
    facts = check_facts(facts)
    if (facts["kind"] == "student") != (student is not None):
        raise ValueError(f"{recogniser}: kind {facts['kind']!r} and a training log do not go together")
    for name, given in (("prompt", prompt), ("model", model)):
        if (facts["kind"] == "baseline") != (given is None):
            raise ValueError(f"{recogniser}: kind {facts['kind']!r} {'needs a' if given is None else 'has no'} {name}")
    for window in windows:
        for number, label in enumerate(window["gold"], start=1):
            if label not in home.labels:
                raise ValueError(
                    f"window {window['window_id']}: event {number}: gold label {label!r} is none of home {home.name}'s"
                    f"{nearest(label, home.labels)}"
                )
    if splits.get("windows", {}).get(SPLIT) != len(windows):
        raise ValueError(
            f"splits.json tells of {splits.get('windows', {}).get(SPLIT)} {SPLIT} windows, there are {len(windows)}"
        )
    for window in windows:
        if window["session"] not in splits["sessions"][SPLIT]:
            raise ValueError(
                f"window {window['window_id']}: splits.json does not name its session for testing; cut the windows"
                " again"
            )
    gold = [window["gold"] for window in windows]
    grounds = provenance.score_provenance(home, splits, prompt, model, student, facts)
    parsings = {
        name: ([row[labels] for row in parsed], [row[status] for row in parsed])
        for name, (labels, status) in PARSINGS.items()
    }
    confidences = [row.get("confidences", [None] * len(row["labels"])) for row in parsed]
    confidence = confidence_metrics(gold, [row["labels"] for row in parsed], confidences)
    document = {
        "recogniser": recogniser,
        "dataset": dataset,
        "kind": facts["kind"],
        "base": facts["base"] if student else "",
        "variant": facts["variant"],
        **{key: facts.get(key, "") for key in _STUDENT_FACTS},
        "parameters": model and grounds["model"]["parameters"],
        "n_windows": len(windows),
        "n_events": sum(map(len, gold)),
        "n_sessions": len({window["session"] for window in windows}),
        "sessions": session_counts([window["session"] for window in windows], gold, parsings),
        **{name: score_windows(gold, *parsing, home.labels) for name, parsing in parsings.items()},
        "complexity": by_complexity(scale, windows, *parsings["strict"], home.labels),
        "tokens": {
            "prompt": sum(row["prompt_tokens"] for row in parsed),
            "completion": sum(row["completion_tokens"] for row in parsed),
        },
        **({"confidence": confidence} if confidence else {}),
        "provenance": grounds,
    }
    for name in PARSINGS:
        document[name]["intervals"] = statistics.intervals(statistics.counts(document, name))
    return document


def read_parsed(windows_path: Path, parsed_path: Path) -> tuple[list[Window], list[dict]]:
    """The test windows and their parsed predictions, in window order, right labels as `map_to_gold` gives them.

    Raises ValueError where they do not match.
    """
    windows = read_windows(windows_path, SPLIT)
    pairs = align(windows, read_rows(parsed_path, PARSED_KEYS), parsed_path)
    for window, row in pairs:
        for key in ("labels", "lenient_labels"):
            if len(row[key]) != len(window["gold"]):
                raise ValueError(
                    f"{parsed_path}: window {window['window_id']} has {len(window['gold'])} events and "
                    f"{len(row[key])} {key}; parse again"
                )
            row[key] = map_to_gold(window, row[key])
    return windows, [row for _, row in pairs]


def select_paper_scores(scores: list[dict]) -> list[dict]:
    """The scores of what the paper is about: base models of known size as they are, and students of its recipe."""
    return [
        score
        for score in scores
        if score["parameters"] and not score["variant"] and score["recipe"] in ("", PAPER_RECIPE)
    ]


def read_score(path: Path) -> dict:
    """One score file; raises ValueError when it is something else."""
    found = read_json(path)
    if not isinstance(found, dict) or not {"recogniser", "dataset", "strict", "lenient", "provenance"} <= found.keys():
        raise ValueError(f"{path}: not a score file; score.py writes them")
    if "sessions" not in found or not all("intervals" in found[name] for name in PARSINGS):
        raise ValueError(f"{path}: a score without the counts of its sessions and without intervals; score again")
    return found
