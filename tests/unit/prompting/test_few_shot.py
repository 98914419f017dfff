"""Check which windows are few-shot examples, and how a prompt shows them."""

import json
import re

import pytest
import render_prompt
from hearth.common.files import write_json, write_json_lines
from hearth.homes.home import load_home
from hearth.prompting import few_shot
from hearth.prompting.prompts import REASONING_MODES, answer_text, events_text, user_turns, window_text
from hearth.prompting.prompts import render_prompt as render
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import REPOSITORY
from window_factories import make_splits

HOMES = {name: REPOSITORY / "config" / "homes" / f"{name}.yaml" for name in ("marble", "mural")}
TEMPLATES = {name: REPOSITORY / "config" / "prompts" / f"{name}.j2" for name in ("six-parts", "brief")}

every_kind = pytest.mark.parametrize("kind", few_shot.SELECTIONS)
both_templates = pytest.mark.parametrize("template", TEMPLATES)


def window(session, index, described, gold="COOKING"):
    return {
        "window_id": f"2021-03-04-home/{session}/{index}",
        "dataset": "2021-03-04-home",
        "session": session,
        "index": index,
        "events": [
            {"id": number, "time": f"08:{index:02d}:{number:02d}", "description": description}
            for number, description in enumerate(described, start=1)
        ],
        "gold": [gold] * len(described),
        "residents": [["SUBJECT-7"]] * len(described),
    }


WINDOWS = [
    window("secret-a", 0, ["stove", "stove", "fridge"]),
    window("secret-a", 1, ["couch", "television"], gold="WATCHING_TV"),
    window("secret-b", 0, ["stove", "fridge", "fridge"]),
    window("secret-b", 1, ["door"], gold="LEAVING_HOME"),
    window("secret-c", 0, ["couch", "television", "stove"], gold="WATCHING_TV"),
    window("secret-t", 0, ["stove", "fridge", "fridge"], gold="EATING"),
    window("secret-t", 1, ["never seen"], gold="EATING"),
]
TRAIN, TEST = WINDOWS[:5], WINDOWS[5:]


def names(windows):
    return [f"{each['session'][-1]}{each['index']}" for each in windows]


# Which windows


def test_similar_windows_have_the_same_descriptions_as_often():
    examples = few_shot.similar_examples(TEST, TRAIN, 3)
    assert names(examples[TEST[0]["window_id"]]) == ["b0", "a0", "c0"]


def test_among_equals_the_earlier_comes_first():
    assert names(few_shot.similar_examples(TEST, TRAIN, 3)[TEST[1]["window_id"]]) == ["a0", "a1", "b0"]
    twins = [window(f"s{n}", 0, ["stove", "door"]) for n in range(30)]
    assert names(few_shot.similar_examples(TEST, twins, 4)[TEST[0]["window_id"]]) == ["00", "10", "20", "30"]


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6), min_size=6, max_size=14),
    st.integers(1, 3),
)
def test_shown_are_distinct_windows_of_other_sessions(described, count):
    windows = [window(f"s{n % 4}", n, each) for n, each in enumerate(described)]
    train = [each for each in windows if each["session"] != "s3"]
    for target in windows:
        shown = few_shot.similar_examples([target], train, count)[target["window_id"]]
        assert len({each["window_id"] for each in shown}) == count
        assert all(each in train and each["session"] != target["session"] for each in shown)


def test_what_is_similar_does_not_depend_on_the_shard():
    whole = few_shot.similar_examples(WINDOWS, TRAIN, 2)
    for each in WINDOWS:
        assert few_shot.similar_examples([each], TRAIN, 2) == {each["window_id"]: whole[each["window_id"]]}


def test_labels_of_the_window_asked_about_decide_nothing():
    turned = [each | {"gold": ["LEAVING_HOME"] * len(each["gold"])} for each in TEST]
    assert few_shot.similar_examples(turned, TRAIN, 2) == few_shot.similar_examples(TEST, TRAIN, 2)


def test_random_windows_are_fixed_for_good():
    assert names(few_shot.random_examples(TRAIN, 2)) == names(few_shot.random_examples(TRAIN[::-1], 2))[::-1]
    assert few_shot.random_examples(TRAIN, 5) == TRAIN
    assert {each["window_id"] for each in few_shot.random_examples(TRAIN, 2)} < {
        each["window_id"] for each in few_shot.random_examples(TRAIN, 3)
    }


def test_too_few_windows_are_an_error():
    with pytest.raises(ValueError, match="shows 6 windows of the train split, which has only 5"):
        few_shot.random_examples(TRAIN, 6)
    with pytest.raises(
        ValueError,
        match=r"secret-a/0: the prompt shows 4 windows of other sessions .* has only 3",
    ):
        few_shot.similar_examples(TRAIN, TRAIN, 4)


# In a prompt


def prompt(count=0, kind="similarity", template="six-parts", reasoning="none", **options):
    home = load_home(HOMES["marble"])
    return render(home, TEMPLATES[template], reasoning, shots=count, shots_by=kind, windows=TRAIN, **options)


@both_templates
@pytest.mark.parametrize("reasoning", REASONING_MODES)
def test_random_windows_stand_in_the_system_text_with_their_labels(template, reasoning):
    rendered = prompt(2, "random", template, reasoning)
    for shown in few_shot.random_examples(TRAIN, 2):
        assert rendered["system"].count(events_text(shown["events"])) == 1
        assert answer_text(shown["gold"]) in rendered["system"]
    assert (rendered["shots"], rendered["shots_by"]) == (2, "random")
    assert user_turns(rendered, TEST, TRAIN) == {each["window_id"]: window_text(each) for each in TEST}


@both_templates
def test_similar_windows_stand_in_the_users_turn_before_the_one_asked_about(template):
    rendered = prompt(2, "similarity", template)
    turn = user_turns(rendered, TEST, TRAIN)[TEST[0]["window_id"]]
    first, second = few_shot.similar_examples(TEST, TRAIN, 2)[TEST[0]["window_id"]]
    assert turn == (
        f"Input:\n{events_text(first['events'])}\nOutput:\n{answer_text(first['gold'])}\n\n"
        f"Input:\n{events_text(second['events'])}\nOutput:\n{answer_text(second['gold'])}\n\n"
        f"Input:\n{events_text(TEST[0]['events'])}"
    )
    assert "2" in rendered["system"].splitlines()[-1]
    assert events_text(first["events"]) not in rendered["system"]


@both_templates
@every_kind
@pytest.mark.parametrize("reasoning", REASONING_MODES)
def test_what_is_shown_leaks_no_ids_dates_sessions_and_residents(template, kind, reasoning):
    rendered = prompt(3, kind, template, reasoning)
    whole = "".join([rendered["system"], *user_turns(rendered, TEST, TRAIN).values()])
    assert not re.search(r"secret|SUBJECT|2021|window_id|home/", whole)
    assert not re.search(r"\d{4}", re.sub(r"\d\d:\d\d:\d\d", "", whole))
    for target in TEST:
        assert answer_text(target["gold"]) not in whole


@both_templates
@every_kind
def test_the_version_tells_how_many_windows_are_shown_and_how(template, kind):
    versions = [prompt(count, kind, template)["version"] for count in range(4)]
    assert len(set(versions)) == 4
    assert prompt(2, "random", template)["version"] != prompt(2, "similarity", template)["version"]
    assert not {"shots", "shots_by"} & prompt(0, kind, template).keys()


@both_templates
def test_rules_and_example_can_be_left_out(template):
    home = load_home(HOMES["marble"])
    example = events_text(
        [
            {"id": n, "time": each["time"], "description": home.describe(each["sensor"], each["state"])[2]}
            for n, each in enumerate(home.example["events"], start=1)
        ]
    )
    versions = {}
    for rules in (True, False):
        for shown in (True, False):
            rendered = prompt(template=template, rules=rules, example=shown)
            assert (home.rules[0] in rendered["system"]) == rules
            assert (example in rendered["system"]) == shown
            assert all(label in rendered["system"] for label in home.labels)
            assert rendered["system"] == rendered["system"].strip("\n")
            assert "\n\n\n" not in rendered["system"]
            versions[rules, shown] = rendered["version"]
    assert len(set(versions.values())) == 4


def test_an_unknown_way_of_choosing_is_named():
    with pytest.raises(ValueError, match="shots by 'luck'; it must be one of random, similarity"):
        prompt(1, "luck")


def test_a_template_that_shows_no_windows_is_named(tmp_path):
    template = tmp_path / "bare.j2"
    template.write_text("{{ labels }}")
    with pytest.raises(ValueError, match=r"bare.j2: it leaves out few-shot examples; render those in `shots`"):
        render(load_home(HOMES["marble"]), template, "none", shots=1, shots_by="random", windows=TRAIN)


# The program


def run(tmp_path, *options):
    write_json_lines(tmp_path / "windows.jsonl", WINDOWS)
    fold_of = {each["session"]: 1 if each in TEST else None for each in WINDOWS}
    write_json(tmp_path / "splits.json", make_splits(fold_of, WINDOWS))
    home = ["--home", str(HOMES["marble"]), "--template", str(TEMPLATES["six-parts"]), "--reasoning", "none"]
    render_prompt.main([*home, *options, "--out", str(tmp_path / "p.json"), "--text", str(tmp_path / "p.txt")])
    return json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))


@every_kind
def test_the_program_shows_windows(tmp_path, kind):
    windows = ["--windows", str(tmp_path / "windows.jsonl"), "--splits", str(tmp_path / "splits.json")]
    windows += ["--split", "train1"]
    assert run(tmp_path, *windows, "--shots", "2", "--shots-by", kind) == prompt(2, kind)


def test_the_program_leaves_parts_out(tmp_path):
    assert run(tmp_path, "--no-rules", "--no-example") == prompt(rules=False, example=False)


def test_the_program_needs_windows_to_show_some(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, "--shots", "2")
    assert "--shots needs --windows" in capsys.readouterr().err
