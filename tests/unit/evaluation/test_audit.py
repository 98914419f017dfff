import json
import re

import audit as audit_program
import audit_table as audit_table_program
import pandas as pd
import pytest
from hearth.common.files import read_json_lines, write_json, write_json_lines, write_text
from hearth.distillation.documents import iterate_audited_traces
from hearth.evaluation.audit import audit_head, audit_traces
from hearth.evaluation.audit_tables import ANY, audit_table, count_failures, read_audit
from hearth.evaluation.trace_checks import CHECKS
from hearth.prompting.parsing import STATUSES
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from trace_factories import (
    CORRECT_LABELS,
    HOME,
    PROMPT,
    SOUND,
    WINDOW,
    answer_text,
    make_pairs,
    make_parsed_prediction,
    make_trace_home,
)
from window_factories import make_splits

HEAD = {
    "recogniser": "big",
    "dataset": "x",
    "labels": ["COOKING", "EATING"],
    "prompt": {"version": "v", "reasoning": "think"},
}
SESSIONS = {"1": {"group": "morning", "fold": None}}
INTERVALS = ("accuracy_flagged", "accuracy_unflagged", "difference")


def trace(group, correct, flags):
    labels = ["EATING"] * correct + [None] * (10 - correct)
    return {"window_id": f"x/{group}/0", "group": group, "gold": ["EATING"] * 10, "labels": labels, "flags": flags}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_trace_home(tmp_path_factory.mktemp("home"))


PIECES = (
    *("<think>", "</think>", "event 1", " | 1 | ", "EATING", "office", ": ", "08:00:10", "before event 3", "```", "厨"),
    *('[{"id": 1, "activity": "COOKING"}]', '{"id": 9', "\\ud83d", "\x00", "\u2028", "or", "#" * 50),
)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=20)), max_size=20).map("".join)


@settings(max_examples=100)
@given(TEXTS, st.sampled_from(["stop", "length"]))
def test_no_text_breaks_the_audit(home, text, finish_reason):
    [audited] = audit_traces(home, PROMPT, SESSIONS, [(WINDOW, make_parsed_prediction(home, text, finish_reason))])
    assert audited["flags"].keys() <= CHECKS.keys()
    json.dumps(audited, ensure_ascii=False).encode()


def test_a_window_that_was_never_answered_has_no_trace_to_audit(home):
    unanswered = make_parsed_prediction(home, "", "unanswered")
    pairs = [(WINDOW, unanswered), (WINDOW | {"window_id": "other"}, make_parsed_prediction(home, "Hm."))]
    assert unanswered["status"] == "unanswered"
    assert [trace["window_id"] for trace in audit_traces(home, PROMPT, SESSIONS, pairs)] == ["other"]


@settings(max_examples=100)
@given(st.sampled_from(STATUSES), st.text(max_size=40))
def test_no_inconsistent_prediction_breaks_the_audit(home, status, text):
    written = make_parsed_prediction(home, text) | {
        "status": status,
        "labels": [None, "EATING", "DANCING"],
        "reasoning": text[::-1],
    }
    assert len(list(audit_traces(home, PROMPT, SESSIONS, [(WINDOW, written)]))) == (status != "unanswered")


@pytest.fixture
def mixed(home):
    """Return three traces: one that passes, one with two failed checks and a wrong label, one that cannot be parsed."""
    wrong = f"<think>COOKING in the office.</think>{answer_text(['COOKING', 'EATING', 'EATING'])}"
    return make_pairs(home, f"<think>{SOUND}</think>{answer_text(CORRECT_LABELS)}", wrong, "COOKING")


def test_an_audit_has_failed_checks_and_correct_events_of_every_trace(home, mixed):
    traces = list(audit_traces(home, PROMPT, SESSIONS, mixed))
    assert [trace["labels"] for trace in traces] == [CORRECT_LABELS, ["COOKING", "EATING", "EATING"], [None] * 3]
    assert {(trace["group"], *trace["gold"]) for trace in traces} == {("morning", *CORRECT_LABELS)}
    assert [sorted(trace["flags"]) for trace in traces] == [
        [],
        ["label_not_in_reasoning", "room_not_in_window"],
        ["answer_incomplete", "reasoning_empty"],
    ]


def test_checks_do_not_see_the_gold_labels(home, mixed):
    blind = [(window | {"gold": ["USING_PC"] * 3}, written) for window, written in mixed]
    seen, unseen = (audit_traces(home, PROMPT, SESSIONS, given) for given in (mixed, blind))
    assert [trace["flags"] for trace in seen] == [trace["flags"] for trace in unseen]


def test_a_prediction_with_too_few_labels_is_an_error(home, mixed):
    window, written = mixed[0]
    with pytest.raises(ValueError, match="made-up/1/0 has 3 events and 1 labels"):
        list(audit_traces(home, PROMPT, SESSIONS, [(window, written | {"labels": ["EATING"]})]))


def test_the_table_compares_flagged_and_other_traces(home, mixed):
    counts = count_failures(audit_head("big", "made-up", home, PROMPT), audit_traces(home, PROMPT, SESSIONS, mixed))
    table = audit_table([counts], ["made-up"], ["big"], "abc")
    rows = {record["check"]: record for record in table.records}
    assert list(rows) == [ANY, *CHECKS]
    assert rows[ANY] == {
        "recogniser": "big",
        "dataset": "made-up",
        "check": ANY,
        "traces": 3,
        "flagged": 2,
        "rate": 2 / 3,
        "accuracy_flagged": 2 / 6,
        "accuracy_unflagged": 1.0,
        "difference": 1.0 - 2 / 6,
        # No interval is defined for a single session.
        **{f"{name}_{bound}": None for name in INTERVALS for bound in ("low", "high")},
    }
    room = rows["room_not_in_window"]
    assert (room["accuracy_flagged"], room["accuracy_unflagged"]) == (2 / 3, 3 / 6)
    assert (rows["repetitive"]["flagged"], rows["repetitive"]["accuracy_flagged"]) == (0, None)
    assert table.cells[0][:2] == ["big (tiny)", "made-up (simulated)"]
    shown = [cells[2] for cells in table.cells]
    assert shown == [ANY, "answer_incomplete", "label_not_in_reasoning", "room_not_in_window", "reasoning_empty"]
    assert "repetitive" in dict(table.notes)["Passed by all traces"][0].split(", ")


def test_an_audit_with_a_check_of_another_version_is_an_error(tmp_path):
    write_json_lines(tmp_path / "audit.jsonl", [HEAD, trace("s", 1, {"label_unargued": ["."]})])
    with pytest.raises(ValueError, match=r"audit\.jsonl: unknown check 'label_unargued'.*run the rule `audit` again"):
        read_audit(tmp_path / "audit.jsonl")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"row 1: expected a JSON object, found NoneType"),
        ([trace("s", 1, {})], "row 1 has no 'recogniser'"),
        ([HEAD, trace("s", 1, {}), {"window_id": "x/s/1"}], "row 3 has no"),
        ([HEAD], "no trace of big on x to audit"),
    ],
)
def test_what_is_no_audit_is_an_error(tmp_path, rows, message):
    write_json_lines(tmp_path / "audit.jsonl", rows)
    with pytest.raises(ValueError, match=message):
        read_audit(tmp_path / "audit.jsonl")


def test_differences_have_an_interval_over_groups():
    traces = [trace(f"s{n}", 8 - n % 3, {}) for n in range(9)]
    traces += [
        trace(f"s{n}", 3 + n % 2, {"truncated": ["."]} | ({"repetitive": ["."]} if n == 3 else {})) for n in range(9)
    ]
    table = audit_table([count_failures(HEAD, traces)], [], [], "abc")
    rows = {record["check"]: record for record in table.records}
    record = rows["truncated"]
    assert (record["accuracy_flagged"], record["accuracy_unflagged"]) == (pytest.approx(31 / 90), pytest.approx(0.7))
    for name in INTERVALS:
        assert record[f"{name}_low"] < record[name] < record[f"{name}_high"]
    assert record["difference_low"] > 0
    # Only one session has a repetitive trace, and some resamples lack that session: there is no interval.
    assert (rows["repetitive"]["difference"] > 0, rows["repetitive"]["difference_low"]) == (True, None)
    assert rows["repetitive"]["accuracy_unflagged_low"] is not None
    assert re.fullmatch(r"\+0\.\d{3} \[\+0\.\d\d, \+0\.\d\d\]", table.cells[0][-1])
    reordered = audit_table([count_failures(HEAD, traces[::-1])], [], [], "abc")
    assert reordered.records == table.records


def test_the_labels_of_all_traces_are_scored_below_with_scikit_learn(home, mixed):
    traces = [*audit_traces(home, PROMPT, SESSIONS, mixed)]
    traces += [trace | {"group": f"evening {number}"} for trace in traces[:2] for number in range(5)]
    counts = count_failures(audit_head("big", "made-up", home, PROMPT), traces)
    below = audit_table([counts], ["made-up"], ["big"], "abc").below
    gold = [label for trace in traces for label in trace["gold"]]
    labels = [label or "none" for trace in traces for label in trace["labels"]]
    record = below.records[0]
    assert (record["traces"], record["groups"], record["events"]) == (13, 6, 39)
    assert record["accuracy"] == pytest.approx(accuracy_score(gold, labels))
    expected = f1_score(gold, labels, labels=sorted(set(gold)), average="weighted")
    assert record["weighted_f1_recall"] == pytest.approx(expected)
    assert record["weighted_f1_precision"] < expected
    assert below.cells[0][:2] == ["big (tiny)", "made-up (simulated)"]
    assert record["accuracy_low"] < record["accuracy"] < record["accuracy_high"]


@pytest.mark.parametrize(("flagged", "warned"), [(1, False), (2, True)])
def test_the_table_warns_if_more_than_a_twentieth_of_the_traces_are_cut_off(flagged, warned):
    traces = [trace(f"s{n}", 8, {"truncated": ["."]} if n < flagged else {}) for n in range(20)]
    notes = dict(audit_table([count_failures(HEAD, traces)], [], [], "abc").notes)
    assert ("Truncated traces" in notes) == warned
    if warned:
        assert notes["Truncated traces"][0].startswith("big on x: 2 of 20 traces (10%) were cut off")


def test_the_programs_write_an_audit_and_its_table(home, mixed, tmp_path):
    windows = [window for window, _ in mixed]
    windows.append(WINDOW | {"session": "2", "window_id": "made-up/2/0"})
    write_json_lines(tmp_path / "windows.jsonl", windows)
    write_json(tmp_path / "splits.json", make_splits({"1": None, "2": 1}, windows))
    write_json_lines(tmp_path / "parsed.jsonl", [written for _, written in mixed])
    write_text(tmp_path / "home.yaml", json.dumps(HOME))
    write_json(tmp_path / "prompt.json", PROMPT)
    given = {"recogniser": "big", "dataset": "made-up", "split": "train1", "splits": tmp_path / "splits.json"}
    given |= {name: tmp_path / f for name, f in (("windows", "windows.jsonl"), ("home", "home.yaml"))}
    given |= {"prompt": tmp_path / "prompt.json", "parsed": tmp_path / "parsed.jsonl", "out": tmp_path / "audit.jsonl"}
    audit_program.main([part for name, value in given.items() for part in (f"--{name}", str(value))])
    head, *traces = read_json_lines(tmp_path / "audit.jsonl")
    assert head == {
        "recogniser": "big",
        "dataset": "made-up",
        "labels": HOME["labels"],
        "prompt": {"version": "test@0", "reasoning": "think"},
    }
    assert traces == list(audit_traces(home, PROMPT, {"1": {"group": "1", "fold": None}}, mixed))
    assert list(iterate_audited_traces(tmp_path / "audit.jsonl")) == traces
    out = {form: tmp_path / f"audit.{form}" for form in ("markdown", "csv", "tex")}
    audit_table_program.main(
        ["--audits", str(tmp_path / "audit.jsonl"), *(part for form in out for part in (f"--{form}", str(out[form])))]
    )
    assert len(pd.read_csv(out["csv"], comment="#")) == 1 + len(CHECKS)
    assert "Share flagged" in out["markdown"].read_text()
    assert r"\begin{tabular}" in out["tex"].read_text()
