"""Make examples with the teacher's log-probabilities, refuse those of another use, and train on them."""

import json
import signal
import sys
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
import training_fixtures as fixtures
from hearth.common import files
from hearth.common.log_probabilities import LogProbabilities, write_log_probabilities
from hearth.common.scored_text import ScoredText
from hearth.distillation import rows
from hearth.distillation.candidates import TrainingFiles
from hearth.distillation.example_arrays import Example, SoftTargets, to_arrays
from hearth.distillation.examples import Examples, Source, open_examples, write_examples
from hearth.distillation.recipes import RECIPES
from hearth.engines.transformers import TransformersEngine
from hearth.models.load import load_tokenizer, vocabulary_size
from hearth.recognition.scoring import score_head, score_shard

TOP_TOKENS = 4


def score(training, path, top_tokens=TOP_TOKENS):
    """Score the traces of a training with its own base as the teacher."""
    traces = files.read_json_lines(training.folder / "traces.jsonl")
    named = {trace["window_id"] for trace in traces}
    windows = [row for row in files.read_json_lines(training.folder / "windows.jsonl") if row["window_id"] in named]
    engine = TransformersEngine(training.model, None, dtype="float32", device="cpu", batch_size=8)
    texts, _ = score_shard(windows, traces, fixtures.PROMPT, engine, top_tokens)
    head = score_head(engine, {"model": "m"}, top_tokens, files.file_digest(training.folder / "traces.jsonl"))
    write_log_probabilities(path, head, texts)


class SoftTraining(fixtures.Training):
    """A training by recipe soft."""

    def __init__(self, folder, model, **settings):
        super().__init__(folder, model, dtype="float32", **settings)
        score(self, folder / "scores.safetensors")

    @property
    def options(self):
        return super().options | {"recipe": "soft", "log-probabilities": self.folder / "scores.safetensors"}


@pytest.fixture
def training(tmp_path, tiny_model):
    return SoftTraining(tmp_path, tiny_model, windows=6)


def build(training, recipe="soft", vocabulary=None, **settings):
    """Return the examples of a training."""
    folder = training.folder
    paths = {name: folder / f"{name}.jsonl" for name in ("windows", "traces")}
    training_files = TrainingFiles(
        splits=folder / "splits.json",
        split="train1",
        traces_split="train1",
        log_probabilities=folder / "scores.safetensors",
        **paths,
    )
    write_examples(
        folder / "examples",
        [Source(training_files, fixtures.PROMPT, RECIPES[recipe])],
        load_tokenizer(training.model),
        fixtures.SETTINGS | settings,
        vocabulary=vocabulary,
    )
    return open_examples(folder / "examples")


@pytest.mark.parametrize("max_examples", [None, 4])
def test_examples_have_the_teachers_tokens_in_the_places_of_theirs(training, max_examples):
    examples = build(training, max_examples=max_examples, vocabulary=vocabulary_size(training.model))
    texts = {text.window_id: text for text in LogProbabilities(training.folder / "scores.safetensors")}
    assert len(examples) == (max_examples or 6)
    for item, lists in zip(examples.items, examples, strict=True):
        text = texts[item.window_id]
        assert item.completion_ids == text.tokens.tolist()
        assert item.soft.share == 0.5
        np.testing.assert_array_equal(item.soft.top_ids, text.top_ids)
        np.testing.assert_array_equal(item.soft.log_probabilities, text.log_probabilities)
        assert lists["soft"].top_ids.dtype == np.int32
        assert lists["soft"].log_probabilities.dtype == np.float16


def test_other_recipes_do_not_read_them(training):
    plain = build(training, recipe="reasoning")
    assert [item.soft for item in plain.items] == [None] * 6
    assert plain.digest() != build(training).digest()


def test_other_probabilities_are_another_training(training):
    one = build(training).digest()
    path = training.folder / "scores.safetensors"
    opened = LogProbabilities(path)
    texts = [text._replace(log_probabilities=text.log_probabilities - np.float16(1)) for text in opened]
    write_log_probabilities(path, opened.head, texts)
    assert build(training).digest() != one


def rewrite(training, change_head=None, change=lambda text: text):
    path = training.folder / "scores.safetensors"
    opened = LogProbabilities(path)
    texts = [change(ScoredText(text.window_id, *(np.array(part) for part in text[1:]))) for text in opened]
    write_log_probabilities(path, opened.head | (change_head or {}), [text for text in texts if text])


def other_token(text):
    text.tokens[2] += 1
    return text


def beyond(text):
    text.top_ids[3, 1] = 151936
    return text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (partial(rewrite, change_head={"traces": "x"}), "log-probabilities of other traces"),
        (partial(rewrite, change_head={"tokenizer": "x"}), "tokenizer has other tokens than the student's"),
        (partial(rewrite, change_head={"temperature": 2.0}), "of temperature 2"),
        (partial(rewrite, change=other_token), "tokens of the trace are not those that the teacher scored"),
        (partial(rewrite, change=beyond), "has token 151936, but the student's vocabulary has"),
        (
            partial(rewrite, change=lambda text: text._replace(window_id=f"{text.window_id}x")),
            "--log-probabilities covers other windows than the traces",
        ),
        (
            partial(rewrite, change=lambda text: None if text.window_id.endswith("/5") else text),
            "--log-probabilities covers other windows",
        ),
    ],
    ids=["traces", "tokenizer", "temperature", "tokens", "vocabulary", "windows", "fewer windows"],
)
def test_log_probabilities_of_another_use_are_refused(training, change, message):
    build(training)
    change(training)
    with pytest.raises(ValueError, match=message):
        build(training, vocabulary=vocabulary_size(training.model))


def test_a_damaged_file_and_a_missing_one(training):
    path = training.folder / "scores.safetensors"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        build(training)
    with pytest.raises(ValueError, match="recipe 'soft' needs --log-probabilities"):
        fixtures.build_examples(
            files.read_json_lines(training.folder / "traces.jsonl"),
            files.read_json_lines(training.folder / "windows.jsonl"),
            fixtures.PROMPT,
            load_tokenizer(training.model),
            RECIPES["soft"],
            fixtures.SETTINGS,
        )


def test_sources_with_other_numbers_of_tokens(training, tmp_path, tiny_model):
    other = SoftTraining(tmp_path / "other", tiny_model, windows=6)
    score(other, other.folder / "scores.safetensors", top_tokens=3)
    sources = [
        Source(
            TrainingFiles(
                folder / "windows.jsonl",
                folder / "splits.json",
                "train1",
                "train1",
                folder / "traces.jsonl",
                log_probabilities=folder / "scores.safetensors",
            ),
            fixtures.PROMPT,
            RECIPES["soft"],
        )
        for folder in (training.folder, other.folder)
    ]
    with pytest.raises(ValueError, match=r"other/scores.* 3 log-probabilities a token, but .* 4"):
        write_examples(tmp_path / "examples", sources, load_tokenizer(tiny_model), fixtures.SETTINGS)


@pytest.mark.parametrize("lay_out", [rows.join_rows, rows.pad_rows])
def test_soft_targets_stay_with_their_tokens_beside_examples_without_any(lay_out):
    soft = SoftTargets(0.5, np.arange(6, dtype=np.int32).reshape(3, 2), -np.ones((3, 2), np.float16))
    items = [
        Example("a", [5], [6, 7], weights=[0.5, 1.0]),
        Example("b", [8], [9, 10, 11], soft=soft),
        Example("c", [12], [13]),
    ]
    examples = Examples([[1, 2]], to_arrays(items))
    share = rows.collate(list(examples))["share"]
    targets = lay_out(share.examples).targets
    assert targets.ids.tolist() == [6, 7, 9, 10, 11, 13]
    assert targets.weights.tolist() == [0.5, 1, 1, 1, 1, 1]
    assert targets.soft_shares.tolist() == [0, 0, 0.5, 0.5, 0.5, 0]
    assert targets.top_ids[2:5].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert targets.top_ids.dtype == torch.int32
    assert targets.log_probabilities.dtype == torch.float16
    assert [example.soft is None for example in share.examples] == [True, False, True]


@pytest.mark.skipif(sys.platform != "linux", reason="signals and process trees as on Linux")
def test_a_killed_soft_training_ends_bitwise_where_an_undisturbed_one_does(tmp_path, tiny_model):
    whole, killed = (SoftTraining(tmp_path / name, tiny_model) for name in ("whole", "killed"))
    assert whole.run() == 0, whole.log
    log = files.read_json(whole.folder / "out" / "training_log.json")
    assert log["recipe"] == "soft"
    assert log["losses"][-1] < log["losses"][0]
    assert killed.interrupt(step=8, signal_number=signal.SIGKILL) != 0
    assert not (killed.folder / "out" / "adapter").exists()
    assert killed.run() == 0, killed.log
    assert killed.adapter == whole.adapter
    assert (killed.folder / "out" / "training_log.json").read_bytes() == (
        whole.folder / "out" / "training_log.json"
    ).read_bytes()


def test_an_optimiser_step_does_not_depend_on_the_micro_batch(tmp_path, tiny_model):
    losses = []
    for size in (1, 4):
        training = SoftTraining(tmp_path / str(size), tiny_model, windows=8, micro_batch_size=size, epochs=1)
        assert training.run() == 0, training.log
        losses.append(json.loads((training.folder / "out" / "training_log.json").read_text())["losses"])
    assert all(abs(one - other) < 1e-4 for one, other in zip(*losses, strict=True))
    assert all(one != other for one, other in pairwise(losses[0]))
