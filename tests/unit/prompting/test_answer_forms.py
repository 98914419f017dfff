"""Check which labels lenient parsing reads in answers of many forms, and that it never guesses one."""

import json

import pytest
from hearth.prompting.parsing import parse, parse_leniently
from hearth.prompting.prompts import answer_text
from hypothesis import example, given, settings
from hypothesis import strategies as st

LABELS = ("COOKING", "drinking water, coffee or drinks", "WATCHING_TV", "children's play", "厨房做饭")
C, D, T, P, K = LABELS
BOTH = answer_text([C, T])


def read(text, size=2, finish_reason="stop"):
    return parse_leniently(text, size, LABELS, finish_reason).labels


NEARLY_JSON = [
    "[{'id': 1, 'activity': 'COOKING'}, {'id': 2, 'activity': 'WATCHING_TV'}]",
    BOTH[:-1] + ",]",
    BOTH.replace('"', "`"),
    BOTH.replace('"', "”"),
    BOTH.replace('"', "«"),
    "[{“id”: 1, “activity”: “COOKING”}, {„id“: 2, „activity“: „WATCHING_TV“}]",
    "[{‘id’: 1, ‘activity’: ‘COOKING’}, {‘id’: 2, ‘activity’: ‘WATCHING_TV’}]",
    '[{"id"：1，"activity"："COOKING"}，{"id"：2，"activity"："WATCHING_TV"}]',
    '［｛"id"： １， "activity"： "ＣＯＯＫＩＮＧ"｝， ｛"id"： ２， "activity"： "WATCHING_TV"｝］',
    '[{"id": 1, "activity": "COOKING" /* stove */}, {"id": 2, "activity": "WATCHING_TV"}]',
    '[{"id": 1, "activity": "COOKING"}, # stove\n {"id": 2, "activity": "WATCHING_TV"}]',
    '[{"id": 1, "activity": "COOKING"}, {"id": 2, "activity": "WATCHING_TV"} // "activity": "COOKING"\n]',
    "[{id: 1, activity: COOKING}, {id: 2, activity: watching tv}]",
    '[{"id": 1 "activity": "COOKING"} {"id": 2 "activity": "WATCHING_TV"}]',
    '[{"id": 1; "activity": "COOKING"}; {"id": 2; "activity": "WATCHING_TV"}]',
    '[{"id": 1, "activity": COOKING"}, {"id": 2, "activity": "WATCHING_TV"}]',
    '[{**"id"**: 1, **"activity"**: "COOKING"}, {**"id"**: 2, **"activity"**: "**WATCHING_TV**"}]',
    '[{{"id": 1, "activity": "COOKING"}}, {{"id": 2, "activity": "WATCHING_TV"}}]',
    '[{"id": 1, "activity": "COOKING"}, ..., {"id": 2, "activity": "WATCHING_TV"}]',
    '{"id": 1, "activity": "COOKING"}\n{"id": 2, "activity": "WATCHING_TV"}',
    '{"id": 1, "activity": "COOKING", "id": 2, "activity": "WATCHING_TV"}',
    '[{"activity": "COOKING", "id": 1}, {"activity": "WATCHING_TV", "id": 2},]',
    '[{"id": 1, "activity": "COOKING", "why": "a\n b"}, {"id": 2, "activity": "WATCHING_TV"}]',
    '[{"id": 1.0, "activity": ["COOKING"]}, {"id": "2", "activity": "WATCHING_TV (the set is on)"}]',
    '[{"id": "event_1", "activity": "COOKING"}, {"id": "Event 2", "activity": "WATCHING_TV"}]',
    '[{"id": "#1", "label": "COOKING"}, {"event_id": "e2", "predicted_activity": "WATCHING_TV"}]',
    '[{"ID": 1, "Activity": "Cooking."}, {"Id": 2, "ACTIVITY": "watching-tv"}]',
    '[{"id": 1, "activity": "COOKING", "confidence": NaN}, {"id": 2, "activity": "WATCHING_TV", "who": None}]',
    'He said [" hmm. ' + BOTH[:-1] + ",]",
    BOTH[:-1] + ',] as in [{"id": 1, "activity": "<label>"}]',
    BOTH[:-2],
    '[{"id": 1, "event": "stove on", "activity": "COOKING"}, {"event": "set on", "id": 2, "activity": "WATCHING_TV"},]',
    '[{"no": 7, "id": 1, "class": "x", "activity": "COOKING"}, {"no": 8, "id": 2, "activity": "WATCHING_TV"},]',
    BOTH[:-1] + ',\n\nInput was: [{"id": 1, "description": "x"}, {"id": 2, "description": "y"}]',
]
OTHER_DOCUMENTS = [
    BOTH.replace('"', "''"),
    "[Event(id=1, activity='COOKING'), Event(id=2, activity='WATCHING_TV')]",
    "{1=COOKING, 2=WATCHING_TV}",
    "let result = [{id: 1, activity: 'COOKING'}, {id: 2, activity: 'WATCHING_TV'}];",
    '["1: COOKING", "2: WATCHING_TV"]',
    f"$\\boxed{{{BOTH[:-1]},]}}$",
    '{"1": "COOKING", "2": "WATCHING_TV"}',
    "{1: 'COOKING', 2: 'WATCHING_TV'}",
    '[{"1": "COOKING"}, {"2": "WATCHING_TV"}]',
    '{"event_1": "COOKING", "event_2": "WATCHING_TV"}',
    '{"Event 1": {"activity": "COOKING"}, "Event 2": {"activity": "WATCHING_TV"}}',
    '```json\n{"events": {"1": {"activity": "COOKING"}, "2": {"activity": "WATCHING_TV"}}}\n```',
    '[[1, "COOKING"], [2, "WATCHING_TV"]]',
    "[(1, 'COOKING'), (2, 'WATCHING_TV')]",
    '{"COOKING": [1], "WATCHING_TV": [2]}',
    '[{"activity": "COOKING", "ids": [1]}, {"activity": "WATCHING_TV", "ids": [2]}]',
    '["COOKING", "WATCHING_TV"]',
    "[COOKING, WATCHING_TV]",
    '[{"activity": "COOKING"}, {"activity": "WATCHING_TV"}]',
    '{"id": [1, 2], "activity": ["COOKING", "WATCHING_TV"]}',
    json.dumps(BOTH),
    json.dumps(json.dumps({"answer": BOTH})),
    json.dumps({"output": json.dumps({"answer": BOTH})}),
    BOTH.replace('"', '\\"'),
    f"```json\n{json.dumps(BOTH)}\n```",
    f'<tool_call>{{"name": "answer", "arguments": {{"events": {BOTH[:-1]},]}}}}</tool_call>',
]
LINES = [
    "1️⃣ COOKING\n2️⃣ WATCHING_TV",
    "（1）COOKING\n「2」：WATCHING_TV",
    "1。COOKING\n2。WATCHING_TV",
    "1;COOKING\n2;WATCHING_TV",
    "> 1. COOKING\r\n> 2. WATCHING_TV\r\n",
    "- [x] 1. COOKING\n- [ ] 2. WATCHING_TV",
    "Activity of event 1: COOKING\nActivity of event 2: WATCHING_TV",
    'Event 1: "COOKING" because of the stove\nEvent 2: "WATCHING_TV" because of the set',
    "Event 1 - 08:00:00 - kitchen stove on - COOKING\nEvent 2 - 08:00:03 - television on - WATCHING_TV",
    "<|im_start|>1. COOKING\n2. WATCHING_TV<|im_end|>",
    '"id": 1, "activity": "COOKING"\n"id": 2, "activity": "WATCHING_TV"',
    "**Event ID:** 1\n**Activity:** COOKING\n\n**Event ID:** 2\n**Activity:** WATCHING_TV",
    "result:\n  1: 'COOKING'  # stove\n  2: 'WATCHING_TV'  # set",
    "+----+----------+\n| id | activity |\n+----+----------+\n| 1 | COOKING |\n| 2 | WATCHING_TV |\n+----+----------+",
    "<table><tr><th>activity</th><th>id</th></tr><tr><td>WATCHING_TV</td><td>2</td></tr>"
    "<tr><td>COOKING</td><td>1</td></tr></table>",
    "1. COOKING\n2. WATCHING_TV",
    "1) COOKING\n2) WATCHING_TV",
    "1: COOKING\n2: WATCHING_TV",
    "1 - COOKING\n2 – WATCHING_TV",
    "1 -> COOKING\n2 => WATCHING_TV",
    "1 → COOKING\n2 → WATCHING_TV",
    "1\tCOOKING\n2\tWATCHING_TV",
    "[1] COOKING\n(2) WATCHING_TV",
    "#1 COOKING\n#2 WATCHING_TV",
    "1、COOKING\n2、WATCHING_TV",
    "１．COOKING\n２．WATCHING_TV",
    "1. **COOKING**\n2. `WATCHING_TV`",
    "**1**: COOKING\n**2**: WATCHING_TV",
    "Event 1: COOKING\nEvent 2: WATCHING_TV",
    "- **Event 1:** COOKING\n- **Event 2:** WATCHING_TV",
    "event_1 = COOKING\nevent_2 = WATCHING_TV",
    "Event 1 is COOKING\nEvent 2 is WATCHING_TV.",
    "1. id: 1, activity: COOKING\n2. id: 2, activity: WATCHING_TV",
    "1. Event 1: COOKING\n2. Event 2: WATCHING_TV",
    "1. COOKING (the stove is on)\n2. WATCHING_TV - the set is on",
    "1. 08:00:00 kitchen stove on -> COOKING\n2. 08:00:09 television on -> WATCHING_TV",
    "Event 1 (08:00:00, kitchen stove on): COOKING\nEvent 2 (08:00:09, television on): WATCHING_TV",
    "Sure! Here is the list:\n\n1. COOKING\n2. WATCHING_TV\n\nTell me if 2. is too short.",
    "1. COOKING; 2. WATCHING_TV",
    "1: COOKING, 2: WATCHING_TV",
    "(1, COOKING), (2, WATCHING_TV)",
    "<answer>1. COOKING\n2. WATCHING_TV</answer>",
    "COOKING\nWATCHING_TV",
    "* COOKING\n* WATCHING_TV",
    "COOKING, WATCHING_TV",
    "- id: 1\n  activity: COOKING\n- id: 2\n  activity: 'WATCHING_TV'",
    "events:\n  - activity: COOKING\n    id: 1\n  - activity: WATCHING_TV\n    id: 2",
    "1:\n  activity: COOKING\n2:\n  activity: WATCHING_TV",
    "### Event 1\n- **Activity**: COOKING\n\n### Event 2\n- **Activity**: WATCHING_TV",
    "1. The stove goes on.\n   - Activity: COOKING\n2. The set goes on.\n   - Activity: WATCHING_TV",
    "ID: 1, Activity: COOKING\nID: 2, Activity: WATCHING_TV",
    "id=1 activity=COOKING\nid=2 activity=WATCHING_TV",
    "id: 1 | activity: COOKING\nid: 2 | activity: WATCHING_TV",
    "1,COOKING\n2,WATCHING_TV",
    "1,08:00:00,kitchen stove on,COOKING\n2,08:00:05,television on,WATCHING_TV",
    "```csv\nid,activity\n1,COOKING\n2,WATCHING_TV\n```",
    "id;activity\n1;COOKING\n2;WATCHING_TV",
    "id\tactivity\n1\tCOOKING\n2\tWATCHING_TV",
    "| id | activity |\n|---|---|\n| 1 | COOKING |\n| 2 | WATCHING_TV |",
    "| Activity | # |\n|:-:|---|\n| **COOKING** | 1 |\n| WATCHING_TV | 2 |",
    "| Event | Time | Activity | Reason |\n|---|---|---|---|\n| 1 | 08:00 | COOKING | not WATCHING_TV |\n"
    "| 2 | 08:01 | WATCHING_TV | COOKING is over |",
    "id | description | activity\n--- | --- | ---\n1 | WATCHING_TV | COOKING\n2 | COOKING | WATCHING_TV",
    "| 1 | COOKING |\n| 2 | WATCHING_TV |",
    "| Event | # | Class | Activity |\n|---|---|---|---|\n| stove on | 1 | x | COOKING |\n"
    "| set on | 2 | x | WATCHING_TV |",
    "- id: 1\n  event: stove on\n  activity: COOKING\n- id: 2\n  event: set on\n  activity: WATCHING_TV",
    '<event id="1">COOKING</event>\n<event id="2">WATCHING_TV</event>',
    "<event><id>1</id><activity>COOKING</activity></event><event><id>2</id><activity>WATCHING_TV</activity></event>",
    "<event id='1' activity='COOKING'/><event id='2' activity='WATCHING_TV'/>",
    "<event_1>COOKING</event_1>\n<event_2>WATCHING_TV</event_2>",
    "<1>COOKING</1><2>WATCHING_TV</2>",
]


@pytest.mark.parametrize("text", NEARLY_JSON + OTHER_DOCUMENTS + LINES)
def test_forms_that_a_person_reads_without_guessing(text):
    assert read(text) == [C, T]
    assert read(f"<think>\nFirst it was {answer_text([T, T])}\n</think>\n\n{text}") == [C, T]
    assert parse(text, 2, LABELS, "stop").labels == [None, None]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("id,activity\n1,COOKING\n2,drinking water, coffee or drinks", [C, D]),
        ('id,time,activity\n1,08:00,"drinking water, coffee or drinks"\n2,08:01,COOKING', [D, C]),
        ("activity,id\ndrinking water, coffee or drinks,1\nCOOKING,2", [D, C]),
        ("1. drinking water, coffee or drinks\n2 -> Drinking water coffee or drinks", [D, D]),
        ("- id: 1\n  time: 08:00:00\n  activity: drinking water, coffee or drinks\n- id: 2\n  activity: x", [D, None]),
        ("{id: 1, activity: drinking water, coffee or drinks}, {id: 2, activity: COOKING}", [D, C]),
        ('[{"id": 1, "activity": "drinking water，coffee or drinks"}, {"id": 2, "activity": "厨房做饭"}]', [D, K]),
        ("事件1：COOKING\n事件2：厨房做饭", [C, K]),
        ("[{'id': 1, 'activity': 'children's play', 'why': 'it's late'}, {'id': 2, 'activity': 'COOKING'}]", [P, C]),
        ('[{"id": 1, "activity": "children’s play"}, {"id": 2, "activity": "Children\'s-Play"}]', [P, P]),
        ("1. children's play\n2. 'children's play'", [P, P]),
        (json.dumps(json.dumps(answer_text([P, D]))), [P, D]),
    ],
)
def test_labels_with_commas_apostrophes_and_of_any_script(text, labels):
    assert read(text) == labels


@pytest.mark.parametrize(
    "text",
    [
        "Events 1-2: COOKING\nEvent 3: WATCHING_TV",
        "1 – 2: COOKING\n3: WATCHING_TV",
        "- **1, 2**: COOKING\n- **3**: WATCHING_TV",
        "Events 1 and 2 -> COOKING\nEvents 3 -> WATCHING_TV",
        '{"1-2": "COOKING", "3": "WATCHING_TV"}',
        '[{"id": "1 to 2", "activity": "COOKING"}, {"id": 3, "activity": "WATCHING_TV"}]',
        '[{"activity": "COOKING", "events": [1, 2]}, {"activity": "WATCHING_TV", "events": [3]}]',
        '{"COOKING": [1, 2], "WATCHING_TV": [3]}',
    ],
)
def test_several_events_may_share_a_label(text):
    assert read(text, 3) == [C, C, T]


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('[{"why": "the label: \'WATCHING_TV\' is wrong", "id": 1, "activity": "COOKING"}, {"id": 2}]', [C, None]),
        ('[{"id": 1, "why": "activity: \\"WATCHING_TV\\"", "activity": "COOKING"},]', [C, None]),
        ('[{"id": 1, "why": "{\\"id\\": 2, \\"activity\\": \\"WATCHING_TV\\"}", "activity": "COOKING"},]', [C, None]),
        ('[{"id": 1, "why": "the label: "WATCHING_TV" is wrong", "activity": "COOKING"},]', [C, None]),
        ("[{'why': 'id: 2, activity: WATCHING_TV, no', 'id': 1, 'activity': 'COOKING'}]", [C, None]),
        (json.dumps({"reason": answer_text([T, T]), "answer": "none"}), [None, None]),
        ("- id: 1\n  why: \"the label: 'WATCHING_TV' is wrong\"\n  activity: COOKING", [C, None]),
        ("- id: 1\n  why: activity: WATCHING_TV is wrong\n  activity: COOKING", [C, None]),
        ("- id: 1\n  why: {id: 2, activity: WATCHING_TV}\n  activity: COOKING", [C, None]),
        ("- id: 1\n  why: ['WATCHING_TV', 'WATCHING_TV']\n  activity: COOKING", [C, None]),
        ("- id: 1\n  why: <activity id='2'>WATCHING_TV</activity>\n  activity: COOKING", [C, None]),
        ("[{id: 1, comment: {id: 2, activity: WATCHING_TV}, activity: COOKING}]", [C, None]),
        ('[{"id": 1, "why": "like\n{\'activity\': \'WATCHING_TV\'}\nno", "activity": "COOKING"},]', [C, None]),
        ("| id | activity | why |\n|---|---|---|\n| 1 | COOKING | {id: 2, activity: WATCHING_TV} |", [C, None]),
        ("- id: 1\n  why: WATCHING_TV\n- id: 2\n  activity: COOKING", [None, C]),
        ("I think event 1 is WATCHING_TV and event 2 COOKING.", [None, None]),
        ("They may be COOKING (event 1) or WATCHING_TV (event 2).", [None, None]),
        ("08:00:00: COOKING\n09:00:00: WATCHING_TV", [None, None]),
        ("1. First the kitchen.\n2. Then the sofa.\nActivity: COOKING", [None, None]),
    ],
)
def test_a_label_in_a_reason_or_a_sentence_is_none(text, labels):
    assert read(text) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('[{"id": 0, "activity": "COOKING"}, {"id": 1, "activity": "WATCHING_TV"}]', [None, None]),
        ('{"0": "COOKING", "1": "WATCHING_TV"}', [None, None]),
        ("0. COOKING\n1. WATCHING_TV", [None, None]),
        ('[{"id": 2, "activity": "COOKING"}, {"id": 3, "activity": "WATCHING_TV"}]', [None, None]),
        ('[{"id": 1, "activity": "COOKING"}, {"id": 3, "activity": "WATCHING_TV"}]', [C, None]),
        ('[{"id": 1, "activity": "COOKING"}, {"id": 1, "activity": "WATCHING_TV"}]', [None, None]),
        ('[{"id": 1, "activity": "COOKING"}, {"id": 1, "activity": "COOKING"}]', [C, None]),
        ('[{"id": 1, "activity": "COOKING", "activity": "WATCHING_TV"},]', [None, None]),
        ('[{"id": -1, "activity": "COOKING"}, {"id": 2, "activity": "WATCHING_TV"},]', [None, T]),
        ('[{"id": "one", "activity": "COOKING"}, {"id": 2, "activity": "WATCHING_TV"},]', [None, T]),
        ('{"ids": [2, 1], "activities": ["COOKING", "WATCHING_TV"]}', [None, None]),
        ('{"1": "COOKING", "kitchen2": "WATCHING_TV"}', [C, None]),
        ("1. COOKING\n2. COOKING or WATCHING_TV", [C, None]),
        ("1. COOKING\n2. COOKING, or WATCHING_TV", [C, None]),
        ("1. COOKING\n2. COOKING (or WATCHING_TV?)", [C, None]),
        ("1. COOKING\n2 | 4 | WATCHING_TV", [C, None]),
        ("id: , activity: COOKING\nid: 2, activity: WATCHING_TV", [None, None]),
        ("- id:\n  activity: COOKING\n- id: 2\n  activity: WATCHING_TV", [None, T]),
        ("- activity COOKING\n  id: 1\n- activity: WATCHING_TV\n  id: 2", [None, T]),
        (
            "<event><nr>one</nr><activity>COOKING</activity></event><event><nr>2</nr><activity>COOKING</activity></event>",
            [None, C],
        ),
        ('{"activity": "COOKING", "id": 1, "activity": "WATCHING_TV"}', [None, None]),
        ("1: COOKING2: WATCHING_TV", [None, None]),
        ("event_1 = COOKINGevent_2 = WATCHING_TV", [None, None]),
        ("| activity | id |\n|---|---|\n| COOKING | [1 |\n| WATCHING_TV | 2 |", [C, T]),
        ("COOKING", [None, None]),
        ("COOKING\nWATCHING_TV\nCOOKING", [None, None]),
        ('["COOKING", "WATCHING_TV", "COOKING"]', [None, None]),
        ('[{"activity": "COOKING"}]', [None, None]),
        ("COOKING: 1\nWATCHING_TV: 2", [None, None]),
        ("COOKING (2), WATCHING_TV (1)", [None, None]),
        ("1. COOKING\n1. WATCHING_TV", [None, None]),
        ("Event 2\nCOOKING\nEvent 1\nWATCHING_TV", [None, None]),
        ('{"1-9999": "COOKING", "2-1": "COOKING"}', [None, None]),
        ('[{"id": 1, "activity": "COOKING", "alternatives": ["WATCHING_TV", "COOKING"]},]', [C, None]),
    ],
)
def test_what_would_be_a_guess_is_no_label(text, labels):
    assert read(text) == labels


def test_after_an_id_that_occurs_twice_only_ids_that_are_their_own_position_are_sure():
    items = [(1, C), (2, T), (2, C), (3, T), (5, C), (6, T), (6, D)]
    text = json.dumps([{"id": number, "activity": label} for number, label in items])
    assert read(text, 7) == [C, None, None, None, C, None, None]


DRAFT = answer_text([T, T])[:-1] + ",]"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (f"{DRAFT}\nOn reflection:\n{BOTH[:-1]},]", [C, T]),
        ("Draft:\n1. WATCHING_TV\n2. WATCHING_TV\n\nFinal:\n1. COOKING\n2. WATCHING_TV", [C, T]),
        (f"{BOTH[:-1]},]\nNo:\n{answer_text([T])[:-1]},]", [None, T]),
        (f"{answer_text([T])[:-1]},]\nNo:\n{BOTH[:-1]},]", [C, T]),
        (f"{answer_text([T])[:-1]},]\nNo:\n{answer_text([C])[:-1]},]", [None, None]),
    ],
)
def test_of_several_answers_the_last_complete_one_counts_unless_contradicted(text, labels):
    assert read(text) == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (BOTH[:-3], [C, None]),
        (BOTH[:-2], [C, T]),
        ("1. COOKING\n2. WATCHING_TV", [C, None]),
        ("- id: 1\n  activity: COOKING\n- id: 2\n  activity: WATCHING_TV", [C, None]),
        ("{id: 1, activity: COOKING}, {id: 2, activity: WATCHING_TV", [C, None]),
        (f"[THINK]{BOTH}", [None, None]),
        (f"<think>{BOTH[:-1]},] but no", [None, None]),
        (f"<|channel|>analysis<|message|>{BOTH}", [None, None]),
    ],
)
def test_a_label_that_the_limit_of_tokens_may_have_cut_is_none(text, labels):
    assert read(text, finish_reason="length") == labels


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (f"<think>I wonder.\n{BOTH[:-1]},]", [C, T]),
        (f"<think>I wonder.\n```json\n{BOTH}\n```\n", [C, T]),
        (f"<think>Maybe {BOTH}, no.", [None, None]),
        ("<think>1. COOKING\n2. WATCHING_TV", [None, None]),
        (f"<thinking>Maybe {BOTH} no", [None, None]),
        (f"<think>x</think>{BOTH} I closed my </think> tag.", [C, T]),
        (f"<think>{DRAFT}</think>\nI am not sure.", [None, None]),
        (f"[THINK]{DRAFT}[/THINK]{BOTH}", [C, T]),
        (f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{BOTH}", [C, T]),
    ],
)
def test_a_draft_in_reasoning_is_no_answer(text, labels):
    assert read(text) == labels


PIECES = [
    *"[]{}()\"'`*,:;=|\n\\-#",
    *("“", "”", "，", "：", "->", "//", "/*", "id", "1", "2", "activity", "COOKING", '"activity": ', "Event 1: "),
    *('{"id": 1, ', '{"1": "', '"WATCHING_TV"', "[THINK]", "<think>", "</think>", "</event>", '<event id="', "```"),
    *("1. ", "- id: 1\n", "| id | activity |\n", "id,activity\n", '\\"', "children's play", "drinking water, "),
]


@given(
    repeated=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map("".join),
    before=st.sampled_from(["", '["', "<think>", "{'"]),
)
@example(repeated="[", before="")
@example(repeated="{[(", before="")
@example(repeated='["a', before="")
@example(repeated='[{"id":1,"activity":"', before="")
@example(repeated="\\", before='["')
@example(repeated=" ", before="1")
@example(repeated=',"', before="id,activity\n1")
@example(repeated="1 and ", before='{"')
@settings(max_examples=15, deadline=None)
def test_a_text_that_repeats_itself_to_100_000_characters_is_read(repeated, before):
    text = before + repeated * (100_000 // len(repeated))
    assert set(read(text)) <= {*LABELS, None}


@given(
    text=st.sampled_from(NEARLY_JSON + OTHER_DOCUMENTS + LINES),
    place=st.floats(0, 1, exclude_max=True),
    character=st.sampled_from(["", *"\"'{}[](),:;|\n\\*`-= #"]),
    width=st.integers(0, 1),
)
@settings(max_examples=300, derandomize=True)
def test_one_wrong_character_costs_labels_and_moves_none(text, place, character, width):
    position = int(place * len(text))
    changed = text[:position] + character + text[position + width :]
    if parse(changed, 2, LABELS, "stop").labels == [None, None]:
        assert all(label in (None, right) for label, right in zip(read(changed), [C, T], strict=True))


@given(text=st.lists(st.sampled_from(PIECES), max_size=30).map("".join), size=st.integers(1, 3))
@settings(max_examples=300)
def test_no_label_is_read_that_is_not_there(text, size):
    known = {"COOKING": "COOKING", "WATCHING_TV": "WATCHING_TV", P: "children's play", D: "drinking water"}
    for label in read(text, size):
        assert label is None or known[label] in text
