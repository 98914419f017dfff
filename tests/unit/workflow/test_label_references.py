"""Test that a config which scores in common labels without having them is refused, with the remedy."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at, write_yaml
from factories import HOME
from hearth.workflow.configuration import resolve

MAPPED = HOME | {"common_labels": dict.fromkeys(HOME["labels"], "cooking")}


def common_table(recognisers="models", **more):
    """Return a config with a table in common labels."""
    table = {"title": "T", "labels": "common", "select": [{"recognisers": recognisers}]}
    return CONFIG | {"tables": {"one": table | more}}


def check_refused(config, project, said):
    """Assert that a config has one problem, whose line holds `said`."""
    (line,) = problem_lines(config, project)
    assert said in line


@pytest.fixture
def project(tmp_path):
    """Return a project whose home maps its labels, and which has another home that does not."""
    project = make_project(tmp_path / "project")
    write_yaml(project / "config" / "homes" / "made-up.yaml", MAPPED)
    write_yaml(project / "config" / "homes" / "plain.yaml", HOME)
    return project


@pytest.mark.parametrize(
    "config",
    [
        common_table(),
        common_table(rows="labels"),
        common_table("transfer_baselines") | {"transfer_baselines": ["words-majority", "words-trees"]},
        common_table(["words-trees_others"]) | {"transfer_baselines": ["words-trees"]},
    ],
)
def test_what_has_common_labels_is_accepted(project, config):
    resolve(config, [], project)


def test_a_table_needs_the_mapping_of_every_home_that_it_selects(project):
    config = replace_at(common_table(), "datasets/second/home", "plain")
    said = (
        "tables.one.labels: the home 'plain' of 'second' maps no labels to common ones: add common_labels to its yaml"
    )
    check_refused(config, project, said)
    only = [{"recognisers": "models", "datasets": ["made-up"]}]
    resolve(replace_at(config, "tables/one/select", only), [], project)


def test_a_drawn_home_has_common_labels_of_its_own(project):
    drawn = {"source": "table", "home": "drawn", "simulate": {"kind": "drawn", "seed": 1, "sessions": 4}}
    resolve(replace_at(common_table(), "datasets/second", drawn), [], project)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"rows": "parts"}, "tables.one.labels: a table of parts has the labels of each home only; remove it"),
        (
            {"columns": ["accuracy_without_meals"]},
            "tables.one.columns.0: the sets of metrics.without are labels of homes, and this table has common labels",
        ),
    ],
)
def test_what_has_native_labels_only_is_refused_in_a_table_of_common_ones(project, more, said):
    config = common_table(**more) | {"metrics": {"without": {"meals": ["EATING"]}}}
    check_refused(config, project, said)


def test_a_transfer_baseline_needs_a_table_in_common_labels(project):
    config = replace_at(common_table("transfer_baselines"), "tables/one/labels", "native")
    said = "tables.one.labels: 'words-trees_own' answers in labels that homes share only: set labels: common"
    check_refused(config | {"transfer_baselines": ["words-trees"]}, project, said)


def test_a_transfer_baseline_needs_the_mapping_of_the_homes_that_it_learns_in(project):
    select = [{"recognisers": ["words-trees_others"], "datasets": ["made-up"]}]
    config = common_table() | {"transfer_baselines": ["words-trees"]}
    config = replace_at(replace_at(config, "datasets/second/home", "plain"), "tables/one/select", select)
    check_refused(config, project, "tables.one.labels: the home 'plain' of 'second' maps no labels to common")
    select[0]["recognisers"] = ["words-trees_own"]
    resolve(replace_at(config, "tables/one/select", select), [], project)


def test_a_transfer_baseline_of_other_homes_needs_one(project):
    config = common_table(["words-majority_others"]) | {"transfer_baselines": ["words-majority"]}
    said = "'words-majority_others' on 'made-up' has no other dataset with all: true to learn from"
    check_refused(replace_at(config, "datasets/second", ...), project, said)
