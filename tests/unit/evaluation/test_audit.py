import json
import re

import audit as audit_program
import audit_table
import pandas as pd
import pytest
from hearth.common.files import read_json, write_json, write_json_lines, write_text
from hearth.evaluation.audit import ANY, audit, build
from hearth.evaluation.trace_checks import FLAGS, Trace, Vocabulary, raised
from hearth.homes.home import load_home
from hearth.prompting.parsing import STATUSES, parse
from hearth.toy_models.answer_formats import ASKED
from hearth.toy_models.training_data import draw_home
from hypothesis import given, settings
from hypothesis import strategies as st
from repository import CONFIG

HOME = {
    "name": "Made-up home",
    "about": "Rooms.",
    "rooms": {"kitchen": "", "dining room": "", "office": "", "bedroom_1": ""},
    "sensors": {
        "s1": {"room": "kitchen", "words": "stove", "states": {"ON": "turned ON"}},
        "s2": {"room": "dining room", "words": "chair 1", "states": {"ON": "occupied"}},
        "s3": {"room": "office", "words": "chair", "states": {"ON": "occupied"}},
        "s4": {"room": "dining room", "words": "kitchen hatch", "states": {"ON": "opened"}},
        "s5": {"room": "bedroom_1", "words": "TV", "states": {"ON": "turned ON"}},
    },
    "labels": ["COOKING", "EATING", "drinking water, coffee or drinks", "watching TV", "USING_PC"],
    "rules": ["The office chair belongs to USING_PC."],
    "example": {
        "reasoning": "-",
        "events": [{"time": "08:00:00", "sensor": "s1", "state": "ON", "label": "COOKING"}] * 2,
    },
}
PROMPT = {"version": "test@0", "template": "test", "reasoning": "think", "system": "Name the activities."}
WINDOW = {
    "window_id": "made-up/1/0",
    "dataset": "made-up",
    "session": "1",
    "index": 0,
    "split": "train",
    "events": [
        {"id": 1, "time": "08:00:00", "description": "kitchen stove turned ON"},
        {"id": 2, "time": "08:00:09", "description": "dining room chair 1 occupied"},
        {"id": 3, "time": "08:00:09", "description": "kitchen stove turned ON"},
    ],
    "gold": ["COOKING", "EATING", "COOKING"],
    "residents": [["A"], ["B"], ["A"]],
}
INTERVALS = ("accuracy_flagged", "accuracy_unflagged", "difference")
GIVEN = ["COOKING", "EATING", "COOKING"]
SOUND = "Somebody is COOKING at the kitchen stove while another sits down in the dining room: EATING."


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("home") / "home.yaml"
    write_text(path, json.dumps(HOME))
    return load_home(path)


def answer(labels):
    return json.dumps([{"id": number, "activity": label} for number, label in enumerate(labels, start=1)])


def row(home, text, finish_reason="stop", window=WINDOW):
    read = parse(text, len(window["events"]), home.labels, finish_reason)
    return {
        "window_id": window["window_id"],
        "text": text,
        "finish_reason": finish_reason,
        "reasoning": read.reasoning,
        "labels": read.labels,
        "status": read.status,
    }


@pytest.fixture
def flags(home):
    """Flags of a completion, and what raised each; a reasoning is enough where the answer is right."""

    def of(said=SOUND, labels=GIVEN, text=None, finish_reason="stop", **prompt):
        text = f"<think>\n{said}\n</think>\n\n{answer(labels)}" if text is None else text
        return raised(Trace(Vocabulary(home), PROMPT | prompt, WINDOW, row(home, text, finish_reason)))

    return of


def test_a_sound_trace_raises_no_flag(flags):
    assert flags() == {}


def test_every_flag_says_what_it_is():
    assert all(flag.says for flag in FLAGS.values())


def test_an_answer_has_to_cover_every_event(flags):
    assert flags(labels=GIVEN[:2]) == {"answer_incomplete": ["missing_events"]}
    assert "answer_incomplete" in flags(text=f"<think>{SOUND}</think>COOKING, EATING, COOKING")
    assert "answer_incomplete" not in flags(labels=["COOKING", "DANCING", "COOKING"])


def test_labels_have_to_be_the_homes(flags):
    assert flags(labels=["COOKING", "DANCING", "COOKING"])["label_unknown"] == ["DANCING"]
    assert flags(labels=["COOKING", "cooking"])["label_unknown"] == ["cooking"]
    assert "label_unknown" not in flags()


def test_a_label_that_is_half_a_character_can_be_told(flags):
    text = f'<think>{SOUND}</think>[{{"id": 1, "activity": "\\ud83d"}}]'
    assert flags(text=text)["label_unknown"] == ["?"]


@pytest.mark.parametrize(
    "reasoning",
    [
        "The office chair is used. COOKING, EATING.",
        "Somebody watches the bedroom_1 TV. COOKING, EATING.",
        "The Kitchen  Hatch opens. COOKING, EATING.",
        "The TV runs. COOKING, EATING.",
    ],
)
def test_a_sensor_that_is_not_in_the_window_is_found(flags, reasoning):
    assert set(flags(reasoning)) == {"sensor_absent"}


@pytest.mark.parametrize(
    "reasoning",
    [
        "Dining room chair 1: EATING. The stove: COOKING.",
        "Somebody takes a chair: EATING, no COOKING.",
        "They may be watching TV, or EATING, or COOKING.",
        "COOKING, EATING. As the rule says, the office chair belongs to USING_PC. No such event here.",
        "COOKING, EATING with a TVset.",
    ],
)
def test_a_sensor_of_the_window_or_a_word_inside_another_name_is_no_absent_one(flags, reasoning):
    assert flags(reasoning) == {}


def test_a_room_that_is_not_in_the_window_is_found(flags):
    assert flags("Nobody is in the Office: COOKING, EATING.") == {"room_absent": ["office"]}
    assert flags("COOKING, EATING, then to bedroom_1.") == {"room_absent": ["bedroom 1"]}


def test_a_room_inside_the_name_of_a_sensor_is_no_room(home):
    vocabulary = Vocabulary(home)
    assert vocabulary.named("room", "through the kitchen hatch and the dining room kitchen hatch") == set()
    assert vocabulary.named("room", "the kitchen, the kitchenette") == {"kitchen"}


def test_a_given_label_has_to_be_argued_for(flags):
    assert flags("Somebody is COOKING.") == {"label_unargued": ["eating"]}
    assert flags("Cooking and eating.") == {}
    assert flags("She is cooking; he is overeating.") == {"label_unargued": ["eating"]}


@pytest.mark.parametrize(
    "reasoning",
    [
        "1 | kitchen stove turned ON | A | 1 | EATING\n2 | dining room chair 1 occupied | B | 2 | EATING\n3 | COOKING",
        "Event 1 is EATING. The rest is COOKING.",
        'I answer [{"id": 1, "activity": "EATING"}, {"id": 2, "activity": "EATING"}]. COOKING?',
        "- **Event 1**: EATING\n- Event 3: COOKING",
        "Event 1: COOKING. No, wait. Event 1 -> EATING.",
    ],
)
def test_an_event_argued_to_be_another_activity_is_found(flags, reasoning):
    assert flags(reasoning) == {"label_contradicted": ["event 1: eating, answered cooking"]}


@pytest.mark.parametrize(
    "reasoning",
    [
        "1 | kitchen stove turned ON | A | 1 | COOKING\n2 | dining room chair 1 occupied | B | 2 | EATING",
        "Event 1: EATING or COOKING?",
        "Event 1: EATING/COOKING, hard to say.",
        "Event 1: EATING? Event 1: COOKING.",
        "Chair 1: EATING. COOKING.",
        "At 08:00:01: EATING. COOKING.",
        "Event 1 is not EATING but COOKING.",
        "Event 17: EATING. COOKING.",
    ],
)
def test_a_label_argued_for_or_only_thought_of_is_no_contradiction(flags, reasoning):
    assert "label_contradicted" not in flags(reasoning)


def test_a_time_has_to_be_an_events(flags):
    assert flags(f"{SOUND} At 08:00:10 it ends.") == {"time_unknown": ["08:00:10"]}
    assert flags(f"{SOUND} At 08:00:09 it ends, at 8:00:09, 08:00 or 1:08:00:10.") == {}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("Event 2 came before event 1.", True),
        ("Event 1 is right after event 3.", True),
        ("Event 1 came before event 2.", False),
        ("Event 3 happened before event 2.", False),
        ("Did event 2 come before event 1?", False),
        ("Is event 2 before event 1?", False),
        ("Event 9 is before event 1.", False),
    ],
)
def test_events_happen_in_their_order(flags, said, wrong):
    assert ("order_contradicted" in flags(f"{SOUND} {said}")) == wrong


def test_nothing_is_written_after_the_answer(flags):
    written = f"<think>{SOUND}</think>```json\n{answer(GIVEN)}\n```"
    assert flags(text=written) == {}
    assert flags(text=f"{written} I hope this helps.") == {"text_after_answer": ["I hope this helps."]}


def test_another_script_than_the_prompts_is_found(flags):
    assert flags(f"{SOUND} 首先看厨房") == {"foreign_script": ["CJK"]}
    assert flags(f"{SOUND} 首先看厨房", system="用中文回答") == {}
    assert flags(f"{SOUND} Déjà vu.") == {}
    assert flags(f"{SOUND * 9} 厨") == {}


def test_reasoning_that_was_asked_for_has_to_be_there(flags):
    assert set(flags("")) == {"reasoning_empty"}
    assert flags("", reasoning="none") == {}


def test_a_text_that_ends_in_a_loop_is_found(flags):
    assert set(flags(SOUND + " Wait, is somebody COOKING?" * 60)) == {"repetitive"}
    assert flags(SOUND + " Wait, is somebody COOKING?" * 6) == {}


def test_a_text_cut_at_the_token_limit_is_found(flags):
    assert set(flags(finish_reason="length")) == {"truncated"}


def test_reasoning_that_never_closes_is_found(flags):
    assert set(flags(text=f"<think>{SOUND}")) == {"answer_incomplete", "reasoning_unclosed"}


@pytest.mark.parametrize("source", ["marble", "mural"])
def test_what_the_tiny_family_is_taught_raises_no_flag(source):
    home = load_home(CONFIG / "homes" / f"{source}.yaml")
    taught = draw_home(source, home, CONFIG / "prompts" / "brief.j2", seed=3, sessions=2, size=10, form=ASKED)
    vocabulary, prompt = Vocabulary(taught.home), PROMPT | {"system": taught.system}
    found = []
    for lesson in taught.lessons:
        window = WINDOW | {"events": json.loads(lesson.user), "gold": lesson.gold}
        found.append(raised(Trace(vocabulary, prompt, window, row(taught.home, lesson.completion, window=window))))
    assert found == [{}] * len(found)


PIECES = (
    *("<think>", "</think>", "event 1", " | 1 | ", "EATING", "office", ": ", "08:00:10", "before event 3", "```", "厨"),
    *('[{"id": 1, "activity": "COOKING"}]', '{"id": 9', "\\ud83d", "\x00", "\u2028", "or", "#" * 50),
)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=20)), max_size=20).map("".join)


@settings(max_examples=100)
@given(TEXTS, st.sampled_from(["stop", "length"]))
def test_no_text_breaks_the_audit(home, text, finish_reason):
    found = audit("big", "made-up", home, PROMPT, [(WINDOW, row(home, text, finish_reason))])
    assert found["traces"][0]["flags"].keys() <= FLAGS.keys()
    json.dumps(found, ensure_ascii=False).encode()


@settings(max_examples=100)
@given(st.sampled_from(STATUSES), st.text(max_size=40))
def test_no_row_that_others_wrote_breaks_the_audit(home, status, text):
    written = row(home, text) | {"status": status, "labels": [None, "EATING", "DANCING"], "reasoning": text[::-1]}
    audit("big", "made-up", home, PROMPT, [(WINDOW, written)])


def pairs(home, *texts):
    windows = [WINDOW | {"window_id": f"made-up/1/{index}", "index": index} for index in range(len(texts))]
    return [(window, row(home, text, window=window)) for window, text in zip(windows, texts, strict=True)]


@pytest.fixture
def mixed(home):
    """Three traces: a sound one, one with two flags and a wrong label, one that cannot be read."""
    wrong = f"<think>COOKING in the office.</think>{answer(['COOKING', 'EATING', 'EATING'])}"
    return pairs(home, f"<think>{SOUND}</think>{answer(GIVEN)}", wrong, "COOKING")


def test_an_audit_tells_flags_and_agreement_of_every_trace(home, mixed):
    found = audit("big", "made-up", home, PROMPT, mixed)
    assert [trace["correct"] for trace in found["traces"]] == [3, 2, 0]
    assert [sorted(trace["flags"]) for trace in found["traces"]] == [
        [],
        ["label_unargued", "room_absent"],
        ["answer_incomplete", "reasoning_empty"],
    ]
    assert {
        "recogniser": "big",
        "dataset": "made-up",
        "prompt": {"version": "test@0", "reasoning": "think"},
    }.items() <= (found.items())


def test_flags_do_not_look_at_the_ground_truth(home, mixed):
    blind = [(window | {"gold": ["USING_PC"] * 3}, written) for window, written in mixed]
    seen, unseen = (audit("big", "made-up", home, PROMPT, given)["traces"] for given in (mixed, blind))
    assert [trace["flags"] for trace in seen] == [trace["flags"] for trace in unseen]


def test_a_row_with_too_few_labels_is_refused(home, mixed):
    window, written = mixed[0]
    with pytest.raises(ValueError, match="made-up/1/0 has 3 events and 1 labels"):
        audit("big", "made-up", home, PROMPT, [(window, written | {"labels": ["EATING"]})])


def test_the_table_compares_traces_with_and_without_each_flag(home, mixed):
    table = build([audit("big", "made-up", home, PROMPT, mixed)], ["made-up"], ["big"], "abc")
    rows = {record["flag"]: record for record in table.records}
    assert list(rows) == [ANY, *FLAGS]
    assert rows[ANY] == {
        "recogniser": "big",
        "dataset": "made-up",
        "flag": ANY,
        "traces": 3,
        "flagged": 2,
        "rate": 2 / 3,
        "accuracy_flagged": 2 / 6,
        "accuracy_unflagged": 1.0,
        "difference": 1.0 - 2 / 6,
        # One session tells nothing of how sessions differ.
        **{f"{name}_{bound}": None for name in INTERVALS for bound in ("low", "high")},
    }
    assert (rows["room_absent"]["accuracy_flagged"], rows["room_absent"]["accuracy_unflagged"]) == (2 / 3, 3 / 6)
    assert (rows["repetitive"]["flagged"], rows["repetitive"]["accuracy_flagged"]) == (0, None)
    assert table.cells[0][:2] == ["big (tiny)", "made-up (simulated)"]
    shown = [cells[2] for cells in table.cells]
    assert shown == [ANY, "answer_incomplete", "label_unargued", "room_absent", "reasoning_empty"]
    assert "repetitive" in dict(table.notes)["Never raised"][0].split(", ")


def trace(session, correct, flags):
    return {"window_id": f"x/{session}/0", "session": session, "events": 10, "correct": correct, "flags": flags}


def test_what_a_flag_is_worth_has_an_interval_over_sessions():
    traces = [trace(f"s{n}", 8 - n % 3, {}) for n in range(9)]
    traces += [
        trace(f"s{n}", 3 + n % 2, {"truncated": ["."]} | ({"repetitive": ["."]} if n == 3 else {})) for n in range(9)
    ]
    found = {"recogniser": "big", "dataset": "x", "prompt": {"version": "v", "reasoning": "think"}, "traces": traces}
    table = build([found], [], [], "abc")
    rows = {record["flag"]: record for record in table.records}
    record = rows["truncated"]
    assert (record["accuracy_flagged"], record["accuracy_unflagged"]) == (pytest.approx(31 / 90), pytest.approx(0.7))
    for name in INTERVALS:
        assert record[f"{name}_low"] < record[name] < record[f"{name}_high"]
    assert record["difference_low"] > 0
    # In some resample no session has a trace with a flag that only one has.
    assert (rows["repetitive"]["difference"] > 0, rows["repetitive"]["difference_low"]) == (True, None)
    assert rows["repetitive"]["accuracy_unflagged_low"] is not None
    assert re.fullmatch(r"\+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\]", table.cells[0][-1])
    reordered = build([found | {"traces": traces[::-1]}], [], [], "abc")
    assert reordered.records == table.records


def test_the_programs_write_an_audit_and_its_table(home, mixed, tmp_path):
    windows = [window for window, _ in mixed]
    write_json_lines(
        tmp_path / "windows.jsonl", [*windows, WINDOW | {"session": "2", "split": "test", "window_id": "made-up/2/0"}]
    )
    write_json_lines(tmp_path / "parsed.jsonl", [written for _, written in mixed])
    write_text(tmp_path / "home.yaml", json.dumps(HOME))
    write_json(tmp_path / "prompt.json", PROMPT)
    given = {"recogniser": "big", "dataset": "made-up"}
    given |= {name: tmp_path / f for name, f in (("windows", "windows.jsonl"), ("home", "home.yaml"))}
    given |= {"prompt": tmp_path / "prompt.json", "parsed": tmp_path / "parsed.jsonl", "out": tmp_path / "audit.json"}
    audit_program.main([part for name, value in given.items() for part in (f"--{name}", str(value))])
    assert read_json(tmp_path / "audit.json") == audit("big", "made-up", home, PROMPT, mixed)
    out = {form: tmp_path / f"audit.{form}" for form in ("markdown", "csv", "tex")}
    audit_table.main(
        ["--audits", str(tmp_path / "audit.json"), *(part for form in out for part in (f"--{form}", str(out[form])))]
    )
    assert len(pd.read_csv(out["csv"], comment="#")) == 1 + len(FLAGS)
    assert "Share flagged" in out["markdown"].read_text()
    assert r"\begin{tabular}" in out["tex"].read_text()
