"""Train with recipes that learn more than traces, kill the training, and compare its end with an undisturbed one."""

import signal
import sys

import numpy as np
import pytest
import training_fixtures as fixtures
from hearth.common import files
from hearth.common.log_probabilities import TEMPERATURE, to_float16, write_log_probabilities
from hearth.common.scored_text import ScoredText
from hearth.distillation.candidates import TrainingFiles
from hearth.distillation.example_parts import Source
from hearth.distillation.examples import open_examples, write_examples
from hearth.distillation.recipes import RECIPES
from hearth.models.load import load_tokenizer
from hearth.models.tokens import completion_tokens, turn_end_token, vocabulary_digest
from hearth.prompting.prompts import answer_text
from hearth.recognition.voting import vote
from safetensors.numpy import load_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and process trees as on Linux")


def score(path, traces, model, top_tokens=3):
    """Write log-probabilities of traces: the trace's own token is the likeliest, at about two thirds."""
    tokenizer, texts = load_tokenizer(model), []
    for trace in files.read_json_lines(traces):
        tokens = np.array(completion_tokens(tokenizer, trace["text"], turn_end_token(tokenizer), True), np.int32)
        top_ids = np.stack([tokens, (tokens + 1) % 100, (tokens + 2) % 100], axis=1).astype(np.int32)
        values = np.tile(np.log([0.65, 0.2, 0.1]), (len(tokens), 1))
        texts.append(ScoredText(trace["window_id"], tokens, top_ids, to_float16(values)))
    head = {
        "teacher": "0" * 64,
        "top_tokens": top_tokens,
        "vocabulary": len(tokenizer),
        "tokenizer": vocabulary_digest(tokenizer),
        "dtype": "float32",
        "temperature": TEMPERATURE,
        "traces": files.file_digest(traces),
        "tensors": "",
    }
    write_log_probabilities(path, head, texts)


class RecipeTraining(fixtures.Training):
    """A training by one recipe; that of on-policy is a round that continues the adapter of another training."""

    def __init__(self, folder, model, recipe, start=None, own=None, **settings):
        super().__init__(folder, model, dtype="float32", **settings)
        self.recipe, self.start_adapter = recipe, start
        windows, traces = (self.folder / f"{name}.jsonl" for name in ("windows", "traces"))
        trained = [row for row in files.read_json_lines(windows) if row["session"] != "tested"]
        rest = {"reasoning": "", "status": "ok", "lenient_labels": [None, None], "lenient_status": "ok"}
        rows = list(files.read_json_lines(traces))
        parsed = [row | rest | {"labels": window["gold"]} for row, window in zip(rows, trained, strict=True)]
        files.write_json_lines(folder / "parsed.jsonl", parsed)
        files.write_json(folder / "direct.json", fixtures.PROMPT | {"reasoning": "none", "system": "Answer at once."})
        samples = [[row | {"text": f"{row['text']}{' ' * seed}", "seed": seed} for row in parsed] for seed in range(3)]
        samples[2] = [row | {"labels": [row["labels"][0], None]} for row in samples[2]]
        self.samples = [folder / f"sample{seed}.jsonl" for seed in range(3)]
        for path, of_seed in zip(self.samples, samples, strict=True):
            files.write_json_lines(path, of_seed)
        files.write_json_lines(folder / "vote.jsonl", vote(samples, self.samples))
        score(folder / "scores.safetensors", traces, model)
        written = [
            row | {"text": f"<think>\nHm.\n</think>\n\n{answer_text(window['gold'])}", "seed": 1}
            for row, window in zip(rows, trained, strict=True)
        ]
        files.write_json_lines(folder / "own.jsonl", [row | (own or {}) for row in written])
        score(folder / "own.safetensors", folder / "own.jsonl", model)

    @property
    def options(self):
        options = super().options | {"recipe": self.recipe}
        if self.recipe == "joint":
            options |= {"parsed": self.folder / "parsed.jsonl", "direct-prompt": self.folder / "direct.json"}
        if self.recipe in ("vote", "brief"):
            options |= {"traces": self.folder / "vote.jsonl", "samples": self.samples}
        if self.recipe in ("soft", "on-policy"):
            options["log-probabilities"] = self.folder / "scores.safetensors"
        if self.start_adapter:
            own = {"own-traces": "own.jsonl", "own-log-probabilities": "own.safetensors"}
            options |= {
                "earlier-adapter": self.start_adapter,
                "earlier-log": self.start_adapter.parent / "training_log.json",
            }
            options |= {name: self.folder / file for name, file in own.items()}
        return options


@pytest.fixture(scope="module")
def first_round(tmp_path_factory, tiny_model):
    training = RecipeTraining(tmp_path_factory.mktemp("round0"), tiny_model, "on-policy")
    assert training.run() == 0, training.log
    return training


@pytest.mark.parametrize("recipe", ["joint", "vote", "on-policy"])
def test_a_killed_training_of_every_recipe_ends_bitwise_the_same(tmp_path, tiny_model, first_round, recipe):
    start = first_round.folder / "out" / "adapter" if recipe == "on-policy" else None
    undisturbed, killed = (RecipeTraining(tmp_path / name, tiny_model, recipe, start) for name in ("whole", "killed"))
    assert undisturbed.run() == 0, undisturbed.log
    assert killed.interrupt(step=8, signal_number=signal.SIGKILL) != 0
    assert killed.run() == 0, killed.log
    assert killed.adapter == undisturbed.adapter
    logs = [files.read_json(each.folder / "out" / "training_log.json") for each in (undisturbed, killed)]
    assert logs[0] == logs[1]
    assert logs[0]["steps"] == 12
    assert logs[0]["losses"][-1] < logs[0]["losses"][0]
    assert logs[0]["teacher_tokens"] == 24 * (3 if recipe == "vote" else 1)


def test_a_rank_without_an_example_in_the_last_step_changes_no_weighted_loss(tmp_path, tiny_model):
    no_dropout = fixtures.SETTINGS["lora"] | {"dropout": 0.0}
    options = {"windows": 5, "lora": no_dropout}
    trainings = [RecipeTraining(tmp_path / str(ranks), tiny_model, "vote", ranks=ranks, **options) for ranks in (1, 2)]
    for training in trainings:
        assert training.run() == 0, training.log
    one, two = (files.read_json(each.folder / "out" / "training_log.json")["losses"] for each in trainings)
    assert len(one) == 4
    assert np.allclose(one, two, rtol=1e-4)


def test_a_round_starts_from_the_adapter_of_the_round_before_and_says_so(tmp_path, tiny_model, first_round):
    start = first_round.folder / "out" / "adapter"
    training = RecipeTraining(tmp_path / "round1", tiny_model, "on-policy", start, learning_rate=1e-9)
    assert training.run() == 0, training.log
    before, after = (
        load_file(folder / "adapter_model.safetensors") for folder in (start, tmp_path / "round1/out/adapter")
    )
    assert all(np.allclose(before[name], after[name], atol=1e-6) for name in before)
    log = files.read_json(tmp_path / "round1" / "out" / "training_log.json")
    assert (log["continues"]["student"], log["continues"]["steps"], log["steps"]) == ("tiny-student", 12, 12)
    assert sum(log["own_texts"].values()) == 24
    assert log["own_texts"]["learned"] + log["own_texts"]["not_drawn"] == 24
    assert log["own_texts"]["learned"] >= 6
    assert "continues" not in files.read_json(first_round.folder / "out" / "training_log.json")


def test_an_adapter_of_another_rank_is_not_trained_on(tmp_path, tiny_model, first_round):
    lora = fixtures.SETTINGS["lora"] | {"r": 8}
    training = RecipeTraining(tmp_path, tiny_model, "on-policy", first_round.folder / "out" / "adapter", lora=lora)
    assert training.run() != 0
    assert "the adapter has other weights than students.training.lora" in training.log


def test_a_round_without_enough_text_of_the_student_is_refused(tmp_path, tiny_model, first_round):
    start = first_round.folder / "out" / "adapter"
    training = RecipeTraining(tmp_path, tiny_model, "on-policy", start, own={"finish_reason": "length"})
    assert training.run() != 0
    assert "only 0 of 24 windows have text of the student's own that can be learned, and 25% is needed" in training.log
    assert "'cut': " in training.log


def test_in_place_of_own_text_that_is_too_long_the_trace_is_learned(tmp_path, tiny_model):
    long = "<think>\n" + " ".join(str(number) for number in range(400)) + "\n</think>\n\n[]"
    RecipeTraining(tmp_path, tiny_model, "on-policy")
    rows = list(files.read_json_lines(tmp_path / "own.jsonl"))
    files.write_json_lines(
        tmp_path / "own.jsonl", [row | {"text": long} if n % 4 == 0 else row for n, row in enumerate(rows)]
    )
    score(tmp_path / "own.safetensors", tmp_path / "own.jsonl", tiny_model)
    paths = {
        "log_probabilities": "scores.safetensors",
        "own_traces": "own.jsonl",
        "own_log_probabilities": "own.safetensors",
    }
    names = {name: tmp_path / file for name, file in paths.items()}
    names |= {name: tmp_path / f"{name}.jsonl" for name in ("windows", "traces")}
    of_split = TrainingFiles(splits=tmp_path / "splits.json", split="train1", traces_split="train1", **names)
    source, tokenizer = Source(of_split, fixtures.PROMPT, RECIPES["on-policy"]), load_tokenizer(tiny_model)

    def build(limit):
        folder = tmp_path / f"examples{limit}"
        write_examples(folder, [source], tokenizer, fixtures.SETTINGS | {"max_length": limit})
        return open_examples(folder)

    whole = build(4096)
    limited = build(int(min(whole.lengths())) + 100)  # more than any trace has, and less than the long text
    assert limited.counts["used"] == whole.counts["used"] == 24
    assert limited.counts["left_out"]["too_long"] == 0
    replaced = limited.own_texts["long"]
    assert 0 < replaced == whole.own_texts["learned"] - limited.own_texts["learned"]
    assert max(limited.lengths()) < max(whole.lengths())


def test_own_text_of_other_windows_is_refused(tmp_path, tiny_model, first_round):
    training = RecipeTraining(tmp_path, tiny_model, "on-policy", first_round.folder / "out" / "adapter")
    rows = list(files.read_json_lines(tmp_path / "own.jsonl"))
    files.write_json_lines(tmp_path / "own.jsonl", rows[1:] + rows[:1])
    score(tmp_path / "own.safetensors", tmp_path / "own.jsonl", tiny_model)
    assert training.run() != 0
    assert "--own-traces or --own-log-probabilities cover other windows than the train split" in training.log


@pytest.mark.parametrize(
    ("prompt", "direct", "said"),
    [
        ("think", None, "recipe 'joint' needs --direct-prompt"),
        ("think", "think", "--direct-prompt for none; they may be mixed up"),
        ("none", "think", "--direct-prompt for none; they may be mixed up"),
    ],
)
def test_prompts_with_and_without_reasoning_are_not_mixed_up(tmp_path, tiny_model, prompt, direct, said):
    names = {name: tmp_path / f"{name}.jsonl" for name in ("windows", "traces", "parsed")}
    RecipeTraining(tmp_path, tiny_model, "joint")
    source = Source(
        TrainingFiles(splits=tmp_path / "splits.json", split="train1", traces_split="train1", **names),
        fixtures.PROMPT | {"reasoning": prompt},
        RECIPES["joint"],
        direct_prompt=direct and fixtures.PROMPT | {"reasoning": direct},
    )
    with pytest.raises(ValueError, match=said):
        write_examples(tmp_path / "examples", [source], load_tokenizer(tiny_model), fixtures.SETTINGS)
