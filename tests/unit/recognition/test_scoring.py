"""Score the text of a shard with a tiny model, as training tokenises it, by the library and by the program."""

import json

import gather_log_probabilities
import log_probabilities
import numpy as np
import pytest
import torch
import training_fixtures as fixtures
from hearth.common import files
from hearth.common.cli import UserError
from hearth.common.log_probabilities import LogProbabilities
from hearth.distillation.encoding import Encoder
from hearth.distillation.recipes import Target
from hearth.engines.transformers import TransformersEngine
from hearth.models.load import load_model, load_tokenizer
from hearth.models.tokens import vocabulary_digest
from hearth.prompting.prompts import user_turns
from hearth.recognition.scoring import score_shard
from window_factories import write_indexed

WINDOWS = [window for window in fixtures.make_windows(6) if window["session"] != "tested"]
TRACES = fixtures.make_traces(WINDOWS)
# A text that was cut off in its reasoning, and a window without an answer.
TRACES[1] |= {"text": "<think>\nThe stove", "finish_reason": "length"}
TRACES[3] |= {"text": "", "finish_reason": "unanswered", "unanswered_reason": "too long"}


def engine(folder):
    return TransformersEngine(folder, None, dtype="float32", device="cpu", batch_size=4)


def test_tokens_and_prompt_are_those_of_training(tiny_model):
    texts, stats = score_shard(WINDOWS, TRACES, fixtures.PROMPT, engine(tiny_model), 5)
    encoder = Encoder(load_tokenizer(tiny_model), fixtures.PROMPT)
    model = load_model(tiny_model, None, "float32", "cpu")
    turns = user_turns(fixtures.PROMPT, WINDOWS, ())
    for window, trace, text in zip(WINDOWS, TRACES, texts, strict=True):
        assert text.window_id == window["window_id"]
        if trace["finish_reason"] == "unanswered":
            assert (text.tokens.shape, text.top_ids.shape) == ((0,), (0, 5))
            continue
        ended = trace["finish_reason"] == "stop"
        example = encoder.encode(window["window_id"], turns[window["window_id"]], Target(trace["text"], ended))
        assert text.tokens.tolist() == example.completion_ids
        assert (text.tokens[-1] == load_tokenizer(tiny_model).eos_token_id) == ended
        prompt = encoder.prefix_ids + example.suffix_ids
        with torch.no_grad():
            logits = model(torch.tensor([prompt + example.completion_ids])).logits[0, len(prompt) - 1 : -1]
        values, ids = logits.log_softmax(-1).topk(5)
        np.testing.assert_array_equal(text.top_ids, ids.numpy())
        np.testing.assert_allclose(text.log_probabilities, values.numpy(), rtol=1e-3, atol=1e-4)
    assert stats["windows"] == 6
    assert stats["completion_tokens"] == sum(len(text.tokens) for text in texts)


def test_predictions_of_other_windows(tiny_model):
    for traces in (TRACES[1:], TRACES[::-1], [*TRACES, TRACES[0]]):
        with pytest.raises(ValueError, match="not those of the shard's windows"):
            score_shard(WINDOWS, traces, fixtures.PROMPT, engine(tiny_model), 5)


@pytest.fixture
def options(tmp_path, tiny_model):
    """Return the program's options for three of the windows, with the traces of a recogniser."""
    write_indexed(tmp_path, WINDOWS, fixtures.split_windows(fixtures.make_windows(6)))
    files.write_json_lines(tmp_path / "traces.jsonl", TRACES[:3])
    files.write_json(tmp_path / "prompt.json", fixtures.PROMPT)
    return {
        "model": tiny_model,
        "windows": tmp_path / "windows.jsonl",
        "index": tmp_path / "index.json",
        "split": "all",
        "shard": "00000-00002",
        "predictions": tmp_path / "traces.jsonl",
        "prompt": tmp_path / "prompt.json",
        "top-tokens": 4,
        "engine": "transformers",
        "dtype": "float32",
        "device": "cpu",
        "out": tmp_path / "00000-00002.safetensors",
        "stats": tmp_path / "00000-00002.stats.json",
    }


def arguments(options):
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def test_the_programs_score_shards_and_join_them(options, tmp_path, tiny_model):
    log_probabilities.main(arguments(options))
    first = options["out"].read_bytes()
    log_probabilities.main(arguments(options))
    assert options["out"].read_bytes() == first
    opened = LogProbabilities(options["out"])
    opened.check(
        top_tokens=4,
        tokenizer=vocabulary_digest(load_tokenizer(tiny_model)),
        traces=files.file_digest(tmp_path / "traces.jsonl"),
    )
    assert opened.window_ids == [window["window_id"] for window in WINDOWS[:3]]
    assert json.loads(options["stats"].read_text())["engine"] == "transformers"

    files.write_json_lines(tmp_path / "second.jsonl", TRACES[3:])
    second = {"shard": "00003-00005", "predictions": tmp_path / "second.jsonl", "out": tmp_path / "second"}
    log_probabilities.main(arguments(options | second))
    files.write_json_lines(tmp_path / "all.jsonl", TRACES)
    shards = [str(options["out"]), str(tmp_path / "second")]
    paths = ["--predictions", str(tmp_path / "all.jsonl"), "--out", str(tmp_path / "all.safetensors")]
    gather_log_probabilities.main([*paths, "--shards", *shards])
    gathered = LogProbabilities(tmp_path / "all.safetensors")
    gathered.check(traces=files.file_digest(tmp_path / "all.jsonl"))
    assert gathered.window_ids == [window["window_id"] for window in WINDOWS]
    whole, _ = score_shard(WINDOWS, TRACES, fixtures.PROMPT, engine(tiny_model), 4)
    for one, other in zip(gathered, whole, strict=True):
        np.testing.assert_array_equal(one.tokens, other.tokens)
        np.testing.assert_array_equal(one.top_ids, other.top_ids)


@pytest.mark.parametrize("name", ["openai", "server"])
def test_a_server_does_not_score_text(options, name):
    with pytest.raises(UserError, match=rf"--engine {name}: .* set engine\.name to transformers or vllm"):
        log_probabilities.main(arguments(options | {"engine": name}))
    assert not options["out"].exists()
