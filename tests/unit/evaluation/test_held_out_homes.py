"""Test the table of homes left out: its columns, its means over homes, their intervals and p values."""

import itertools
from statistics import fmean

import numpy as np
import pytest
from hearth.evaluation.bootstrap import FEWEST_GROUPS
from hearth.evaluation.held_out_homes import MEAN, home_interval, home_p
from hearth.evaluation.rendering import render_csv, render_markdown
from hearth.evaluation.statistics import holm
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


FOUR = ["cabin", "flat", "loft", "villa"]


def of_set(scores, name, datasets):
    """Return the scores of the student of all homes as those of a student of a set of `datasets`."""
    changes = {"recogniser": f"little_reasoning_{name}", "train_dataset": name, "train_datasets": datasets}
    return [score | changes for score in scores if score["recogniser"] == "little_reasoning_all"]


def test_a_student_of_a_part_of_the_homes_stands_for_neither_other_homes_nor_all():
    scores = make_scores(FOUR)
    part = of_set(scores, "flats", ["flat", "loft"])
    usual, table = build(scores), build([*part, *scores])
    assert table.records == usual.records
    assert ("Not shown", "little_reasoning_flats: ") in [(title, text[:24]) for title, (text, *_) in table.notes]
    assert "Not shown" not in [title for title, _ in usual.notes]
    alone = [score for score in scores if score["kind"] == "base"]
    for record in build([*part, *alone]).records:
        assert record["others_weighted_f1"] is record["all_weighted_f1"] is record["gain_of_others"] is None


def test_students_of_all_but_another_home_stand_for_no_column_on_a_home_that_they_know():
    scores = make_scores(FOUR)
    known = of_set(scores, "all-but-villa", FOUR[:3])
    table = build([score for score in known if score["dataset"] != "villa"] + scores)
    assert [record["all_name"] for record in table.records[:-1]] == ["little_reasoning_all"] * 4
    assert table.records == build(scores).records


def test_of_two_sets_for_one_column_that_of_most_homes_is_shown():
    scores = make_scores(FOUR)
    table = build([score for score in scores if score["dataset"] in ("cabin", "flat")])
    assert [record["others_name"] for record in table.records[:-1]] == [
        "little_reasoning_all-but-cabin",
        "little_reasoning_all-but-flat",
    ]
    assert ("Not shown", ["little_reasoning_loft, little_reasoning_villa"]) in [
        (title, [text.partition(":")[0] for text in texts]) for title, texts in table.notes
    ]
    again = of_set(scores, "everything", FOUR)
    assert build([*scores, *again]).records == build(scores).records


def test_a_set_of_all_homes_misses_none_that_no_training_is_meant_for():
    scores = make_scores(FOUR)
    extra = [score for score in make_scores([*FOUR, "visited"]) if score["kind"] == "base"][-1:]
    table = build([*scores, *extra])
    assert all(record["all_weighted_f1"] is not None for record in table.records[:4])
    assert all(record["others_weighted_f1"] is not None for record in table.records[:4])


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


def test_p_values_of_homes_and_of_means_are_each_corrected_for_their_number():
    others = [score | {"recogniser": f"big{score['recogniser'][6:]}"} for score in make_scores()]
    for score in others:
        score["base"] = score["base"] and "big"
    table = build([*make_scores(), *others])
    means = [record for record in table.records if record["dataset"] == MEAN]
    homes = [record for record in table.records if record["dataset"] != MEAN]
    assert (len(means), len(homes)) == (2, 2 * len(HOMES))
    for records in (means, homes):
        corrected = holm([record["gain_of_others_p"] for record in records])
        assert [record["gain_of_others_p_holm"] for record in records] == corrected
    assert "p (Holm)" in [column.heading for column in table.columns]


def test_markdown_and_csv_mark_simulated_homes_and_tiny_models():
    scores = make_scores()
    for score in scores:
        score["provenance"] |= {"stand_in": "a tiny model", "simulated": ["flat"]}
    text = render_markdown(build(scores, caption="Left out"))
    assert "| little_reasoning (tiny)" in text.replace("\\", "")
    assert "flat (simulated)" in text
    assert "mean over homes" in render_csv(build(scores))


def test_a_home_whose_name_begins_the_recipes_is_a_home_all_the_same():
    homes = ["lab", "villa", "reason"]
    usual, table = build(make_scores()), build(make_scores(homes))
    assert {record["recogniser"] for record in table.records} == {"little_reasoning"}
    assert len(table.records) == len(usual.records)
    assert table.records[-1]["own_weighted_f1"] is not None


def as_variant(score, variant, **prompt):
    """Return the score of a recogniser as that of its variant with another prompt."""
    asked = {"version": "v", "template": "t", "reasoning": "none"} | prompt
    changes = {"recogniser": f"{score['recogniser']}_{variant}", "variant": variant}
    return score | changes | {"provenance": score["provenance"] | {"prompt": asked}}


def test_a_student_that_is_shown_examples_of_a_home_has_learned_from_it():
    scores = make_scores()
    shown = [as_variant(score, "few-shot", shots=2, shots_by="random") for score in scores if score["train_dataset"]]
    records = {(one["recogniser"], one["dataset"]): one for one in build([*scores, *shown]).records}
    for home in HOMES:
        record = records["little_reasoning_few-shot", home]
        assert record["others_name"] is record["gain_of_others"] is None
        assert record["all_name"] in (f"little_reasoning_all-but-{home}_few-shot", "little_reasoning_all_few-shot")


def test_a_student_with_another_prompt_is_not_compared_with_its_base():
    scores = make_scores()
    asked = [as_variant(score, "brief") for score in scores if score["train_dataset"]]
    table = build([*scores, *asked])
    for record in [one for one in table.records if one["recogniser"] == "little_reasoning_brief"]:
        assert record["others_weighted_f1"] is not None
        assert record["none_weighted_f1"] is record["gain_of_others"] is None
    usual = [one for one in table.records if one["recogniser"] == "little_reasoning"]
    assert [one["dataset"] for one in usual] == [*HOMES, MEAN]
    assert all(one["gain_of_others"] is not None for one in usual)
