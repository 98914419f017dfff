import collections

import pytest
import torch
from hearth.engines import Decoding, Request
from hearth.engines.generation import Turns
from hearth.engines.kv_cache import Rows, _attend
from hearth.engines.prepacked_linear import PackedLinear, pack
from hearth.engines.sampling import choose, philox, with_noise, words
from hearth.engines.transformers import TransformersEngine
from hearth.models.load import load_model, load_tokenizer

PREFIX = "<|im_start|>system\nName the activity behind every event. kitchen, living room<|im_end|>\n<|im_start|>user\n"
REQUESTS = [
    Request(
        f"home/s{n}/{n}", "kitchen induction stove turned OFF, é “living” room " * (n % 5) + f"door {n}<|im_end|>\n"
    )
    for n in range(11)
]
GREEDY = Decoding(temperature=0, max_new_tokens=24)
SAMPLED = Decoding(temperature=1.0, top_p=0.95, top_k=40, max_new_tokens=40, seed=7)


def engine(folder, batch_size, adapter=None):
    return TransformersEngine(folder, adapter, dtype="float32", device="cpu", batch_size=batch_size)


def completions(folder, batch_size, decoding, requests=REQUESTS, prefix=PREFIX, adapter=None):
    batches = engine(folder, batch_size, adapter).complete(prefix, requests, decoding)
    return {completion.key: completion for batch in batches for completion in batch}


def by_hand(folder, request, decoding, prefix=PREFIX, adapter=None):
    """Greedy decoding without padding, cache, batch or generate()."""
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
    # generate() would take this from the folder unasked; by_hand does not.
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
    found = completions(tiny_model, 4, GREEDY, prefix="")
    assert found[REQUESTS[3].key].text == by_hand(tiny_model, REQUESTS[3], GREEDY, prefix="")


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
    other = completions(tiny_model, 4, Decoding(**{**SAMPLED.__dict__, "seed": 8}))
    assert all(one[key].text != other[key].text for key in one)
    twins = completions(tiny_model, 4, SAMPLED, requests=[Request("a", "door"), Request("b", "door")])
    assert twins["a"].text != twins["b"].text


def test_an_engine_completes_the_same_again(tiny_model):
    once = engine(tiny_model, 2)
    first = list(once.complete(PREFIX, REQUESTS, GREEDY))
    list(once.complete("another prefix ", REQUESTS[:2], GREEDY))
    assert list(once.complete(PREFIX, REQUESTS, GREEDY)) == first


def test_a_prefix_is_encoded_once_for_all_calls_that_share_it(tiny_model):
    tiny = engine(tiny_model, 2)
    tiny.load()
    read = []
    tiny._model.register_forward_pre_hook(
        lambda model, args, given: read.append(given["input_ids"].numel()), with_kwargs=True
    )
    prefix = len(tiny._tokens(PREFIX))
    for request in REQUESTS[:3]:
        list(tiny.complete(PREFIX, [request], Decoding(temperature=0, max_new_tokens=1)))
    assert prefix not in {len(tiny._tokens(request.suffix)) for request in REQUESTS[:3]}
    assert read.count(prefix) == 1
    list(tiny.complete("another prefix ", REQUESTS[:1], GREEDY))
    list(tiny.complete(PREFIX, REQUESTS[:1], GREEDY))
    assert read.count(prefix) == 2


def test_finish_reasons_counts_and_text(tiny_model):
    found = completions(tiny_model, 16, Decoding(temperature=1.3, max_new_tokens=150, seed=1))
    tokenizer = load_tokenizer(tiny_model)
    assert {completion.finish_reason for completion in found.values()} == {"stop", "length"}
    for request in REQUESTS:
        completion = found[request.key]
        prompt = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (PREFIX, request.suffix)]
        assert completion.prompt_tokens == sum(prompt)
        assert "<|im_end|>" not in completion.text
        assert (completion.completion_tokens == 150) or completion.finish_reason == "stop"


def test_special_tokens_such_as_think_are_kept(tiny_model):
    tokenizer = load_tokenizer(tiny_model)
    ids = [tokenizer.convert_tokens_to_ids(token) for token in ("<think>", "</think>", "<|im_end|>")]
    turns = Turns(tokenizer, len(tokenizer), ids[2:], GREEDY)
    turn = turns.open(Request("k", "door"), [5, 6])
    turn.written += [*ids[:2], 70, ids[2]]
    stopped = turns.completion(turn, before=3)
    assert stopped.text == "<think></think>" + tokenizer.decode([70])
    assert (stopped.finish_reason, stopped.prompt_tokens, stopped.completion_tokens) == ("stop", 5, 4)


def test_a_prompt_beyond_the_context_is_refused_before_anything_is_generated(tiny_model):
    requests = [*REQUESTS, Request("home/long/3", "door " * 3000)]
    with pytest.raises(ValueError, match=r"1 of 12 prompts .*2048 tokens: home/long/3 has \d{4,}"):
        next(engine(tiny_model, 2).complete(PREFIX, requests, GREEDY))


def test_no_requests_no_work(tiny_model):
    assert list(engine(tiny_model, 2).complete(PREFIX, [], GREEDY)) == []


def test_out_of_memory_halves_the_rows_and_loses_none(tiny_model, monkeypatch):
    tiny = engine(tiny_model, 8)
    step, sizes = Rows.step, []

    def small_gpu(rows, tokens):
        sizes.append(len(tokens))
        if len(tokens) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(rows, tokens)

    monkeypatch.setattr(Rows, "step", small_gpu)
    batches = list(tiny.complete(PREFIX, REQUESTS, GREEDY))
    assert sizes[:3] == [8, 4, 2]
    assert max(sizes[2:]) == 2
    assert tiny.cost()["batch_size"] == 2
    assert {c.key: c for batch in batches for c in batch} == completions(tiny_model, 1, GREEDY)


def test_out_of_memory_while_one_of_many_rows_is_begun_halves_the_rows(tiny_model, monkeypatch):
    requests = [Request(f"long/{n}", "door opened " * 300 + str(n)) for n in range(5)]  # each is read by itself
    start, slots = Rows.start, []

    def small_gpu(rows, prompts):
        slots.append(rows._slots)
        if rows._slots > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return start(rows, prompts)

    monkeypatch.setattr(Rows, "start", small_gpu)
    brief = Decoding(temperature=0, max_new_tokens=2)
    assert completions(tiny_model, 4, brief, requests).keys() == {request.key for request in requests}
    assert slots == [4, 2, 1, 1, 1, 1, 1]


def test_a_batch_size_of_auto_is_what_the_free_memory_holds(tiny_model, monkeypatch):
    tiny = engine(tiny_model, "auto")
    monkeypatch.setattr("os.sysconf", {"SC_AVPHYS_PAGES": 100, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert {c.key: c for batch in tiny.complete(PREFIX, REQUESTS, GREEDY) for c in batch} == completions(
        tiny_model, 1, GREEDY
    )
    # 80 % of 409,600 bytes; a token of a row takes 2 x 2 layers x 16 x 4 bytes, and the longest prompt is known
    longest = max(len(tiny._tokens(request.suffix)) for request in REQUESTS)
    assert tiny.cost()["batch_size"] == int(0.8 * 409600 / (256 * (longest + 24) + 16 * len(tiny.tokenizer))) > 1


def test_requests_of_any_length_take_the_place_of_finished_ones(tiny_model):
    tiny = engine(tiny_model, 3)
    decoding = Decoding(temperature=1.3, max_new_tokens=90, seed=1)
    groups = list(tiny.complete(PREFIX, REQUESTS, decoding))
    assert len(groups) > 4  # four batches of three, were they waited for
    assert {c.key: c for group in groups for c in group} == completions(tiny_model, 1, decoding)


def test_out_of_memory_alone_says_which_window(tiny_model, monkeypatch):
    def no_gpu(rows, prompts):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Rows, "start", no_gpu)
    with pytest.raises(ValueError, match="home/s0/0"):
        next(engine(tiny_model, 2).complete(PREFIX, REQUESTS, GREEDY))


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [  # known answers of the authors' Random123 library
        ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, expected):
    words = philox([torch.tensor([word]) for word in counter], [torch.tensor([word]) for word in key])
    assert " ".join(f"{int(word):08x}" for word in words) == expected


def test_sampling_follows_the_probabilities():
    probabilities = torch.tensor([0.5, 0.25, 0.15, 0.1])
    keys = [str(n) for n in range(20000)]
    scores = probabilities.log().expand(len(keys), -1)
    drawn = with_noise(scores, [words(3, key) for key in keys], [4] * len(keys)).argmax(-1)
    shares = torch.bincount(drawn, minlength=4) / len(keys)
    assert torch.allclose(shares, probabilities, atol=0.012)  # over three standard errors


def test_warping_keeps_only_the_nucleus():
    decoding = Decoding(temperature=0.5, top_p=0.9, top_k=3, max_new_tokens=1)
    scores = torch.tensor([[0.6, 0.25, 0.1, 0.05]]).log()
    seen = collections.Counter()
    for n in range(300):
        seen[int(choose(scores, decoding, [words(0, str(n))], [0]))] += 1
    # squared and renormalised: 0.83, 0.14, 0.02, 0.006; the first two reach 0.9
    assert set(seen) == {0, 1}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temperature": -0.1, "max_new_tokens": 5}, "temperature"),
        ({"temperature": True, "max_new_tokens": 5}, "temperature"),
        ({"temperature": float("nan"), "max_new_tokens": 5}, "temperature"),
        ({"temperature": 0, "max_new_tokens": 0}, "max_new_tokens"),
        ({"temperature": 0, "max_new_tokens": 5.0}, "max_new_tokens"),
        ({"temperature": 0, "max_new_tokens": 5, "top_p": 0}, "top_p"),
        ({"temperature": 0, "max_new_tokens": 5, "top_k": -1}, "top_k"),
        ({"temperature": 0, "max_new_tokens": 5, "seed": -1}, "seed"),
        ({"temperature": 0, "max_new_tokens": 5, "constrained": 1}, "constrained"),
        ({"temperature": 0, "max_new_tokens": 5, "reasoning_budget": 5}, "reasoning_budget is 5; .* less than"),
        ({"temperature": 0, "max_new_tokens": 5, "reasoning_budget": True}, "reasoning_budget"),
        ({"temperature": 0, "max_new_tokens": 5, "confidence": "agreement"}, "confidence"),
        ({"temperature": 0, "max_new_tokens": 5, "topk": 3}, "unknown key topk"),
        ({"temperature": 0}, "missing key max_new_tokens"),
        ([], "mapping"),
    ],
)
def test_decoding_says_what_is_wrong(settings, said):
    with pytest.raises(ValueError, match=said):
        Decoding.of(settings)


def test_packed_layers_compute_what_linear_layers_do_and_an_adapters_own_stay(tiny_model, tiny_adapter):
    model = load_model(tiny_model, tiny_adapter, "float32", "cpu")
    tokens = torch.arange(40)[None]
    with torch.inference_mode():
        before = model(tokens).logits
        pack(model)
        after = model(tokens).logits
    left = [name for name, module in model.named_modules() if type(module) is torch.nn.Linear]
    assert any(isinstance(module, PackedLinear) for module in model.modules())
    assert left
    assert all(".lora_" in name for name in left)
    torch.testing.assert_close(after, before)


def test_attention_of_another_kind_is_refused_rather_than_computed_wrongly():
    queries = torch.zeros(1, 2, 3, 4)
    with pytest.raises(ValueError, match="softcap"):
        _attend(None, queries, queries, queries, None, rows=object(), softcap=50.0, sliding_window=None)
