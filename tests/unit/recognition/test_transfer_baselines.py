"""Test what transfer baselines learn from, and that homes of other words and sizes count as they should."""

import json
from dataclasses import replace

import pytest
import recognise_transfer_baseline
from factories import HOME
from hearth.common import files
from hearth.homes.home import common_label_names, load_home
from hearth.recognition import transfer_baselines
from hearth.recognition.transfer_baselines import (
    TRANSFER_BASELINES,
    HomeWindows,
    Traits,
    features,
    home_traits,
    recognise_windows,
)
from window_factories import make_splits

every_baseline = pytest.mark.parametrize("name", TRANSFER_BASELINES)

# Two homes that share words, but neither ids, spelling of rooms nor labels; `flat` has a room of its own.
HOMES = {
    "house": HOME
    | {
        "rooms": {"Kitchen 1": "stove", "bedroom_2": "bed"},
        "sensors": {
            "a": {
                "room": "Kitchen 1",
                "words": "stove",
                "kind": "power meter",
                "states": {"1": "turned ON", "0": "off"},
            },
            "b": {"room": "bedroom_2", "words": "bed", "kind": "pressure", "states": {"x": "PRESSED"}},
            "t": {"room": "bedroom_2", "words": "thermometer", "states": {"20": "20.5"}},
        },
        "labels": ["Meal prep", "Nap"],
        "common_labels": {"Meal prep": "cooking", "Nap": "sleeping"},
    },
    "flat": HOME
    | {
        "rooms": {"kitchen": "stove", "bedroom": "bed", "bathroom": "tap"},
        "sensors": {
            "s1": {"room": "kitchen", "words": "stove", "kind": "Power meter", "states": {"ON": "on", "OFF": "OFF"}},
            "s2": {"room": "bedroom", "words": "bed", "kind": "pressure", "states": {"ON": "pressed"}},
            "s3": {"room": "bathroom", "words": "tap", "kind": "flow", "states": {"ON": "opened"}},
            "s4": {"room": "bedroom", "words": "wardrobe door", "kind": "contact", "states": {"ON": "opened"}},
        },
        "labels": ["COOK", "SLEEP", "WASH"],
        "common_labels": {"COOK": "cooking", "SLEEP": "sleeping", "WASH": "hygiene"},
    },
}
EVENTS = {
    "house": {"Meal prep": ("Kitchen 1 stove turned ON", "Kitchen 1 stove off"), "Nap": ("bedroom_2 bed PRESSED",) * 2},
    "flat": {
        "COOK": ("kitchen stove on", "kitchen stove OFF"),
        "SLEEP": ("bedroom bed pressed",) * 2,
        "WASH": ("bathroom tap opened",) * 2,
    },
}


def make_window(home, session, label, described=None, hour=8):
    """Return a window of this home in which its label's events occur."""
    described = described or EVENTS[home][label]
    return {
        "window_id": f"{home}/{session}/0",
        "dataset": home,
        "session": session,
        "index": 0,
        "events": [
            {"id": place, "time": f"{hour:02d}:00:{place:02d}", "description": description}
            for place, description in enumerate(described, start=1)
        ],
        "gold": [label] * len(described),
        "residents": [["A"] for _ in described],
    }


def windows_of(home, rounds=6):
    """Return windows of every label of a home in turn, each in a session of its own."""
    labels = HOMES[home]["labels"]
    return [make_window(home, f"s{number}", labels[number % len(labels)]) for number in range(rounds)]


def as_home(content, tmp_path):
    path = tmp_path / "home.yaml"
    events = [{"time": "08:00:00", "sensor": next(iter(content["sensors"])), "label": content["labels"][0]}]
    states = next(iter(content["sensors"].values()))["states"]
    events = [event | {"state": next(iter(states))} for event in events * 2]
    files.write_text(path, json.dumps(content | {"example": {"reasoning": "So.", "events": events}}))
    return load_home(path)


@pytest.fixture
def homes(tmp_path):
    """Return the homes by name."""
    return {name: as_home(content, tmp_path) for name, content in HOMES.items()}


def learn(homes, name, windows):
    return HomeWindows(name, iter(windows), home_traits(homes[name]), homes[name].common_labels)


def labels_of(predictions):
    return [row["labels"] for row in predictions]


def test_traits_leave_out_case_numbers_and_spelling_of_states(homes):
    house, flat = (home_traits(homes[name]) for name in ("house", "flat"))
    assert house["Kitchen 1 stove turned ON"] == flat["kitchen stove on"]
    assert house["Kitchen 1 stove off"] == flat["kitchen stove OFF"]
    assert house["bedroom_2 bed PRESSED"] == flat["bedroom bed pressed"]
    assert house["bedroom_2 thermometer 20.5"] == Traits(("bedroom", "thermometer"), "bedroom", "", "number")


@pytest.mark.parametrize(
    ("words", "sort"),
    [
        *(("turned ON", "on"), ("OPENED", "on"), ("motion detected", "on"), ("in use", "on"), ("taken away", "on")),
        *(("switched off", "off"), ("closed", "off"), ("no longer in use", "off"), ("report no motion", "off")),
        *(("put back", "off"), ("21.5", "number"), ("unlocked", "unlocked"), ("Half 2", "half")),
    ],
)
def test_states_in_other_words_are_of_one_sort(homes, words, sort):
    house = homes["house"]
    sensor = replace(house.sensors["a"], states={"x": words})
    traits = home_traits(replace(house, sensors={"a": sensor}))
    assert [each.state for each in traits.values()] == [sort]


@every_baseline
def test_a_baseline_labels_a_home_that_it_has_never_seen(homes, name):
    house, flat = windows_of("house"), windows_of("flat")
    predictions = list(recognise_windows(name, [learn(homes, "house", house)], learn(homes, "flat", flat)))
    for window, labels in zip(flat, labels_of(predictions), strict=True):
        if window["gold"][0] != "WASH":  # no event of the house is like it
            assert labels == [HOMES["flat"]["common_labels"][label] for label in window["gold"]]


@every_baseline
def test_predictions_have_the_form_of_parsed_answers_in_common_labels(homes, name):
    flat = windows_of("flat")
    rows = list(recognise_windows(name, [learn(homes, "flat", flat)], learn(homes, "flat", flat)))
    assert [row["window_id"] for row in rows] == [window["window_id"] for window in flat]
    for row, window in zip(rows, flat, strict=True):
        assert row["labels"] == row["lenient_labels"] == [homes["flat"].common_labels[one] for one in window["gold"]]
        assert (row["status"], row["lenient_status"]) == ("ok", "ok")
        assert [each["activity"] for each in json.loads(row["text"])] == row["labels"]
        assert set(row["labels"]) <= set(common_label_names())


@every_baseline
def test_answers_do_not_depend_on_the_labels_of_the_tested_windows(homes, name):
    house, flat = windows_of("house"), windows_of("flat")
    hidden = [window | {"gold": ["COOK"] * len(window["gold"])} for window in flat]
    answers = [
        labels_of(recognise_windows(name, [learn(homes, "house", house)], learn(homes, "flat", tested)))
        for tested in (flat, hidden)
    ]
    assert answers[0] == answers[1]


def test_every_home_weighs_the_same_however_many_events_it_has(homes):
    # In the large house, the stove means a nap nine times out of ten; in the small flat, it always means cooking.
    stove = EVENTS["house"]["Meal prep"]
    naps = [make_window("house", f"n{n}", "Nap", stove) for n in range(90)]
    meals = [make_window("house", f"m{n}", "Meal prep", stove) for n in range(110)]
    cooking = [make_window("flat", "s", "COOK")]
    tested = [make_window("flat", "t", "COOK")]

    def answer(*learned):
        return labels_of(recognise_windows("words-majority", learned, learn(homes, "flat", tested)))[0]

    assert answer(learn(homes, "house", naps + meals[:10])) == ["sleeping"] * 2
    assert answer(learn(homes, "house", naps + meals[:10]), learn(homes, "flat", cooking)) == ["cooking"] * 2


def test_an_unknown_sensor_is_labelled_by_kind_and_room_then_by_room_then_by_all_events(homes):
    learned = [make_window("flat", "a", "SLEEP"), *(make_window("flat", f"b{n}", "COOK") for n in range(3))]

    def answer(description):
        tested = [make_window("flat", "t", "WASH", [description])]
        home = learn(homes, "flat", learned)
        return labels_of(recognise_windows("words-majority", [home], learn(homes, "flat", tested)))[0]

    assert answer("bedroom wardrobe door opened") == ["sleeping"]  # by its room
    assert answer("bathroom tap opened") == ["cooking"]  # by all events


def test_equally_frequent_labels_have_the_order_of_the_common_labels(homes):
    stove = EVENTS["flat"]["COOK"]
    learned = [make_window("flat", f"s{n}", label, stove) for n, label in enumerate(("WASH", "COOK", "SLEEP"))]
    home = learn(homes, "flat", learned)
    (labels,) = labels_of(recognise_windows("words-majority", [home], learn(homes, "flat", learned[:1])))
    assert set(labels) == {min(("hygiene", "cooking", "sleeping"), key=common_label_names().index)}


def test_time_of_day_tells_apart_what_words_do_not(homes):
    """The bed means sleeping at night and, for want of a word, hygiene at noon."""
    bed = EVENTS["flat"]["SLEEP"]
    learned = [
        make_window("flat", f"s{hour}-{n}", label, bed, hour)
        for label, hours in (("SLEEP", (0, 1, 2, 23)), ("WASH", (11, 12, 13, 14)))
        for hour in hours
        for n in range(5)
    ]
    tested = [make_window("flat", "t0", "SLEEP", bed, 22), make_window("flat", "t1", "WASH", bed, 12)]
    answers = labels_of(recognise_windows("words-trees", [learn(homes, "flat", learned)], learn(homes, "flat", tested)))
    assert answers == [["sleeping"] * 2, ["hygiene"] * 2]


def test_of_too_many_windows_some_are_learned_from_evenly_and_the_log_says_so(homes, monkeypatch, caplog):
    monkeypatch.setattr(transfer_baselines, "WINDOWS_PER_HOME", 4)
    # Every fourth of ten windows is of cooking, and only those are learned from.
    learned = [
        make_window("flat", f"s{n}", "COOK" if n % 4 == 0 else "SLEEP", EVENTS["flat"]["COOK"]) for n in range(10)
    ]
    (labels,) = labels_of(
        recognise_windows("words-majority", [learn(homes, "flat", learned)], learn(homes, "flat", learned[:1]))
    )
    assert set(labels) == {"cooking"}
    assert "flat: learning from one in 4 of its train windows, 3" in caplog.text


def test_features_describe_the_neighbours_by_their_distance_and_no_window_that_is_not_shown(homes):
    traits = home_traits(homes["flat"])
    described = ["kitchen stove on", "bathroom tap opened", "kitchen stove OFF"]
    window = make_window("flat", "s", "COOK", described)
    rows = features(window["events"], [traits[each] for each in described])
    assert rows[0]["after: tap"] == 1.0
    assert rows[0]["after: stove"] == 0.5
    assert rows[2]["before: stove"] == 0.5
    assert rows[1]["window: stove"] == pytest.approx(2 / 3)
    assert [row["state: on"] for row in rows if "state: on" in row] == [1.0, 1.0]
    assert (rows[0]["pause before"], rows[2]["pause after"]) == (-1.0, -1.0)


def test_a_home_without_a_window_to_learn_from_is_named(homes):
    with pytest.raises(ValueError, match="train split of house has no window"):
        list(recognise_windows("words-majority", [learn(homes, "house", [])], learn(homes, "flat", windows_of("flat"))))
    with pytest.raises(ValueError, match="transfer baseline 'words' is none of words-majority, words-trees"):
        list(recognise_windows("words", [], learn(homes, "flat", [])))


def write_dataset(folder, name, content, folds=2):
    """Write the windows, splits and home of a dataset, half of whose sessions are tested in each of two folds.

    With one fold, the second half is never tested.
    """
    windows = windows_of(name, 12)
    fold_of = [1] * 6 + [2 if folds == 2 else None] * 6
    splits = make_splits({window["session"]: fold for window, fold in zip(windows, fold_of, strict=True)}, windows)
    files.write_json_lines(folder / name / "windows.jsonl", windows)
    files.write_json(folder / name / "splits.json", splits)
    sensor, spec = next(iter(content["sensors"].items()))
    event = {"time": "08:00:00", "sensor": sensor, "state": next(iter(spec["states"])), "label": content["labels"][0]}
    files.write_text(
        folder / name / "home.yaml", json.dumps(content | {"example": {"reasoning": "So.", "events": [event] * 2}})
    )


def run_program(folder, baseline, learned, tested="flat"):
    names = list(dict.fromkeys([*learned, tested]))
    options = [
        *("--baseline", baseline, "--tested", tested, "--learned", *learned, "--datasets", *names),
        *("--windows", *(str(folder / name / "windows.jsonl") for name in names)),
        *("--splits", *(str(folder / name / "splits.json") for name in names)),
        *("--homes", *(str(folder / name / "home.yaml") for name in names)),
        *("--common-labels", json.dumps({name: HOMES[name]["common_labels"] for name in names})),
        *("--stats", str(folder / "stats.json")),
    ]
    predicted = []
    for split in ("test1", "test2"):
        out = folder / f"{split}.jsonl"
        recognise_transfer_baseline.main([*options, "--split", split, "--out", str(out)])
        predicted.append(list(files.iterate_json_lines(out)))
    return predicted


@every_baseline
@pytest.mark.parametrize("learned", [["flat"], ["house"], ["house", "flat"]])
def test_the_program_labels_each_fold_after_learning_from_the_train_splits(tmp_path, name, learned):
    for home, content in HOMES.items():
        write_dataset(tmp_path, home, content)
    folds = run_program(tmp_path, name, learned)
    assert [[row["window_id"] for row in rows] for rows in folds] == [
        [f"flat/s{number}/0" for number in range(first, first + 6)] for first in (0, 6)
    ]
    stats = files.read_json(tmp_path / "stats.json")
    assert (stats["windows"], stats["engine"]) == (6, "baseline")


def test_a_home_with_fewer_folds_is_learned_from_as_in_its_first(tmp_path):
    for home, content in HOMES.items():
        write_dataset(tmp_path, home, content, folds=1 if home == "house" else 2)
    first, second = run_program(tmp_path, "words-majority", ["house"])
    assert len(first) == len(second) == 6
    write_dataset(tmp_path, "house", HOMES["house"])
    assert run_program(tmp_path, "words-majority", ["house"])[0] == first


@every_baseline
def test_the_windows_of_a_tested_fold_and_of_a_home_left_out_decide_nothing(tmp_path, name):
    """Labels of the tested windows, and all of the tested home for a baseline of the others, can be anything."""
    for home, content in HOMES.items():
        write_dataset(tmp_path, home, content)
    own, others = run_program(tmp_path, name, ["flat"]), run_program(tmp_path, name, ["house"])
    path = tmp_path / "flat" / "windows.jsonl"
    windows = list(files.iterate_json_lines(path))
    for window in windows[:6]:  # those that are tested in fold 1
        window["gold"] = ["WASH"] * len(window["gold"])
    files.write_json_lines(path, windows)
    assert run_program(tmp_path, name, ["flat"])[0] == own[0]
    assert run_program(tmp_path, name, ["house"]) == others
