"""Test which recognisers and datasets tables and figures select."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at, write_yaml
from factories import HOME
from hearth.workflow.configuration import ConfigError, resolve
from hearth.workflow.run_plan import plan_run
from hearth.workflow.selection import compared_pairs, selected_figures, selected_pairs, table_pairs
from hearth.workflow.students import students


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_students_and_tables(project):
    filled, _ = resolve(CONFIG, [], project)
    assert list(students(filled)) == ["little_reasoning_made-up", "little_reasoning_second"]
    assert students(filled)["little_reasoning_second"].datasets == ("second",)
    assert students(filled)["little_reasoning_second"].seed == 0
    assert table_pairs(filled, "students") == [
        ("little_reasoning_made-up", "made-up"),
        ("little_reasoning_second", "second"),
        ("large", "second"),
    ]


def test_another_seed_adds_a_student_and_renames_none(project):
    filled, _ = resolve(replace_at(CONFIG, "students/seeds", [0, 7]), [], project)
    assert {name: student.seed for name, student in students(filled).items()} == {
        "little_reasoning_made-up": 0,
        "little_reasoning_made-up_seed7": 7,
        "little_reasoning_second": 0,
        "little_reasoning_second_seed7": 7,
    }
    assert table_pairs(filled, "students")[:2] == [
        ("little_reasoning_made-up", "made-up"),
        ("little_reasoning_made-up_seed7", "made-up"),
    ]


@pytest.mark.parametrize(
    ("selection", "pairs"),
    [
        ({"recognisers": "models"}, ["little made-up", "little second", "large made-up", "large second"]),
        ({"recognisers": "teacher", "datasets": "all"}, ["large made-up", "large second"]),
        ({"recognisers": "bases", "datasets": ["second"]}, ["little second"]),
        ({"recognisers": "bases", "datasets": "others"}, ["little made-up", "little second"]),
        ({"recognisers": "students", "datasets": "trained_on"}, ["little_reasoning_second second"]),
        ({"recognisers": "students", "datasets": "others"}, ["little_reasoning_second made-up"]),
        ({"recognisers": "students"}, ["little_reasoning_second made-up", "little_reasoning_second second"]),
        ({"recognisers": ["large", "large"], "datasets": ["second"]}, ["large second"]),
    ],
)
def test_a_table_selects_recognisers_and_datasets(project, selection, pairs):
    config = replace_at(CONFIG, "students/trained_on", ["second"])
    config["tables"] = {"one": {"title": "One", "select": [selection]}}
    filled, _ = resolve(config, [], project)
    assert [" ".join(pair) for pair in table_pairs(filled, "one")] == pairs


def test_the_scores_of_a_run_are_those_that_any_table_selects_each_once(project):
    filled, _ = resolve(CONFIG, [], project)
    assert selected_pairs(filled) == [
        ("little", "made-up"),
        ("little", "second"),
        ("large", "made-up"),
        ("large", "second"),
        ("little_reasoning_made-up", "made-up"),
        ("little_reasoning_second", "second"),
    ]


def test_a_table_selects_by_the_name_of_a_group_or_variant(project):
    config = CONFIG | {
        "variants": {"cold": {"of": "bases", "decoding": {"temperature": 0}}},
        "baselines": ["majority"],
        "students": CONFIG["students"] | {"groups": {"few": {"max_examples": [5, 9], "trained_on": ["second"]}}},
    }
    for group, names in {
        "cold": ["little_cold"],
        "baselines": ["majority"],
        "few": ["little_reasoning-n5_second", "little_reasoning-n9_second"],
        "students": ["little_reasoning_made-up", "little_reasoning_second"],
    }.items():
        select = [{"recognisers": group, "datasets": ["second"]}]
        filled, _ = resolve(config | {"tables": {"one": {"title": "One", "select": select}}}, [], project)
        assert table_pairs(filled, "one") == [(name, "second") for name in names]


def test_a_table_outside_of_all_adds_no_scores_to_the_run(project):
    filled, _ = resolve(replace_at(CONFIG, "tables/students/all", False), [], project)
    assert {recogniser for recogniser, _ in selected_pairs(filled)} == {"little", "large"}
    assert len(table_pairs(filled, "students")) == 3


def test_groups_are_compared_member_by_member(project):
    variants = {"cold": {"of": "models", "decoding": {"temperature": 0}}}
    config = replace_at(CONFIG, "tables/scaling/compare", [["cold", "models"], ["large", "little"]])
    config = replace_at(config, "tables/scaling/select", [{"recognisers": "models"}, {"recognisers": "cold"}])
    filled, _ = resolve(config | {"variants": variants}, [], project)
    assert compared_pairs(filled, "scaling") == [
        ["little_cold", "little"],
        ["large_cold", "large"],
        ["large", "little"],
    ]


def test_a_table_compares_only_recognisers_that_it_shows_on_a_common_dataset(project):
    config = replace_at(CONFIG, "tables/students/compare", [["little", "large"]])
    with pytest.raises(ConfigError, match=r"students\.compare: the table selects little and large on no dataset"):
        resolve(config, [], project)


def test_a_dataset_outside_of_all_is_used_only_where_it_is_named(project):
    config = replace_at(CONFIG, "datasets/second/all", False)
    config["tables"] = {
        "one": {"title": "One", "select": [{"recognisers": "models"}]},
        "two": {"title": "Two", "select": [{"recognisers": "models", "datasets": ["second"]}]},
    }
    filled, _ = resolve(config, [], project)
    assert list(students(filled)) == ["little_reasoning_made-up"]
    assert table_pairs(filled, "one") == [("little", "made-up"), ("large", "made-up")]
    assert table_pairs(filled, "two") == [("little", "second"), ("large", "second")]


@pytest.mark.parametrize(
    ("select", "more", "drawn"),
    [
        ("models", {}, ["f1_by_size", "failures", "confusion"]),
        ("students", {}, ["f1_by_size", "failures", "transfer"]),
        (
            "students",
            {"students/trained_on": ["all"]},
            ["f1_by_size", "failures", "held_out_homes"],
        ),
        ("baselines", {"baselines": ["majority"]}, ["failures"]),
        ("fewer", {"students/groups": {"fewer": {"max_examples": [5]}}}, ["failures", "learning_curve"]),
        (
            "sure",
            {"variants": {"sure": {"of": "models", "self_consistency": 3}}},
            ["failures", "calibration"],
        ),
        (
            "sure",
            {"variants": {"sure": {"of": "models", "decoding": {"confidence": "tokens"}}}},
            ["failures", "calibration"],
        ),
    ],
)
def test_a_run_makes_the_figures_that_its_scores_have_content_for(project, select, more, drawn):
    config = replace_at(CONFIG, "tables", {"one": {"title": "One", "select": [{"recognisers": select}]}})
    for path, value in more.items():
        config = replace_at(config, path, value)
    filled, _ = resolve(config, [], project)
    assert selected_figures(filled) == drawn


def test_students_of_other_homes_and_several_learning_rates_have_figures_of_their_own(project):
    config = replace_at(
        CONFIG, "datasets/third", CONFIG["datasets"]["second"] | {"simulate": {"seed": 3, "sessions": 2}}
    )
    config["students"] = {"bases": ["little"], "trained_on": ["others"], "groups": {"rates": {"learning_rates": [0.1]}}}
    students = {"recognisers": "students", "datasets": "others"}
    bases = {"recognisers": "bases"}

    def figures(*select):
        tables = {"one": {"title": "One", "select": [*select]}}
        return selected_figures(resolve(config | {"tables": tables}, [], project)[0])

    drawn = figures(students, bases)
    assert "held_out_homes" in drawn
    assert "forgetting" not in drawn
    assert "forgetting" in figures(students, bases, {"recognisers": "rates", "datasets": "others"})
    # Without the bases there is nothing to compare them with.
    assert "forgetting" not in figures(students, {"recognisers": "rates", "datasets": "others"})


def test_students_of_a_part_of_the_homes_alone_have_no_figure_of_homes_left_out(project):
    config = dict(CONFIG)
    for number, name in enumerate(("third", "fourth"), start=3):
        home = CONFIG["datasets"]["second"] | {"simulate": {"seed": number, "sessions": 2}}
        config = replace_at(config, f"datasets/{name}", home)
    config["dataset_groups"] = {"pair": ["second", "third"]}
    config["students"] = {"bases": ["little"], "trained_on": ["pair"]}

    def figures(*datasets):
        select = [{"recognisers": "students", "datasets": [*datasets]}, {"recognisers": "bases"}]
        tables = {"one": {"title": "One", "select": select}}
        return selected_figures(resolve(config | {"tables": tables}, [], project)[0])

    assert "held_out_homes" in figures("second", "third", "fourth")
    assert "held_out_homes" not in figures("made-up", "second", "fourth")


def test_a_model_of_unknown_size_is_in_no_figure_about_size(project):
    config = replace_at(CONFIG, "tables", {"one": {"title": "One", "select": [{"recognisers": ["large"]}]}})
    filled, _ = resolve(config, [], project)
    assert selected_figures(filled) == ["f1_by_size", "failures", "confusion"]
    assert selected_figures(filled, unsized=["large"]) == ["failures"]


def test_where_seeds_share_a_row_the_first_stands_for_them_in_a_comparison(project):
    variants = {"cold": {"of": "models", "decoding": {"temperature": 0, "seeds": [0]}}, "bare": {"of": "models"}}
    select = [{"recognisers": name} for name in ("models", "cold", "bare")]
    tables = {
        "mean": {"title": "T", "select": select, "compare": [["cold", "models"], ["bare", "models"]]},
        "each": {"title": "T", "select": select, "compare": [["bare", "models"]], "seeds": "each"},
    }
    config = CONFIG | {"decoding": {"seeds": [0, 1]}, "variants": variants, "tables": tables}
    filled, _ = resolve(config, [], project)
    assert filled["tables"]["mean"]["seeds"] == "mean"
    assert compared_pairs(filled, "mean") == [
        ["little_cold", "little"],
        ["large_cold", "large"],
        ["little_bare", "little"],
        ["large_bare", "large"],
    ]
    assert compared_pairs(filled, "each") == [
        [f"{name}_bare{suffix}", f"{name}{suffix}"] for name in ("little", "large") for suffix in ("", "_decode1")
    ]
    # The table itself shows every seed of every group.
    assert ("little_decode1", "second") in table_pairs(filled, "mean")
    (line,) = problem_lines(replace_at(config, "tables/each/compare", [["cold", "models"]]), project)
    assert "cold has 2 recognisers and models has 4" in line


@pytest.mark.parametrize(
    ("rows", "suffixes"),
    [("scores", ["", "_decode3"]), ("homes", ["", "_decode3"]), ("labels", [""]), ("parts", [""])],
)
def test_tables_without_means_over_seeds_show_the_first_seed_of_a_group(project, rows, suffixes):
    tables = {"one": {"title": "T", "rows": rows, "select": [{"recognisers": "teacher", "datasets": ["second"]}]}}
    filled, _ = resolve(CONFIG | {"decoding": {"seeds": [0, 3]}, "tables": tables}, [], project)
    assert table_pairs(filled, "one") == [(f"large{suffix}", "second") for suffix in suffixes]


def test_a_majority_is_scored_and_its_samples_are_asked(project):
    variants = {"vote": {"of": ["little"], "self_consistency": 3}}
    tables = {"votes": {"title": "T", "select": [{"recognisers": "vote"}]}}
    filled, registry = resolve(CONFIG | {"variants": variants, "tables": tables}, [], project)
    plan = plan_run(filled, registry)
    assert plan.pairs == [("little_vote", "made-up"), ("little_vote", "second")]
    assert plan.asked_pairs == [
        (name, dataset) for dataset in ("made-up", "second") for name in ("little", "little_decode1", "little_decode2")
    ]


def test_figures_leave_out_transfer_baselines_and_the_run_loads_the_homes_that_they_learn_in(tmp_path):
    project = make_project(tmp_path / "mapped")
    write_yaml(
        project / "config/homes/made-up.yaml", HOME | {"common_labels": dict.fromkeys(HOME["labels"], "cooking")}
    )
    select = [{"recognisers": ["words-majority_others"], "datasets": ["made-up"]}]
    table = {"title": "T", "labels": "common", "select": select}
    filled, registry = resolve(
        CONFIG | {"transfer_baselines": ["words-majority"], "tables": {"one": table}}, [], project
    )
    assert selected_figures(filled) == []
    assert {"made-up", "second"} <= set(plan_run(filled, registry).datasets)
