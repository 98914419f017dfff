"""Check the seeds of samples, and that decoding which gives several seeds the same answer is refused."""

import pytest
from config_factories import CONFIG, make_project, problem_lines, replace_at
from hearth.workflow.configuration import resolve
from hearth.workflow.decoding import sample_seeds, seed_suffixes, with_seed


def test_samples_take_the_declared_seeds_and_then_the_smallest_others():
    assert sample_seeds([7, 1], 1) == [7]
    assert sample_seeds([7, 1], 5) == [7, 1, 0, 2, 3]


def test_the_first_seed_has_no_suffix_whatever_it_is():
    assert seed_suffixes([7, 0, 12]) == ["", "_decode0", "_decode12"]


def test_an_engine_gets_one_seed_and_every_other_setting():
    settings = {"temperature": 0.6, "top_p": 0.95, "seeds": [1, 2]}
    assert with_seed(settings, 2) == {"temperature": 0.6, "top_p": 0.95, "seed": 2}


SEVERAL = {"decoding": {"seeds": [0, 1]}}
COLD = {"of": ["little"], "decoding": {"temperature": 0}}
CURT = {"of": ["little"], "prompt": {"reasoning": "none"}}
VOTE = {"of": ["large"], "self_consistency": 3}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            SEVERAL | {"variants": {"cold": COLD}},
            "variants.cold.decoding: greedy decoding (temperature 0) gives the same",
        ),
        (
            SEVERAL | {"variants": {"curt": CURT}, "decoding_without_reasoning": {"temperature": 0}},
            "decoding_without_reasoning: greedy decoding (temperature 0) gives the same",
        ),
        (
            {"decoding": {"temperature": 0}, "variants": {"vote": VOTE}},
            "variants.vote.self_consistency: greedy decoding (temperature 0) gives the same answer with every seed; so",
        ),
        ({"variants": {"vote": VOTE | {"self_consistency": 1}}}, "variants.vote.self_consistency: 1 is"),
        ({"decoding": {"seeds": []}}, "decoding.seeds: "),
        ({"decoding": {"seeds": [1, 1]}}, "decoding.seeds: "),
    ],
)
def test_decoding_that_gives_all_seeds_the_same_answer_is_refused(tmp_path, changes, said):
    (line,) = problem_lines(CONFIG | changes, make_project(tmp_path / "project"))
    assert said in line


def test_a_greedy_variant_beside_several_seeds_has_one(tmp_path):
    cold = replace_at(COLD, "decoding", {"temperature": 0, "seeds": [1]})
    resolve(CONFIG | SEVERAL | {"variants": {"cold": cold}}, [], make_project(tmp_path / "project"))


def test_nobody_learns_from_a_majority_because_it_has_no_reasoning(tmp_path):
    config = replace_at(CONFIG | {"variants": {"vote": VOTE}}, "students/groups", {"taught": {"teacher": "large_vote"}})
    (line,) = problem_lines(config, make_project(tmp_path / "project"))
    assert "students.groups.taught.teacher: 'large_vote' is a majority of samples and has no reasoning" in line
