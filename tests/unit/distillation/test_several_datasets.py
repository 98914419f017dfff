"""Test the training examples of a student that learns from several datasets, and of one with replayed traces."""

import distil
import pytest
import training_fixtures as fixtures
from hearth.common import files
from hearth.common.cli import UserError
from hearth.distillation.candidates import TrainingFiles
from hearth.distillation.example_parts import Source
from hearth.distillation.examples import open_examples, write_examples
from hearth.distillation.recipes import RECIPES, replay_recipe
from hearth.distillation.source_options import make_sources
from hearth.models.load import load_tokenizer
from hearth.prompting.chat_templates import chat_prompt

REASONING = RECIPES["reasoning"]


@pytest.fixture
def tokenizer(tiny_model):
    return load_tokenizer(tiny_model)


def make_source(folder, dataset, count, recipe=REASONING, is_replayed=False, text=""):
    """Return the source of `count` train windows of a dataset, whose prompt names it; `text` replaces the traces."""
    windows = [
        window | {"dataset": dataset, "window_id": window["window_id"].replace("toy/", f"{dataset}/")}
        for window in fixtures.make_windows(count)
    ]
    traces = [trace | ({"text": text} if text else {}) for trace in fixtures.make_traces(windows)]
    place = folder / dataset
    files.write_json_lines(place / "windows.jsonl", windows)
    files.write_json_lines(place / "traces.jsonl", traces)
    files.write_json(place / "splits.json", fixtures.split_windows(windows))
    prompt = fixtures.PROMPT | {"system": f"The home is {dataset}. {fixtures.PROMPT['system']}"}
    paths = place / "windows.jsonl", place / "splits.json", "train1", "train1", place / "traces.jsonl"
    return Source(TrainingFiles(*paths), prompt, recipe, is_replayed)


@pytest.fixture
def build(tokenizer, tmp_path):
    def build(*sources, balance="size", replay=0.0, **settings):
        folder = tmp_path / "examples"
        write_examples(folder, sources, tokenizer, {**fixtures.SETTINGS, **settings}, balance, replay)
        return open_examples(folder)

    return build


@pytest.fixture
def homes(tmp_path):
    return [make_source(tmp_path, name, count) for name, count in (("old", 12), ("new", 6), ("flat", 9))]


def used(examples):
    return {part["dataset"]: part["counts"]["used"] for part in examples.parts}


def window_ids(examples):
    return [item.window_id for item in examples.items]


def test_every_example_has_the_prompt_of_its_own_home(build, homes, tokenizer):
    examples = build(*homes)
    assert len(examples) == 27
    for index, name in ((0, "old"), (11, "old"), (12, "new"), (17, "new"), (18, "flat"), (26, "flat")):
        example = examples[index]
        assert examples.items[index].window_id.startswith(f"{name}/")
        prefix = examples.prefixes[example["prefix"]]
        assert example["input_ids"][: len(prefix)] == prefix
        assert f"The home is {name}." in tokenizer.decode(prefix)
        assert tokenizer.decode(prefix) == chat_prompt(tokenizer, homes[example["prefix"]].prompt).prefix
    assert examples.lengths().tolist() == [len(examples[number]["input_ids"]) for number in range(27)]


def test_the_examples_of_several_homes_are_those_of_each_alone(build, homes):
    alone = [[build(home)[number] for number in range(count)] for home, count in zip(homes, (12, 6, 9), strict=True)]
    together = build(*homes)
    expected = [example["input_ids"] for of_home in alone for example in of_home]
    assert [together[number]["input_ids"] for number in range(27)] == expected


@pytest.mark.parametrize(
    ("balance", "limit", "expected"),
    [
        ("size", None, [12, 6, 9]),
        ("home", None, [6, 6, 6]),
        ("size", 9, [4, 2, 3]),
        ("home", 9, [3, 3, 3]),
        ("home", 10, [4, 3, 3]),
        ("home", 100, [6, 6, 6]),
    ],
)
def test_examples_are_balanced_and_every_trace_is_accounted_for(build, homes, balance, limit, expected):
    examples = build(*homes, balance=balance, max_examples=limit)
    assert list(used(examples).values()) == expected
    for part, traces in zip(examples.parts, (12, 6, 9), strict=True):
        assert part["counts"]["traces"] == traces
        assert part["counts"]["used"] + sum(part["counts"]["left_out"].values()) == traces
    counts = examples.counts
    assert (counts["traces"], counts["used"]) == (27, sum(expected))
    assert sum(counts["left_out"].values()) == 27 - sum(expected)


def test_a_smaller_draw_is_part_of_a_larger_one(build, homes):
    draws = [set(window_ids(build(*homes, max_examples=limit, balance="home"))) for limit in (3, 6, 12)]
    assert draws[0] < draws[1] < draws[2]


def test_homes_whose_examples_are_too_long_limit_the_others(build, homes, tmp_path):
    long = make_source(tmp_path, "long", 8)
    rows = files.read_json_lines(long.files.traces)
    files.write_json_lines(
        long.files.traces, [row | {"text": row["text"] * (30 if n > 4 else 1)} for n, row in enumerate(rows)]
    )
    examples = build(homes[0], long, balance="home", max_length=400)
    assert used(examples) == {"old": 5, "long": 5}
    assert examples.parts[0]["counts"]["left_out"]["over_other_datasets"] == 7
    assert examples.parts[1]["counts"]["left_out"]["too_long"] == 3


@pytest.mark.parametrize("balance", ["size", "home"])
@pytest.mark.parametrize("limit", [None, 20])
def test_a_home_without_an_example_is_named(build, homes, tmp_path, balance, limit):
    empty = make_source(tmp_path, "empty", 5, text=" ")
    with pytest.raises(ValueError, match=r"^empty: no training example is left of 5 traces: .*'empty': 5"):
        build(*homes, empty, balance=balance, max_examples=limit)


def test_a_home_too_small_for_a_part_of_the_limit_is_named_with_a_remedy(build, homes, tmp_path):
    small = make_source(tmp_path, "small", 1)
    with pytest.raises(
        ValueError, match=r"^small: no training example is left of 1 traces: .*; a larger .*balance: home"
    ):
        build(homes[0], small, max_examples=3)
    assert used(build(homes[0], small, max_examples=3, balance="home")) == {"old": 1, "small": 1}


@pytest.mark.parametrize(("share", "limit", "own", "replayed"), [(0.25, None, 12, 4), (0.5, 8, 4, 4), (0.25, 8, 6, 2)])
def test_replayed_traces_are_a_share_of_all_examples(build, homes, tmp_path, share, limit, own, replayed):
    again = make_source(tmp_path, "sim", 10, is_replayed=True, text="What the base wrote.")
    examples = build(homes[0], again, replay=share, max_examples=limit)
    assert used(examples) == {"old": own, "sim": replayed}
    assert [part["is_replayed"] for part in examples.parts] == [False, True]
    assert sum(examples.parts[1]["counts"]["left_out"].values()) == 10 - replayed


@pytest.mark.parametrize(
    ("balance", "limit", "own", "replayed"),
    [("size", 100, [12, 6], 18), ("home", 30, [6, 6], 12), ("size", 12, [4, 2], 6)],
)
def test_no_more_is_replayed_than_its_share_where_others_do_not_fill_the_limit(
    build, homes, tmp_path, balance, limit, own, replayed
):
    again = make_source(tmp_path, "sim", 40, is_replayed=True)
    examples = build(*homes[:2], again, balance=balance, replay=0.5, max_examples=limit)
    assert list(used(examples).values()) == [*own, replayed]


def test_replayed_traces_are_learned_as_they_are(build, homes, tmp_path, tokenizer):
    again = make_source(tmp_path, "sim", 10, is_replayed=True, text="What the base wrote.")
    examples = build(homes[0], again, replay=0.25)
    (text,) = {tokenizer.decode(item.completion_ids) for item in examples.items if item.window_id.startswith("sim/")}
    assert text == "What the base wrote.<|im_end|>"


def test_too_few_traces_to_replay_are_refused(build, homes, tmp_path):
    again = make_source(tmp_path, "sim", 3, is_replayed=True)
    with pytest.raises(ValueError, match=r"asks for 12 .* beside 12 others, but sim give 3 .* at most 0\.2, or more"):
        build(homes[0], again, replay=0.5)
    assert used(build(homes[0], again, replay=0.2)) == {"old": 12, "sim": 3}


@pytest.mark.parametrize("limit", [None, 8])
def test_a_share_of_replayed_traces_that_is_less_than_one_is_refused(build, homes, tmp_path, limit):
    again = make_source(tmp_path, "sim", 3, is_replayed=True)
    with pytest.raises(ValueError, match=r"^replay 0\.01 of \d+ examples is less than half a trace, so none would be"):
        build(homes[0], again, replay=0.01, max_examples=limit)


def test_the_examples_of_each_dataset_are_counted_in_a_line_of_the_log(build, homes, tmp_path):
    again = make_source(tmp_path, "sim", 3, is_replayed=True)
    assert distil.part_lines(build(homes[0], again, replay=0.2).parts) == [
        "old: 12 of 12 traces",
        "sim: 3 of 3 traces of the base itself",
    ]
    assert distil.part_lines(build(homes[0]).parts) == []


def test_students_without_reasoning_replay_labels_and_the_others_whole_traces():
    replayed = {name: replay_recipe(recipe).name for name, recipe in RECIPES.items()}
    assert replayed == {name: "reasoning" if recipe.reasons else "labels" for name, recipe in RECIPES.items()}


def test_each_dataset_needs_a_file_of_every_kind(homes, tmp_path):
    paths = {"windows": [home.files.windows for home in homes], "splits": [homes[0].files.splits], "audit": None}
    with pytest.raises(UserError, match=r"in the same order; numbers of files: \{'windows': 3, 'splits': 1\}"):
        list(make_sources(paths, "train1", "train1", REASONING))
