"""Check how answers are parsed: examples of every status, and properties that hold for any text."""

import json
import time

import pytest
from hearth.homes.home import load_home
from hearth.prompting.parsing import STATUSES, parse, parse_leniently
from hearth.prompting.prompts import answer_text
from hearth.prompting.reasoning_marks import split_reasoning
from hypothesis import example, given, settings
from hypothesis import strategies as st
from repository import REPOSITORY

DRINKS = "drinking water, coffee or drinks"
LABELS = ("COOKING", DRINKS, "WATCHING_TV")


def answer(*labels):
    return answer_text(list(labels))


def strict(text, size=2, labels=LABELS, finish_reason="stop"):
    return parse(text, size, labels, finish_reason)


def lenient(text, size=2, labels=LABELS, finish_reason="stop", aliases=None):
    return parse_leniently(text, size, labels, finish_reason, aliases)


GOOD = answer("COOKING", DRINKS)


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        (GOOD, ""),
        (f"<think>\nWater, then the stove.\n</think>\n\n{GOOD}", "Water, then the stove."),
        (f"Opened by the template.</think>{GOOD}", "Opened by the template."),
        (f"<think>\n\n</think>\n\n{GOOD}", ""),
        (f"<think>Maybe [1, 2]?</think> no </think>{GOOD}", "Maybe [1, 2]?</think> no"),
        (f"Someone cooks.\n```json\n{GOOD}\n```", "Someone cooks."),
        (f"Someone cooks.\n{GOOD}\nThat is all.", "Someone cooks."),
        (f"Perhaps {answer('COOKING', 'COOKING')}, but no: {GOOD}", None),
        (f'He said [" hmm. {GOOD}', None),
        (f'Not a list: ["a" b], [1, 2,], [x, {GOOD}', None),
        (json.dumps(json.loads(GOOD), indent=2), ""),
        ('[{"activity": "COOKING", "id": 1, "who": ["A"]}, {"id": 2, "activity": "' + DRINKS + '"}]', ""),
        ('[{"id": 2, "activity": "' + DRINKS + '"}, {"id": 1, "activity": "\\u0043OOKING"}]', ""),
    ],
)
@pytest.mark.parametrize("read", [strict, lenient])
def test_a_well_formed_answer_is_ok(read, text, reasoning):
    parsed = read(text)
    assert (parsed.labels, parsed.status) == (["COOKING", DRINKS], "ok")
    if reasoning is not None:
        assert parsed.reasoning == reasoning


@pytest.mark.parametrize(
    ("text", "labels", "status"),
    [
        ("", [None, None], "malformed"),
        ("I cannot say.", [None, None], "malformed"),
        ('{"id": 1, "activity": "COOKING"}', [None, None], "malformed"),
        ('["COOKING", "COOKING"]', [None, None], "malformed"),
        (f"[{GOOD}]", [None, None], "malformed"),
        (GOOD.replace('"', "'"), [None, None], "malformed"),
        (GOOD.replace('"id": 2', '"id": 1'), [None, None], "malformed"),
        (GOOD.replace('"id": 2', '"id": 3'), [None, None], "malformed"),
        (GOOD.replace('"id": 2', '"id": 0'), [None, None], "malformed"),
        (GOOD.replace('"id": 2', '"id": "2"'), [None, None], "malformed"),
        (GOOD.replace('"id": 2', '"id": 2.0'), [None, None], "malformed"),
        (GOOD.replace('"id": 1', '"id": true'), [None, None], "malformed"),
        (GOOD.replace('"id": 1', '"id": NaN'), [None, None], "malformed"),
        (GOOD.replace('"id": 1', f'"id": {"9" * 5000}'), [None, None], "malformed"),
        (GOOD.replace('"id": 2, ', ""), [None, None], "malformed"),
        (f"{GOOD} and finally [1, 2]", [None, None], "malformed"),
        (answer("COOKING"), ["COOKING", None], "missing_events"),
        ("[]", [None, None], "missing_events"),
        (answer("cooking", DRINKS), [None, DRINKS], "unknown_label"),
        (answer("COOKING ", DRINKS), [None, DRINKS], "unknown_label"),
        (answer("COOKING", "drinking water"), ["COOKING", None], "unknown_label"),
        (GOOD.replace('"COOKING"', "null"), [None, DRINKS], "unknown_label"),
        (GOOD.replace('"activity": "COOKING"', '"activity": ["COOKING"]'), [None, DRINKS], "unknown_label"),
        (GOOD.replace('"activity": "COOKING"', '"label": "COOKING"'), [None, DRINKS], "unknown_label"),
        (answer("dancing"), [None, None], "missing_events"),
        (f"<think>I wonder. {GOOD}", [None, None], "unclosed_reasoning"),
        (f"<think>{GOOD}</think>", [None, None], "malformed"),
    ],
)
def test_strictly_everything_else_has_a_status(text, labels, status):
    parsed = strict(text)
    assert (parsed.labels, parsed.status) == (labels, status)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("<think>I wonder", "unclosed_reasoning"),
        ("<think>Done.</think>[" + '{"id": 1, "activity": "COOKING"}, {"id', "truncated"),
        ("Opened by the template, but cut", "truncated"),
        (GOOD, "ok"),
        (answer("COOKING"), "missing_events"),
    ],
)
def test_an_answer_cut_at_the_token_limit(text, status):
    assert strict(text, finish_reason="length").status == status


def test_a_window_that_was_never_answered_has_a_status_of_its_own():
    assert strict("", finish_reason="unanswered").status == "unanswered"
    parsed = parse_leniently("", 2, LABELS, "unanswered")
    assert (parsed.labels, parsed.status) == ([None, None], "unanswered")


def test_unclosed_reasoning_is_kept():
    assert strict("<think> I wonder ").reasoning == "I wonder"


@pytest.mark.parametrize(
    ("text", "labels", "status"),
    [
        (f"<think>I wonder. {GOOD}", ["COOKING", DRINKS], "ok"),
        (GOOD.replace('"', "'"), ["COOKING", DRINKS], "ok"),
        (GOOD.removesuffix("]"), ["COOKING", DRINKS], "ok"),
        (GOOD.replace('"id": 2', '"id": "2"'), ["COOKING", DRINKS], "ok"),
        (GOOD.replace('"id"', '"event_id"').replace("activity", "label"), ["COOKING", DRINKS], "ok"),
        (GOOD.replace("{", '{"time": "08:00:00", '), ["COOKING", DRINKS], "ok"),
        (answer("cooking", "Drinking  Water,_coffee or drinks"), ["COOKING", DRINKS], "ok"),
        (f"[{GOOD}]", ["COOKING", DRINKS], "ok"),
        (f"{GOOD} and finally [1, 2]", ["COOKING", DRINKS], "ok"),
        ('["cooking", "watching tv"]', ["COOKING", "WATCHING_TV"], "ok"),
        ('id: 1, activity: "COOKING"\nid: 2, activity: "COOKING"', ["COOKING", "COOKING"], "ok"),
        ('[{"activity": "cooking", "id": 1}, {"activity": "cooking", "id": 2},]', ["COOKING", "COOKING"], "ok"),
        ('[{"id": 1}, {"id": 2, "activity": "COOKING"}', [None, "COOKING"], "missing_events"),
        ('[{"id": 1, "activity": "COOKING"}, {"id": 2, "act', ["COOKING", None], "missing_events"),
        (GOOD.replace('"id": 2', '"id": 3'), ["COOKING", None], "missing_events"),
        (answer("dancing", "cooking"), [None, "COOKING"], "unknown_label"),
        (GOOD.replace('"COOKING"', "null"), [None, DRINKS], "unknown_label"),
        ('["COOKING"]', [None, None], "malformed"),
        ("I cannot say.", [None, None], "malformed"),
    ],
)
def test_leniently_what_a_patient_person_reads(text, labels, status):
    parsed = lenient(text)
    assert (parsed.labels, parsed.status) == (labels, status)


def test_quotes_in_labels_are_read_leniently():
    labels = ("children's play", 'the "big" one', "été")
    single = "[{'id': 1, 'activity': \"children's play\"}, {'id': 2, 'activity': 'the \"big\" one'},"
    assert lenient(single, 2, labels).labels == list(labels[:2])
    broken = answer_text(list(labels)).removesuffix("]")
    assert lenient(broken, 3, labels).labels == list(labels)
    assert lenient("[{'id': 1, 'activity': 'children\\'s play'},", 1, labels).labels == [labels[0]]
    assert lenient('[{"id": 1, "activity": "\\u00e9t\\u00e9"},', 1, labels).labels == ["été"]


def test_labels_that_differ_only_in_case_keep_apart():
    labels = ("tv", "TV")
    broken = answer_text(list(labels)).removesuffix("]")
    assert lenient(broken, 2, labels).labels == list(labels)


ALIASES = {"frying eggs": "COOKING", "cooking": "WATCHING_TV"}


@pytest.mark.parametrize("end", ["]", ""])
def test_aliases_are_read_leniently_but_never_instead_of_a_label(end):
    text = answer("Frying_Eggs", "cooking", "boiling eggs").removesuffix("]") + end
    assert lenient(text, 3, aliases=ALIASES).labels == ["COOKING", "COOKING", None]
    assert strict(text, 3).labels == [None, None, None]
    assert lenient(text, 3).labels == [None, "COOKING", None]


def test_an_answer_in_aliases_alone_is_ok_leniently():
    text = answer("frying eggs", "frying eggs")
    assert (lenient(text, aliases=ALIASES).status, strict(text).status) == ("ok", "unknown_label")
    assert lenient('["frying eggs", "COOKING"]', aliases=ALIASES).labels == ["COOKING", "COOKING"]


def test_murals_misspelt_labels_are_read_in_their_right_spelling():
    home = load_home(REPOSITORY / "config/homes/mural.yaml")
    misspelt = [label for label in home.labels if "grabing" in label or "appartment" in label]
    assert len(misspelt) == 3
    text = answer(*(label.replace("grabing", "grabbing").replace("appartment", "apartment") for label in misspelt))
    assert lenient(text, 3, home.labels, aliases=home.aliases).labels == misspelt
    assert strict(text, 3, home.labels).labels == [None] * 3


def test_a_later_remark_does_not_overrule_the_list():
    assert lenient(f'{answer("COOKING")} Note id: 1, activity: "WATCHING_TV"').labels == ["COOKING", None]


FRAGMENTS = [
    *"[]{},: \n'\"\\",
    *('"id"', "1", "2", "-1", "1e9", "NaN", "true", "null", "9" * 5000, "\ud800", "\\ud800", "\u2028", "\\"),
    *('"activity"', '"COOKING"', "'COOKING'", "cooking", f'"{DRINKS}"', '"dancing"', "event_id", "label"),
    *("<think>", "</think>", "```json", '{"id": 1, "activity": "COOKING"}', '{"id": 2, "activity": "cooking"}'),
    *('"Frying Eggs"', "frying_eggs", '{"id": 1, "activity": "frying eggs"}'),
]
TEXTS = st.text() | st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)


@given(text=TEXTS, size=st.integers(1, 4), finish_reason=st.sampled_from(["stop", "length"]))
@example(text="[" * 100_000, size=1, finish_reason="stop")
@example(text='[{"id": ' + "1" * 10_000 + "}]", size=1, finish_reason="stop")
@settings(max_examples=400)
def test_no_text_raises_and_lenient_is_never_worse(text, size, finish_reason):
    first = strict(text, size, finish_reason=finish_reason)
    second = lenient(text, size, finish_reason=finish_reason)
    for parsed in (first, second):
        assert len(parsed.labels) == size
        assert parsed.status in STATUSES
        assert (parsed.status == "ok") == (None not in parsed.labels)
        assert set(parsed.labels) <= {*LABELS, None}
    assert all(before in (None, after) for before, after in zip(first.labels, second.labels, strict=True))


@given(text=TEXTS, size=st.integers(1, 4), finish_reason=st.sampled_from(["stop", "length"]))
@settings(max_examples=200)
def test_aliases_only_add_labels(text, size, finish_reason):
    without = lenient(text, size, finish_reason=finish_reason)
    read = lenient(text, size, finish_reason=finish_reason, aliases=ALIASES)
    assert set(read.labels) <= {*LABELS, None}
    for before, after in zip(without.labels, read.labels, strict=True):
        assert before == after or (before is None and after == "COOKING" and "eggs" in text.casefold())


# A label that holds a mark of reasoning cannot be told from the reasoning itself.
UNICODE = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("\",[]{}\\'\u2028")).filter(
    lambda label: "think>" not in label and split_reasoning(f" {label}") == ("", f" {label}", True)
)


@given(labels=st.lists(UNICODE, min_size=1, max_size=10), before=st.sampled_from(["", "Because. ", "<think>x</think>"]))
@settings(max_examples=200)
def test_the_canonical_answer_gives_any_labels_back(labels, before):
    parsed = strict(before + answer_text(labels), len(labels), tuple(labels))
    assert (parsed.labels, parsed.status) == (labels, "ok")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=3,
)


@given(extra=VALUES.filter(lambda value: json.dumps(value).count("[") + json.dumps(value).count("{") < 3))
@settings(max_examples=100)
def test_other_keys_do_not_matter(extra):
    text = json.dumps([{"extra": extra, "id": 1, "activity": "COOKING"}])
    assert strict(f"So [1] it is: {text}", 1).labels == ["COOKING"]


@pytest.mark.parametrize(
    "piece",
    [
        *("[", "[]", "[1,", "[{", '["', '["a', '[" ', '[{"a":', "[-", "[1 ", '{"id": 1, ', '[{"id": 1, ', "[[1],"),
        *('"id": 1, x, x, ', "id: 1, ", "id: 1, activity: ", '"id": 1, "activity": "x', "activity: '", '[",', '["\\"'),
        *('[{"id":1,"activity":"', "<think></think>", " ", "_ ", "\\", '"id"   ', "```", "1"),
    ],
)
def test_time_grows_with_length_only(piece):
    # Ten times the length would take a hundred times as long if time were quadratic.
    assert parsing_seconds(piece, 100_000) < 40 * parsing_seconds(piece, 10_000) + 0.1


def parsing_seconds(piece: str, length: int) -> float:
    """Return the CPU seconds of parsing `piece`, repeated to `length` characters: the least of three attempts."""
    text = piece * (length // len(piece))
    attempts = []
    for _ in range(3):
        started = time.process_time()
        strict(text)
        lenient(text)
        attempts.append(time.process_time() - started)
    return min(attempts)
