"""What a number rests on: the facts a score carries, and the notes every table ends with."""

import json
import subprocess
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from hearth.evaluation.statistics import CONFIDENCE, RESAMPLES, SEED, TINY
from hearth.homes.home import Home
from hearth.homes.raw_format import Recording

Notes = list[tuple[str, list[str]]]

# What the paper leaves open as far as its summaries tell, and what stands here instead. Order is the order in tables.
ASSUMED = {
    "split": "which sessions are for training and which for testing: whole sessions, as under Split",
    "labels": "the label set, MARBLE's TRANSITION included: all labels of the home's yaml",
    "sensors": "the words of rooms, sensors and states, and the clock's time zone: as in the home's yaml;"
    " no wearable sensor is used",
    "window": "the last, shorter window of a session: as under Split",
    "prompt": "the wording of the prompt, its rules, its example and its JSON keys: ours, versioned as under Prompt",
    "reasoning": "whether the reasoning is the <think> block or a text inside the answer: as under Prompt",
    "decoding": "temperature, top-p, token limit and seed: as under Decoding",
    "serving": "engine, precision and quantisation: engine and precision as under Decoding, weights as in the snapshot",
    "averaging": "which F1 average the paper reports: macro, weighted and micro are given, weighted is the headline",
    "unknown_label": "a label outside the list counts as a missing one does: wrong",
    "training": "LoRA rank, alpha, dropout and target modules, learning rate, epochs, batch size, precision and the"
    " number of training windows: as under Students",
}
_OF_TRAINING = ("training",)
_OF_MODELS = ("prompt", "reasoning", "decoding", "serving", "unknown_label")

METRICS_NOTE = (
    "An event without a readable label counts as wrong and is no class of its own. Macro and weighted F1 average over"
    " the labels that occur in the test split. Micro F1 takes an event without a readable label as an abstention: it"
    " costs recall, not precision."
)
INTERVALS_NOTE = (
    f"in brackets, {100 * CONFIDENCE:.0f} % percentile bootstrap intervals: whole test sessions drawn again with"
    f" replacement, {RESAMPLES} times, seed {SEED}. What training with another seed would give is not in them, and one"
    " without width says that all sessions were alike, not that the number is certain"
)
BASELINES_NOTE = (
    "no language model; learned from the recorded labels of the train split of the dataset that it is tested on, which"
    " no zero-shot model has seen"
)

# Of a training log: what decides the student. Its losses stay in the log.
_STUDENT_KEYS = ("recipe", "teacher", "dataset", "examples", "settings", "dtype", "ranks", "deepspeed")
_MODEL_KEYS = ("model", "source", "revision", "digest", "license", "parameters")
_PROMPT_KEYS = ("version", "template", "reasoning")
# Only of a prompt that shows windows of the train split, and of a split whose windows are not cut by count.
_SHOTS_KEYS = ("shots", "shots_by")
_CUT_KEYS = ("window_by", "window_seconds")
_SPLIT_KEYS = ("rule", "test_fraction", "seed", "window_size", "keep_short", "sessions", "windows", "digest")
_SHORT = 12


def assumed(kind: str) -> list[str]:
    """Keys of `ASSUMED` that hold for a recogniser of a kind ("base", "student" or "baseline")."""
    other = {"base": _OF_TRAINING, "student": (), "baseline": _OF_TRAINING + _OF_MODELS}[kind]
    return [key for key in ASSUMED if key not in other]


def of_score(
    home: Home, splits: dict, prompt: dict | None, model: dict | None, student: dict | None, facts: dict
) -> dict[str, object]:
    """The `provenance` of a score, from splits.json, the prompt's json, snapshot.json and training_log.json.

    Of what there is none, there is None: prompt and model of a baseline, the training of all but students.
    Raises ValueError naming the key that one of them lacks.
    """
    split = _pick(splits, _SPLIT_KEYS, "splits.json", _CUT_KEYS)
    split["sessions"] = {name: len(sessions) for name, sessions in split["sessions"].items()}
    # What is right of several labels: a home whose raw files could hold them says so.
    several = {"several": home.recording.several} if home.recording != Recording() else {}
    return {
        "prompt": None if prompt is None else _pick(prompt, _PROMPT_KEYS, "prompt", _SHOTS_KEYS),
        "home": {"name": facts["home"], "timezone": home.timezone, "labels": len(home.labels)} | several,
        **({"several": splits["several"]} if "several" in splits else {}),
        "dataset_digest": _pick(splits, ("dataset_digest",), "splits.json")["dataset_digest"],
        "split": split,
        "decoding": facts["decoding"],
        "dtype": facts["dtype"],
        "engine": facts["engine"],
        "model": None if model is None else _pick(model, _MODEL_KEYS, "snapshot.json"),
        "student": None if student is None else _pick(student, _STUDENT_KEYS, "training_log.json"),
        "stand_in": facts["stand_in"],
        "teacher_stand_in": facts.get("teacher_stand_in", ""),
        "simulated": facts["simulated"],
        "assumed": assumed(facts["kind"]),
    }


def _pick(source: dict, keys: Iterable[str], name: str, optional: Iterable[str] = ()) -> dict:
    for key in keys:
        if key not in source:
            raise ValueError(f"{name}: no key {key!r}")
    return {key: source[key] for key in (*keys, *optional) if key in source}


def dataset_name(name: str, simulated: Collection[str]) -> str:
    """A dataset's name for people: one of the `simulated` is called that."""
    return f"{name} (simulated)" if name in simulated else name


def simulated_datasets(scores: list[dict]) -> list[str]:
    """The simulated datasets that scores rest on, tested or trained on, by name."""
    return sorted({name for score in scores for name in score["provenance"]["simulated"]})


def simulated_data(names: Iterable[str]) -> list[str]:
    """What a table's notes say of simulated datasets."""
    return [f"{name}: simulated by this project, not recorded in a home" for name in names]


def stand_ins(scores: list[dict]) -> list[str]:
    """What must be said first of scores that rest on something other than real homes and real models."""
    tiny = _tiny_models(scores) | _tiny_teachers(scores)
    said = {"Simulated homes, not recorded ones": simulated_datasets(scores), "Tiny models, not real ones": tiny}
    return [f"{what}: {', '.join(names)}" for what, names in said.items() if names]


def _tiny_models(scores: list[dict]) -> dict[str, str]:
    """What each tiny model that was asked, in whichever ways, or trained, stands in for."""
    facts = [score["provenance"] for score in scores]
    return {known["model"]["model"]: known["stand_in"] for known in facts if known["stand_in"]}


def _tiny_teachers(scores: list[dict]) -> dict[str, str]:
    return {
        score["teacher"]: score["provenance"]["teacher_stand_in"]
        for score in scores
        if score["provenance"]["teacher_stand_in"]
    }


def notes(scores: list[dict], commit: str) -> Notes:
    """The notes a table of these scores ends with: (heading, statements), in a fixed order."""
    tiny = _tiny_teachers(scores) | _tiny_models(scores)
    students = [score for score in scores if score["provenance"]["student"] is not None]
    models = [score for score in scores if score["kind"] != "baseline"]
    baselines = dict.fromkeys(score["recogniser"] for score in scores if score["kind"] == "baseline")
    keys = {key for score in scores for key in score["provenance"]["assumed"]}
    found = [
        (
            "Simulated data",
            simulated_data(simulated_datasets(scores)),
        ),
        ("Tiny models", [f"{name}: {stand_in}" for name, stand_in in tiny.items()]),
        ("Metrics", [METRICS_NOTE]),
        ("Intervals", [INTERVALS_NOTE, *dict.fromkeys(map(_sessions, scores))]),
        ("Prompt", _grouped(models, "dataset", _prompt)),
        ("Decoding", _grouped(models, "recogniser", _decoding)),
        ("Split", _grouped(scores, "dataset", _split)),
        ("Seeds", [_seeds(scores, models, students)]),
        ("Data", _grouped(scores, "dataset", _data)),
        ("Models", _grouped(models, "recogniser", _model)),
        ("Students", _grouped(students, "recogniser", _student)),
        ("Baselines", [f"{', '.join(baselines)}: {BASELINES_NOTE}"] if baselines else []),
        ("Assumed, because the paper does not say", [text for key, text in ASSUMED.items() if key in keys]),
        ("Code", [f"git commit {commit}"]),
    ]
    return [(heading, statements) for heading, statements in found if statements]


def _grouped(scores: list[dict], owner: str, text: Callable[[dict], str]) -> list[str]:
    """What `text` says of the scores, said once per group of owners; the owners are named where texts differ.

    Where the scores of one owner differ among themselves, each is named by recogniser and dataset.
    """
    texts_of: dict[str, set[str]] = {}
    for score in scores:
        texts_of.setdefault(score[owner], set()).add(text(score))
    owners: dict[str, dict[str, None]] = {}
    for score in scores:
        alone = len(texts_of[score[owner]]) == 1
        name = score[owner] if alone else f"{score['recogniser']} on {score['dataset']}"
        owners.setdefault(text(score), {})[name] = None
    if len(owners) == 1:
        return list(owners)
    return [f"{', '.join(names)}: {said}" for said, names in owners.items()]


def _sessions(score: dict) -> str:
    sessions = score["n_sessions"]
    if sessions == 1:
        return f"{score['dataset']}: 1 test session, of which no interval can be made"
    if sessions < TINY:
        said = "its intervals are wide, unreliable and often still too narrow"
        return f"{score['dataset']}: tiny, {sessions} test sessions: {said}"
    return f"{score['dataset']}: {sessions} test sessions"


def _prompt(score: dict) -> str:
    prompt = score["provenance"]["prompt"]
    said = f"{prompt['version']}, reasoning {prompt['reasoning']}"
    if "shots" not in prompt:
        return said
    return f"{said}, {prompt['shots']} windows of the train split shown with their labels ({prompt['shots_by']})"


def _decoding(score: dict) -> str:
    facts = score["provenance"]
    dtype = {"auto": "bfloat16 on a GPU, float32 without", "": "as served"}.get(facts["dtype"], facts["dtype"])
    return f"{words(facts['decoding'])}; precision {dtype}; engine {facts['engine']}"


def _split(score: dict) -> str:
    split = score["provenance"]["split"]
    return (
        f"{split['rule']}, test fraction {split['test_fraction']}, seed {split['seed']}: "
        f"{split['sessions']['train']} sessions for training, {split['sessions']['test']} for testing; "
        f"{_windows(split)}; digest {split['digest'][:_SHORT]}"
    )


def _windows(split: dict) -> str:
    size, seconds = split["window_size"], split.get("window_seconds")
    match split.get("window_by", "count"):
        case "time":
            return f"windows of {seconds:g} seconds and at most {size} events"
        case "gap":
            return f"windows that end at a pause of more than {seconds:g} seconds, of at most {size} events"
    return f"windows of {size} events, shorter ones {'kept' if split['keep_short'] else 'left out'}"


def _data(score: dict) -> str:
    facts = score["provenance"]
    home = facts["home"]
    return (
        f"events {facts['dataset_digest'][:_SHORT]}, "
        f"home {home['name']} ({home['labels']} labels, clock {home['timezone']}){_several(facts)}"
    )


def _several(facts: dict) -> str:
    """What is right for an event with several labels, where the home says so."""
    policy = facts["home"].get("several")
    tested = f" ({facts['several']['test']} events of the test split)" if facts.get("several") else ""
    right = {"first": "the first is right", "any": f"any of them is right{tested}"}
    return f"; of several labels of an event {right[policy]} (`several: {policy}`)" if policy else ""


def _model(score: dict) -> str:
    model = score["provenance"]["model"]
    # A folder has no revision; what it held is said by the snapshot's digest alone.
    revision = f" at revision {model['revision']}" if model["revision"] else ""
    return f"{model['source']}{revision}, snapshot {model['digest'][:_SHORT]}"


def _student(score: dict) -> str:
    student = score["provenance"]["student"]
    return (
        f"recipe {student['recipe']}, teacher {student['teacher'] or 'none'}, trained on {student['dataset']} "
        f"({student['examples']['used']} of {student['examples']['traces']} traces); {words(student['settings'])}; "
        f"precision {student['dtype']}, ranks {student['ranks']}"
    )


def _seeds(scores: list[dict], models: list[dict], students: list[dict]) -> str:
    found = {
        "split": [score["provenance"]["split"]["seed"] for score in scores],
        "decoding": [score["provenance"]["decoding"]["seed"] for score in models],
        "training": [score["provenance"]["student"]["settings"]["seed"] for score in students],
    }
    seeds = {name: sorted(set(given)) for name, given in found.items()}
    return "; ".join(f"{name} {', '.join(map(str, given))}" for name, given in seeds.items() if given)


def words(settings: dict) -> str:
    """Settings as text: `key value` in the order of their keys, `key (...)` for settings inside settings."""
    parts = []
    for key, value in sorted(settings.items()):
        if isinstance(value, dict):
            parts.append(f"{key} ({words(value)})")
        elif isinstance(value, list):
            parts.append(f"{key} {' '.join(map(str, value))}")
        else:
            parts.append(f"{key} {json.dumps(value) if isinstance(value, bool | None) else value}")
    return ", ".join(parts)


def git_commit() -> str:
    """The commit of the code that runs: its hash, "+changes" behind it when files differ from it.

    "unknown" where the code is not a git checkout of its own, or there is no git.
    """
    root = Path(__file__).resolve().parents[3]

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        # A copy without .git inside somebody else's repository would report a commit that is not ours.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return "unknown"
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
