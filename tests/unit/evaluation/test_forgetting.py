"""Test the comparison of students with their untrained bases on homes that they did not learn from."""

from itertools import pairwise
from statistics import fmean

import pytest
from factories import TRAINING_LOG
from hearth.evaluation.forgetting import SETTINGS, describe_losses
from hearth.evaluation.held_out_homes import home_interval
from hearth.evaluation.rendering import render_csv, render_markdown
from hearth.evaluation.statistics import holm
from hearth.evaluation.tables import build_table
from held_out_factories import HOMES, SKILL, make_scores

# A student of other homes is far below its base.
FORGETS = SKILL | {"none": 0.6, "others": 0.2}


def build(scores, **spec):
    return build_table({"title": "Forgetting", "rows": "forgetting", **spec}, scores, "abc")


def test_a_row_is_a_student_on_a_home_that_it_did_not_learn_from_beside_its_base():
    scores = make_scores(seeds=(0, 1))
    table = build(scores)
    value = {(score["recogniser"], score["dataset"]): score["strict"]["weighted_f1"] for score in scores}
    learned = {score["recogniser"]: score["train_datasets"] for score in scores}
    assert len(table.records) == len(HOMES) * 3  # the students of the two other homes, and of both
    for record in table.records:
        name, home = record["recogniser"], record["dataset"]
        assert home not in learned[name]
        assert record["n_homes"] == len(learned[name])
        assert record["n_examples"] == TRAINING_LOG["examples"]["used"]
        student = fmean([value[name, home], value[f"{name}_seed1", home]])
        assert record["weighted_f1"] == pytest.approx(student)
        assert record["base_weighted_f1"] == value["little", home]
        assert record["difference"] == pytest.approx(student - value["little", home])
        assert record["difference_low"] < record["difference"] < record["difference_high"]
        assert record["n_seeds"] == 2
    assert [record["difference_p_holm"] for record in table.records] == holm(
        [record["difference_p"] for record in table.records]
    )


def test_settings_of_the_training_have_columns_where_they_are_known():
    scores = make_scores()
    assert "Learning rate" not in [column.heading for column in build(scores).columns]
    settings = {"learning_rate": 0.001, "rank": 8, "balance": "home", "replay": 0.25}
    scores = [score | settings if score["kind"] == "student" else score for score in scores]
    table = build(scores)
    headings = [column.heading for column in table.columns]
    assert set(SETTINGS.values()) <= set(headings)
    assert table.cells[0][headings.index("Replay")] == "0.25"
    assert {record["rank"] for record in table.records} == {8}


def test_means_count_every_home_once_and_students_of_as_many_homes_together():
    table = build(make_scores())
    assert table.below
    by_number = {record["n_homes"]: record for record in table.below.records}
    assert set(by_number) == {1, 2}
    assert {record["recogniser"] for record in table.below.records} == {"little_reasoning"}
    single = [record for record in table.records if record["n_homes"] == 1]
    means = [fmean(record["difference"] for record in single if record["dataset"] == home) for home in HOMES]
    assert by_number[1]["difference"] == pytest.approx(fmean(means))
    assert by_number[1]["n_worse"] == sum(mean < 0 for mean in means)
    assert by_number[1]["difference_low"] is None  # three homes are too few for an interval
    means = table.below.records
    assert [one["difference_p_holm"] for one in means] == holm([one["difference_p"] for one in means])


def test_the_interval_of_a_mean_resamples_homes():
    table = build(make_scores([f"h{number}" for number in range(6)]))
    assert table.below
    others = [record["difference"] for record in table.records if record["n_homes"] == 5]
    mean = next(record for record in table.below.records if record["n_homes"] == 5)
    assert [mean["difference_low"], mean["difference_high"]] == pytest.approx(home_interval(others))


def test_a_student_without_its_base_or_on_its_own_home_only_cannot_be_compared():
    scores = make_scores()
    with pytest.raises(ValueError, match=r"little_reasoning_flat on cabin .* select little on cabin too"):
        build([score for score in scores if (score["recogniser"], score["dataset"]) != ("little", "cabin")])
    with pytest.raises(ValueError, match="no student was tested on a home that it did not learn from"):
        build([score for score in scores if not score["train_datasets"] or score["dataset"] in score["train_datasets"]])


def test_every_loss_is_said_the_largest_first_and_gains_are_not():
    lines = describe_losses(make_scores(skills=FORGETS, seeds=(0, 1, 2), groups=12))
    assert len(lines) == len(HOMES) * 3
    assert all("(mean of 3 seeds) against" in line and line.endswith("beyond chance") for line in lines)
    losses = [float(line.split("of little: ")[1].split(" ")[0]) for line in lines]
    assert all(one <= other for one, other in pairwise(losses))
    assert losses[-1] < -0.1
    assert describe_losses(make_scores(skills=SKILL | {"none": 0.1, "others": 0.8})) == []


def test_a_loss_within_chance_or_of_few_groups_is_said_as_such():
    near = describe_losses(make_scores(skills=SKILL | {"none": 0.5, "others": 0.49}))
    assert any(line.endswith("within chance") for line in near)
    few = describe_losses(make_scores(skills=FORGETS, groups=3))
    assert few
    assert all(line.endswith("too few groups for an interval") for line in few)


def test_a_student_whose_base_was_not_tested_there_is_not_passed_over():
    scores = [score for score in make_scores(skills=FORGETS) if score["recogniser"] != "little"]
    lines = describe_losses(scores)
    assert len(lines) == len(HOMES) * 3
    assert all(": unknown, because little has no score there" in line for line in lines)


def test_simulated_homes_and_tiny_models_are_marked():
    scores = make_scores(skills=FORGETS)
    for score in scores:
        score["provenance"] |= {"stand_in": "a tiny model", "simulated": ["flat"]}
    text = render_markdown(build(scores)).replace("\\", "")
    assert "| little_reasoning_cabin (tiny)" in text
    assert "flat (simulated)" in text
    assert "Means over homes not learned from" in text
    assert "difference_p_holm" in render_csv(build(scores))
    assert any(" on flat (simulated): " in line for line in describe_losses(scores))


def test_a_student_with_another_prompt_than_its_base_has_not_forgotten_what_the_prompt_costs():
    scores = make_scores(skills=FORGETS)
    asked = [
        score | {"recogniser": f"{score['recogniser']}_few-shot", "variant": "few-shot"}
        for score in scores
        if score["train_dataset"]
    ]
    assert describe_losses([*scores, *asked]) == describe_losses(scores)
    assert build([*scores, *asked]).records == build(scores).records
