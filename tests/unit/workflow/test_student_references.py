"""Test that mistakes in sets of datasets and in replayed traces are named with place, value and remedy."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at, write_yaml
from factories import HOME
from hearth.workflow.configuration import resolve
from repository import HOMES

SPARE = replace_at(
    CONFIG,
    "datasets/spare",
    {"source": "mural", "home": "made-up", "simulate": {"seed": 3, "sessions": 4}, "all": False},
)


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def with_group(group, select="many", **top):
    config = replace_at(SPARE, "students/groups", {"many": group}) | top
    return replace_at(config, "tables/many", {"title": "Many", "select": [{"recognisers": select}]})


REPLAYED = {"trained_on": ["made-up"], "replay": [0.5], "replay_on": ["spare"]}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            SPARE | {"dataset_groups": {"made-up": ["second"]}},
            "dataset_groups.made-up: a dataset has the name 'made-up'",
        ),
        (SPARE | {"dataset_groups": {"all": ["second"]}}, "dataset_groups.all: the name 'all' stands for a set"),
        (SPARE | {"dataset_groups": {"all-but-x": ["second"]}}, "the name 'all-but-x' stands for a set"),
        (
            SPARE | {"dataset_groups": {"some": ["second", "mad-up"]}},
            "dataset_groups.some.1: unknown dataset or group 'mad-up'; did you mean 'made-up'?",
        ),
        (SPARE | {"dataset_groups": {"some": []}}, "dataset_groups.some"),
        (
            with_group({"trained_on": ["other"]}),
            "trained_on.0: unknown dataset or group 'other'; did you mean 'others'?",
        ),
        (with_group({"trained_on": ["made-up"], "replay": [0.5]}), "students.groups.many.replay_on: `replay` needs"),
        (with_group(REPLAYED | {"replay_on": ["spar"]}), "replay_on.0: unknown dataset or group 'spar'; did you mean"),
        (with_group(REPLAYED | {"replay": [1]}), "students.groups.many.replay.0: 1 is greater than or equal to"),
        (replace_at(SPARE, "students/replay", 0.2), "students.replay_on: `replay` needs the datasets"),
        (
            with_group(REPLAYED | {"replay_on": ["second"]}),
            "tables.many.select: little_reasoning-replay0.5_made-up has seen second, on which it is tested",
        ),
        (
            with_group({"trained_on": ["others"], "replay": [0.5], "replay_on": ["second"]}),
            "little_reasoning-replay0.5_all-but-second has seen second",
        ),
        (
            with_group({"trained_on": ["all"], "max_examples": [1]}),
            "students.groups.many: max_examples: 1 leaves no example of some of the 2 datasets of little_reason",
        ),
        (
            with_group({"trained_on": ["all"], "max_examples": [3], "replay": [0.5], "replay_on": ["spare"]}),
            "max_examples: 3, less the replayed ones, leaves no example of some of the 2 datasets",
        ),
    ],
)
def test_each_mistake_is_named(project, config, said):
    lines = problem_lines(config, project)
    assert any(said in line and "run.yaml: " in line for line in lines), lines


def test_there_must_be_other_datasets(project):
    config = with_group({"trained_on": ["others"]})
    config["datasets"]["second"]["all"] = False
    config["tables"].pop("students")
    assert any(
        "trained_on.0: there are no other datasets: 1 has `all: true`" in line
        for line in problem_lines(config, project)
    )


def test_students_of_one_name_have_one_set_of_replayed_datasets(project):
    twice = {"one": REPLAYED, "two": REPLAYED | {"replay_on": ["made-up"]}}
    lines = problem_lines(replace_at(SPARE, "students/groups", twice), project)
    assert any("students.groups.two: little_reasoning-replay0.5_made-up is declared twice" in line for line in lines)


@pytest.mark.parametrize("same", [{"seed": 3, "sessions": 9}, {"seed": 4, "sessions": 4}], ids=["same days", "others"])
@pytest.mark.parametrize(
    "group", [{"trained_on": ["others"]}, REPLAYED | {"replay_on": ["copy"]}], ids=["learned", "replayed"]
)
def test_a_home_is_not_unseen_under_another_name(project, group, same):
    copy = SPARE["datasets"]["spare"] | {"simulate": same, "all": "replay" not in group}
    config = with_group(group, datasets=SPARE["datasets"] | {"copy": copy})
    config["datasets"]["spare"] = config["datasets"]["spare"] | {"all": True}
    said = "has seen the recordings of spare, on which it is tested: copy, from which it learned, has the same ones"
    if same["seed"] == 3:
        assert any(said in line for line in problem_lines(config, project))
    else:
        assert resolve(config, [write_yaml(project / "run.yaml", config)], project)


@pytest.mark.parametrize("is_option", [False, True], ids=["in the config", "as --config again_root=..."])
def test_recorded_homes_are_the_same_if_their_root_is(project, is_option):
    recorded = {"source": "marble", "home": "made-up", "root": "data/home"}
    same = "data/../data/home"
    homes = SPARE["datasets"] | {"days": recorded, "again": recorded | {"root": "" if is_option else same}}
    config = with_group({"trained_on": ["others"]}, datasets=homes) | ({"again_root": same} if is_option else {})
    said = "has seen the recordings of days, on which it is tested: again"
    assert any(said in line for line in problem_lines(config, project))
    config.pop("again_root", None)
    config["datasets"]["again"] = recorded | {"root": "data/other"}
    assert resolve(config, [write_yaml(project / "run.yaml", config)], project)


def test_a_variant_of_a_home_has_its_days_if_it_has_its_seed(project):
    plain = {"source": "marble", "home": "marble", "simulate": {"seed": 5, "sessions": 4}}
    (project / "config" / "homes" / "marble.yaml").write_bytes((HOMES / "marble.yaml").read_bytes())
    variant = plain | {"simulate": plain["simulate"] | {"kind": "variant"}}
    homes = SPARE["datasets"] | {"plain": plain, "variant": variant}
    config = with_group({"trained_on": ["others"]}, datasets=homes)
    said = "has seen the recordings of plain, on which it is tested: variant"
    assert any(said in line for line in problem_lines(config, project))
    config["datasets"]["variant"]["simulate"]["seed"] = 6
    assert resolve(config, [write_yaml(project / "run.yaml", config)], project)


def test_a_home_is_the_same_by_name_and_by_path(project):
    (project / "config" / "homes" / "marble.yaml").write_bytes((HOMES / "marble.yaml").read_bytes())
    by_name = {"source": "marble", "home": "marble", "root": "data/home"}
    homes = SPARE["datasets"] | {"days": by_name, "again": by_name | {"home": str(HOMES / "marble.yaml")}}
    said = "has seen the recordings of days, on which it is tested: again"
    config = with_group({"trained_on": ["others"]}, datasets=homes)
    assert any(said in line for line in problem_lines(config, project))


@pytest.mark.parametrize(
    "other", [{"split": {"test_fraction": 0.4}}, {"split": {"folds": 3}}, {"windows": {"size": 5}}]
)
@pytest.mark.parametrize("trained_on", [["both"], ["spare"]])
def test_no_student_learns_from_tested_days_under_another_name_in_another_split(project, other, trained_on):
    homes = SPARE["datasets"] | {"copy": SPARE["datasets"]["spare"] | other}
    config = with_group({"trained_on": trained_on}, datasets=homes, dataset_groups={"both": ["spare", "copy"]})
    config["tables"]["many"]["select"][0]["datasets"] = ["copy"]
    if "split" in other:
        lines = problem_lines(config, project)
        assert any("spare, from which it learned, has the same ones" in line for line in lines)
        assert any("in another split" in line for line in lines)
    else:
        assert resolve(config, [write_yaml(project / "run.yaml", config)], project)


def test_the_student_of_all_other_homes_is_none_of_the_tested_days(project):
    """If these are one dataset, its student is named after the home that it has not seen."""
    homes = {"spare": SPARE["datasets"]["spare"] | {"all": True}}
    homes["copy"] = homes["spare"] | {"windows": {"size": 5}}
    config = with_group({"trained_on": ["others"]}, datasets=homes)
    config["tables"] = {"many": config["tables"]["many"]}
    said = "little_reasoning_all-but-spare has seen the recordings of spare, on which it is tested: copy"
    assert any(said in line for line in problem_lines(config, project))


@pytest.mark.parametrize("rows", ["scores", "forgetting", "homes"])
def test_the_days_of_a_home_under_another_name_are_not_unseen(project, rows):
    homes = SPARE["datasets"] | {"copy": SPARE["datasets"]["spare"] | {"windows": {"size": 5}}}
    config = with_group({"trained_on": ["spare"]}, datasets=homes)
    many = config["tables"]["many"]
    many |= {"rows": rows, "select": [many["select"][0] | {"datasets": ["copy"]}]}
    many["select"].append({"recognisers": "bases", "datasets": ["copy"]})
    if rows != "scores":
        said = "has seen the recordings of copy, on which it is tested: spare"
        assert any(said in line for line in problem_lines(config, project))
    else:
        assert resolve(config, [write_yaml(project / "run.yaml", config)], project)


@pytest.mark.parametrize(("homes", "is_refused"), [("own", False), ("others", True), ("all", False)])
def test_no_transfer_baseline_learns_from_a_tested_home_as_another_home(project, homes, is_refused):
    mapped = HOME | {"common_labels": dict.fromkeys(HOME["labels"], "other")}
    write_yaml(project / "config" / "homes" / "made-up.yaml", mapped)
    spare = SPARE["datasets"]["spare"] | {"all": True}
    table = {
        "title": "Transfer",
        "labels": "common",
        "select": [{"recognisers": [f"words-majority_{homes}"], "datasets": ["spare"]}],
    }
    config = SPARE | {"datasets": SPARE["datasets"] | {"spare": spare, "copy": spare | {"windows": {"size": 5}}}}
    config |= {"transfer_baselines": ["words-majority"], "tables": {"transfer": table}}
    if is_refused:
        said = f"tables.transfer.select: words-majority_{homes} has seen the recordings of spare"
        assert any(said in line for line in problem_lines(config, project))
    else:
        assert resolve(config, [write_yaml(project / "run.yaml", config)], project)
