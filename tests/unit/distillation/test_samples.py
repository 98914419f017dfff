"""Test the recipes that learn from several samples of a teacher, from files to training examples."""

from pathlib import Path

import pytest
import training_fixtures as fixtures
from hearth.common import files
from hearth.common.cli import UserError
from hearth.distillation.candidates import TrainingFiles, iterate_candidates
from hearth.distillation.example_parts import Source
from hearth.distillation.examples import IGNORED, open_examples, write_examples
from hearth.distillation.recipes import RECIPES
from hearth.distillation.source_options import samples_by_dataset
from hearth.models.load import load_tokenizer
from hearth.recognition.voting import vote
from sample_factories import make_sample

COOK, EAT, TV = "COOKING", "EATING", "watching TV"
# The labels of each of five samples for both events of a window; the sample None has an answer that nobody can read.
ANSWERS = [(COOK, EAT), (COOK, TV), (COOK, EAT), None, (TV, EAT)]
WINDOWS = fixtures.make_windows(5)
TRAIN = [window["window_id"] for window in WINDOWS[:5]]


def sample_rows(answers_of):
    """Return the rows of each sample's file; `answers_of(window_id)` are the labels of its samples, or None."""
    return [
        [
            make_sample(["", ""], seed, "Hm.", name)
            if answers_of(name)[seed] is None
            else make_sample([*answers_of(name)[seed]], seed, None, name, 10 + seed)
            for name in TRAIN
        ]
        for seed in range(len(ANSWERS))
    ]


def write_files(folder, rows):
    """Write windows, samples and their vote; return the files of a training."""
    paths = [folder / f"sample{seed}.jsonl" for seed in range(len(rows))]
    for path, of_seed in zip(paths, rows, strict=True):
        files.write_json_lines(path, of_seed)
    files.write_json_lines(folder / "vote.jsonl", vote(rows, paths))
    files.write_json_lines(folder / "windows.jsonl", WINDOWS)
    files.write_json(folder / "splits.json", fixtures.split_windows(WINDOWS))
    return TrainingFiles(
        folder / "windows.jsonl",
        folder / "splits.json",
        "train1",
        "train1",
        folder / "vote.jsonl",
        samples=tuple(paths),
    )


@pytest.fixture
def training_files(tmp_path):
    return write_files(tmp_path, sample_rows(lambda name: ANSWERS))


def build(folder, model, recipe, training_files, **settings):
    source = Source(training_files, fixtures.PROMPT, RECIPES[recipe])
    write_examples(folder, [source], load_tokenizer(model), {**fixtures.SETTINGS, **settings})
    return open_examples(folder)


def test_a_candidate_has_the_samples_of_its_window_and_their_vote(training_files):
    candidates = list(iterate_candidates(training_files, RECIPES["vote"]))
    assert [candidate.window["window_id"] for candidate in candidates] == TRAIN
    for candidate in candidates:
        assert {sample["window_id"] for sample in candidate.samples} == {candidate.window["window_id"]}
        assert [sample["seed"] for sample in candidate.samples] == [0, 1, 2, 3, 4]
        assert (candidate.parsed_labels, candidate.confidences) == ([COOK, EAT], [0.6, 0.6])
        assert candidate.trace["completion_tokens"] == 10 + 11 + 12 + 9 + 14


def test_vote_learns_the_samples_in_turn_with_the_shares_of_their_labels(training_files):
    (candidate, *_) = iterate_candidates(training_files, RECIPES["vote"])
    targets = RECIPES["vote"].targets(candidate)
    assert [target.text for target in targets] == [candidate.samples[seed]["text"] for seed in (0, 2, 1, 4)]
    assert all(target.ended for target in targets)
    assert [weight for *_, weight in targets[0].weights] == [0.6, 0.6]
    assert [weight for *_, weight in targets[2].weights] == [0.6, 0.2]
    assert RECIPES["vote"].in_turn


def test_gold_labels_decide_nothing(training_files):
    for recipe in ("vote", "brief"):
        for candidate in iterate_candidates(training_files, RECIPES[recipe]):
            targets = RECIPES[recipe].targets(candidate)
            candidate.window["gold"] = [TV, TV]
            assert RECIPES[recipe].targets(candidate) == targets


def test_only_the_tokens_of_labels_weigh_other_than_one(tmp_path, tiny_model, training_files):
    tokenizer = load_tokenizer(tiny_model)
    examples = build(tmp_path / "examples", tiny_model, "vote", training_files)
    assert (examples.n_windows, len(examples), examples.teacher_tokens) == (5, 20, 5 * 56)
    for number in range(len(examples)):
        example = examples[number]
        learned = [place for place, label in enumerate(example["labels"]) if label != IGNORED]
        weighted = [place for place in learned if example["weights"][place] != 1]
        text = tokenizer.decode([example["labels"][place] for place in weighted])
        assert "think" not in text
        assert COOK in text or TV in text
        assert {round(example["weights"][place], 3) for place in weighted} <= {0.6, 0.2}


def test_a_window_without_a_readable_sample_is_left_out_and_counted(tmp_path, tiny_model):
    rows = sample_rows(lambda name: [None] * 5 if name == TRAIN[1] else [None, None, None, None, (COOK, EAT)])
    training_files = write_files(tmp_path, rows)
    for recipe in ("vote", "brief"):
        examples = build(tmp_path / recipe, tiny_model, recipe, training_files)
        assert (examples.n_windows, len(examples)) == (4, 4)
        assert examples.counts["left_out"]["unreadable"] == 1


def test_cut_samples_are_never_taught_as_complete(tmp_path, tiny_model):
    rows = sample_rows(lambda name: [(COOK, EAT)] * 5)
    for of_seed in rows:
        for row in of_seed[:2]:
            row["finish_reason"] = "length"
    rows[3][1]["finish_reason"] = "stop"
    training_files = write_files(tmp_path, rows)
    kept = build(tmp_path / "kept", tiny_model, "vote", training_files)
    assert (kept.n_windows, kept.counts["truncated"]) == (5, 1)
    dropped = build(tmp_path / "dropped", tiny_model, "vote", training_files, truncated_traces="drop")
    assert (dropped.n_windows, len(dropped)) == (4, 3 * 4 + 1)
    assert dropped.counts["left_out"]["truncated"] == 1


def test_samples_of_other_windows_are_refused_with_their_file(training_files):
    path = training_files.samples[2]
    rows = files.read_json_lines(path)
    files.write_json_lines(path, rows[:-1])
    with pytest.raises(ValueError, match=r"sample2\.jsonl: it has 4 predictions, another sample has more"):
        list(iterate_candidates(training_files, RECIPES["vote"]))
    files.write_json_lines(path, [rows[1], rows[0], *rows[2:]])
    with pytest.raises(ValueError, match=r"sample2\.jsonl: row 1 is the prediction of window"):
        list(iterate_candidates(training_files, RECIPES["vote"]))


def test_samples_beyond_the_windows_are_refused(training_files):
    path = training_files.samples[2]
    files.write_json_lines(path, [*files.read_json_lines(path), make_sample(["", ""], 2, None, "toy/s9/9")])
    with pytest.raises(ValueError, match=r"vote\.jsonl: it has 5 predictions, another sample has more"):
        list(iterate_candidates(training_files, RECIPES["vote"]))


def test_the_recipes_need_samples_and_their_vote(training_files):
    with pytest.raises(ValueError, match="recipe 'vote' needs --samples"):
        list(iterate_candidates(training_files._replace(samples=()), RECIPES["vote"]))
    with pytest.raises(ValueError, match=r"sample0\.jsonl: it is no vote"):
        list(iterate_candidates(training_files._replace(traces=training_files.samples[0]), RECIPES["vote"]))


def test_samples_of_several_datasets_follow_each_other():
    paths = [Path(name) for name in ("a0", "a1", "b0", "b1")]
    assert samples_by_dataset(paths, 2) == [(paths[0], paths[1]), (paths[2], paths[3])]
    assert samples_by_dataset([], 2) == []
    with pytest.raises(UserError, match="--samples: 4 files are not equally many for each of 3 datasets"):
        samples_by_dataset(paths, 3)
