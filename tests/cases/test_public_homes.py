"""Load the public homes by their shipped descriptions, and compare their events with counts made without Hearth.

`public_homes.yaml` has the counts of those whose files are in shared/data/public_homes: `folder` and `source`;
`events`, the number of events by label as the files spell it, or `by_sensor`, those of the sensors like this one, which
count if the home has that sensor; the number of `sensors` that have a labelled event; the `times` of the first and the
last labelled event; the lines that are `broken` (first lines of records of `lines_a_record`), and the
`max_broken_share` that a config must accept then; the number of `label_rows`, and the lines of the `broken_labels`.

Homes without files are loaded from invented recordings in their documented form: see public_forms.py.
"""

import itertools
import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from casas_forms import write_casas_2025
from hearth.common.config_schema import settings_schema
from hearth.data.load_report import LoadReport
from hearth.data.sources import registry
from hearth.homes.home import Home, load_home
from planted_events import Form, Planted, plain
from public_forms import FORMS
from real_data import SHARED
from repository import HOMES

COUNTED = yaml.safe_load((Path(__file__).parent / "public_homes.yaml").read_text(encoding="utf-8"))
ROOT = SHARED / "public_homes"
SHIPPED = sorted(path.stem for path in HOMES.glob("*.yaml"))
ELSEWHERE = {"TEMPLATE", "marble", "mural"}  # the tests of their loaders count their events
TABLES = {"al-smarthome", "ordonez-b", "aras-a", "aras-b", "orange4home"}  # the others are of the source casas
DATASET = settings_schema()["datasets"]["additionalProperties"]["properties"]
LIMITS = [DATASET[key]["default"] for key in ("max_broken_share", "max_broken_label_share")]
DROP = "drop"


def load(name: str, source: str, root: Path) -> tuple[Home, pd.DataFrame, LoadReport]:
    home = load_home(HOMES / f"{name}.yaml")
    events, report = registry.read(source, root, home)
    assert report.rows == report.loaded + len(report.broken) + sum(report.skipped.values()), "a row is lost"
    assert report.loaded == len(events)
    return home, events, report


def translate(home: Home, label: str) -> str:
    """Return a label of the files as the home spells it, "" if the home leaves it out."""
    if not label:
        return "" if home.recording.unlabelled == DROP else home.recording.unlabelled
    return (home.recording.activities.get(label, label) if home.recording.activities else label) or ""


def count(home: Home, labels: dict[str, int]) -> Counter[str]:
    """Return the number of events by the home's labels; those left out under ""."""
    translated: Counter[str] = Counter()
    for label, number in labels.items():
        translated[translate(home, label)] += number
    return translated


def is_part(number: int, counts: list[int]) -> bool:
    """Return whether some of the counts have the sum `number`."""
    return any(sum(part) == number for size in range(len(counts) + 1) for part in itertools.combinations(counts, size))


def test_every_home_is_counted():
    uncounted = [name for name in SHIPPED if name not in ELSEWHERE | COUNTED.keys() | FORMS.keys()]
    assert not uncounted, "count their events in public_homes.yaml, or write their documented form in public_forms.py"


@pytest.mark.parametrize("name", COUNTED)
def test_events_of_real_files(name):
    case = COUNTED[name]
    folder = ROOT / case["folder"]
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: recorded data, which is no part of the project")
    home, events, report = load(name, case["source"], folder)
    kinds = [labels for sensor, labels in case.get("by_sensor", {}).items() if sensor in home.sensors]
    expected = sum((count(home, labels) for labels in kinds or [case["events"]]), Counter())
    left_out = expected.pop("", 0)
    assert Counter(events["activity"].tolist()) == expected
    assert is_part(left_out, list(report.skipped.values()))
    if home.recording.unlabelled == DROP:
        times = [str(time.floor("s")) for time in (events["time"].min(), events["time"].max())]
        assert times == case.get("times", times)
        assert events["sensor"].nunique() == case.get("sensors", events["sensor"].nunique())
    assert report.label_rows == case.get("label_rows", report.label_rows)
    assert [problem.line for problem in report.broken_labels] == case.get("broken_labels", [])
    size = case.get("lines_a_record", 1)
    assert {problem.line - (problem.line - 1) % size for problem in report.broken} == set(case.get("broken", []))
    assert not list(report.excesses(case.get("max_broken_share", LIMITS[0]), LIMITS[1]))


@pytest.mark.parametrize("name", FORMS)
def test_events_of_the_documented_form(name, tmp_path):
    form = FORMS[name](tmp_path)
    home, events, report = load(name, "table" if name in TABLES else "casas", tmp_path)
    if name.startswith("aras"):
        check_aras(home, form, events)
        return
    found: dict[pd.Timestamp, list[str]] = {}
    for time, activity in zip(events["time"], events["activity"], strict=True):
        found.setdefault(time, []).append(activity)
    for planted in form.events:
        check_event(home, planted, found.pop(pd.Timestamp(planted.time), []), named_lines(report))
    assert not found, "events that nobody planted"
    assert set(form.broken_labels) <= {problem.line for problem in report.broken_labels}


def test_release_without_labels(tmp_path):
    write_casas_2025(tmp_path, labelled=False)
    with pytest.raises(ValueError, match="no line has a label"):
        registry.read("casas", tmp_path, load_home(HOMES / "hh101.yaml"))


def check_event(home: Home, planted: Planted, found: list[str], lines: set[int]) -> None:
    """Compare what was found at the time of a planted event with its label; `lines` are those that the report names."""
    place = f"line {planted.line}, {planted.label!r}, {planted.odd}"
    expected = next((label for label in home.labels if plain(label) == planted.label), "")
    if planted.odd.startswith(("a begin without", "an end without")):
        assert planted.line in lines, f"{place}: is not named"
    elif not found:
        assert not planted.label or (planted.odd and planted.line in lines), f"{place}: is no event, or is not named"
    else:
        assert [plain(label) for label in found] == [plain(expected or translate(home, planted.label))], place


def named_lines(report: LoadReport) -> set[int]:
    """Return the lines that the report names."""
    texts = [*report.notes, *report.warnings, *itertools.chain(*report.places.values())]
    lines = {int(number) for text in texts for number in re.findall(r":(\d+)", text)}
    return lines | {problem.line for problem in [*report.broken, *report.broken_labels]}


def check_aras(home: Home, form: Form, events: pd.DataFrame) -> None:
    """Compare the labels of events by time of day and order of the days: the files have no dates."""
    planted = pd.DataFrame([(event.time, event.label, event.labels) for event in form.events])
    planted.columns = ["time", "activity", "alternatives"]
    if home.recording.several == "any":
        events = events.assign(alternatives=events["alternatives"].map(frozenset))
    else:
        planted = planted.drop(columns="alternatives")
    assert count_by_day(events[planted.columns]) == count_by_day(planted)


def count_by_day(events: pd.DataFrame) -> Counter[tuple]:
    """Return the number of rows by the rank of their day, the time of day and the other columns."""
    times = events["time"].dt
    days = times.date.rank(method="dense")
    others = (events[name] for name in events.columns if name != "time")
    return Counter(zip(days, times.time, *others, strict=True))
