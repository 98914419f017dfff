import numpy as np
import pytest
from count_factories import encode_windows
from hearth.evaluation.metrics import UNREAD, score_windows
from hearth.evaluation.score_document import HEADLINES
from hearth.prompting.parsing import STATUSES
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

LABELS = ("COOKING", "drinking water, coffee or drinks", "EATING", "USING_PC")


def score_events(gold, predicted, labels):
    """Score one window that holds events with these gold and predicted labels."""
    return score_windows(encode_windows(labels, [gold], [predicted], ["ok"]), "strict", "recall")


def plain_metrics(gold, predicted, labels):
    """Compute the headline metrics from their definitions, without the tested code and without scikit-learn."""

    def f1(label):
        hits = sum(g == p == label for g, p in zip(gold, predicted, strict=True))
        # 2 TP / (2 TP + FP + FN) = 2 TP / (support + predicted)
        seen = gold.count(label) + predicted.count(label)
        return 2 * hits / seen if seen else 0.0

    correct = sum(g == p for g, p in zip(gold, predicted, strict=True))
    supported = [label for label in labels if label in gold]
    answered = sum(label is not None for label in predicted)
    return {
        "accuracy": correct / len(gold),
        "macro_f1": sum(map(f1, supported)) / len(supported),
        "weighted_f1": sum(f1(label) * gold.count(label) for label in supported) / len(gold),
        "micro_f1": 2 * correct / (len(gold) + answered),
    }


events = st.lists(
    st.tuples(st.sampled_from(LABELS[:3]), st.one_of(st.none(), st.sampled_from(LABELS))), min_size=1, max_size=40
)


@settings(max_examples=40)
@given(events)
def test_metrics_agree_with_their_definitions(pairs):
    gold, predicted = map(list, zip(*pairs, strict=True))
    metrics = score_events(gold, predicted, LABELS)
    for name, value in plain_metrics(gold, predicted, LABELS).items():
        assert metrics[name] == pytest.approx(value, abs=1e-12), name


@settings(max_examples=100)
@given(events)
def test_metrics_equal_those_of_scikit_learn_to_the_last_bit(pairs):
    gold, predicted = map(list, zip(*pairs, strict=True))
    # scikit-learn cannot sort None among strings, so labels are numbers here. None is -1, which is not among the
    # labels given to scikit-learn and so is no class.
    gold_numbers = [LABELS.index(label) for label in gold]
    predicted_numbers = [-1 if label is None else LABELS.index(label) for label in predicted]
    numbers, with_gold = range(len(LABELS)), sorted(set(gold_numbers))

    def average(kind, labels):
        return precision_recall_fscore_support(
            gold_numbers, predicted_numbers, labels=labels, average=kind, zero_division=0
        )

    metrics = score_events(gold, predicted, LABELS)
    assert {name: metrics[name] for name in HEADLINES} == {
        "accuracy": accuracy_score(gold_numbers, predicted_numbers),
        "macro_f1": average("macro", with_gold)[2],
        "weighted_f1": average("weighted", with_gold)[2],
        "micro_f1": average("micro", numbers)[2],
    }
    per_class = [
        [row[key] for key in ("precision", "recall", "f1", "support")] for row in metrics["per_class"].values()
    ]
    assert np.array_equal(np.array(per_class).T, average(None, numbers))
    assert (
        metrics["confusion"]["counts"]
        == confusion_matrix(gold_numbers, predicted_numbers, labels=[*numbers, -1])[:-1].tolist()
    )


@settings(max_examples=40)
@given(events, st.permutations(range(4)))
def test_metrics_do_not_depend_on_the_order_of_events_or_labels(pairs, order):
    gold, predicted = map(list, zip(*pairs, strict=True))
    one = score_events(gold, predicted, LABELS)
    other = score_events(gold[::-1], predicted[::-1], [LABELS[i] for i in order])
    for name in HEADLINES:
        assert one[name] == pytest.approx(other[name], abs=1e-12)
    assert one["per_class"] == other["per_class"]


@settings(max_examples=40)
@given(events)
def test_confusion_accounts_for_every_event(pairs):
    gold, predicted = map(list, zip(*pairs, strict=True))
    confusion = score_events(gold, predicted, LABELS)["confusion"]
    assert [sum(row) for row in confusion["counts"]] == [gold.count(label) for label in LABELS]
    columns = list(zip(*confusion["counts"], strict=True))
    assert [sum(column) for column in columns] == [predicted.count(label) for label in (*LABELS, None)]


def test_hand_computed_values():
    gold = ["COOKING", "COOKING", "COOKING", "EATING", "EATING"]
    predicted = ["COOKING", "COOKING", None, "EATING", "USING_PC"]
    metrics = score_events(gold, predicted, LABELS)
    assert metrics["accuracy"] == pytest.approx(3 / 5)
    # COOKING: precision 1, recall 2/3, F1 4/5. EATING: precision 1, recall 1/2, F1 2/3. USING_PC is not in the gold.
    assert metrics["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert metrics["weighted_f1"] == pytest.approx((3 * 4 / 5 + 2 * 2 / 3) / 5)
    # 4 of 5 events have a label, 3 of them the right one: precision 3/4, recall 3/5.
    assert metrics["micro_f1"] == pytest.approx(2 / 3)
    assert metrics["per_class"]["COOKING"] == pytest.approx({"precision": 1, "recall": 2 / 3, "f1": 0.8, "support": 3})
    assert metrics["per_class"]["USING_PC"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert metrics["confusion"] == {
        "labels": list(LABELS),
        "columns": [*LABELS, UNREAD],
        "counts": [[2, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 0]],
    }


@settings(max_examples=60)
@given(events)
def test_the_precision_reading_multiplies_the_precision_of_scikit_learn_by_the_share_of_readable_answers(pairs):
    gold, predicted = map(list, zip(*pairs, strict=True))
    metrics = score_windows(encode_windows(LABELS, [gold], [predicted], ["ok"]), "strict", "precision")
    answered = sum(label is not None for label in predicted) / len(gold)
    numbers = [[LABELS.index(label) if label else -1 for label in labels] for labels in (gold, predicted)]
    codes = sorted(set(numbers[0]))
    precision, recall, _, support = precision_recall_fscore_support(*numbers, labels=codes, zero_division=0)
    precision = precision * answered
    f1 = 2 * precision * recall / np.where(precision + recall > 0, precision + recall, 1)
    assert metrics["macro_f1"] == metrics["readings"]["macro_f1_precision"] == pytest.approx(f1.mean(), abs=1e-12)
    assert metrics["weighted_f1"] == pytest.approx(np.average(f1, weights=support), abs=1e-12)
    assert metrics["micro_f1"] == pytest.approx(metrics["accuracy"], abs=1e-12)
    for code, expected_precision, expected_f1 in zip(codes, precision, f1, strict=True):
        of_class = metrics["per_class"][LABELS[code]]
        assert (of_class["precision"], of_class["f1"]) == pytest.approx((expected_precision, expected_f1), abs=1e-12)
    recalled = score_events(gold, predicted, LABELS)
    assert recalled["readings"] == metrics["readings"]
    assert {name: recalled[name] for name in HEADLINES} == {
        "accuracy": metrics["accuracy"],
        **{name: metrics["readings"][f"{name}_recall"] for name in HEADLINES[1:]},
    }


def test_an_unread_event_is_wrong_and_no_class():
    metrics = score_events(["EATING", "EATING"], ["EATING", None], LABELS)
    assert (metrics["accuracy"], metrics["macro_f1"]) == (0.5, pytest.approx(2 / 3))
    assert set(metrics["per_class"]) == set(LABELS)


def test_nothing_read_scores_zero_without_a_warning(recwarn):
    metrics = score_events(["EATING", "COOKING"], [None, None], LABELS)
    assert [metrics[name] for name in HEADLINES] == [0] * len(HEADLINES)
    assert not recwarn.list


def test_one_class_can_be_perfect():
    metrics = score_events(["EATING"], ["EATING"], LABELS)
    assert [metrics[name] for name in HEADLINES] == [1] * len(HEADLINES)


def test_status_counts_name_every_status():
    windows = [["EATING"]] * 3
    metrics = score_windows(encode_windows(LABELS, windows, windows, ["ok", "ok", "truncated"]), "strict", "recall")
    assert metrics["status"] == dict.fromkeys(STATUSES, 0) | {"ok": 2, "truncated": 1}


def test_rates_are_over_windows_and_over_events():
    windows = [["EATING", "EATING"], [None, "EATING"], [None, "EATING"], [None, None], [None, None]]
    statuses = ["ok", "unknown_label", "missing_events", "truncated", "malformed"]
    encoded = encode_windows(LABELS, [["EATING", "EATING"]] * 5, windows, statuses)
    assert score_windows(encoded, "strict", "recall")["rates"] == {
        "ok_rate": 1 / 5,
        "malformed_rate": 2 / 5,
        "missing_rate": 5 / 10,
        "unknown_rate": 1 / 10,
    }


def test_windows_are_scored_as_their_events():
    gold, predicted = [["EATING", "COOKING"], ["EATING"]], [["EATING", None], ["EATING"]]
    metrics = score_windows(encode_windows(LABELS, gold, predicted, ["missing_events", "ok"]), "strict", "recall")
    assert metrics["accuracy"] == pytest.approx(2 / 3)
    assert metrics["status"]["missing_events"] == 1
    assert metrics["rates"]["missing_rate"] == pytest.approx(1 / 3)
