import pytest
from hearth.common import files
from hearth.evaluation.parity import (
    FormScorer,
    compare_forms,
    compared_windows,
    loss_problem,
    read_quantised_parity,
)
from training_fixtures import make_windows
from window_factories import make_splits

LABELS = ["x", "y", "z"]


def answer(text, labels, status="ok", confidences=None, window_id="w"):
    return {
        "window_id": window_id,
        "text": text,
        "labels": labels,
        "status": status,
        "confidences": confidences or [None] * len(labels),
        "completion_tokens": 10 * len(labels),
    }


def test_tested_windows_are_compared(tmp_path):
    windows = make_windows(4)
    sessions = dict.fromkeys((window["session"] for window in windows), 1) | {"trained": None}
    files.write_json_lines(tmp_path / "windows.jsonl", windows)
    files.write_json(tmp_path / "splits.json", make_splits(sessions, windows))
    chosen = compared_windows(tmp_path / "windows.jsonl", tmp_path / "splits.json", 2)
    assert [window["window_id"] for window in chosen] == [windows[0]["window_id"], windows[2]["window_id"]]


def test_agreement_counts_events_and_no_label_equals_no_label():
    adapter = [answer("a", ["x", None], "unknown_label"), answer("c", ["x", "z"])]
    merged = [adapter[0], answer("b", ["x", "y"])]
    parities = compare_forms({"adapter": adapter, "merged": merged})
    assert parities["adapter"] == {"status": {"unknown_label": 1, "ok": 1}}
    assert parities["merged"] == {"status": {"unknown_label": 1, "ok": 1}, "agreement": 0.75, "same_text": 1}


def windows_of(sessions):
    return [
        {"window_id": f"d/{s}/0", "session": str(s), "dataset": "d", "gold": ["x", "y"], "events": [{}, {}]}
        for s in range(sessions)
    ]


def scorer(windows):
    return FormScorer(windows, {window["session"]: window["session"] for window in windows}, LABELS, "recall")


def test_figures_of_a_form_have_intervals_missing_rate_confidence_and_tokens():
    windows = windows_of(8)
    full, missing = (["x", "y"], "ok", [0.8, 0.5]), (["x", None], "missing_events", [0.8, None])
    answers = [
        answer("", *(full if number % 2 else missing), window["window_id"]) for number, window in enumerate(windows)
    ]
    own = [answer("", ["x", "y"], "ok", [0.9, 0.9], window["window_id"]) for window in windows]
    figures = scorer(windows).figures(answers, own)
    assert figures["accuracy"]["value"] == 0.75
    low, high = figures["accuracy"]["interval"]
    assert 0.5 <= low < 0.75 < high <= 1
    assert figures["missing_rate"] == 0.25
    assert figures["confidence"]["mean"] == pytest.approx((8 * 0.8 + 4 * 0.5) / 12)
    assert figures["confidence"]["shift"] == pytest.approx((8 * -0.1 + 4 * -0.4) / 12)
    assert figures["answer_tokens"] == 20
    assert "shift" not in scorer(windows).figures(own)["confidence"]


def test_losses_are_paired_over_groups():
    windows = windows_of(8)
    worse = [
        answer("", ["x", "z" if n < 4 else "y"], window_id=window["window_id"]) for n, window in enumerate(windows)
    ]
    best = [answer("", ["x", "y"], window_id=window["window_id"]) for window in windows]
    loss = scorer(windows).loss(worse, best)
    assert loss["accuracy"]["value"] == 0.25
    assert 0 <= loss["accuracy"]["interval"][0] < 0.25 < loss["accuracy"]["interval"][1]
    # Where two forms are equally wrong in every group, nothing is lost and nothing is uncertain.
    assert scorer(windows).loss(worse, worse)["macro_f1"] == {"value": 0.0, "interval": [0.0, 0.0]}
    with pytest.raises(ValueError, match="the answer to d/1/0 stands where d/0/0 should be"):
        scorer(windows).loss(worse[1:] + worse[:1], best)


def test_accepted_labels_are_correct():
    windows = [window | {"gold_any": [["x"], ["y", "z"]]} for window in windows_of(2)]
    answers = [answer("", ["x", "z"], window_id=window["window_id"]) for window in windows]
    assert scorer(windows).figures(answers)["accuracy"] == {"value": 1.0, "interval": None}


def test_a_form_may_lose_as_much_as_the_config_says():
    estimate = {"value": 0.25, "interval": [0.1, 0.4]}
    parity = {
        "student": "s", "form": "q4_0", "windows": 3, "events": 6, "accuracy": {"value": 0.5, "interval": None},
        "loss": {"accuracy": estimate},
    }  # fmt: skip
    assert loss_problem(parity, 0.25) == ""
    assert "form q4_0 is 0.500, 0.250 below the adapter's (95 % interval 0.100 to 0.400)" in loss_problem(parity, 0.2)


def test_a_parity_with_a_wrong_key_is_named(tmp_path):
    files.write_json(tmp_path / "p.json", {"student": "s", "form": "q8_0", "why_not": 3})
    with pytest.raises(ValueError, match=r"p\.json: why_not is 3"):
        read_quantised_parity(tmp_path / "p.json")
    files.write_json(tmp_path / "p.json", {"student": "s", "form": "q8_0"})
    with pytest.raises(ValueError, match=r"p\.json has no"):
        read_quantised_parity(tmp_path / "p.json")
