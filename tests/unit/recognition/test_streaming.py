"""Check that streams of events are read line by line, cut as recorded events are, and labelled event by event."""

import io
import json
import sys
from dataclasses import asdict
from datetime import datetime, timedelta

import pytest
import recognise_stream
from hearth.common import files
from hearth.common.cli import UserError
from hearth.data.cutting import cut_windows
from hearth.data.events import event_table
from hearth.engines.protocol import Completion, Decoding
from hearth.homes.home import load_home
from hearth.prompting.prompts import answer_text
from hearth.recognition.streaming import WindowCutter, label_events, make_window
from repository import REPOSITORY

TEMPLATE = REPOSITORY / "config" / "homes" / "TEMPLATE.yaml"
START = datetime(2024, 2, 3, 7, 58)
HEADER = "time,device,value,person,activity\n"


def event(number, seconds, session="s"):
    return {"event": number, "session": session, "time": START + timedelta(seconds=seconds), "description": "x"}


@pytest.mark.parametrize(
    ("by", "seconds"), [("count", None), ("time", 20), ("gap", 7)], ids=["by count", "by time", "by gap"]
)
def test_events_as_they_come_are_cut_as_recorded_ones(by, seconds):
    moments = [0, 1, 2, 9, 9, 17, 24, 24, 31, 60, 61, 63, 80, 88]
    came = [event(n, at, "a" if n <= 9 else "b") for n, at in enumerate(moments, start=1)]
    cutter = WindowCutter(3, by, seconds)
    cut = [window for one in came for window in cutter.add(one)] + cutter.flush()
    rows = [{**each, "room": "", "sensor": "s", "state": "ON", "residents": [], "activity": "a"} for each in came]
    recorded = cut_windows(event_table(rows), "home", 3, True, by, seconds)
    assert [make_window(window)["events"] for window in cut] == [window["events"] for window in recorded]
    assert [each["event"] for window in cut for each in window] == list(range(1, len(came) + 1))


def test_an_event_without_a_label_says_why():
    came = [{**event(n, n), "room": "hall", "sensor": "p", "state": "detected"} for n in (1, 2)]
    prediction = {
        "text": '[{"id": 1, "activity": "cooking"}]', "finish_reason": "stop", "confidences": [0.7, None]
    }  # fmt: skip
    first, second = label_events(came, prediction, ["cooking"])
    assert (first["label"], first["status"], first["confidence"]) == ("cooking", "ok", 0.7)
    assert (second["label"], second["status"], second["confidence"]) == (None, "missing_events", None)
    assert (second["event"], second["time"]) == (2, "2024-02-03T07:58:02")


class FixedLabel:
    """An engine that labels every event but the last of each window, always with the same label."""

    tokenizer = None

    def complete(self, prefix, requests, decoding):
        for request in requests:
            count = len(json.loads(request.suffix))
            yield [Completion(request.key, answer_text(["coming home"] * (count - 1)), "stop", 1, 1)]


@pytest.fixture
def student(tmp_path, monkeypatch):
    """The folder of an export without weights; `FixedLabel` replaces its model."""
    folder = tmp_path / "student"
    home = load_home(TEMPLATE)
    files.write_json(
        folder / "export.json",
        {
            "student": "little",
            "dtype": "float32",
            "gguf": {"files": {}, "default": "", "why_not": "there is none"},
            "source": "table",
            "windows": {"by": "count", "size": 3, "seconds": None},
            "decoding": asdict(Decoding.greedy(64)),
        },
    )
    prompt = {"version": "t@0", "template": "t", "system": "Name it.", "reasoning": "none", "labels": list(home.labels)}
    files.write_json(folder / "prompt.json", prompt)
    (folder / "home.yaml").write_bytes(TEMPLATE.read_bytes())
    monkeypatch.setattr(recognise_stream, "make_engine", lambda arguments, about: FixedLabel())
    return folder


def rows_of(capsys):
    captured = capsys.readouterr()
    return [json.loads(line) for line in captured.out.splitlines()], captured.err


ROWS = "".join(f"2024-02-03 07:58:{second:02d},desk_lamp,on,,\n" for second in range(7))


def test_stdin_is_labelled_window_by_window_and_what_is_left_at_its_end(student, monkeypatch, capsys):
    text = HEADER + ROWS[: len(ROWS) // 7 * 4] + "nonsense\n" + ROWS[len(ROWS) // 7 * 4 :]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    recognise_stream.main(["--student", str(student)])
    rows, report = rows_of(capsys)
    assert [row["event"] for row in rows] == list(range(1, 8))
    assert [row["label"] for row in rows] == ["coming home", "coming home", None] * 2 + [None]
    assert [row["status"] for row in rows] == ["ok", "ok", "missing_events"] * 2 + ["missing_events"]
    assert "stdin:6: " in report
    assert "7 events, 4 labelled, without a label: 3 missing_events; 1 lines not read" in report


def test_a_recording_without_labels_is_labelled_from_its_folder(student, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "today.csv").write_text("time,device,value\n" + ROWS.replace(",,", ""))
    recognise_stream.main(["--student", str(student), "--input", str(tmp_path / "data"), "--batch-size", "2"])
    rows, report = rows_of(capsys)
    assert [row["event"] for row in rows] == list(range(1, 8))
    assert rows[0]["description"] == "bedroom desk lamp turned ON"
    assert "7 events, 4 labelled" in report


def test_after_a_silence_a_window_that_is_not_full_is_labelled(student):
    came = iter([event(0, 0), event(0, 1), None, event(0, 2)])
    cut = recognise_stream.cut_windows(came, WindowCutter(3))
    assert [[each["event"] for each in window] for window in cut] == [[1, 2], [3]]


@pytest.fixture
def of_two_homes(student):
    """The export of a student of two homes; windows of the second have two events."""
    about = files.read_json(student / "export.json")
    for name, size in (("first", 3), ("second", 2)):
        windows = about["windows"] | {"size": size}
        about.setdefault("homes", []).append({"dataset": name, "source": "table", "windows": windows})
        for file in ("prompt.json", "home.yaml"):
            (student / "homes" / name).mkdir(parents=True, exist_ok=True)
            (student / "homes" / name / file).write_bytes((student / file).read_bytes())
    files.write_json(student / "export.json", about)
    return student


def test_a_student_of_several_homes_labels_events_of_the_one_that_is_named(of_two_homes, tmp_path, capsys):
    (tmp_path / "today.csv").write_text("time,device,value\n" + ROWS.replace(",,", ""))
    (of_two_homes / "prompt.json").unlink()  # that of the first home is not read
    call = ["--student", str(of_two_homes), "--input", str(tmp_path / "today.csv"), "--dataset", "second"]
    recognise_stream.main(call)
    rows, _ = rows_of(capsys)
    assert [row["status"] for row in rows] == ["ok", "missing_events"] * 3 + ["missing_events"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "the student learned from first, second: name the one whose events these are as its dataset"),
        (["--dataset", "third"], "dataset third: the student learned from first, second"),
        (["--home", "my.yaml"], "name the one whose events these are as its dataset"),
    ],
)
def test_whose_events_a_student_of_several_homes_labels_must_be_said(of_two_homes, given, said):
    with pytest.raises(UserError, match=said):
        recognise_stream.main(["--student", str(of_two_homes), *given])


def test_what_only_a_run_can_answer_is_refused(student):
    prompt = files.read_json(student / "prompt.json") | {"shots": 2, "shots_by": "similarity"}
    files.write_json(student / "prompt.json", prompt)
    with pytest.raises(ValueError, match="it shows windows that resemble each window"):
        recognise_stream.main(["--student", str(student), "--input", str(student)])
