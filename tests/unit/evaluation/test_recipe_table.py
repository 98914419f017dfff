"""Test the table of recipes: differences to the paper's, verdicts, tokens, budgets and hours."""

import copy
import json
from statistics import fmean

import numpy as np
import pytest
import recipe_table
from hearth.common.files import write_json
from hearth.evaluation.bootstrap import percentile_interval
from hearth.evaluation.recipe_comparison import COSTS, HELPS, NOT_SHOWN, TOO_FEW, judge
from hearth.evaluation.recipe_hours import WorkHours
from hearth.evaluation.recipe_table import recipe_table as build_recipe_table
from hearth.evaluation.rendering import render_markdown
from hearth.evaluation.score_document import LabelResults
from hearth.evaluation.statistics import holm
from hearth.evaluation.table_rows import build_rows, difference_columns
from hearth.evaluation.tables import build_table
from recipe_factories import HOMES, STEPS, TEACHER_TOKENS, WINDOWS, as_variant, make_recipe_scores


def build(scores):
    return build_table({"title": "Recipes", "rows": "recipes"}, scores, "abc")


def by_place(table):
    return {(record["recipe"], record["base"], record["dataset"]): record for record in table.records}


def statements(table, heading):
    return dict(table.notes)[heading]


def test_a_row_is_a_recipe_on_a_home_beside_the_paper_s_on_the_same_windows():
    scores = make_recipe_scores()
    table = build(scores)
    assert len(table.records) == len(HOMES) * 6
    rows = {(row.name, row.dataset): row for row in build_rows(scores, "mean")}
    records = by_place(table)
    for home in HOMES:
        paper = rows[f"little_reasoning_{home}", home]
        for recipe in ("joint", "labels", "vote"):
            expected = difference_columns("difference", rows[f"little_{recipe}_{home}", home], paper, "weighted_f1")
            assert records[recipe, "little", home] | expected == records[recipe, "little", home]
        base = records["none", "little", home]
        assert base["difference"] == pytest.approx(rows["little", home].mean("weighted_f1") - paper.mean("weighted_f1"))
        assert records["reasoning", "little", home]["difference"] is None
        assert records["none", "large", home]["difference"] is None  # no student has this base
    p_values = [record["difference_p"] for record in table.records]
    assert [record["difference_p_holm"] for record in table.records] == holm(p_values)


def test_a_recipe_helps_only_where_the_whole_interval_is_above_zero():
    assert judge([0.01, 0.2]) == HELPS
    assert judge([0.0, 0.2]) == judge([-0.1, 0.0]) == NOT_SHOWN
    assert judge([-0.2, -0.01]) == COSTS
    assert judge(None) == TOO_FEW
    scores = make_recipe_scores()
    for record in build(scores).records:
        if record["difference"] is not None:
            verdict = judge([record["difference_low"], record["difference_high"]])
            assert record["verdict"] == verdict
    records = by_place(build(scores))
    assert {records["vote", "little", home]["verdict"] for home in HOMES} == {HELPS}
    assert {records["labels", "little", home]["verdict"] for home in HOMES} == {COSTS}
    assert {records["joint", "little", home]["verdict"] for home in HOMES} == {NOT_SHOWN}
    said = statements(build(scores), "Verdicts")
    assert any(line.startswith("vote on cabin: helps, +0.") for line in said)
    assert any(line.startswith("joint on flat: no difference shown, ") for line in said)
    assert any(line.startswith("labels over 2 homes: costs, -0.") for line in said)
    assert not [line for line in said if line.startswith(("none", "reasoning"))]
    few = build(make_recipe_scores(groups=3))
    assert {record["verdict"] for record in few.records} == {TOO_FEW, None}


def test_means_count_homes_once_and_resample_within_them():
    scores = make_recipe_scores()
    table = build(scores)
    (mean,) = [record for record in table.below.records if record["recipe"] == "vote"]
    records = by_place(table)
    assert mean["difference"] == pytest.approx(fmean(records["vote", "little", home]["difference"] for home in HOMES))
    rows = {row.name: row for row in build_rows(scores, "mean") if row.scores[0]["kind"] == "student"}

    def resampled(name):
        return rows[name].resampled["strict"]["weighted_f1"]

    values = [resampled(f"little_vote_{home}") - resampled(f"little_reasoning_{home}") for home in HOMES]
    interval = percentile_interval(np.mean(values, axis=0), 12)
    assert [mean["difference_low"], mean["difference_high"]] == interval
    assert build([score for score in scores if score["dataset"] == "flat"]).below is None


def test_tokens_calibration_and_missing_events_stand_beside_f1():
    scores = make_recipe_scores()
    record = by_place(build(scores))["labels", "little", "flat"]
    assert record["n_windows"] == WINDOWS
    assert record["steps"] == STEPS
    assert record["n_seeds"] == 2
    assert record["answer_tokens"] == 50
    assert record["teacher_tokens"] == TEACHER_TOKENS / WINDOWS
    assert by_place(build(scores))["vote", "little", "flat"]["teacher_tokens"] == 8 * TEACHER_TOKENS / WINDOWS
    own = [score for score in scores if score["recogniser"].startswith("little_labels_flat")]
    assert record["missing_rate"] == fmean(score["strict"]["rates"]["missing_rate"] for score in own)
    assert record["ece"] == pytest.approx(own[0]["confidence"]["ece"])
    del own[0]["confidence"]  # a mean over seeds needs all of them
    assert by_place(build(scores))["labels", "little", "flat"]["ece"] is None
    for score in own:
        score["teacher"] = ""
    assert by_place(build(scores))["labels", "little", "flat"]["teacher_tokens"] == 0


def test_scores_of_earlier_versions_have_no_steps_and_no_teacher_tokens():
    scores = make_recipe_scores()
    for score in scores:
        if student := score["provenance"]["student"]:
            del student["steps"], student["teacher_tokens"]
    table = build(scores)
    assert {record["teacher_tokens"] for record in table.records} == {None}
    assert "Optimiser steps" not in [column.heading for column in table.columns]


def test_a_joint_student_asked_without_reasoning_and_a_few_shot_base_are_rows_of_their_own():
    scores = make_recipe_scores()
    direct = [as_variant(score, "direct") for score in scores if score["recipe"] == "joint"]
    few_shot = [as_variant(score, "few-shot") for score in scores if score["recogniser"] == "little"]
    records = by_place(build([*scores, *direct, *few_shot]))
    for home in HOMES:
        for one, other in (("joint, direct", "joint"), ("none, few-shot", "none")):
            row, plain = records[one, "little", home], records[other, "little", home]
            assert (row["difference"], row["weighted_f1"]) == (plain["difference"], plain["weighted_f1"])


def test_verdicts_from_fewer_than_three_seeds_are_called_doubtful():
    for seeds, doubted in (((0, 1), True), ((0, 1, 2), False)):
        verdicts = statements(build(make_recipe_scores(seeds=seeds)), "Verdicts")
        assert any("fewer than 3 training seeds" in line for line in verdicts) == doubted


def test_another_number_of_windows_or_steps_is_said():
    scores = make_recipe_scores()
    (equal,) = statements(build(scores), "Budgets")
    assert equal.startswith("all students of a home learned from equally many windows")
    fewer = copy.deepcopy(scores)
    for score in fewer:
        if score["recipe"] == "labels" and score["dataset"] == "flat":
            score["provenance"]["student"] |= {"steps": 45}
    assert statements(build(fewer), "Budgets") == [
        f"not at an equal budget: labels on flat: {WINDOWS} windows, 45 optimiser steps; reasoning: {WINDOWS} windows,"
        f" {STEPS} optimiser steps"
    ]


def test_without_students_of_the_paper_s_recipe_there_is_nothing_to_compare_with():
    scores = [score for score in make_recipe_scores() if score["recipe"] != "reasoning"]
    with pytest.raises(ValueError, match="no student of the recipe reasoning to compare with"):
        build(scores)


def test_simulated_homes_and_tiny_models_are_marked():
    scores = make_recipe_scores()
    for score in scores:
        score["provenance"] |= {"stand_in": "a tiny model", "simulated": ["flat"]}
    text = render_markdown(build(scores)).replace("\\", "")
    assert "| little (tiny)" in text
    assert "| flat (simulated)" in text
    means = text[text.index("Means over homes") :]
    assert len([line for line in means.splitlines() if "| little (tiny)" in line]) == 4
    assert "vote on flat (simulated): helps" in text


def test_the_program_sums_the_hours_of_trainings_and_of_the_text_that_students_learned_from(tmp_path):
    scores = make_recipe_scores(homes=["flat"])
    paths = []
    for number, score in enumerate(scores):
        paths.append(tmp_path / f"{number}.json")
        write_json(paths[-1], score)

    def stats(path, seconds, **more):
        write_json(tmp_path / path, {"seconds": seconds, "device": "cpu", **more})
        return str(tmp_path / path)

    students = [score["recogniser"] for score in scores if score["kind"] == "student"]
    trainings = [
        stats(f"students/{name}/fold{fold}/training.stats.json", 3600 + 3600 * fold, ranks=2)
        for name in students
        for fold in (1, 2)
    ]
    texts = [
        stats(f"predictions/{name}/{dataset}/train1/{shard}.stats.json", 1800)
        for name in ("large", "large_sampled")
        for dataset in ("flat", "cabin")
        for shard in ("a", "b")
    ]
    scorings = [stats(f"log_probabilities/large/{name}/flat/train1/a.stats.json", 900) for name in ("large", "other")]
    work = {"written": {"large": 4}, "scored": {}, "datasets": ["flat"], "training_devices": 3}
    works = {name: work | {"trainings": [name]} for name in students}
    works["little_vote_flat_seed1"] |= {"written": {"large": 4, "large_sampled": 2}, "scored": {"large": 4}}
    works["little_labels_flat_seed1"]["trainings"] = ["little_labels_flat", "little_labels_flat_seed1"]
    recipe_table.main(
        [
            *("--name", "recipes", "--spec", '{"title": "Recipes"}', "--scores", *map(str, paths)),
            *("--students", *trainings, "--texts", *texts, "--scorings", *scorings, "--works", json.dumps(works)),
            *(part for kind in ("markdown", "csv", "tex") for part in (f"--{kind}", str(tmp_path / f"recipes.{kind}"))),
        ]
    )
    text = (tmp_path / "recipes.markdown").read_text().replace("\\", "")
    (row,) = [line for line in text.splitlines() if line.startswith("| joint ")]
    assert [cell.strip() for cell in row.strip("|").split("|")][-2:] == ["30", "4"]  # 5 h of 2 ranks of 3; 1 h of 4
    (row,) = [line for line in text.splitlines() if line.startswith("| vote ")]
    assert (
        row.strip("|").split("|")[-1].strip() == "5.5"
    )  # a mean of 4, and of 7 with samples by half the devices and scoring
    (row,) = [line for line in text.splitlines() if line.startswith("| labels ")]
    assert row.strip("|").split("|")[-2].strip() == "45"  # a mean of 30 and, in two rounds, of 60
    (row,) = [line for line in text.splitlines() if line.startswith("| none ") and " large " in line]
    assert row.strip("|").split("|")[-2].strip() == ""
    assert "devices: cpu" in text
    assert "differ from run to run" in text


def test_without_hours_the_table_has_no_columns_of_them_and_depends_on_scores_alone():
    scores = make_recipe_scores(homes=["flat"])
    headings = [column.heading for column in build(scores).columns]
    assert not [heading for heading in headings if "(h)" in heading]
    assert "Hours" not in dict(build(scores).notes)
    hours = {score["recogniser"]: WorkHours(1.0, 0.5, ("cpu",)) for score in scores if score["kind"] == "student"}
    table = build_recipe_table("Recipes", "", scores, "abc", hours)
    plain = [{**record, "training_hours": None, "text_hours": None} for record in table.records]
    assert plain == build(scores).records


def test_the_program_shows_common_labels_where_the_table_has_them(tmp_path):
    scores = make_recipe_scores(homes=["flat"])
    paths = [tmp_path / f"{number}.json" for number in range(len(scores))]
    outputs = [part for kind in ("markdown", "csv", "tex") for part in (f"--{kind}", str(tmp_path / f"a.{kind}"))]
    spec = json.dumps({"title": "Recipes", "labels": "common"})
    command = ["--name", "a", "--spec", spec, "--scores", *map(str, paths), "--works", "{}", *outputs]
    for path, score in zip(paths, scores, strict=True):
        write_json(path, score)
    with pytest.raises(ValueError, match="does not map its labels to common ones"):
        recipe_table.main(command)
    for path, score in zip(paths, scores, strict=True):
        write_json(path, score | {"common": {key: score[key] for key in LabelResults.__annotations__ if key in score}})
    recipe_table.main(command)
    assert "Common labels" in (tmp_path / "a.markdown").read_text()
