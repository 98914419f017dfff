from concurrent.futures import ThreadPoolExecutor

import distil
import pytest
import training_fixtures as fixtures
from chat_families import make_family
from hearth.common import files
from hearth.distillation.balance import DIVISION
from hearth.distillation.examples import IGNORED
from hearth.distillation.recipes import RECIPES, rank_windows
from hearth.distillation.settings import (
    TrainingSettings,
    check_settings,
    check_steps,
    examples_per_rank,
    settings_schema,
)
from hearth.models.load import load_tokenizer
from hearth.models.tokens import turn_end_token
from hearth.prompting.chat_templates import ChatPrompt, chat_prompt, split_prompt, written_text
from hearth.prompting.prompts import answer_text, user_turns, window_text
from hearth.prompting.reasoning_marks import ReasoningMarks
from tokenizers import normalizers
from training_fixtures import build_examples


@pytest.fixture
def tokenizer(tiny_model):
    return load_tokenizer(tiny_model)


def build(tokenizer, traces, windows, **settings):
    return build_examples(
        traces, windows, fixtures.PROMPT, tokenizer, RECIPES["reasoning"], {**fixtures.SETTINGS, **settings}
    )


def parsed_rows(traces, labels):
    """Return parsed predictions with these labels; training reads nothing else of what was parsed."""
    rest = {"reasoning": "", "status": "ok", "lenient_labels": [], "lenient_status": "ok"}
    return [trace | rest | {"labels": each} for trace, each in zip(traces, labels, strict=True)]


@pytest.fixture
def windows():
    return fixtures.make_windows(4)


@pytest.fixture
def traces(windows):
    return fixtures.make_traces(windows)


def test_an_example_reads_as_prompt_then_trace_then_end_of_turn(tokenizer, traces, windows):
    example = build(tokenizer, traces, windows)[1]
    prompt = "".join(split_prompt(tokenizer, fixtures.PROMPT["system"], window_text(windows[1]), "think"))
    assert tokenizer.decode(example["input_ids"]) == prompt + traces[1]["text"] + "<|im_end|>"
    learned = [label for label in example["labels"] if label != IGNORED]
    assert tokenizer.decode(learned) == traces[1]["text"] + "<|im_end|>"
    assert learned[-1] == tokenizer.eos_token_id
    assert example["input_ids"][-len(learned) :] == learned


HARMONY = ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")
LINES = ("<think>\n", "\n</think>\n\n")
TRACE = "<think>\nWhy.\n</think>\n\n[1]"


@pytest.mark.parametrize(
    ("marks", "after", "trace", "learned"),
    [
        (None, "", TRACE, TRACE),
        (LINES, "assistant\n", TRACE, TRACE),
        (LINES, "assistant\n<think>\n", TRACE, "Why.\n</think>\n\n[1]"),
        (LINES, "assistant\n<think>\n", "<think>Why.</think>[1]", "Why.</think>[1]"),
        (LINES, "assistant\n<think>\n", "<think>\nThe sto", "The sto"),
        (LINES, "assistant\n<think>\n", "[1]", "\n</think>\n\n[1]"),
        (("<think>", "</think>"), "<think>", TRACE, "\nWhy.\n</think>\n\n[1]"),
        (("[THINK]", "[/THINK]"), "[/INST]", TRACE, "[THINK]Why.[/THINK][1]"),
        (("[THINK]", "[/THINK]"), "[/INST]", "<think>\nThe sto", "[THINK]The sto"),
        (("[THINK]", "[/THINK]"), "[/INST]", "[1]", "[1]"),
        (HARMONY, "<|start|>assistant", TRACE, f"{HARMONY[0]}Why.{HARMONY[1]}[1]"),
        (("<muse>\n", "\n</muse>\n"), "<muse>\n", TRACE, "Why.\n</muse>\n[1]"),
    ],
)
def test_a_trace_is_learned_with_the_marks_of_the_student(marks, after, trace, learned):
    parts = ChatPrompt("system", after, marks and ReasoningMarks(*marks))
    assert written_text(trace, parts) == learned


@pytest.mark.parametrize("name", ["qwen3-thinking-2507", "gpt-oss", "magistral", "gemma2", "llama3"])
def test_examples_of_every_kind_of_template_are_prompt_trace_and_end(name, traces, windows, tmp_path):
    tokenizer = load_tokenizer(make_family(tmp_path, name))
    reasoning = "none" if name in ("gemma2", "llama3") else "think"
    prompt = fixtures.PROMPT | {"reasoning": reasoning}
    for trace in traces if reasoning == "none" else ():
        trace["text"] = trace["text"].partition("</think>")[2].lstrip()
    example = build_examples(traces, windows, prompt, tokenizer, RECIPES["reasoning"], fixtures.SETTINGS)[1]
    parts = chat_prompt(tokenizer, prompt)
    end = tokenizer.convert_ids_to_tokens(turn_end_token(tokenizer))
    expected = f"{parts.prefix}{window_text(windows[1])}{parts.after}{written_text(traces[1]['text'], parts)}{end}"
    assert tokenizer.decode(example["input_ids"], clean_up_tokenization_spaces=False) == expected
    assert example["input_ids"] == tokenizer(expected, add_special_tokens=False)["input_ids"]


def test_an_example_shows_the_windows_that_recognition_shows(tokenizer, traces, windows):
    prompt = {**fixtures.PROMPT, "shots": 2, "shots_by": "similarity"}
    example = build_examples(traces, windows, prompt, tokenizer, RECIPES["reasoning"], fixtures.SETTINGS)[1]
    turn = user_turns(prompt, windows, windows)[windows[1]["window_id"]]
    assert turn.count("Output:") == 2
    assert tokenizer.decode(example["input_ids"]).startswith(
        "".join(split_prompt(tokenizer, prompt["system"], turn, "think"))
    )


def test_prompt_and_completion_are_tokenised_apart(tokenizer, traces, windows):
    prefix, suffix = split_prompt(tokenizer, fixtures.PROMPT["system"], window_text(windows[0]), "think")
    start, middle, target = (
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prefix, suffix, traces[0]["text"])
    )
    example = build(tokenizer, traces, windows)[0]
    assert example["input_ids"] == [*start, *middle, *target, tokenizer.eos_token_id]
    assert example["labels"] == [IGNORED] * len(start + middle) + [*target, tokenizer.eos_token_id]


def test_a_truncated_trace_has_no_end_of_turn_and_can_be_dropped(tokenizer, traces, windows):
    traces[0] |= {"text": "<think>\nThe stove", "finish_reason": "length"}
    kept = build(tokenizer, traces, windows)
    assert kept[0]["labels"][-1] != tokenizer.eos_token_id
    assert kept.counts["truncated"] == 1
    dropped = build(tokenizer, traces, windows, truncated_traces="drop")
    assert len(dropped) == 3
    assert dropped.counts["left_out"]["truncated"] == 1


@pytest.mark.parametrize("recipe", ["reasoning", "labels", "audited"])
def test_a_window_that_the_teacher_never_answered_is_left_out_and_counted(tokenizer, traces, windows, recipe):
    parsed = parsed_rows(traces, [["cooking", "cooking"]] * 4)
    traces[1] |= {"text": "", "finish_reason": "unanswered", "unanswered_reason": "too long"}
    audit = [{"window_id": trace["window_id"], "flags": {}} for trace in traces if trace is not traces[1]]
    arguments = (traces, windows, fixtures.PROMPT, tokenizer, RECIPES[recipe], fixtures.SETTINGS, parsed, audit)
    counts = build_examples(*arguments).counts
    assert (counts["traces"], counts["used"], counts["left_out"]["unanswered"]) == (4, 3, 1)


def test_every_trace_is_used_or_counted_under_a_reason(tokenizer, traces, windows):
    traces[0]["text"] = " \n"
    traces[1]["text"] *= 50
    examples = build(tokenizer, traces, windows, max_length=400, max_examples=1)
    left_out = {"empty": 1, "truncated": 0, "too_long": 1, "over_max_examples": 1}
    assert examples.counts == {"traces": 4, "used": 1, "truncated": 0, "left_out": left_out}
    assert build(tokenizer, traces, windows, max_length=400).counts["left_out"] == left_out | {"over_max_examples": 0}


def test_no_more_windows_are_encoded_than_are_needed_and_too_long_ones_are_replaced(tokenizer):
    windows = fixtures.make_windows(12)
    traces = fixtures.make_traces(windows)
    ranked = rank_windows([trace["window_id"] for trace in traces], seed=7)
    for trace in traces:
        if trace["window_id"] in ranked[:3]:
            trace["text"] *= 50
    examples = build(tokenizer, traces, windows, max_length=400, max_examples=5)
    assert {item.window_id for item in examples.items} == set(ranked[3:8])
    assert examples.counts["left_out"] == {"empty": 0, "truncated": 0, "too_long": 3, "over_max_examples": 4}
    few = build(tokenizer, traces, windows, max_length=10_000, max_examples=5)
    assert few.counts["left_out"]["too_long"] == 0


def test_an_example_of_max_length_is_kept(tokenizer):
    windows = fixtures.make_windows(1)
    traces = fixtures.make_traces(windows)
    examples = build(tokenizer, traces, windows)
    length, prefix = len(examples[0]["input_ids"]), len(examples.prefixes[0])
    assert len(build(tokenizer, traces, windows, max_length=length)) == 1
    with pytest.raises(ValueError, match=r"no training example is left of 1 traces.*'too_long': 1") as refused:
        build(tokenizer, traces, windows, max_length=length - 1)
    assert f"raise students.training.max_length, which is {length - 1}" in str(refused.value)
    assert f"has {length} tokens, {prefix} of them in the static prefix" in str(refused.value)


def test_fewer_examples_are_a_subset_of_more(tokenizer):
    windows = fixtures.make_windows(12)
    traces = fixtures.make_traces(windows)

    def chosen(**settings):
        return [item.window_id for item in build(tokenizer, traces, windows, **settings).items]

    few, more, all_of_them = chosen(max_examples=3), chosen(max_examples=7), chosen()
    assert set(few) < set(more) < set(all_of_them)
    assert [name for name in all_of_them if name in more] == more
    assert chosen(max_examples=3, seed=8) != few


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_id": "toy/s9/99"}, "row 1 is the prediction of window 'toy/s9/99'; expected that of 'toy/s0/0'"),
        ({"window_id": "toy/tested/4"}, "row 1 is the prediction of window 'toy/tested/4'; expected"),
        ({"window_id": "toy/s1/1"}, "row 1 is the prediction of window 'toy/s1/1'; expected"),
    ],
)
def test_traces_that_do_not_belong_are_refused(tokenizer, traces, windows, change, message):
    traces[0] |= change
    with pytest.raises(ValueError, match=message):
        build(tokenizer, traces, windows)


def test_of_traces_of_all_windows_those_of_the_train_split_are_learned(tokenizer, traces, windows):
    """Traces of the tested windows, which a teacher that labels every window once has written, teach nothing."""
    known = {trace["window_id"]: trace for trace in traces}
    everything = [known.get(window["window_id"], traces[0] | {"window_id": window["window_id"]}) for window in windows]
    recipe, options = RECIPES["reasoning"], (fixtures.PROMPT, tokenizer)
    learned = build_examples(everything, windows, *options, recipe, fixtures.SETTINGS, traces_split="all")
    assert len(everything) > learned.counts["traces"]
    assert learned.digest() == build_examples(traces, windows, *options, recipe, fixtures.SETTINGS).digest()


def test_a_tokenizer_that_loses_text_is_refused(tokenizer, traces, windows):
    tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
    with pytest.raises(ValueError, match="does not decode to the original prompt"):
        build(tokenizer, traces, windows)


PARSED = [["cooking", "cooking"], ["cooking", "cooking"], [None, "cooking"], ["cooking", "cooking"]]


def by_recipe(tokenizer, recipe, traces, windows, **settings):
    parsed = parsed_rows(traces, PARSED)
    flags = [{}, {"truncated": ["..."]}, {}, {}]
    audit = [{"window_id": t["window_id"], "flags": f} for t, f in zip(traces, flags, strict=True)]
    settings = {**fixtures.SETTINGS, **settings}
    return build_examples(traces, windows, fixtures.PROMPT, tokenizer, RECIPES[recipe], settings, parsed, audit)


@pytest.mark.parametrize(
    ("recipe", "kept", "left_out"),
    [
        ("reasoning", [0, 1, 2, 3], {}),
        ("labels", [0, 1, 3], {"unlabelled": 1}),
        ("verified-labels", [0, 3], {"unlabelled": 1, "wrong_labels": 1}),
        ("audited", [0, 2, 3], {"flagged": 1}),
        ("audited-control", None, {"not_drawn": 1}),
        # Windows 0 and 3 have one label, 1 and 2 two.
        ("simple", [0, 3], {"too_complex": 2}),
        ("complex", [1, 2], {"too_simple": 2}),
    ],
)
def test_each_recipe_accounts_for_every_trace(tokenizer, traces, windows, recipe, kept, left_out):
    examples = by_recipe(tokenizer, recipe, traces, windows)
    names = [item.window_id for item in examples.items]
    if kept is not None:
        assert names == [windows[index]["window_id"] for index in kept]
    counts = examples.counts
    assert {reason: count for reason, count in counts["left_out"].items() if count} == left_out
    assert counts["used"] + sum(counts["left_out"].values()) == counts["traces"] == 4
    assert all(name != windows[4]["window_id"] for name in names), "a window of the test split"


def test_labels_are_learned_as_an_answer_with_an_end_of_turn(tokenizer, traces, windows):
    traces[1] |= {"finish_reason": "length"}
    learned = [label for label in by_recipe(tokenizer, "labels", traces, windows)[1]["labels"] if label != IGNORED]
    answer = '[{"id": 1, "activity": "cooking"}, {"id": 2, "activity": "cooking"}]'
    assert tokenizer.decode(learned) == answer + "<|im_end|>"


def test_gold_labels_learns_the_gold_labels_of_all_train_windows_and_needs_no_teacher(tokenizer, windows):
    examples = build_examples(None, windows, fixtures.PROMPT, tokenizer, RECIPES["gold-labels"], fixtures.SETTINGS)
    train = [window for window in windows if window["session"] != "tested"]
    assert 0 < len(train) < len(windows)
    assert [item.window_id for item in examples.items] == [window["window_id"] for window in train]
    assert examples.counts["used"] == examples.counts["traces"] == len(train)
    learned = [[label for label in example["labels"] if label != IGNORED] for example in examples]
    assert [tokenizer.decode(tokens) for tokens in learned] == [
        answer_text(window["gold"]) + "<|im_end|>" for window in train
    ]


def test_examples_are_drawn_last_so_that_compared_recipes_keep_equal_sizes(tokenizer, traces, windows):
    sizes = {len(by_recipe(tokenizer, recipe, traces, windows, max_examples=1)) for recipe in ("simple", "complex")}
    assert sizes == {1}


def test_the_document_that_a_recipe_reads_is_required_and_must_cover_the_traces(tokenizer, traces, windows):
    with pytest.raises(ValueError, match="recipe 'labels' needs --traces"):
        build_examples(None, windows, fixtures.PROMPT, tokenizer, RECIPES["labels"], fixtures.SETTINGS)
    with pytest.raises(ValueError, match="recipe 'labels' needs --parsed"):
        build_examples(traces, windows, fixtures.PROMPT, tokenizer, RECIPES["labels"], fixtures.SETTINGS)
    with pytest.raises(ValueError, match="recipe 'audited' needs --audit"):
        build_examples(traces, windows, fixtures.PROMPT, tokenizer, RECIPES["audited"], fixtures.SETTINGS)
    audit = [{"window_id": "toy/s9/99", "flags": {}}]
    with pytest.raises(ValueError, match="--audit covers other windows than the traces"):
        build_examples(traces, windows, fixtures.PROMPT, tokenizer, RECIPES["audited"], fixtures.SETTINGS, audit=audit)


def test_the_digest_distinguishes_prompt_from_completion(tokenizer, traces, windows):
    assert build(tokenizer, traces, windows).digest() == build(tokenizer, traces, windows).digest()
    changed = [traces[0] | {"finish_reason": "length"}, *traces[1:]]
    assert build(tokenizer, changed, windows).digest() != build(tokenizer, traces, windows).digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": "1e-4"}, r"training.learning_rate: '1e-4' is not of type 'number' \(in YAML write 1.0e-4"),
        ({"epoch": 3}, "training: .*'epoch' was unexpected"),
        ({"seed": -1}, "training.seed: -1 is less than the minimum of 0"),
        ({"batch_size": True}, "training.batch_size: True is not of type 'integer'"),
        ({"lora": {**fixtures.SETTINGS["lora"], "r": 0}}, "training.lora.r: 0 is less than the minimum"),
        ({"micro_batch_size": "all"}, "training.micro_batch_size: 'all' does not match"),
        ({"truncated_traces": "cut"}, "training.truncated_traces: 'cut' is not one of"),
    ],
)
def test_wrong_settings_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        check_settings({**fixtures.SETTINGS, **change})


def test_the_type_of_the_settings_has_the_keys_of_the_schema():
    properties = settings_schema()["properties"]
    assert TrainingSettings.__annotations__.keys() == properties.keys()
    assert TrainingSettings.__annotations__["lora"].__annotations__.keys() == properties["lora"]["properties"].keys()


def test_a_batch_is_shared_by_ranks():
    settings = {"batch_size": 16}
    assert examples_per_rank(settings, ranks=1) == 16
    assert examples_per_rank(settings, ranks=2) == 8
    with pytest.raises(ValueError, match="batch_size 16 is not a multiple of 3 rank"):
        examples_per_rank(settings, ranks=3)


def test_ranks_and_later_starts_read_the_examples_that_rank_0_made(tiny_model, tokenizer, tmp_path):
    training = fixtures.Training(tmp_path, tiny_model)
    parts = [part for name, value in training.options.items() for part in (f"--{name}", str(value))]
    options = distil.parse_options(parts)

    def read(rank):
        return distil.read_examples(
            options, rank, "model", distil.example_sources(options), tokenizer, fixtures.SETTINGS, DIVISION
        )

    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(read, 1)
        first = read(0)
        assert waiting.result(timeout=60).digest() == first.digest()
    (folder,) = options.work.glob("examples-*")
    written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert [read(rank)[0] for rank in (0, 1)] == [first[0]] * 2
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    (folder / "examples.json").unlink()  # as if the process had been killed before it was done
    assert read(0).digest() == first.digest()
    rows = files.read_json_lines(options.traces[0])
    files.write_json_lines(options.traces[0], [rows[0] | {"text": "Hm."}, *rows[1:]])
    assert read(0).digest() != first.digest()
    assert len(list(options.work.glob("examples-*"))) == 2


@pytest.mark.parametrize(
    "changed",
    [{"examples": 17}, {"epochs": 1.1}, {"warmup_ratio": 0}, {"batch_size": 15}],
    ids=lambda it: next(iter(it)),
)
def test_a_training_whose_only_step_has_a_learning_rate_of_0_is_refused(changed):
    enough = {"epochs": 1, "batch_size": 16, "warmup_ratio": 0.03, "examples": 16}
    check_steps(enough | changed, (enough | changed)["examples"])
    with pytest.raises(ValueError, match=r"16 examples, students.training.batch_size 16, epochs 1"):
        check_steps(enough, 16)
