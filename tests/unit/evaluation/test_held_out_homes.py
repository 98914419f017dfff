"""Test the table of homes left out: its columns, its means over homes, their intervals and p values."""

import itertools
from statistics import fmean

import numpy as np
import pytest
from hearth.evaluation.bootstrap import FEWEST_GROUPS
from hearth.evaluation.held_out_homes import MEAN, home_interval, home_p
from hearth.evaluation.rendering import render_csv, render_markdown
from hearth.evaluation.tables import build_table
from held_out_factories import HOMES, make_scores


def build(scores, **spec):
    return build_table({"title": "Homes", "rows": "homes", **spec}, scores, "abc")


def test_each_home_has_a_row_with_a_column_for_the_homes_learned_from():
    scores = make_scores()
    table = build(scores)
    assert [column.heading for column in table.columns[:7]] == [
        *("Recogniser", "Home", "Groups"),
        *("No home (zero-shot)", "This home", "Other homes", "All homes"),
    ]
    assert [record["dataset"] for record in table.records] == [*HOMES, MEAN]
    value = {(score["recogniser"], score["dataset"]): score["strict"]["weighted_f1"] for score in scores}
    for record in table.records[:-1]:
        home = record["dataset"]
        assert record["none_weighted_f1"] == value["little", home]
        assert record["own_weighted_f1"] == value[f"little_reasoning_{home}", home]
        assert record["others_weighted_f1"] == value[f"little_reasoning_all-but-{home}", home]
        assert record["all_weighted_f1"] == value["little_reasoning_all", home]
        gain = record["others_weighted_f1"] - record["none_weighted_f1"]
        assert record["gain_of_others"] == pytest.approx(gain)
        assert record["gain_of_others_low"] < gain < record["gain_of_others_high"]
    mean = table.records[-1]
    assert mean["own_weighted_f1"] == pytest.approx(fmean(value[f"little_reasoning_{home}", home] for home in HOMES))
    assert mean["own_weighted_f1_low"] is None  # three homes are too few for an interval


def test_seeds_are_averaged_and_students_of_one_other_home_are_not_students_of_the_others():
    table = build(make_scores(seeds=(0, 1, 2)))
    assert len(table.records) == len(HOMES) + 1
    assert table.records[0]["others_seeds"] == 3
    assert table.records[0]["none_seeds"] == 1
    assert "±" in table.cells[0][5]


def test_with_two_homes_the_student_of_the_other_home_is_that_of_the_others():
    scores = [score for score in make_scores(["cabin", "flat"]) if "all-but" not in score["recogniser"]]
    (first, *_) = build(scores).records
    value = {(score["recogniser"], score["dataset"]): score["strict"]["weighted_f1"] for score in scores}
    assert first["others_weighted_f1"] == value["little_reasoning_flat", "cabin"]


def test_two_recognisers_for_one_column_are_refused():
    scores = make_scores()
    double = next(score for score in scores if score["recogniser"] == "little_reasoning_all")
    double = double | {"recogniser": "little_reasoning_most", "train_dataset": "most", "train_datasets": HOMES[:2]}
    with pytest.raises(
        ValueError, match="little_reasoning_all and little_reasoning_most on cabin both stand for 'all homes'"
    ):
        build([*scores, double])


def test_baselines_and_few_shot_models_have_rows_of_their_own():
    scores = [score for score in make_scores() if score["kind"] == "base"]
    shots = {"version": "v", "template": "t", "reasoning": "none", "shots": 2, "shots_by": "random"}
    extra = []
    for score in scores:
        provenance = score["provenance"] | {"prompt": shots}
        extra.append(score | {"recogniser": "little_few-shot", "variant": "few-shot", "provenance": provenance})
        for learned, datasets in (("own", [score["dataset"]]), ("others", [h for h in HOMES if h != score["dataset"]])):
            name = f"words_{learned}"
            extra.append(score | {"recogniser": name, "kind": "baseline", "base": "", "train_datasets": datasets})
        extra.append(
            score | {"recogniser": "majority", "kind": "baseline", "base": "", "train_datasets": [score["dataset"]]}
        )
    records = {(record["recogniser"], record["dataset"]): record for record in build([*scores, *extra]).records}
    assert records["little_few-shot", "flat"]["own_weighted_f1"] == records["little", "flat"]["none_weighted_f1"]
    assert records["words", "flat"]["others_weighted_f1"] is not None
    assert records["words", "flat"]["none_weighted_f1"] is None
    assert records["majority", "flat"]["own_weighted_f1"] is not None


def test_a_mean_is_given_only_of_what_every_home_has():
    scores = [score for score in make_scores() if score["recogniser"] != "little_reasoning_all-but-flat"]
    mean = build(scores).records[-1]
    assert mean["others_weighted_f1"] is None
    assert mean["gain_of_others"] is None
    assert mean["all_weighted_f1"] is not None


def test_the_interval_of_a_mean_resamples_homes():
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    low, high = home_interval(values)
    error = np.std(values, ddof=1) / len(values) ** 0.5
    assert low == pytest.approx(0.45 - 2.36 * error, abs=0.4 * error)
    assert high == pytest.approx(0.45 + 2.36 * error, abs=0.4 * error)
    assert home_interval(values[: FEWEST_GROUPS - 1]) is None
    assert home_interval([0.99] * 5 + [0.2], within_one=True)[1] <= 1


def test_the_p_value_over_homes_counts_signs():
    differences = [0.1, 0.2, 0.15, 0.3, 0.05]
    assert home_p(differences) == pytest.approx(2 / 2**5)
    signs = itertools.product((1, -1), repeat=4)
    observed = abs(np.mean([0.3, -0.1, 0.2, 0.25]))
    extreme = [abs(np.mean(np.array(one) * [0.3, 0.1, 0.2, 0.25])) >= observed - 1e-12 for one in signs]
    assert home_p([0.3, -0.1, 0.2, 0.25]) == pytest.approx(np.mean(extreme))
    assert home_p([0.3]) is None


def test_markdown_and_csv_mark_simulated_homes_and_tiny_models():
    scores = make_scores()
    for score in scores:
        score["provenance"] |= {"stand_in": "a tiny model", "simulated": ["flat"]}
    text = render_markdown(build(scores, caption="Left out"))
    assert "| little_reasoning (tiny)" in text.replace("\\", "")
    assert "flat (simulated)" in text
    assert "mean over homes" in render_csv(build(scores))
