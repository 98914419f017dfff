import re
import shutil
import subprocess
import sys
from dataclasses import replace

import torch
from hearth.engines.generation import SequenceDecoder
from hearth.engines.protocol import Decoding, Request
from hearth.engines.transformers import TransformersEngine
from hearth.models.load import load_model, load_tokenizer
from hearth.models.tokens import encode
from repository import REPOSITORY
from transformers import AutoConfig, AutoModelForCausalLM

PREFIX = "<|im_start|>system\nName the activity behind every event. kitchen, living room<|im_end|>\n<|im_start|>user\n"
REQUESTS = [
    Request(
        f"home/s{n}/{n}", "kitchen induction stove turned OFF, é “living” room " * (n % 5) + f"door {n}<|im_end|>\n"
    )
    for n in range(11)
]
GREEDY = Decoding.greedy(24)
SAMPLED = replace(Decoding.greedy(40), temperature=1.0, top_p=0.95, top_k=40, seed=7)


def engine(folder, batch_size, adapter=None):
    return TransformersEngine(folder, adapter, dtype="float32", device="cpu", batch_size=batch_size)


def completions(folder, batch_size, decoding, requests=REQUESTS, prefix=PREFIX, adapter=None):
    batches = engine(folder, batch_size, adapter).complete(prefix, requests, decoding)
    return {completion.key: completion for batch in batches for completion in batch}


def by_hand(folder, request, decoding, prefix=PREFIX, adapter=None):
    """Return the text that greedy decoding gives without padding, cache, batch or generate()."""
    tokenizer, model = load_tokenizer(folder), load_model(folder, adapter, "float32", "cpu")
    ids = [
        token for text in (prefix, request.suffix) for token in tokenizer(text, add_special_tokens=False)["input_ids"]
    ]
    new = []
    with torch.no_grad():
        while len(new) < decoding.max_new_tokens and (not new or new[-1] != tokenizer.eos_token_id):
            new.append(int(model(torch.tensor([ids + new]), use_cache=False).logits[0, -1].argmax()))
    return tokenizer.decode([token for token in new if token != tokenizer.eos_token_id], skip_special_tokens=False)


def test_greedy_batches_equal_one_by_one_without_any_cache(tiny_model):
    alone = {request.key: by_hand(tiny_model, request, GREEDY) for request in REQUESTS}
    assert len(set(alone.values())) > 5
    # generate() would apply this setting of the model's folder, by_hand does not: the engine must ignore it as well.
    assert '"repetition_penalty": 1.7' in (tiny_model / "generation_config.json").read_text()
    for batch_size in (1, 3, 16):
        batched = completions(tiny_model, batch_size, GREEDY)
        assert {key: completion.text for key, completion in batched.items()} == alone


def test_greedy_with_an_adapter_equals_one_by_one(tiny_model, tiny_adapter):
    alone = {request.key: by_hand(tiny_model, request, GREEDY, adapter=tiny_adapter) for request in REQUESTS}
    with_adapter = completions(tiny_model, 4, GREEDY, adapter=tiny_adapter)
    assert {key: completion.text for key, completion in with_adapter.items()} == alone
    assert with_adapter != completions(tiny_model, 4, GREEDY)


def test_without_a_prefix(tiny_model):
    completed = completions(tiny_model, 4, GREEDY, prefix="")
    assert completed[REQUESTS[3].key].text == by_hand(tiny_model, REQUESTS[3], GREEDY, prefix="")


def test_a_prompt_of_one_token(tiny_model):
    (request,) = requests = [Request("k", "d")]
    assert completions(tiny_model, 4, GREEDY, requests)["k"].text == by_hand(tiny_model, request, GREEDY)


def test_sampling_does_not_depend_on_batch_size_or_order(tiny_model):
    one = completions(tiny_model, 1, SAMPLED)
    assert one == completions(tiny_model, 4, SAMPLED)
    assert one == completions(tiny_model, 16, SAMPLED, requests=REQUESTS[::-1])
    few = completions(tiny_model, 3, SAMPLED, requests=REQUESTS[4:7])
    assert few == {key: one[key] for key in few}


def test_other_seeds_draw_other_text_and_equal_prompts_differ_by_key(tiny_model):
    one = completions(tiny_model, 4, SAMPLED)
    other = completions(tiny_model, 4, replace(SAMPLED, seed=8))
    assert all(one[key].text != other[key].text for key in one)
    twins = completions(tiny_model, 4, SAMPLED, requests=[Request("a", "door"), Request("b", "door")])
    assert twins["a"].text != twins["b"].text


def test_an_engine_repeats_its_completions(tiny_model):
    once = engine(tiny_model, 2)
    first = list(once.complete(PREFIX, REQUESTS, GREEDY))
    list(once.complete("another prefix ", REQUESTS[:2], GREEDY))
    assert list(once.complete(PREFIX, REQUESTS, GREEDY)) == first


def test_a_prefix_is_encoded_once_for_all_calls_that_share_it(tiny_model):
    tiny = engine(tiny_model, 2)
    tiny.load()
    read = []
    tiny._model.register_forward_pre_hook(
        lambda model, args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    prefix = len(encode(tiny.tokenizer, PREFIX))
    for request in REQUESTS[:3]:
        list(tiny.complete(PREFIX, [request], Decoding.greedy(1)))
    assert prefix not in {len(encode(tiny.tokenizer, request.suffix)) for request in REQUESTS[:3]}
    assert read.count(prefix) == 1
    list(tiny.complete("another prefix ", REQUESTS[:1], GREEDY))
    list(tiny.complete(PREFIX, REQUESTS[:1], GREEDY))
    assert read.count(prefix) == 2


def test_finish_reasons_counts_and_text(tiny_model):
    completed = completions(tiny_model, 16, replace(Decoding.greedy(150), temperature=1.3, seed=1))
    tokenizer = load_tokenizer(tiny_model)
    assert {completion.finish_reason for completion in completed.values()} == {"stop", "length"}
    for request in REQUESTS:
        completion = completed[request.key]
        prompt = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (PREFIX, request.suffix)]
        assert completion.prompt_tokens == sum(prompt)
        assert "<|im_end|>" not in completion.text
        assert (completion.completion_tokens == 150) or completion.finish_reason == "stop"


def test_special_tokens_such_as_think_are_kept(tiny_model):
    tokenizer = load_tokenizer(tiny_model)
    ids = [tokenizer.convert_tokens_to_ids(token) for token in ("<think>", "</think>", "<|im_end|>")]
    decoder = SequenceDecoder(tokenizer, len(tokenizer), ids[2:], GREEDY)
    sequence = decoder.start(Request("k", "door"), [5, 6])
    sequence.written += [*ids[:2], 70, ids[2]]
    stopped = decoder.completion(sequence, prefix_length=3)
    assert stopped.text == "<think></think>" + tokenizer.decode([70])
    assert (stopped.finish_reason, stopped.prompt_tokens, stopped.completion_tokens) == ("stop", 5, 4)


def test_a_prompt_beyond_the_context_is_unanswered_and_all_others_are_answered(tiny_model):
    requests = [REQUESTS[0], Request("home/long/3", "door " * 3000), *REQUESTS[1:]]
    batches = list(engine(tiny_model, 2).complete(PREFIX, requests, GREEDY))
    (refused,) = batches[0]
    assert (refused.key, refused.text, refused.finish_reason) == ("home/long/3", "", "unanswered")
    assert re.search(r"the prompt has \d{4,} tokens .* context has 2048", refused.unanswered_reason)
    assert {c.key: c for batch in batches[1:] for c in batch} == completions(tiny_model, 2, GREEDY)


def test_no_requests_give_no_completions(tiny_model):
    assert list(engine(tiny_model, 2).complete(PREFIX, [], GREEDY)) == []


def test_batch_size_auto_fills_the_free_memory(tiny_model, monkeypatch):
    tiny = engine(tiny_model, "auto")
    monkeypatch.setattr("os.sysconf", {"SC_AVPHYS_PAGES": 100, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert {c.key: c for batch in tiny.complete(PREFIX, REQUESTS, GREEDY) for c in batch} == completions(
        tiny_model, 1, GREEDY
    )
    # Rows may use 80 % of 409,600 bytes. A token takes 2 (key, value) x 2 layers x 16 x 4 bytes = 256 bytes, and the
    # logits of a row take 16 bytes for each token of the vocabulary.
    longest = max(len(encode(tiny.tokenizer, request.suffix)) for request in REQUESTS)
    assert tiny.cost()["batch_size"] == int(0.8 * 409600 / (256 * (longest + 24) + 16 * len(tiny.tokenizer))) > 1


def test_waiting_requests_replace_finished_ones_of_any_length(tiny_model):
    tiny = engine(tiny_model, 3)
    decoding = replace(Decoding.greedy(90), temperature=1.3, seed=1)
    groups = list(tiny.complete(PREFIX, REQUESTS, decoding))
    assert len(groups) > 4  # if only whole batches of three were replaced, there would be four groups
    assert {c.key: c for group in groups for c in group} == completions(tiny_model, 1, decoding)


LOADING = """
import re, sys
from pathlib import Path
import peft, torch, transformers
from hearth.engines.transformers import TransformersEngine

def peak():  # not ru_maxrss, which starts with that of the test's process
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = peak()
TransformersEngine(Path(sys.argv[1]), None, dtype="float32", device="cpu", batch_size=1).load()
print(peak() - before)
"""


def test_memory_holds_weights_once_although_they_are_converted_and_packed(tiny_model, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(tiny_model, folder)
    shape = {"hidden_size": 1024, "intermediate_size": 4096, "head_dim": 512, "num_hidden_layers": 6}
    config = AutoConfig.from_pretrained(tiny_model, **shape, layer_types=["full_attention"] * 6)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    weights = 2 * (folder / "model.safetensors").stat().st_size  # in float32
    assert weights > 300e6
    command = [sys.executable, "-c", LOADING, folder]
    loaded = subprocess.run(command, cwd=REPOSITORY / "workflow_scripts", capture_output=True, text=True, check=True)
    assert 0.9 * weights < int(loaded.stdout) < 1.3 * weights
