"""Run check_home and the loaders on a case of shared/cases, and compare what they say with what is expected."""

import contextlib
import copy
import io
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import check_home
import pandas as pd
import yaml
from hearth.common import cli
from hearth.data.sources.registry import SOURCES
from hearth.homes.home import load_home

# A home for cases that have none; `edit` adds sensors and the recording.
PLAIN_HOME = {
    "name": "A flat",
    "about": "A flat in which one person lives.",
    "timezone": "UTC",
    "rooms": {"hall": "", "kitchen": ""},
    "sensors": {},
    "labels": ["tea", "leaving"],
    "example": {
        "reasoning": "One activity after the other.",
        "events": [
            {"time": "03:17:05", "sensor": "", "state": "", "label": ""},
            {"time": "03:17:06", "sensor": "", "state": "", "label": ""},
        ],
    },
    "recording": {"sessions": {"by": "day"}},
}
OUTCOMES = {"clean": 0, "tolerated": 0, "wrong": 1, "error": 1}
REFUSED = ("wrong", "error")


@dataclass
class Result:
    """Outcome of a run: `clean`, `tolerated`, `wrong`, `error`, `drafted` or `loaded`; its output; events if read."""

    outcome: str
    output: str
    document: dict[str, Any] = field(default_factory=dict)
    events: pd.DataFrame | None = None

    def line(self) -> str:
        """Return the line that says the outcome."""
        said = [line for line in self.output.splitlines() if re.match(rf"{self.outcome}\b", line)]
        return (said or [self.outcome])[-1]


def run_program(*arguments: str) -> tuple[int, str, str]:
    """Return the exit code, standard output and standard error of check_home."""
    code, out, err = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.run(lambda: check_home.main(arguments))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return code, out.getvalue(), err.getvalue()


def merge(document: dict[str, Any], edit: dict[str, Any]) -> None:
    """Change `document` to say what `edit` says; null removes a key."""
    for key, value in edit.items():
        if value is None:
            document.pop(key, None)
        elif isinstance(value, dict) and isinstance(document.get(key), dict):
            merge(document[key], value)
        else:
            document[key] = copy.deepcopy(value)


def move_example(document: dict[str, Any]) -> None:
    """Give the example's events times at which nothing is recorded, and sensors, states and labels of the home."""
    sensors, labels = document["sensors"], document["labels"]
    for second, event in enumerate(document["example"]["events"]):
        event["time"] = f"03:17:{second + 5:02d}"
        if event["sensor"] not in sensors:
            event["sensor"] = next(iter(sensors))
        states = sensors[event["sensor"]]["states"]
        if event["state"] not in states:
            event["state"] = next(iter(states))
        if event["label"] not in labels:
            event["label"] = list(labels)[second % len(labels)]


def write_home(case: Path, step: dict[str, Any]) -> Path:
    """Return the yaml of a step, which `edit` and `example` change."""
    name = step.get("home", "home.yaml")
    if name is not None and not {"edit", "example", "finished"} & step.keys():
        return Path(name)
    document = yaml.safe_load((case / name).read_text(encoding="utf-8")) if name else copy.deepcopy(PLAIN_HOME)
    merge(document, step.get("edit", {}))
    if like := step.get("sensors_like"):
        columns = [column for column in document["recording"]["header"] if column.startswith(like[0])]
        sensor = document["sensors"][like]
        document["sensors"] = {column: sensor | {"words": f"sensor {column}"} for column in columns}
    if step.get("finished"):
        finish(document, document["timezone"])
    if "edit" in step or step.get("example") == "moved":
        move_example(document)
    path = case / "ours.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def read_events(home: Path, root: str, source: str) -> pd.DataFrame:
    """Return the events of the data in the folder `root`."""
    return SOURCES[source].read(Path(root), load_home(home))[0]


def check(home: Path, root: str, source: str) -> Result:
    """Return the outcome of check_home, and the events if they can be read."""
    code, out, err = run_program("--home", str(home), "--root", root, "--source", source)
    words = re.findall(r"^(clean|tolerated|wrong)\b", out, flags=re.MULTILINE)
    outcome = words[-1] if words else "error" if re.search(r"^error: ", err, flags=re.MULTILINE) else "no word"
    assert code == OUTCOMES.get(outcome, code), f"{outcome}, but exit code {code}\n{out[-2000:]}{err}"
    try:
        events = read_events(home, root, source)
    except ValueError:
        assert outcome in REFUSED
        events = None
    printed = re.findall(r"^ *(\d+)  events$", out, flags=re.MULTILINE)
    assert not printed or events is None or int(printed[0]) == len(events), "printed and loaded events differ"
    return Result(outcome, out + err, events=events)


def finish(document: dict[str, Any], timezone: str) -> None:
    """Replace what a draft cannot know, as a person would: what is installed where, and the time zone."""
    document["name"], document["about"], document["timezone"] = "Our flat", "A flat of two rooms.", timezone
    document["example"]["reasoning"] = "First the one, then the other."
    document["rooms"] = {room: f"the {room} of the flat" for room in document["rooms"]}
    for name, sensor in document["sensors"].items():
        sensor["words"] = f"sensor {name}"


def draft(case: Path, step: dict[str, Any], root: str) -> Result:
    """Return a draft as a document, with the events that it reads; check that it is refused until it is finished."""
    code, out, err = run_program("--draft", "--root", root)
    if code:
        assert out == "", "a failed draft prints a part of a yaml"
        return Result("error", err)
    path = case / "draft.yaml"
    path.write_text(out, encoding="utf-8")
    document = yaml.safe_load(out)
    comments = "\n".join(line for line in out.splitlines() if line.lstrip().startswith("#"))
    named = re.search(r"SOURCE=(\w+)", comments)
    source = named.group(1) if named else "table"
    untouched, _, _ = run_program("--home", str(path), "--root", root, "--source", source)
    assert untouched == 1, "an untouched draft, with its placeholders, must be refused"
    finished = copy.deepcopy(document)
    finish(finished, step.get("timezone", document["timezone"]))
    path.write_text(yaml.safe_dump(finished, allow_unicode=True, sort_keys=False), encoding="utf-8")
    result = Result("drafted", comments + "\n" + err, document)
    try:
        result.events = read_events(path, root, source)
    except ValueError as error:
        result.output += f"\nits data cannot be read: {error}"
        return result
    if step.get("check", True):
        checked = check(path, root, source)
        assert checked.outcome in ("clean", "tolerated"), f"once finished: {checked.output[-2000:]}"
    return result


def run_step(folder: Path, tmp_path: Path, step: dict[str, Any], source: str) -> Result:
    """Return what a step of a case gives, in a copy of its folder."""
    case = tmp_path / folder.stem
    if folder.is_dir():
        shutil.copytree(folder, case)
    else:
        case.mkdir()  # A case that is one file.
    root = step.get("root", "data")
    if root.startswith("../"):
        shutil.copytree(folder.parent / root[3:], tmp_path / root[3:])
    if str(step.get("home")).startswith("../"):
        shutil.copy(folder.parent / step["home"][3:], tmp_path)
    with contextlib.chdir(case):
        for name, text in step.get("files", {}).items():
            Path(root, name).write_text(text, encoding="utf-8")
        source = step.get("source", source)
        if step.get("draft"):
            return draft(case, step, root)
        home = write_home(case, step)
        if step.get("read_only"):
            try:
                return Result("loaded", "", events=read_events(home, root, source))
            except ValueError as error:
                return Result("error", str(error))
        return check(home, root, source)


def problems(result: Result, expected: dict[str, Any]) -> list[str]:
    """Return a line for each expectation that a result does not meet."""
    found: list[str] = []
    outcomes = as_list(expected.get("outcome", []))
    outcomes = [outcome for name in outcomes for outcome in (REFUSED if name == "refused" else (name,))]
    if outcomes and result.outcome not in outcomes:
        found.append(f"outcome {result.outcome}, expected {' or '.join(outcomes)}")
    if expected.get("fails", False) != (result.outcome == "error") and not outcomes:
        found.append(f"outcome {result.outcome}")
    text = " ".join(result.output.split()).lower()
    for words in expected.get("says", []):
        if not any(
            " ".join(str(word).split()).lower() in text or str(word) in result.output for word in as_list(words)
        ):
            found.append(f"does not say {' or '.join(map(repr, as_list(words)))}")
    for word in expected.get("never", []):
        if word.lower() in result.output.lower():
            found.append(f"says {word!r}")
    if "once" in expected and text.count(expected["once"]) > 3:
        found.append(f"says {expected['once']!r} {text.count(expected['once'])} times")
    for key, values in expected.get("holds", {}).items():
        value = result.document
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value not in as_list(values):
            found.append(f"{key}: {value!r}, expected {values!r}")
    return found + event_problems(result.events, expected)


def event_problems(events: pd.DataFrame | None, expected: dict[str, Any]) -> list[str]:
    """Return a line for each expectation that the events do not meet."""
    counted = {"events", "labels", "residents", "sensors", "sessions", "first", "order"} & expected.keys()
    if not counted:
        return []
    if events is None:
        return [] if expected.get("events") == "none" else ["no events could be read"]
    found = []
    if "events" in expected and len(events) not in as_list(expected["events"]):
        found.append(f"{len(events)} events, expected {expected['events']}")
    counts = {
        "labels": events["activity"].value_counts().to_dict(),
        "residents": events["residents"].explode().dropna().value_counts().to_dict(),
        "sensors": events["sensor"].value_counts().to_dict(),
    }
    for name, count in counts.items():
        wanted = expected.get(name, {})
        differ = {key: count.get(key, 0) for key in wanted if count.get(key, 0) not in as_list(wanted[key])}
        if differ or (name == "residents" and wanted and count.keys() - wanted.keys()):
            found.append(f"{name} {count}, expected {wanted}")
    if "sessions" in expected and events["session"].nunique() != expected["sessions"]:
        found.append(f"{events['session'].nunique()} sessions, expected {expected['sessions']}")
    if "first" in expected and len(events) and not str(events["time"].iloc[0]).startswith(expected["first"]):
        found.append(f"first event at {events['time'].iloc[0]}, expected {expected['first']}")
    if "order" in expected:
        rows = [
            [f"{time:%H:%M:%S}", state, label]
            for time, state, label in zip(events["time"], events["state"], events["activity"], strict=True)
        ]
        if rows != expected["order"]:
            found.append(f"events {rows}")
    return found


def as_list(value: Any) -> list[Any]:
    """Return a list as it is, and anything else as a list of one."""
    return value if isinstance(value, list) else [value]
