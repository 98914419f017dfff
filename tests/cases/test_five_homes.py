"""Bring five homes from their folder to events as a newcomer does: draft, a few edits, check-home, load_dataset."""

import contextlib
from collections import Counter
from datetime import datetime

import five_homes
import pandas as pd
import yaml
from homes_run import finish, merge, move_example, run_program
from real_data import SHARED, needs_data

ORDONEZ = SHARED / "public_homes" / "uci-ordonez-a"


def load(folder, edits, timezone, source="table"):
    """Return the events by activity that load_dataset reads by the draft, once finished and edited, and the draft.

    check_home must find the draft wrong at first and then clean, or say what it tolerates.
    """
    import load_dataset
    from hearth.common.config_schema import settings_schema

    dataset = settings_schema()["datasets"]["additionalProperties"]["properties"]
    limits = [f"--{key.replace('_', '-')}={dataset[key]['default']}" for key in dataset if key.startswith("max_broken")]
    home = folder.parent / "home.yaml"
    with contextlib.chdir(folder.parent):
        status, drafted, error = run_program("--draft", "--root", str(folder))
        assert status == 0, error
        home.write_text(drafted, encoding="utf-8")
        location = ["--home", str(home), "--root", str(folder), "--source", source]
        status, report, _ = run_program(*location)
        assert status == 1, "an untouched draft is wrong"
        document = yaml.safe_load(drafted)
        finish(document, timezone)
        merge(document, edits)
        move_example(document)
        home.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
        status, report, error = run_program(*location)
        assert status == 0, report[-3000:] + error
        load_dataset.main([*location, *limits, "--events", "events.parquet", "--card", "card.md"])
    events = pd.read_parquet(folder.parent / "events.parquet")
    return Counter(events["activity"].tolist()), drafted


def make_folder(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def test_al_smarthome(tmp_path):
    folder = make_folder(tmp_path)
    five_homes.write_al_smarthome(folder)
    events, _ = load(folder, {}, "America/Los_Angeles")
    expected = five_homes.counts()
    expected["Other_Activity"] = expected.pop("")
    assert events == expected


def test_aruba(tmp_path):
    folder = make_folder(tmp_path)
    five_homes.write_aruba(folder)
    events, drafted = load(folder, {}, "America/Los_Angeles", source="casas")
    assert "SOURCE=casas" in drafted
    expected = five_homes.counts()
    del expected[""]
    assert events == expected


def test_ordonez_b(tmp_path):
    folder = make_folder(tmp_path)
    five_homes.write_ordonez_b(folder)
    events, drafted = load(folder, {}, "Europe/Madrid")
    assert "Place" in drafted
    expected = five_homes.count_ordonez_b()
    del expected[""]
    assert events == expected


def test_aras(tmp_path):
    folder = make_folder(tmp_path)
    changes = five_homes.write_aras(folder)
    # ARAS's README, not its files, says which number is which activity.
    names = {str(code): name for code, name in five_homes.ARAS_NAMES.items()}
    recording = {"activities": {code: names[code] for code in ("11", "4", "9", "12", "2")}}
    recording["wide"] = {"start": "2013-01-01 00:00:00"}
    edits = {"recording": recording}
    edits["labels"] = sorted(names.values())
    events, drafted = load(folder, edits, "Europe/Istanbul")
    assert "wide" in yaml.safe_load(drafted)["recording"]
    assert events.total() == changes.total()


def test_home_assistant(tmp_path):
    folder = make_folder(tmp_path)
    five_homes.write_home_assistant(folder)
    events, drafted = load(folder, {}, "Europe/Berlin")
    assert yaml.safe_load(drafted)["recording"]["ignored_states"] == ["unavailable"]
    expected = five_homes.counts()
    del expected[""]
    assert events == expected


@needs_data(ORDONEZ)
def test_ordonez_a_as_it_comes(tmp_path):
    folder = make_folder(tmp_path)
    for path in ORDONEZ.glob("OrdonezA_*.txt"):
        (folder / path.name).write_bytes(path.read_bytes())
    events, _ = load(folder, {}, "Europe/Madrid")
    assert events == count_ordonez_a()


def count_ordonez_a():
    """Return the events of Ordonez A by activity, counted by another way: cells by `split`, intervals by comparison."""

    def read(name):
        lines = (ORDONEZ / name).read_text().splitlines()[2:]
        rows = [[cell.strip() for cell in line.split("\t") if cell.strip()] for line in lines]
        return [(datetime.fromisoformat(row[0]), datetime.fromisoformat(row[1]), *row[2:]) for row in rows]

    labels = [(begin, end, activity) for begin, end, activity in read("OrdonezA_ADLs.txt") if begin <= end]
    counts = Counter()
    for begin, end, *_ in read("OrdonezA_Sensors.txt"):
        for time in (begin, end):
            covering = [label for label in labels if label[0] <= time <= label[1]]
            if covering:
                counts[max(covering)[2]] += 1
    return counts
