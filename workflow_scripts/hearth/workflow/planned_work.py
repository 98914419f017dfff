"""The work of a run that needs a language model, and the windows and tokens that it has."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

from hearth.common.job_stats import read_job_stats
from hearth.data.folds import iterate_split, read_split, read_splits, train_split
from hearth.distillation.balance import Balance
from hearth.distillation.settings import TrainingSettings
from hearth.models.load import load_tokenizer
from hearth.prompting.chat_templates import chat_prompt
from hearth.prompting.prompts import Prompt, read_prompt, shows_similar_windows, user_turns
from hearth.workflow.config_types import Split
from hearth.workflow.gpu_memory import WindowTokens
from hearth.workflow.shard_sizes import LABEL_TOKENS

# Numbers of windows whose prompts are tokenised: spread evenly, for the mean number of tokens, and those of the most
# characters, for the longest.
SAMPLED_WINDOWS, LONGEST_WINDOWS = 200, 16


class PlannedLoad(TypedDict):
    """Planned recognition of one split of one dataset by one language model.

    `prompt` is the path of the prompt, `lora_rank` the rank of a student's adapter, 0 without one.
    """

    recogniser: str
    model: str
    dataset: str
    split: str
    prompt: str
    max_new_tokens: int
    lora_rank: int


class PlannedSource(TypedDict):
    """A dataset from which a student learns.

    `teacher` and `traces_split`, the split of the traces, are "" without traces. With `is_replayed`, the teacher is the
    student's own base.
    """

    teacher: str
    dataset: str
    traces_split: str
    prompt: str
    is_replayed: bool


class PlannedTraining(TypedDict):
    """A planned training of a student for one fold; `max_examples` None means all traces.

    `sized` are the datasets whose smallest train split limits the traces; [] without such a limit. `reasons` says
    whether the student learns whole traces; otherwise it learns labels only. `balance` and `replay` are those of the
    student, `rank` is that of its adapter, and `epochs` those of this training, which may be one of several rounds.
    """

    student: str
    fold: int
    model: str
    sources: list[PlannedSource]
    max_examples: int | None
    sized: list[str]
    balance: Balance
    replay: float
    rank: int
    epochs: float
    reasons: bool
    max_new_tokens: int


class PlannedWork(TypedDict):
    """All recognition and training of a run that needs a language model.

    `engines` is a dict from model to the engine that runs it, `models` one from model to its entry in the registry, as
    far as the estimates read it; `settings` are the config's settings of engines. `training` are its settings of
    trainings, without a seed, `training_dtype` is their number format, `deepspeed` the file of DeepSpeed's settings.
    `taught` has [recogniser, dataset, split] of all traces that students learn from, their own text aside, and `scored`
    of all text whose log-probabilities are kept, `teacher_top_tokens` of each token.
    """

    split: Split
    loads: list[PlannedLoad]
    trainings: list[PlannedTraining]
    engines: dict[str, str]
    models: dict[str, dict[str, Any]]
    settings: dict[str, Any]
    training: TrainingSettings
    training_dtype: str
    deepspeed: str
    taught: list[list[str]]
    scored: list[list[str]]
    teacher_top_tokens: int


@dataclass(frozen=True)
class PromptTokens:
    """Tokens of the static prefix, and the mean and largest number of tokens of the rest of a split's prompts."""

    prefix: int
    mean: float
    longest: int


@dataclass(frozen=True)
class Load:
    """Number of windows of one split of one dataset for one recogniser, with the tokens of a mean and a longest window.

    `seconds` is what a window has taken in the shards that are finished. If none is, it is None, and the answer of a
    mean window too is the longest possible one.
    """

    recogniser: str
    windows: int
    mean: WindowTokens
    longest: WindowTokens
    seconds: float | None


@dataclass(frozen=True)
class Turns:
    """User's turns of the windows of a split: a sample, spread evenly, and those of the most characters."""

    sample: list[str]
    longest: list[str]


def sample_turns(prompt: Prompt, dataset: Path, split: str, count: int) -> Turns:
    """Sample the user's turns of a split of `count` windows; `dataset` is the folder of windows.jsonl and splits.json.

    The windows are read one at a time. If the prompt shows similar windows, all are in memory.
    """
    files = dataset / "windows.jsonl", dataset / "splits.json"
    if shows_similar_windows(prompt):
        turns = iter(user_turns(prompt, read_split(*files, split), read_split(*files, train_split(split))).values())
    else:
        turns = (user_turns(prompt, [window], ())[window["window_id"]] for window in iterate_split(*files, split))
    step, sample = -(-count // SAMPLED_WINDOWS), []
    longest: list[tuple[int, int, str]] = []
    for position, turn in enumerate(turns):
        if position % step == 0:
            sample.append(turn)
        keep = heapq.heappush if position < LONGEST_WINDOWS else heapq.heappushpop
        keep(longest, (len(turn), position, turn))
    return Turns(sample, [turn for _, _, turn in longest])


def count_prompt_tokens(folder: Path, prompt: Prompt, turns: Turns) -> PromptTokens:
    """Return the numbers of tokens of a model's prompts for the windows whose user's turns are `turns`.

    Raises ValueError, which names the model, if its chat template cannot make the prompt.
    """
    tokenizer = load_tokenizer(folder)
    try:
        parts = chat_prompt(tokenizer, prompt)
    except ValueError as error:
        raise ValueError(f"{folder.name}: {error}") from None
    sample, longest = (
        [_count(tokenizer, turn + parts.after) for turn in each] for each in (turns.sample, turns.longest)
    )
    return PromptTokens(_count(tokenizer, parts.prefix), sum(sample) / len(sample), max(sample + longest))


def measured_window(stats: Iterable[Path]) -> tuple[float, float] | None:
    """Return the mean (generated tokens, seconds) per window over finished shards; None if no shard is finished.

    `stats` are the stats files of the shards. Shards whose server did not count tokens are left out.
    """
    shards = [
        (tokens, shard["seconds"], shard["windows"])
        for shard in map(read_job_stats, stats)
        if (tokens := shard["completion_tokens"]) is not None
    ]
    windows = sum(count for _, _, count in shards)
    if not windows:
        return None
    return sum(tokens for tokens, _, _ in shards) / windows, sum(seconds for _, seconds, _ in shards) / windows


def measure_loads(
    planned: Iterable[PlannedLoad], tokenised: Iterable[str], results: Path
) -> dict[tuple[str, str, str], Load]:
    """Return a dict from (recogniser, dataset, split) to its load.

    Prompt tokens are counted for the models named in `tokenised`; for others they are 0. `results` is the run's folder
    of results.
    """
    known = set(tokenised)

    @cache
    def split_sizes(dataset: str) -> dict[str, int]:
        return read_splits(results / "datasets" / dataset / "splits.json")["windows"]

    @cache
    def turns(prompt: str, dataset: str, split: str) -> Turns:
        folder = results / "datasets" / dataset
        return sample_turns(read_prompt(Path(prompt)), folder, split, split_sizes(dataset)[split])

    @cache
    def prompt_tokens(model: str, prompt: str, dataset: str, split: str) -> PromptTokens:
        if model not in known or not split_sizes(dataset)[split]:
            return PromptTokens(0, 0, 0)
        return count_prompt_tokens(results / "models" / model, read_prompt(Path(prompt)), turns(prompt, dataset, split))

    loads: dict[tuple[str, str, str], Load] = {}
    for one in planned:
        name, dataset, split, limit = one["recogniser"], one["dataset"], one["split"], one["max_new_tokens"]
        tokens = prompt_tokens(one["model"], one["prompt"], dataset, split)
        measured = measured_window((results / "predictions" / name).glob("*/*/*.stats.json"))
        loads[name, dataset, split] = Load(
            name,
            split_sizes(dataset)[split],
            WindowTokens(tokens.prefix, tokens.mean, measured[0] if measured else limit),
            WindowTokens(tokens.prefix, tokens.longest, limit),
            measured[1] if measured else None,
        )
    return loads


def untaught_load(training: PlannedTraining, source: PlannedSource, tokenised: Iterable[str], results: Path) -> Load:
    """Return the load of a student without a teacher: its train split, as if the student had labelled it itself."""
    own: PlannedLoad = {
        "recogniser": training["student"],
        "model": training["model"],
        "dataset": source["dataset"],
        "split": f"train{training['fold']}",
        "prompt": source["prompt"],
        "max_new_tokens": training["max_new_tokens"],
        "lora_rank": 0,
    }
    (load,) = measure_loads([own], tokenised, results).values()
    return load


@cache
def label_tokens(dataset: Path, split: str) -> tuple[float, int]:
    """Return the (mean, largest) number of tokens, about, of an answer without reasoning to a window of a split.

    `dataset` is the folder of windows.jsonl and splits.json.
    """
    windows = iterate_split(dataset / "windows.jsonl", dataset / "splits.json", split)
    counts = [LABEL_TOKENS * len(window["gold"]) for window in windows]
    return sum(counts) / max(1, len(counts)), max(counts, default=0)


def longest_window(loads: Iterable[Load]) -> WindowTokens:
    """Return the largest numbers of tokens of any window of `loads`."""
    windows = [load.longest for load in loads]
    return WindowTokens(
        *(max((getattr(one, part) for one in windows), default=0) for part in ("prefix", "read", "written"))
    )


def loads_of(model: str, planned: Iterable[PlannedLoad], loads: Mapping[tuple[str, str, str], Load]) -> list[Load]:
    """Return the loads of all recognisers with the base `model`."""
    return [loads[one["recogniser"], one["dataset"], one["split"]] for one in planned if one["model"] == model]


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
