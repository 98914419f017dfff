"""Write the notes below every table and in the report: the data, models and settings that its numbers depend on."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from hearth.data.folds import ALL, whole_tested_split
from hearth.distillation.documents import truncated_examples
from hearth.evaluation.bootstrap import CONFIDENCE, FEWEST_GROUPS, RESAMPLES, SEED, TINY
from hearth.evaluation.doubtful_answers import doubtful_answers
from hearth.evaluation.provenance import ASSUMPTIONS, HomeProvenance, Provenance, SplitProvenance, simulated_datasets
from hearth.evaluation.rendering import Note
from hearth.evaluation.score_document import (
    DESCRIPTIONS,
    HEADLINES,
    LOST_ANSWER_RULES,
    LOST_ANSWERS,
    LostAnswers,
    Score,
)

Notes = list[Note]

METRICS_NOTES = (
    "an event without a readable label counts as wrong; 'no label' is not a class of its own",
    *(f"{DESCRIPTIONS[name].heading}: {DESCRIPTIONS[name].definition}" for name in HEADLINES),
)
_INTERVALS = f"in brackets: {100 * CONFIDENCE:.0f} % expanded percentile bootstrap intervals over whole tested groups"
INTERVALS_NOTES = (
    f"{_INTERVALS}, {RESAMPLES} resamples with replacement, seed {SEED}",
    "seeds are resampled too where a number is a mean over several; the interval of a single seed does not cover how"
    " much seeds differ",
    "a zero-width interval means that all groups scored alike; it does not mean certainty",
)
BASELINES_NOTE = (
    "no language model; trained on the recorded labels of the tested dataset's train split, which no zero-shot model"
    " has seen"
)
TRANSFER_BASELINES_NOTE = (
    "no language model; trained on recorded common labels of the train splits of the tested dataset (_own), of the"
    " other datasets (_others) or of all (_all), every home weighing the same, on words, rooms and kinds of sensors,"
    " states, time of day and pauses"
)
ASSUMED = "Assumed, because the paper does not say"
_DIGEST_CHARACTERS = 12


def dataset_name(name: str, simulated: Collection[str]) -> str:
    """Return a dataset's name for readers, marked "(simulated)" if it is one of the `simulated` datasets."""
    return f"{name} (simulated)" if name in simulated else name


def simulation_notes(names: Iterable[str]) -> list[str]:
    """Return one statement for each simulated dataset."""
    return [f"{name}: simulated by this project, not recorded in a home" for name in names]


def stand_in_warnings(scores: Sequence[Score]) -> list[str]:
    """Return the warnings above figures and the report: simulated homes and tiny models that the scores depend on."""
    return name_stand_ins(simulated_datasets(scores), _tiny_models(scores) | _tiny_teachers(scores))


def name_stand_ins(simulated: Iterable[str], tiny: Iterable[str]) -> list[str]:
    """Return a warning that names the simulated homes and one that names the tiny models, if there are any."""
    warnings = {"Simulated homes, not recorded ones": [*simulated], "Tiny models, not real ones": [*tiny]}
    return [f"{warning}: {', '.join(names)}" for warning, names in warnings.items() if names]


def table_notes(scores: Sequence[Score], commit: str) -> Notes:
    """Return the notes that a table of these scores ends with: (heading, statements), in a fixed order."""
    tiny = _tiny_teachers(scores) | _tiny_models(scores)
    students = [score for score in scores if score["provenance"]["student"] is not None]
    models = [score for score in scores if score["kind"] != "baseline"]
    assumed = _assumed(scores)
    notes: Notes = [
        ("Simulated data", simulation_notes(simulated_datasets(scores))),
        ("Tiny models", [f"{name}: {stand_in}" for name, stand_in in tiny.items()]),
        ("Metrics", [*METRICS_NOTES, *_lost_answers(scores, LOST_ANSWERS)]),
        ("Never answered", [text for score in scores if (text := _unanswered(score))]),
        ("Doubtful answers", doubtful_answers(scores)),
        ("Tested", [*dict.fromkeys(map(_tested, scores))]),
        ("Intervals", [*INTERVALS_NOTES]),
        ("Prompt", _grouped(models, "dataset", _prompt)),
        ("Decoding", [*_grouped(models, "recogniser", _decoding), *_engine_differences(models)]),
        ("Split", _grouped(scores, "dataset", _split)),
        ("Seeds", [_seeds(scores, models, students)]),
        ("Data", _grouped(scores, "dataset", _data)),
        ("Models", _grouped(models, "recogniser", _model)),
        ("Students", _grouped(students, "recogniser", _student)),
        ("Sets of datasets", _sets(students)),
        ("Truncated traces", _truncated_traces(students)),
        ("Baselines", _baselines(scores)),
        (ASSUMED, [text for key, text in ASSUMPTIONS.items() if key in assumed]),
        ("Code", [f"git commit {commit}"]),
    ]
    return [(heading, statements) for heading, statements in notes if statements]


def short_notes(scores: Sequence[Score], readings: Sequence[LostAnswers] = ()) -> Notes:
    """Return the notes that stand below a table itself; `table_notes` returns everything that it depends on.

    `readings` are those of lost answers that the columns of the table name.
    """
    tiny = _tiny_teachers(scores) | _tiny_models(scores)
    simulated = simulated_datasets(scores)
    notes: Notes = [
        (
            "Simulated data",
            [f"{', '.join(simulated)}: simulated by this project, not recorded in a home"] if simulated else [],
        ),
        (
            "Tiny models",
            [
                f"{', '.join(name for name in tiny if tiny[name] == text)}: {text}"
                for text in dict.fromkeys(tiny.values())
            ],
        ),
        ("Metrics", _lost_answers(scores, readings)),
        ("Never answered", [text for score in scores if (text := _unanswered(score))]),
        ("Doubtful answers", doubtful_answers(scores)),
        ("Truncated traces", _truncated_traces([score for score in scores if score["provenance"]["student"]])),
        ("Sets of datasets", _sets([score for score in scores if score["provenance"]["student"]])),
        ("Baselines", _baselines(scores)),
        ("Tested", [*dict.fromkeys(map(_tested, scores))]),
        ("Intervals", [_INTERVALS]),
        (ASSUMED, [", ".join(key.replace("_", " ") for key in ASSUMPTIONS if key in _assumed(scores))]),
    ]
    return [(heading, statements) for heading, statements in notes if any(statements)]


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings as text: `key value` in the order of the keys, `key (...)` for nested settings."""
    parts = []
    for key, value in sorted(settings.items()):
        if isinstance(value, dict):
            parts.append(f"{key} ({settings_text(value)})")
        elif isinstance(value, list):
            parts.append(f"{key} {' '.join(map(str, value))}")
        else:
            parts.append(f"{key} {json.dumps(value) if isinstance(value, bool | None) else value}")
    return ", ".join(parts)


def _tiny_models(scores: Sequence[Score]) -> dict[str, str]:
    """Return what each tiny model stands in for, by name of the model."""
    grounds = [score["provenance"] for score in scores]
    return {
        provenance["model"]["model"]: provenance["stand_in"]
        for provenance in grounds
        if provenance["model"] and provenance["stand_in"]
    }


def _tiny_teachers(scores: Sequence[Score]) -> dict[str, str]:
    """Return what each tiny teacher stands in for, by name of the teacher."""
    return {
        score["teacher"]: score["provenance"]["teacher_stand_in"]
        for score in scores
        if score["provenance"]["teacher_stand_in"]
    }


def _grouped(
    scores: Sequence[Score], owner: Literal["dataset", "recogniser"], describe: Callable[[Score], str]
) -> list[str]:
    """Return the distinct descriptions of scores; if there are several, each begins with the names that it applies to.

    These names are datasets or recognisers, as `owner` says. If the scores of one owner have different descriptions,
    each of these scores is named by recogniser and dataset.
    """
    descriptions: dict[str, set[str]] = {}
    for score in scores:
        descriptions.setdefault(score[owner], set()).add(describe(score))
    owners: dict[str, dict[str, None]] = {}
    for score in scores:
        consistent = len(descriptions[score[owner]]) == 1
        name = score[owner] if consistent else f"{score['recogniser']} on {score['dataset']}"
        owners.setdefault(describe(score), {})[name] = None
    if len(owners) == 1:
        return list(owners)
    return [f"{', '.join(names)}: {description}" for description, names in owners.items()]


def _assumed(scores: Sequence[Score]) -> set[str]:
    return {key for score in scores for key in score["provenance"]["assumed"]}


def _lost_answers(scores: Sequence[Score], named: Sequence[LostAnswers]) -> list[str]:
    """Return the rules of the readings of lost answers: that of F1 without a reading in its name, and the `named`."""
    usual = {score["lost_answers"] for score in scores}
    return [
        f"F1{f' and F1 (lost: {reading})' if reading in named else ''}: {rule}"
        if reading in usual
        else f"F1 (lost: {reading}): {rule}"
        for reading, rule in LOST_ANSWER_RULES.items()
        if reading in usual or reading in named
    ]


def _baselines(scores: Sequence[Score]) -> list[str]:
    """Return what the baselines have learned from, and which of them answer in common labels."""
    baselines = [score for score in scores if score["kind"] == "baseline"]
    notes = {BASELINES_NOTE: "native", TRANSFER_BASELINES_NOTE: "common"}
    named = {
        note: dict.fromkeys(score["recogniser"] for score in baselines if score["labels"] == labels)
        for note, labels in notes.items()
    }
    learned = dict.fromkeys(
        name for score in baselines if score["labels"] == "common" for name in score["train_datasets"]
    )
    return [
        *(f"{', '.join(names)}: {note}" for note, names in named.items() if names),
        *([f"learned from in common labels: {', '.join(learned)}"] if learned else []),
    ]


def _unanswered(score: Score) -> str:
    """Return a note on the number of unanswered test windows and the reason; "" if all were answered."""
    count = score["strict"]["status"]["unanswered"]
    place = f"{score['recogniser']} on {score['dataset']}"
    if not count:
        return ""
    reason = f"; the most frequent reason: {why}" if (why := score.get("unanswered_reason")) else ""
    return f"{place}: {count} of {score['n_windows']} windows; their events count as wrong{reason}"


def _tested(score: Score) -> str:
    """Return how much of a dataset was tested, in how many groups, and what follows for intervals."""
    split, groups, sessions = score["provenance"]["split"], score["n_groups"], score["n_sessions"]
    if split["folds"] > 1:
        tested = f"{sessions} sessions in {split['folds']} folds by {split['by']}, pooled"
    else:
        tested = f"{sessions} of {split['sessions'][ALL]} sessions, split by {split['by']}"
    text = f"{score['dataset']}: {tested}; {groups} group{'s' * (groups > 1)}"
    if groups < FEWEST_GROUPS:
        return f"{text}, too few for intervals, which need {FEWEST_GROUPS}"
    if groups < TINY:
        return f"{text}, so few that intervals are wide and unreliable, and often still too narrow"
    return text


def _prompt(score: Score) -> str:
    prompt = score["provenance"]["prompt"]
    assert prompt, "a language model has a prompt"
    text = f"{prompt['version']}, reasoning {prompt['reasoning']}"
    if "shots" not in prompt:
        return text
    return f"{text}, {prompt['shots']} few-shot examples from the train split (selected by {prompt['shots_by']})"


def _decoding(score: Score) -> str:
    provenance = score["provenance"]
    precision = provenance["dtype"]
    dtype = {"auto": "bfloat16 on a GPU, float32 on a CPU", "": "as served"}.get(precision, precision)
    omitted = provenance["engine_options"].get("omitted_fields", ())  # of these, the server's own values applied
    decoding = {key: value for key, value in provenance["decoding"].items() if key not in omitted}
    text = f"{settings_text(decoding)}; precision {dtype}; engine {provenance['engine']}"
    options = settings_text(provenance["engine_options"])
    return f"{text} ({options})" if options else text


def _engine_differences(scores: Sequence[Score]) -> list[str]:
    """Return a statement about the engines of these scores if there are several."""
    engines = sorted({score["provenance"]["engine"] for score in scores})
    if len(engines) < 2:
        return []
    return [
        f"engines {', '.join(engines)}: each rounds and samples in its own way, so rows of different engines differ in"
        " more than their models"
    ]


def _split(score: Score) -> str:
    split = score["provenance"]["split"]
    if split["folds"] == 1:
        how = (
            f"test fraction {split['test_fraction']}, seed {split['seed']}: "
            f"{split['sessions']['train1']} sessions for training, {split['sessions']['test1']} for testing"
        )
    else:
        how = (
            f"{split['folds']} folds, seed {split['seed']}: {split['sessions']['all']} sessions in {split['groups']} "
            "groups, each tested once; whatever learns is trained anew for every fold, without its groups"
        )
    return f"by {split['by']}, {how}; {_windows(split)}; digest {split['digest'][:_DIGEST_CHARACTERS]}"


def _windows(split: SplitProvenance) -> str:
    size = split["window_size"]
    match split.get("window_by", "count"):
        case "time":
            return f"windows of at most {split['window_seconds']:g} seconds and {size} events"
        case "gap":
            return f"windows of at most {size} events, cut at pauses longer than {split['window_seconds']:g} seconds"
    return f"windows of {size} events, shorter ones {'kept' if split['keep_short'] else 'left out'}"


def _data(score: Score) -> str:
    provenance = score["provenance"]
    home = provenance["home"]
    return (
        f"events digest {provenance['dataset_digest'][:_DIGEST_CHARACTERS]}, "
        f"home {home['name']} ({home['labels']} labels, time zone {home['timezone']}){_several(provenance, home)}"
    )


def _several(provenance: Provenance, home: HomeProvenance) -> str:
    """Return which label is right for an event with several, if the home's raw files may hold such events."""
    if "several" not in home:
        return ""
    several = provenance.get("several", {}).get(whole_tested_split(provenance["split"]["folds"]))
    tested = "" if several is None else f" ({several} such events are tested)"
    rules = {"first": "the first counts as right", "any": f"any of them counts as right{tested}"}
    return f"; if an event has several labels, {rules[home['several']]} (`several: {home['several']}`)"


def _model(score: Score) -> str:
    model = score["provenance"]["model"]
    assert model, "a language model has a snapshot"
    # A folder has no revision; the snapshot's digest alone identifies its contents.
    revision = f" at revision {model['revision']}" if model["revision"] else ""
    return f"{model['source']}{revision}, snapshot {model['digest'][:_DIGEST_CHARACTERS]}"


def _student(score: Score) -> str:
    student = score["provenance"]["student"]
    assert student, "a student has a training log"
    folds = score["provenance"]["split"]["folds"]
    fold = f" in fold 1 of {folds}" if folds > 1 else ""
    return (
        f"recipe {student['recipe']}, teacher {student['teacher'] or 'none'}, trained on {student['dataset']} "
        f"({student['examples']['used']} of {student['examples']['traces']} traces{fold}); "
        f"{settings_text(student['settings'])}; precision {student['dtype']}, ranks {student['ranks']}"
    )


def _sets(students: Sequence[Score]) -> list[str]:
    """Return the datasets of each set that students learned from, and those whose traces are replayed to students."""
    sets = {
        f"{score['train_dataset']}: {', '.join(score['train_datasets'])}": None
        for score in students
        if score["train_datasets"] != [score["train_dataset"]]
    }
    replayed: dict[str, dict[str, None]] = {}
    for score in students:
        parts = student.get("parts", []) if (student := score["provenance"]["student"]) else []
        if names := ", ".join(part["dataset"] for part in parts if part["is_replayed"]):
            replayed.setdefault(names, {})[score["recogniser"]] = None
    return [*sets, *(f"replayed to {', '.join(students)}: {names}" for names, students in replayed.items())]


def _truncated_traces(students: Sequence[Score]) -> list[str]:
    """Return a warning for each student that learned from many traces that were cut off."""
    learned = {score["recogniser"]: student for score in students if (student := score["provenance"]["student"])}
    return [
        f"{name}: {warning}"
        for name, student in learned.items()
        if (warning := truncated_examples(student["examples"], student.get("parts", [])))
    ]


def _seeds(scores: Sequence[Score], models: Sequence[Score], students: Sequence[Score]) -> str:
    seeds = {
        "split": [score["provenance"]["split"]["seed"] for score in scores],
        "decoding": [score["provenance"]["decoding"]["seed"] for score in models],
        "training": [student["settings"]["seed"] for score in students if (student := score["provenance"]["student"])],
    }
    distinct = {name: sorted(set(values)) for name, values in seeds.items()}
    return "; ".join(f"{name} {', '.join(map(str, values))}" for name, values in distinct.items() if values)
