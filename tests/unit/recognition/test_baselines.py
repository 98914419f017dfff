"""Check that baselines learn from the train split alone, and that predictions have a language model's format."""

import copy
import json
import subprocess
import sys

import pytest
import recognise_baseline
from hearth.common import files
from hearth.prompting.parsing import parse
from hearth.recognition import baselines
from hearth.recognition.baselines import BASELINES, predict_labels
from repository import SCRIPTS
from window_factories import make_splits

PREDICTION_KEYS = ["window_id", "text", "finish_reason", "prompt_tokens", "completion_tokens", "seed"]

every_baseline = pytest.mark.parametrize("name", BASELINES)
learners = pytest.mark.parametrize("name", ["extra-trees", "crf"])


def window(session, index, described, gold, start="08:00:00", step=5):
    """Return a window of events with these descriptions, `step` seconds apart."""
    first = sum(int(part) * 60**place for part, place in zip(start.split(":"), (2, 1, 0), strict=True))
    clocks = [(first + number * step) % 86400 for number in range(len(described))]
    return {
        "window_id": f"home/{session}/{index}",
        "dataset": "home",
        "session": session,
        "index": index,
        "events": [
            {"id": number, "time": f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}", "description": description}
            for number, (s, description) in enumerate(zip(clocks, described, strict=True), start=1)
        ],
        "gold": gold,
        "residents": [["A"] for _ in gold],
    }


# Events of the door mean LEAVING, or RETURNING after a lamp: only a neighbouring event tells which.
KITCHEN = (["stove turned ON", "tap opened", "stove turned ON"], ["COOKING", "water, or drinks", "COOKING"])
OUT = (["tap opened", "door opened", "door closed"], ["water, or drinks", "LEAVING", "LEAVING"])
BACK = (["lamp turned ON", "door opened", "door closed"], ["RETURNING", "RETURNING", "RETURNING"])
TRAIN = [window(f"s{n}", 0, *(KITCHEN, OUT, BACK)[n % 3]) for n in range(30)]
TEST = [window(f"t{n}", 0, *each) for n, each in enumerate((KITCHEN, OUT, BACK))]


def gold(windows):
    return [each["gold"] for each in windows]


def test_the_names_of_baselines_are_read_without_their_libraries():
    code = "import sys, hearth.recognition.baselines; sys.exit(bool({'sklearn', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], cwd=SCRIPTS, check=True)


def test_the_majority_is_the_most_frequent_label_and_among_equals_the_first():
    train = [window("a", 0, ["x"] * 3, ["B", "A", "A"]), window("b", 0, ["x"] * 2, ["B", "C"])]
    assert predict_labels("majority", train, TEST) == [["B"] * 3] * 3


def test_a_sensors_majority_is_that_of_its_description():
    train = [window("a", 0, ["x", "x", "x", "y", "z"], ["A", "B", "B", "C", "B"])]
    test = [window("t", 0, ["y", "x", "never seen"], ["?"] * 3)]
    assert predict_labels("sensor-majority", train, test) == [["C", "B", "B"]]


@learners
def test_neighbouring_events_are_learned_from(name):
    assert predict_labels(name, TRAIN, TEST) == gold(TEST)
    assert predict_labels("sensor-majority", TRAIN, TEST) != gold(TEST)


@learners
def test_the_time_of_day_is_learned_from(name):
    def day(session, hour, label):
        return window(session, 0, ["tap opened"] * 2, [label] * 2, start=f"{hour:02d}:10:00")

    train = [
        day(f"{hour}-{n}", hour, "WASHING" if hour < 12 else "DRINKING") for hour in (7, 8, 19, 20) for n in range(8)
    ]
    test = [day("t", 7, ""), day("t", 20, "")]
    assert predict_labels(name, train, test) == [["WASHING"] * 2, ["DRINKING"] * 2]


@learners
def test_gaps_are_learned_from(name):
    def pair(session, step, label):
        return window(session, 0, ["tap opened"] * 2, [label] * 2, step=step)

    train = [
        pair(f"{n}-{step}", step, "RINSING" if step < 10 else "BATHING") for n in range(9) for step in (2, 3, 900, 950)
    ]
    assert predict_labels(name, train, [pair("t", 3, ""), pair("t", 920, "")]) == [["RINSING"] * 2, ["BATHING"] * 2]


@every_baseline
def test_another_run_gives_the_same_bytes(name, tmp_path):
    written = []
    for number in range(2):
        assert files.write_json_lines(tmp_path / str(number), baselines.recognise_windows(name, TRAIN, TEST)) == 3
        written.append((tmp_path / str(number)).read_bytes())
    assert written[0] == written[1]


@every_baseline
def test_a_shard_alone_is_labelled_as_among_all(name):
    together = predict_labels(name, TRAIN, TEST)
    assert [predict_labels(name, TRAIN, [each])[0] for each in TEST] == together


@every_baseline
def test_a_label_never_seen_in_train_is_never_given(name):
    unseen = [copy.deepcopy(each) | {"gold": ["NEW"] * 3} for each in TEST]
    predicted = predict_labels(name, TRAIN, unseen)
    assert {label for labels in predicted for label in labels} <= {label for each in TRAIN for label in each["gold"]}


@every_baseline
def test_events_of_unknown_sensors_are_labelled_too(name):
    test = [
        window("t", 0, ["never seen", "nor this: 1=2 {x} é"], ["?"] * 2),
        window("t", 1, ["stove turned ON"], ["?"]),
    ]
    predicted = predict_labels(name, TRAIN, test)
    assert [len(labels) for labels in predicted] == [2, 1]


@every_baseline
def test_a_train_split_of_one_label(name):
    train = [window("a", 0, ["x", "y"], ["ONLY", "ONLY"])]
    assert predict_labels(name, train, TEST) == [["ONLY"] * 3] * 3


@every_baseline
def test_an_empty_train_split_is_an_error(name):
    with pytest.raises(ValueError, match=f"baseline {name}: the train split has no window to learn from"):
        list(baselines.recognise_windows(name, [], TEST))


def test_an_unknown_baseline_is_named():
    with pytest.raises(ValueError, match="baseline 'svm' is none of majority, sensor-majority, extra-trees, crf"):
        predict_labels("svm", TRAIN, TEST)


@every_baseline
def test_no_label_of_the_test_split_changes_a_prediction(name):
    """A baseline that looked at labels or residents of the test split would answer otherwise if they changed."""
    changed = [each | {"gold": ["COOKING"] * 3, "residents": [["Z"]] * 3} for each in TEST]
    predicted, again = (list(baselines.recognise_windows(name, TRAIN, windows)) for windows in (TEST, changed))
    assert predicted == again


def test_a_baseline_that_looks_for_the_labels_finds_none(monkeypatch):
    def leak(train):
        return lambda windows: [each["gold"] for each in windows]

    monkeypatch.setitem(BASELINES, "leak", leak)
    with pytest.raises(TypeError):
        list(baselines.recognise_windows("leak", TRAIN, TEST))


def test_date_and_place_in_the_session_are_no_features():
    late = [each | {"session": "z", "index": 99, "window_id": "home/z/99"} for each in TEST]
    assert [baselines.features(each["events"]) for each in late] == [
        baselines.features(each["events"]) for each in TEST
    ]
    names = {name for each in TRAIN for row in baselines.features(each["events"]) for name in row}
    assert not {name for name in names if "session" in name or "index" in name}


def test_a_window_over_midnight_has_the_gaps_of_any_other():
    night, morning = (
        baselines.features(window("a", 0, ["x"] * 3, [""] * 3, start=at)["events"]) for at in ("23:59:57", "08:00:00")
    )
    gaps = [
        [{name: value for name, value in row.items() if name.endswith("gap")} for row in rows]
        for rows in (night, morning)
    ]
    assert gaps[0] == gaps[1]


@every_baseline
def test_predictions_and_stats_have_the_keys_of_a_language_models(name):
    predictions = list(baselines.recognise_windows(name, TRAIN, TEST))
    stats = baselines.make_stats(3, 1.5)
    assert [list(row) for row in predictions] == [PREDICTION_KEYS] * 3
    labels = tuple({label for each in TRAIN for label in each["gold"]})
    for row, labels_of_window in zip(predictions, predict_labels(name, TRAIN, TEST), strict=True):
        answer = parse(row["text"], 3, labels, row["finish_reason"])
        assert (answer.status, answer.labels, answer.reasoning) == ("ok", labels_of_window, "")
        assert (row["finish_reason"], row["prompt_tokens"], row["completion_tokens"]) == ("stop", 0, 0)
    assert stats["windows"] == 3
    assert {"seconds", "prompt_tokens", "completion_tokens", "peak_memory_bytes", "device", "engine", "versions"} < set(
        stats
    )


# The program


def arguments(folder, fold_of_session=(), **changes):
    windows = TRAIN + TEST
    fold_of = {each["session"]: 1 if each in TEST else None for each in windows}
    files.write_json_lines(folder / "windows.jsonl", windows)
    files.write_json(folder / "splits.json", make_splits(fold_of | dict(fold_of_session), windows))
    options = {
        "baseline": "sensor-majority",
        "windows": folder / "windows.jsonl",
        "splits": folder / "splits.json",
        "split": "test1",
        "out": folder / "test1.jsonl",
        "stats": folder / "stats.json",
    } | changes
    return [text for key, value in options.items() for text in (f"--{key}", str(value))]


def test_the_program_writes_the_predictions_of_a_split(tmp_path):
    recognise_baseline.main(arguments(tmp_path))
    rows = files.read_json_lines(tmp_path / "test1.jsonl")
    assert [row["window_id"] for row in rows] == [f"home/t{n}/0" for n in range(3)]
    assert [entry["activity"] for entry in json.loads(rows[2]["text"])] == ["RETURNING", "LEAVING", "LEAVING"]
    assert files.read_json(tmp_path / "stats.json")["windows"] == 3


def test_every_fold_is_predicted_from_the_windows_of_the_others(tmp_path):
    """All windows are in three folds; COOKING occurs in one of them only, so that its own fold never predicts it."""
    fold_of = {each["session"]: number % 3 + 1 for number, each in enumerate(TRAIN)}
    fold_of |= {each["session"]: number + 1 for number, each in enumerate(TEST)}
    predicted = {}
    for fold in (1, 2, 3):
        out = tmp_path / f"test{fold}.jsonl"
        recognise_baseline.main(arguments(tmp_path, fold_of, split=f"test{fold}", out=out))
        predicted[fold] = files.read_json_lines(out)
    for fold, rows in predicted.items():
        assert [row["window_id"].split("/")[1] for row in rows] == [s for s, own in fold_of.items() if own == fold]
    assert not any("COOKING" in row["text"] for row in predicted[1])


def test_the_program_loads_no_language_model(tmp_path):
    code = "import sys, recognise_baseline as r; r.main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, *arguments(tmp_path)], cwd=SCRIPTS, check=False).returncode == 0


def test_the_program_refuses_an_unknown_baseline(tmp_path, capsys):
    with pytest.raises(SystemExit):
        recognise_baseline.main(arguments(tmp_path, baseline="svm"))
    assert "invalid choice: 'svm'" in capsys.readouterr().err
