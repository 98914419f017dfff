"""Test how the yaml of a home is found, and which changes of a project's file change its digest."""

import pytest
from config_factories import CONFIG, make_project, replace_at, write_yaml
from factories import HOME
from hearth.workflow.configuration import resolve
from hearth.workflow.project_files import content_digest, home_path


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


def test_a_home_may_be_a_file_outside_of_the_project(project, tmp_path):
    own = write_yaml(tmp_path / "my-flat.yaml", HOME)
    config, _ = resolve(replace_at(CONFIG, "datasets/made-up/home", str(own)), [], project)
    assert home_path(config["datasets"]["made-up"]["home"]) == own


@pytest.mark.parametrize("name", ["home.yaml", "zero.json"])
def test_the_digest_ignores_comments_and_layout_but_not_the_order_of_keys(tmp_path, name):
    path = tmp_path / name
    digests = []
    for text in ('{"kitchen": 1, "hall": 2}', '{ "kitchen": 1,\n  "hall": 2 }\n', '{"hall": 2, "kitchen": 1}'):
        path.write_text(text)
        digests.append(content_digest(path))
    assert digests[0] == digests[1] != digests[2]
    if name.endswith(".yaml"):
        path.write_text("# A remark.\nkitchen: 1\nhall: 2\n")
        assert content_digest(path) == digests[0]


def test_every_byte_of_a_template_changes_its_digest(tmp_path):
    path = tmp_path / "brief.j2"
    path.write_text("one")
    before = content_digest(path)
    path.write_text("one ")
    assert content_digest(path) != before


def test_common_labels_change_no_digest_because_only_scores_read_them(tmp_path):
    plain, mapped, renamed = (tmp_path / f"{name}.yaml" for name in ("plain", "mapped", "renamed"))
    write_yaml(plain, HOME)
    write_yaml(mapped, HOME | {"common_labels": dict.fromkeys(HOME["labels"], "cooking")})
    write_yaml(renamed, HOME | {"name": "Another home"})
    assert content_digest(plain) == content_digest(mapped) != content_digest(renamed)
