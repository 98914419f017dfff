"""Test the students of several datasets, their names and variants of training, and which tables show them where."""

import pytest
from config_factories import CONFIG, make_project, replace_at
from hearth.workflow.configuration import resolve
from hearth.workflow.recognisers import groups, recognisers
from hearth.workflow.run_plan import plan_run
from hearth.workflow.selection import table_pairs
from hearth.workflow.students import sized_datasets, students

THREE = replace_at(
    CONFIG, "datasets/third", {"source": "mural", "home": "made-up", "simulate": {"seed": 2, "sessions": 4}}
)
SPARE = replace_at(
    THREE,
    "datasets/spare",
    {"source": "mural", "home": "made-up", "simulate": {"seed": 3, "sessions": 4}, "all": False},
)


@pytest.fixture
def filled(tmp_path):
    project = make_project(tmp_path / "project")

    def fill(config, group, **top):
        config = replace_at(config, "students/groups", {"many": group}) | top
        table = {"title": "Many", "select": [{"recognisers": "many"}]}
        return resolve(replace_at(config, "tables/many", table), [], project)

    return fill


def sets(config):
    return {name: student.datasets for name, student in students(config).items() if name in groups(config)["many"]}


def test_a_student_learns_from_a_group_from_all_or_from_all_others(filled):
    some = {"dataset_groups": {"pair": ["third", "made-up"]}}
    config, _ = filled(SPARE, {"trained_on": ["spare", "pair", "all", "others"]}, **some)
    assert sets(config) == {
        "little_reasoning_spare": ("spare",),
        "little_reasoning_pair": ("made-up", "third"),
        "little_reasoning_all": ("made-up", "second", "third"),
        "little_reasoning_all-but-made-up": ("second", "third"),
        "little_reasoning_all-but-second": ("made-up", "third"),
        "little_reasoning_all-but-third": ("made-up", "second"),
    }
    known = students(config)
    assert known["little_reasoning_all-but-second"].trained_on == "all-but-second"
    assert recognisers(config)["little_reasoning_pair"].variant == ""


def test_without_sets_each_dataset_has_a_student_as_before(filled):
    config, _ = filled(SPARE, {"seeds": [0, 3]})
    assert [(one.name, one.datasets, one.replay_on) for one in students(config).values()] == [
        (f"little_reasoning_{name}{suffix}", (name,), ())
        for suffix in ("", "_seed3")
        for name in ("made-up", "second", "third")
    ]


def test_the_order_of_a_group_does_not_matter(filled):
    one, other = (
        sets(filled(THREE, {"trained_on": ["some"]}, dataset_groups={"some": order})[0])["little_reasoning_some"]
        for order in (["third", "made-up"], ["made-up", "third"])
    )
    assert one == other


def test_tables_select_by_the_datasets_that_a_student_learned_from(filled):
    def selected(which):
        config, _ = filled(THREE, {"trained_on": ["all", "others"]})
        config["tables"]["many"]["select"][0]["datasets"] = which
        return [(name.removeprefix("little_reasoning_"), dataset) for name, dataset in table_pairs(config, "many")]

    assert selected("others") == [(f"all-but-{name}", name) for name in ("made-up", "second", "third")]
    own = selected("trained_on")
    assert [pair for pair in own if pair[0] == "all"] == [("all", name) for name in ("made-up", "second", "third")]
    assert [pair for pair in own if pair[0] == "all-but-second"] == [
        ("all-but-second", "made-up"),
        ("all-but-second", "third"),
    ]


def test_variants_of_training_are_named_and_the_rest_is_that_of_the_main_students(filled):
    group = {
        "trained_on": ["second"],
        "max_examples": [50],
        "learning_rates": [0.001, 0.00005],
        "ranks": [8],
        "replay": [0.25],
        "replay_on": ["spare"],
        "balance": ["home"],
    }
    config, _ = filled(SPARE, group)
    name = "little_reasoning-n50-lr{}-r8-replay0.25-balance-home_second"
    assert list(sets(config)) == [name.format("0.001"), name.format("5e-05")]
    student = students(config)[name.format("0.001")]
    assert (student.learning_rate, student.rank, student.alpha, student.replay) == (0.001, 8, 16, 0.25)
    assert (student.balance, student.replay_on, student.max_examples) == ("home", ("spare",), 50)
    assert recognisers(config)[student.name].variant == "n50-lr0.001-r8-replay0.25-balance-home"
    plain = students(config)["little_reasoning_second"]
    assert (plain.learning_rate, plain.rank, plain.alpha, plain.replay) == (0.0002, 16, 32, 0)
    assert (plain.balance, plain.replay_on, plain.training_variant) == ("size", (), "")


def test_replay_of_the_main_students_is_not_part_of_their_name_and_a_group_may_do_without(filled):
    main = replace_at(replace_at(SPARE, "students/replay", 0.5), "students/replay_on", ["spare"])
    config, _ = filled(main, {"trained_on": ["second"], "replay": [0]})
    known = students(config)
    assert (known["little_reasoning_second"].replay, known["little_reasoning_second"].replay_on) == (0.5, ("spare",))
    without = known["little_reasoning-replay0_second"]
    assert (without.replay, without.replay_on) == (0, ())


def test_the_run_makes_the_traces_of_all_datasets_and_those_that_are_replayed(filled):
    config, registry = filled(SPARE, {"trained_on": ["others"], "replay": [0.5], "replay_on": ["spare"], "seeds": [0]})
    plan = plan_run(config, registry)
    assert ("little", "spare", "train1") in plan.replayed
    assert [dataset for _, dataset, _ in plan.traces] == ["made-up", "second", "third"]
    assert "spare" in plan.datasets
    assert plan.teacher_pairs == [("large", name) for name in ("made-up", "second", "third")]


def test_the_smallest_dataset_is_one_of_all_that_are_learned_from(filled):
    config, _ = filled(SPARE, {"trained_on": ["all", "spare"], "max_examples": ["smallest"]})
    known = students(config)
    assert sized_datasets(config, known["little_reasoning-nsmallest_all"]) == ["made-up", "second", "third"]
    assert sized_datasets(config, known["little_reasoning-nsmallest_spare"]) == ["made-up", "second", "third", "spare"]
